// The vectors of rows, from the table: what reordering reads.
#pragma once
#include "scan/scan_state.h"
#include "pg/pg_headers.h"

namespace vectorq {

// Calls visit(arg, i, view) for those of tids[0 .. n) that the scan's snapshot sees and whose value is not null,
// in order; state->reading.version is the row's version then. The view lives until visit returns. HOT chains, TOASTed
// vectors and expression indexes are as everywhere else. Holds no lock while visit runs.
void read_heap_vectors(IndexScanDesc scan, ScanState* state, const uint64* tids, size_t n,
                       void (*visit)(void* arg, size_t i, const VectorView* view), void* arg);

}  // namespace vectorq
