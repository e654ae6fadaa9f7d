// Writes lists that nobody sees yet: rows in list order become segments, one after
// another, so that a list of a new index is a run of consecutive pages.
#pragma once
#include "core/page/posting_page.h"
#include "core/page/staged_row.h"
#include "pg/pg_headers.h"

namespace vectorq {

struct PostingBuilder {
    // — set by posting_builder_begin, then constant —
    Relation index;
    ForkNumber fork;
    const PostingGeometry* geometry;
    uint32 epoch;  // of the pages
    uint32 lists;
    const uint32* numbers;  // (lists) of lists of an index in use; NULL: 0, 1, … of a new one
    Size row_bytes;         // of a staged row
    // — changed by each row —
    DirectoryEntry* directory;  // (lists)
    char* staged;               // (capacity + 1, row_bytes) rows of the list at hand that have no page yet
    uint32 num_staged;
    uint32 list;
    uint32 room;            // rows that fit what is left of the page at hand
    char* images;           // (pages, BLCKSZ) the page at hand
    BlockNumber block;      // where it will lie; InvalidBlockNumber: not known yet
    BlockNumber following;  // where the one after it will lie, likewise
    BlockNumber end;        // of the relation, while it is built
};

// `directory` (lists) is filled in; memory comes from the current context.
void posting_builder_begin(PostingBuilder* w, Relation index, ForkNumber fork, const PostingGeometry* geometry,
                           DirectoryEntry* directory, uint32 lists);
// The same for lists of an index in use, which have these numbers: pages are taken from the free ones, else new, and
// WAL-logged one by one. Nobody is led to them yet.
void posting_builder_begin_live(PostingBuilder* w, Relation index, const PostingGeometry* geometry, uint32 epoch,
                                DirectoryEntry* directory, const uint32* numbers, uint32 lists);
// row: staged (core/page/staged_row.h). Rows come list after list; list < lists.
void posting_builder_add(PostingBuilder* w, uint32 list, const char* row);
void posting_builder_end(PostingBuilder* w);

}  // namespace vectorq
