// Exact, or nearly exact, distances for the rows that lossy codes chose.
#pragma once
#include "scan/scan_state.h"
#include "pg/pg_headers.h"

namespace vectorq {

// Puts the collected rows from state->reordered on in order of their exact distance: state->results, state->count,
// state->reordered. At most as far as the row `end` in the order of codes; with `by_need` only until the rows to
// come are unlikely to be among state->asked (core/search/reorder_stop.h). Holds no lock on return.
void reorder_rows(IndexScanDesc scan, ScanState* state, size_t end, bool by_need);

// Room for so many results; those that there are stay.
void reserve_results(ScanState* state, size_t size);

// Whether by_need can judge: codes' distances are in the unit of exact ones, and vectorq.reorder_rows names no number.
bool reorders_by_need(const ScanState* state);

// How many entries a round collects, to put them in order: what was chosen (settings_choice.h), or by what is asked for
// and how coarse the code is.
Size rows_to_collect(const ScanState* state);

// One batch: state->results[state->count ...) holds n candidates; those that are left get their distance and are
// counted in state->count. The heap's are left if the snapshot sees them.
void reorder_from_heap(IndexScanDesc scan, ScanState* state, size_t n);

}  // namespace vectorq
