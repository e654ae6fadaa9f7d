// One page of an index: made, checked, read and written. What changes a page of an index in use goes through
// begin_change() (pg/page_change.h), which logs it; pages of an index that is being built are logged at the end of the
// build (finish_build_wal); hints are not logged (list_uses.h).
#pragma once
#include "core/page/layout.h"
#include "pg/pg_headers.h"

namespace vectorq {

inline char* page_payload(Page page) { return static_cast<char*>(page) + kPageHeaderBytes; }
inline PageTail* page_tail(Page page) {
    return reinterpret_cast<PageTail*>(static_cast<char*>(page) + BLCKSZ - sizeof(PageTail));
}

// Raises ERRCODE_INDEX_CORRUPTED with a hint to REINDEX.
[[noreturn]] void report_corruption(Relation index, BlockNumber block, const char* problem);
// Raises what a scan gets whose lists were replaced and dropped under it; only a standby's can be. Of all scans of the
// index in this backend; index_cache.cpp has it for one.
void check_recovery_conflict(Relation index);

// Writes an empty page of the given kind into `page` (BLCKSZ bytes).
// epoch: of postings and records.
void init_page(Page page, PageKind kind, uint32 owner, uint16 part, uint32 epoch = 0);
// Whether a page of postings or records is of this epoch.
inline bool page_is_of_epoch(Page page, uint32 epoch) { return page_tail(page)->epoch == static_cast<uint16>(epoch); }

// Whether it is a page of rows, or a free one, of another epoch: then it waits to be collected. Not of a new page.
inline bool page_is_of_another_epoch(Page page, uint32 epoch) {
    switch (static_cast<PageKind>(page_tail(page)->kind)) {
        case PageKind::kPosting:
        case PageKind::kReorder:
        case PageKind::kFree: return !page_is_of_epoch(page, epoch);
        default: return false;
    }
}

// Why a page cannot be one of the kind and owner that was expected there; NULL if it can.
const char* page_problem(Page page, PageKind kind, uint32 owner, uint16 part);

// Whether the page is of a region: beyond those that the meta page names, of one before the last rebalancing or
// renewal, or what a crash has left of a next one.
bool holds_region(Page page);

// Pins and locks a block and checks its kind, owner and part. Returns it locked in `mode`
// (BUFFER_LOCK_SHARE or BUFFER_LOCK_EXCLUSIVE); the caller unlocks and releases.
Buffer read_page(Relation index, BlockNumber block, PageKind kind, uint32 owner, uint16 part, int mode,
                 BufferAccessStrategy strategy = NULL);

// Writes an image over a block of a live index that nobody reads any more or yet, WAL-logged.
void write_page(Relation index, BlockNumber block, Page image);

// Adds `count` consecutive new pages to a live index; returns the first block.
// The pages are zeroed and not locked. Takes and releases the extension lock.
BlockNumber extend_index(Relation index, uint32 count);

// Building: appends pages to a relation that nobody else sees. Pages are not logged one by one: the
// builder logs the whole relation at its end (finish_build_wal).
BlockNumber append_built_page(Relation index, ForkNumber fork, Page page);
void overwrite_built_page(Relation index, ForkNumber fork, BlockNumber block, Page page);
void finish_build_wal(Relation index, ForkNumber fork);

}  // namespace vectorq
