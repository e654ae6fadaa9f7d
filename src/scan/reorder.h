// Exact, or nearly exact, distances for the rows that lossy codes chose.
#pragma once
#include "scan/scan_state.h"
#include "pg/pg_headers.h"

namespace vectorq {

// Puts the next candidates of the rounds in order: `wished` or more, `most` at most. Holds no lock on return.
void put_in_order(IndexScanDesc scan, ScanState* state, Size wished, Size most);

// Whether reordering may stop by what it has seen: codes' distances are in the unit of exact ones, and
// vectorq.reorder_rows names no number.
bool reorders_by_need(const Settings* session, const IndexCache* cache);

// Entries to put in order for each row that is asked for, where nothing better is known.
Size rows_per_answer(const IndexCache* cache);

// Those of rows[0 .. n), lent by the rounds, that the snapshot sees get their distance and are kept.
void reorder_from_heap(IndexScanDesc scan, ScanState* state, Candidate* rows, Size n);

}  // namespace vectorq
