// See posting_writer.h.
#include "am/posting_writer.h"

#include <algorithm>

#include "core/page/posting_codes.h"
#include "pg/entry.h"

namespace vectorq {

namespace {
// A row on its way into an extent.
struct Row {
    ItemPointer tid;
    const uint8* code;
    float scalar;
};
}  // namespace

static PostingHeader* header_of(Page page) { return reinterpret_cast<PostingHeader*>(page_payload(page)); }
static ItemPointerData* tids_of(Page page) {
    return reinterpret_cast<ItemPointerData*>(page_payload(page) + sizeof(PostingHeader));
}

// Copies into `payload`, page `part` of an extent, what lies there of the code in `slot`.
static void put_code_part(const ExtentGeometry* g, char* payload, uint32 part, uint32 slot, const uint8* code) {
    const uint64 code_begin = g->codes_offset + static_cast<uint64>(slot) * g->code_bytes;
    const uint64 page_begin = static_cast<uint64>(part) * g->payload;
    const uint64 from = std::max(code_begin, page_begin);
    const uint64 to = std::min(code_begin + g->code_bytes, page_begin + g->payload);
    if (from < to) memcpy(payload + (from - page_begin), code + (from - code_begin), to - from);
}

// Everything of a row that lies on page 0: afterwards the row is in the list.
static void put_row_on_first_page(const ExtentGeometry* g, Page page, uint32 slot, const Row* row) {
    PostingHeader* header = header_of(page);
    if (g->block_bytes > 0)
        PutBlockCode(*g, page_payload(page), slot, row->code);
    else
        put_code_part(g, page_payload(page), 0, slot, row->code);
    tids_of(page)[slot] = *row->tid;
    if (g->scalar_bytes > 0) reinterpret_cast<float*>(page_payload(page) + g->scalars_offset)[slot] = row->scalar;
    if (slot == header->count)
        header->count++;
    else
        header->dead--;
}

// The rest of the code, on pages 1 ..: logged before page 0 says that the row exists.
static void put_row_on_other_pages(Relation index, const ExtentGeometry* g, BlockNumber head, uint32 list, uint32 slot,
                                   const Row* row) {
    if (g->pages == 1) return;
    const uint64 begin = g->codes_offset + static_cast<uint64>(slot) * g->code_bytes;
    const uint32 first = static_cast<uint32>(begin / g->payload);
    const uint32 last = static_cast<uint32>((begin + g->code_bytes - 1) / g->payload);
    for (uint32 part = std::max<uint32>(first, 1); part <= last; part++) {
        Buffer buffer = read_page(index, head + part, PageKind::kPosting, list, static_cast<uint16>(part),
                                  BUFFER_LOCK_EXCLUSIVE);
        GenericXLogState* xlog = GenericXLogStart(index);
        put_code_part(g, page_payload(GenericXLogRegisterBuffer(xlog, buffer, 0)), part, slot, row->code);
        GenericXLogFinish(xlog);
        UnlockReleaseBuffer(buffer);
    }
}

// A free slot of a locked first page, or capacity when it is full.
static uint32 free_slot(const ExtentGeometry* g, Page page) {
    const PostingHeader* header = header_of(page);
    if (header->dead > 0)
        for (uint32 slot = 0; slot < header->count; slot++)
            if (!ItemPointerIsValid(&tids_of(page)[slot])) return slot;
    return header->count < g->capacity ? header->count : g->capacity;
}

// New extent after the last one, whose first page is exclusively locked. Everything but the first
// page is logged before the link, so a crash in between leaves unused pages, never a broken chain.
static void append_extent(Relation index, const ExtentGeometry* g, uint32 list, Buffer last, const Row* row) {
    const BlockNumber head = extend_index(index, g->pages);
    for (uint32 part = 1; part < g->pages; part++) {
        Buffer buffer = ReadBuffer(index, head + part);
        LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
        GenericXLogState* xlog = GenericXLogStart(index);
        Page page = GenericXLogRegisterBuffer(xlog, buffer, GENERIC_XLOG_FULL_IMAGE);
        init_page(page, PageKind::kPosting, list, static_cast<uint16>(part), InvalidBlockNumber);
        put_code_part(g, page_payload(page), part, 0, row->code);
        GenericXLogFinish(xlog);
        UnlockReleaseBuffer(buffer);
    }
    Buffer buffer = ReadBuffer(index, head);
    LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
    GenericXLogState* xlog = GenericXLogStart(index);
    Page page = GenericXLogRegisterBuffer(xlog, buffer, GENERIC_XLOG_FULL_IMAGE);
    init_page(page, PageKind::kPosting, list, 0, InvalidBlockNumber);
    put_row_on_first_page(g, page, 0, row);
    page_tail(GenericXLogRegisterBuffer(xlog, last, 0))->next = head;
    GenericXLogFinish(xlog);
    UnlockReleaseBuffer(buffer);
}

static void check_first_page(Relation index, const ExtentGeometry* g, Buffer buffer) {
    const PostingHeader* header = header_of(BufferGetPage(buffer));
    if (likely(header->count <= g->capacity && header->dead <= header->count)) return;
    const BlockNumber block = BufferGetBlockNumber(buffer);
    UnlockReleaseBuffer(buffer);
    report_corruption(index, block, "more rows than fit the page");
}

static bool move_hint(DirectoryEntry* entry, void* arg) {
    const BlockNumber hint = *static_cast<BlockNumber*>(arg);
    if (entry->insert_hint == hint) return false;
    entry->insert_hint = hint;
    return true;
}

void posting_append(Relation index, const IndexCache* cache, uint32 list, ItemPointer heap_tid, const uint8* code,
                    float scalar) {
    const ExtentGeometry* g = &cache->geometry;
    const Row row = {heap_tid, code, scalar};
    DirectoryEntry entry;
    read_directory(index, &cache->meta, list, &entry);
    BlockNumber hint = entry.insert_hint;
    uint64 steps = 0;
    for (BlockNumber block = hint;;) {
        CHECK_FOR_INTERRUPTS();
        if ((++steps & 1023) == 0 && steps > RelationGetNumberOfBlocks(index))
            report_corruption(index, block, "list runs in a circle");
        Buffer buffer = read_page(index, block, PageKind::kPosting, list, 0, BUFFER_LOCK_EXCLUSIVE);
        check_first_page(index, g, buffer);
        Page page = BufferGetPage(buffer);
        const uint32 slot = free_slot(g, page);
        const BlockNumber next = page_tail(page)->next;
        if (slot < g->capacity) {
            put_row_on_other_pages(index, g, block, list, slot, &row);
            GenericXLogState* xlog = GenericXLogStart(index);
            put_row_on_first_page(g, GenericXLogRegisterBuffer(xlog, buffer, 0), slot, &row);
            GenericXLogFinish(xlog);
            UnlockReleaseBuffer(buffer);
            hint = block;
            break;
        }
        if (next == InvalidBlockNumber) {
            append_extent(index, g, list, buffer, &row);
            UnlockReleaseBuffer(buffer);
            hint = block;  // the next insert walks one step on and moves it
            break;
        }
        UnlockReleaseBuffer(buffer);
        block = next;
    }
    if (hint != entry.insert_hint) update_directory(index, &cache->meta, list, move_hint, &hint);
}

}  // namespace vectorq
