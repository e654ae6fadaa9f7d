// Distances for the rows that lossy codes chose, from the copies of their vectors in the index.
#pragma once
#include "am/scan_state.h"
#include "pg/pg_headers.h"

namespace vectorq {

// Replaces the collected rows by the same in order of their copies' distance (state->results, state->count):
// exact for f32, nearly so for f16 and sq8. Rows that the snapshot does not see may be among them; the executor
// drops those. Holds one share lock at a time, and none on return.
void reorder_from_copies(Relation index, ScanState* state);

}  // namespace vectorq
