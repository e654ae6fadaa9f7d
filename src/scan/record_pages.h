// Pages of records, one at a time, for whoever reads records in the order of the file: neighbours on a page cost one
// pin.
#pragma once
#include "scan/scan_state.h"
#include "pg/pg_headers.h"

namespace vectorq {

// The page at hand, under a share lock; buffer invalid: none.
struct RecordPages {
    Relation index;
    ListSearch* search;
    Buffer buffer;
    BlockNumber block;
};

RecordPages begin_record_pages(Relation index, ListSearch* search);
void close_record_page(RecordPages* pages);
// The payload of a part of an extent, until the next is opened.
const char* open_record_page(RecordPages* pages, BlockNumber extent, uint32 part);
// The payload of the part where a candidate's record begins, at the record. NULL if the record is another row's by now:
// vacuum freed it, and it was perhaps filled again. The row was dead to every snapshot then, this one too. Raises
// ERRCODE_INDEX_CORRUPTED if there is no such record. `extent` and `tid` are Candidate's.
const char* find_record(RecordPages* pages, BlockNumber extent, uint64 tid);

}  // namespace vectorq
