// Writes lists that nobody sees yet: rows in list order become segments, one after
// another, so that a list of a new index is a run of consecutive pages.
#pragma once
#include "core/page/posting_page.h"
#include "core/page/staged_row.h"
#include "store/page_sink.h"

namespace vectorq {

struct PostingBuilder {
    // — set by posting_builder_begin, then constant —
    PageSink* sink;
    const PostingGeometry* geometry;
    uint32 lists;
    const uint32* numbers;  // (lists) that the lists have; NULL: 0, 1, …
    Size row_bytes;         // of a staged row
    Size summary_bytes;     // of a list; 0 without key columns
    // — changed by each row —
    DirectoryEntry* directory;  // (lists)
    char* summaries;            // (lists, summary_bytes) of key columns; NULL without
    char* staged;               // (capacity + 1, row_bytes) rows of the list at hand that have no page yet
    uint32 num_staged;
    uint32 list;
    uint32 room;            // rows that fit what is left of the page at hand
    char* images;           // (pages, BLCKSZ) the page at hand
    BlockNumber block;      // where it will lie; InvalidBlockNumber: not known yet
    BlockNumber following;  // where the one after it will lie, likewise
};

// `directory` (lists) is filled in; memory comes from the current context. The sink stays the caller's. So do the
// summaries afterwards.
void posting_builder_begin(PostingBuilder* w, PageSink* sink, const PostingGeometry* geometry,
                           DirectoryEntry* directory, uint32 lists, const uint32* numbers = NULL);
// row: staged (core/page/staged_row.h). Rows come list after list; list < lists.
void posting_builder_add(PostingBuilder* w, uint32 list, const char* row);
void posting_builder_end(PostingBuilder* w);

}  // namespace vectorq
