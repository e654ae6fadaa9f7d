// See free_pages.h.
#include "store/free_pages.h"

#include "pg/fault.h"

namespace vectorq {

// Mostly there is none, and a share lock is enough to see that: inserts hold up nobody who reads the meta page, nor one
// another. What is said may be over at once.
static bool has_free_page(Relation index) {
    Buffer meta_buffer = read_page(index, 0, PageKind::kMeta, 0, 0, BUFFER_LOCK_SHARE);
    const MetaPage* meta = reinterpret_cast<const MetaPage*>(page_payload(BufferGetPage(meta_buffer)));
    const bool found = meta->free_head != kInvalidBlock;
    UnlockReleaseBuffer(meta_buffer);
    return found;
}

Buffer take_free_page(Relation index, const PostingGeometry* g) {
    VQ_FAULT("free.look");
    if (!has_free_page(index)) return InvalidBuffer;
    VQ_FAULT("free.meta");
    Buffer meta_buffer = read_page(index, 0, PageKind::kMeta, 0, 0, BUFFER_LOCK_EXCLUSIVE);
    const MetaPage* meta = reinterpret_cast<const MetaPage*>(page_payload(BufferGetPage(meta_buffer)));
    const BlockNumber block = meta->free_head;
    if (block == kInvalidBlock) {
        UnlockReleaseBuffer(meta_buffer);
        return InvalidBuffer;
    }
    VQ_FAULT("free.page");
    Buffer buffer = ReadBuffer(index, block);
    LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
    const PageTail* tail = page_tail(BufferGetPage(buffer));
    const BlockNumber next = tail->owner;
    if (page_problem(BufferGetPage(buffer), PageKind::kFree, next, 0) != NULL ||
        (next != kInvalidBlock && next >= RelationGetNumberOfBlocks(index))) {
        UnlockReleaseBuffer(buffer);
        UnlockReleaseBuffer(meta_buffer);
        report_corruption(index, block, "not a free page");
    }
    VQ_FAULT("free.start");
    GenericXLogState* xlog = GenericXLogStart(index);
    VQ_FAULT("free.register");
    MetaPage* changed = reinterpret_cast<MetaPage*>(page_payload(GenericXLogRegisterBuffer(xlog, meta_buffer, 0)));
    changed->free_head = next;
    seal_meta(changed);
    Page page = GenericXLogRegisterBuffer(xlog, buffer, GENERIC_XLOG_FULL_IMAGE);
    init_page(page, PageKind::kPosting, 0, 0);
    // Full, of a segment of no list: nobody else puts a segment there before it is filled.
    *segment_header(page, 0) = {kNoList, 0, 0, static_cast<uint16>(g->capacity), 0, kInvalidBlock};
    if (g->pages == 1) page_tail(page)->used = LayoutOf(*g, g->capacity).bytes;
    VQ_FAULT("free.finish");
    GenericXLogFinish(xlog);
    VQ_FAULT("free.release");
    UnlockReleaseBuffer(meta_buffer);
    return buffer;
}

void put_free_page(Relation index, Buffer buffer) {
    VQ_FAULT("unused.meta");
    Buffer meta_buffer = read_page(index, 0, PageKind::kMeta, 0, 0, BUFFER_LOCK_EXCLUSIVE);
    VQ_FAULT("unused.start");
    GenericXLogState* xlog = GenericXLogStart(index);
    VQ_FAULT("unused.register");
    MetaPage* meta = reinterpret_cast<MetaPage*>(page_payload(GenericXLogRegisterBuffer(xlog, meta_buffer, 0)));
    Page page = GenericXLogRegisterBuffer(xlog, buffer, GENERIC_XLOG_FULL_IMAGE);
    init_page(page, PageKind::kFree, meta->free_head, 0);
    meta->free_head = BufferGetBlockNumber(buffer);
    seal_meta(meta);
    VQ_FAULT("unused.finish");
    GenericXLogFinish(xlog);
    VQ_FAULT("unused.release");
    UnlockReleaseBuffer(meta_buffer);
}

}  // namespace vectorq
