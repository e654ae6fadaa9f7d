// Where pages go to which nobody is led yet: those of an index that is being built, which nobody else sees, and those
// of the next generation of an index in use. Who writes regions, records and lists need not know which of the two.
//
//     const BlockNumber block = take_run(sink, pages);
//     put_page(sink, block + i, image);
#pragma once
#include "core/page/posting_page.h"
#include "store/pages.h"

namespace vectorq {

// Plain data: a frame that holds one may be jumped over.
struct PageSink {
    // — set by built_pages or live_pages, then constant —
    Relation index;
    ForkNumber fork;
    bool live;     // the index is in use
    uint32 epoch;  // of pages of postings and records
    // Live: so many consecutive blocks that hold nothing any more, or InvalidBlockNumber, and new ones are taken.
    // NULL: all are new. The owner of the sink may put its own here.
    BlockNumber (*find_run)(void* arg, uint32 pages);
    void* arg;
    const PostingGeometry* geometry;  // of take_free_pages
    // — changed by each run, while the index is built —
    BlockNumber end;      // of what was taken
    BlockNumber written;  // of what is there
};

// Of an index that is being built. Runs follow one another. A page is not logged: the builder logs all of them at its
// end (finish_build_wal).
PageSink built_pages(Relation index, ForkNumber fork);
// Of an index in use. Each page is logged when it is put.
PageSink live_pages(Relation index, uint32 epoch);
// The same; what is as large as a page of postings, or an extent of them, is taken from the free ones first.
void take_free_pages(PageSink* sink, const PostingGeometry* geometry);

// The first of so many consecutive blocks. Live: before all of them are put, the file may end within them after a
// crash, so nothing may name them before.
BlockNumber take_run(PageSink* sink, uint32 pages);
// Makes an empty page of this sink's index.
void init_sink_page(const PageSink* sink, Page page, PageKind kind, uint32 owner, uint16 part);
// Writes a page of a run that was taken. While an index is built, blocks come in order, or a second time.
void put_page(PageSink* sink, BlockNumber block, Page image);

}  // namespace vectorq
