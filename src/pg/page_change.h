// Changes of pages of an index in use, WAL-logged: one change is one record, of one page to four.
//
//     Buffer buffer = lock_block(index, block, "thing");
//     PageChange change = begin_change(index, "thing");
//     edit(page_payload(change_page(&change, buffer)));
//     finish_change(&change);
//
// A change is edited on copies of its pages. An ERROR before finish_change() leaves the pages as they were, and the
// locks go with the transaction: nothing has to be undone.
//
// Each step is a fault point (fault.h). "thing" has thing.read and thing.lock in lock_block(), and thing.start,
// thing.register, thing.finish and thing.release in a change.
#pragma once
#include "pg/pg_headers.h"

namespace vectorq {

// Plain data: a frame that holds one may be jumped over.
struct PageChange {
    const char* name;
    GenericXLogState* xlog;
    int count;  // pages
    Buffer buffers[MAX_GENERIC_XLOG_PAGES];
    bool kept[MAX_GENERIC_XLOG_PAGES];
};

enum ChangeFlags : int {
    kChangedBytes = 0,   // the record has the bytes that differ
    kWholePage = 1,      // the record has the page, whose old bytes do not matter
    kKeepPageLocked = 2  // finish_change() leaves the page to the caller
};

// Pins a block and locks it exclusively. The page is not looked at: a new one may be empty.
Buffer lock_block(Relation index, BlockNumber block, const char* name, BufferAccessStrategy strategy = NULL);

// name: a literal.
PageChange begin_change(Relation index, const char* name);
// The copy of a page to edit. The caller holds the exclusive lock. The same page may be asked for again, and is the
// same copy; it is kept locked if one of the calls says so.
Page change_page(PageChange* change, Buffer buffer, int flags = kChangedBytes);
// Writes the record and the pages, then unlocks and releases those that are not kept.
void finish_change(PageChange* change);

}  // namespace vectorq
