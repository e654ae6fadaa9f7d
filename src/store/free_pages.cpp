// See free_pages.h.
#include "store/free_pages.h"

#include "pg/fault.h"
#include "pg/page_change.h"
#include "store/meta.h"
#include "store/segments.h"

namespace vectorq {

// Of a page that holds nothing: no byte behind its first ones is logged. Whoever fills it begins it anew (init_page).
static void leave_hole(Page page, Size used) {
    reinterpret_cast<PageHeader>(page)->pd_lower =
        static_cast<LocationIndex>(page_payload(page) - static_cast<char*>(page) + used);
}

// Mostly no page is free, and a share lock is enough to see that: inserts then hold up nobody who reads the meta page,
// nor one another. What it says may be over at once.
static bool has_free_page(Relation index, const PostingGeometry* g) {
    VQ_FAULT("free.look");
    Buffer buffer = read_page(index, 0, PageKind::kMeta, 0, 0, BUFFER_LOCK_SHARE);
    const MetaPage* meta = meta_on(BufferGetPage(buffer));
    const bool has = meta->free_head != kInvalidBlock && meta->upkeep.free_unit == g->pages;
    UnlockReleaseBuffer(buffer);
    return has;
}

// The first free page, exclusively locked, and the next one.
static Buffer lock_free_page(Relation index, Buffer meta_buffer, BlockNumber block, BlockNumber* next) {
    Buffer buffer = lock_block(index, block, "free");
    Page page = BufferGetPage(buffer);
    *next = page_tail(page)->owner;
    if (page_problem(page, PageKind::kFree, *next, 0) == NULL &&
        (*next == kInvalidBlock || *next < RelationGetNumberOfBlocks(index)))
        return buffer;
    UnlockReleaseBuffer(buffer);
    UnlockReleaseBuffer(meta_buffer);
    report_corruption(index, block, "not a free page");
}

Buffer take_free_page(Relation index, const PostingGeometry* g, uint32 epoch) {
    if (!has_free_page(index, g)) return InvalidBuffer;
    VQ_FAULT("free.meta");
    Buffer meta_buffer = read_page(index, 0, PageKind::kMeta, 0, 0, BUFFER_LOCK_EXCLUSIVE);
    const BlockNumber block = meta_on(BufferGetPage(meta_buffer))->free_head;
    if (block == kInvalidBlock ||
        meta_on(BufferGetPage(meta_buffer))->upkeep.free_unit != g->pages) {  // somebody else has taken it
        UnlockReleaseBuffer(meta_buffer);
        return InvalidBuffer;
    }
    BlockNumber next;
    Buffer buffer = lock_free_page(index, meta_buffer, block, &next);
    PageChange change = begin_change(index, "free");
    MetaPage* meta = meta_on(change_page(&change, meta_buffer));
    meta->free_head = next;
    set_meta_crc(meta);
    Page page = change_page(&change, buffer, kWholePage | kKeepPageLocked);
    init_page(page, PageKind::kPosting, 0, 0, epoch);
    // Full, of a segment of no list: nobody else puts a segment there before it is filled.
    page_tail(page)->used = BeginSegment(*g, page_payload(page), 0, kNoList, g->capacity);
    leave_hole(page, sizeof(SegmentHeader));
    finish_change(&change);
    return buffer;
}

void put_free_page(Relation index, Buffer buffer) {
    VQ_FAULT("unused.meta");
    Buffer meta_buffer = read_page(index, 0, PageKind::kMeta, 0, 0, BUFFER_LOCK_EXCLUSIVE);
    PageChange change = begin_change(index, "unused");
    MetaPage* meta = meta_on(change_page(&change, meta_buffer));
    Page page = change_page(&change, buffer, kWholePage | kKeepPageLocked);
    init_page(page, PageKind::kFree, meta->free_head, 0, meta->epoch);
    leave_hole(page, 0);
    meta->free_head = BufferGetBlockNumber(buffer);
    set_meta_crc(meta);
    finish_change(&change);
}

}  // namespace vectorq
