// Distances for the rows that lossy codes chose, from their records.
#pragma once
#include "scan/scan_state.h"
#include "pg/pg_headers.h"

namespace vectorq {

// As reorder_from_heap (reorder.h), with the records' distance: exact for f32, nearly so for f16 and sq8. Rows that the
// snapshot does not see may be among them; the executor drops those. Holds one share lock at a time, and none on
// return.
void reorder_from_records(Relation index, ScanState* state, Candidate* rows, Size n);

}  // namespace vectorq
