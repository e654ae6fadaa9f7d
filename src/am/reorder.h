// Exact distances for the rows that lossy codes chose, from the heap.
#pragma once
#include "am/scan_state.h"
#include "pg/pg_headers.h"

namespace vectorq {

// Replaces the collected rows by those of them that the snapshot sees, in order of their exact
// distance (state->results, state->count). Holds no lock; a heap page is pinned while one row is read.
void reorder_from_heap(IndexScanDesc scan, ScanState* state);

// Room for state->count results; the old ones are dropped when it must grow.
void reserve_results(ScanState* state);

// How many entries to collect and put in order for an answer of `rows` rows: what was chosen, or by how coarse the code is.
Size reorder_batch(const IndexCache* cache, const ScanChoice* choice, Size rows);

}  // namespace vectorq
