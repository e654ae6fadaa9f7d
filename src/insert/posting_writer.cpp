// See posting_writer.h.
#include "insert/posting_writer.h"

#include <algorithm>

#include "store/free_pages.h"
#include "core/page/posting_codes.h"
#include "pg/entry.h"
#include "pg/fault.h"

namespace vectorq {

namespace {
// A row on its way into a segment.
struct Row {
    ItemPointer tid;
    ItemPointer record;  // NULL without records
    const uint8* code;
    float scalar;
};
}  // namespace

// Copies into a page of a segment what lies there of the code in `slot`. first: the segment for part 0, the
// payload of page `part` otherwise.
static void put_code_part(const PostingGeometry* g, const SegmentLayout* layout, char* first, uint32 part, uint32 slot,
                          const uint8* code) {
    if (g->block_bytes > 0) {
        PutBlockCode(*g, *layout, first, part, slot, code);
        return;
    }
    const uint64 code_begin = layout->codes_offset + static_cast<uint64>(slot) * g->code_bytes;
    if (g->pages == 1) {
        memcpy(first + code_begin, code, g->code_bytes);
        return;
    }
    const uint64 page_begin = static_cast<uint64>(part) * g->payload;
    const uint64 from = std::max(code_begin, page_begin);
    const uint64 to = std::min(code_begin + g->code_bytes, page_begin + g->payload);
    if (from < to) memcpy(first + (from - page_begin), code + (from - code_begin), to - from);
}

// Everything of a row that lies on the first page: afterwards the row is in the list.
static void put_row_on_first_page(const PostingGeometry* g, char* segment, uint32 slot, const Row* row) {
    SegmentHeader* header = reinterpret_cast<SegmentHeader*>(segment);
    const SegmentLayout layout = LayoutOf(*g, header->capacity);
    put_code_part(g, &layout, segment, 0, slot, row->code);
    segment_tids(segment)[slot] = *row->tid;
    if (g->pointer_bytes > 0) segment_pointers(g, &layout, segment)[slot] = *row->record;
    if (g->scalar_bytes > 0) reinterpret_cast<float*>(segment + layout.scalars_offset)[slot] = row->scalar;
    if (slot == header->count) header->count++;
    else header->dead--;
}

// The rest of the code, on pages 1 ..: logged before page 0 says that the row exists. Codes in blocks lie on
// all pages, others on one or two.
static void put_row_on_other_pages(Relation index, const PostingGeometry* g, BlockNumber head, uint32 list, uint32 slot,
                                   const Row* row) {
    if (g->pages == 1) return;
    const SegmentLayout layout = LayoutOf(*g, g->capacity);
    const uint64 begin =
        layout.codes_offset + (g->block_bytes > 0 ? static_cast<uint64>(slot / kBlockRows) * g->block_bytes
                                                  : static_cast<uint64>(slot) * g->code_bytes);
    const uint64 bytes = g->block_bytes > 0 ? g->block_bytes : g->code_bytes;
    const uint32 first = static_cast<uint32>(begin / g->payload);
    const uint32 last = static_cast<uint32>((begin + bytes - 1) / g->payload);
    for (uint32 part = std::max<uint32>(first, 1); part <= last; part++) {
        Buffer buffer =
            read_page(index, head + part, PageKind::kPosting, list, static_cast<uint16>(part), BUFFER_LOCK_EXCLUSIVE);
        VQ_FAULT("row_part.start");
        GenericXLogState* xlog = GenericXLogStart(index);
        VQ_FAULT("row_part.register");
        put_code_part(g, &layout, page_payload(GenericXLogRegisterBuffer(xlog, buffer, 0)), part, slot, row->code);
        VQ_FAULT("row_part.finish");
        GenericXLogFinish(xlog);
        VQ_FAULT("row_part.release");
        UnlockReleaseBuffer(buffer);
    }
}

// A free slot of a segment on a locked page, or its capacity when it is full.
static uint32 free_slot(char* segment) {
    const SegmentHeader* header = reinterpret_cast<const SegmentHeader*>(segment);
    if (header->dead > 0)
        for (uint32 slot = 0; slot < header->count; slot++)
            if (!ItemPointerIsValid(&segment_tids(segment)[slot])) return slot;
    return header->count;
}

// Begins a segment with one row at `offset` of a page copy.
static void put_segment(const PostingGeometry* g, Page page, uint32 offset, uint32 list, uint32 capacity,
                        const Row* row) {
    *segment_header(page, offset) = {list, 0, 0, static_cast<uint16>(capacity), 0, kInvalidBlock};
    put_row_on_first_page(g, segment_at(page, offset), 0, row);
    if (g->pages == 1) page_tail(page)->used = offset + LayoutOf(*g, capacity).bytes;
}

namespace {
// A place for a new segment, its (first) page locked.
struct Place {
    Buffer buffer;
    uint16 offset;
    bool new_page;
};
}  // namespace

// Pages of their own: everything but the first is logged before it is linked, so a crash in between leaves
// unused pages, never a broken chain.
static Place place_extent(Relation index, const PostingGeometry* g, uint32 list, const Row* row) {
    const SegmentLayout layout = LayoutOf(*g, g->capacity);
    Buffer free_head = take_free_page(index, g);
    const BlockNumber head = BufferIsValid(free_head) ? BufferGetBlockNumber(free_head) : extend_index(index, g->pages);
    for (uint32 part = 1; part < g->pages; part++) {
        PGAlignedBlock image;
        init_page(image.data, PageKind::kPosting, list, static_cast<uint16>(part));
        put_code_part(g, &layout, page_payload(image.data), part, 0, row->code);
        write_page(index, head + part, image.data);
    }
    if (BufferIsValid(free_head)) return {free_head, 0, true};
    VQ_FAULT("extent.read");
    Buffer buffer = ReadBuffer(index, head);
    VQ_FAULT("extent.lock");
    LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
    return {buffer, 0, true};
}

// Bytes left in a page that segments share.
static uint32 room_in(const PostingGeometry* g, Page page) {
    if (page_problem(page, PageKind::kPosting, 0, 0) != NULL || page_tail(page)->used > g->payload) return 0;
    return g->payload - page_tail(page)->used;
}

// A page that segments share: the one where this backend put its last segment, else the index's last, else a
// new one. `held`, a page that the caller has locked, may be chosen too. Others are only tried for their lock,
// so that two backends cannot wait for each other; a new page is in nobody's hands for long.
static Place place_in_shared_page(Relation index, const PostingGeometry* g, uint32 bytes, Buffer held) {
    BlockNumber target = RelationGetTargetBlock(index);
    if (target == InvalidBlockNumber) target = RelationGetNumberOfBlocks(index) - 1;
    if (target == BufferGetBlockNumber(held)) {
        Page page = BufferGetPage(held);
        if (room_in(g, page) >= bytes) return {held, static_cast<uint16>(page_tail(page)->used), false};
    } else if (target < RelationGetNumberOfBlocks(index)) {
        VQ_FAULT("shared.read");
        Buffer buffer = ReadBuffer(index, target);
        VQ_FAULT("shared.try_lock");
        if (ConditionalLockBuffer(buffer)) {
            Page page = BufferGetPage(buffer);
            if (room_in(g, page) >= bytes) {
                RelationSetTargetBlock(index, target);
                return {buffer, static_cast<uint16>(page_tail(page)->used), false};
            }
            LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
        }
        ReleaseBuffer(buffer);
    }
    Buffer buffer = take_free_page(index, g);
    if (BufferIsValid(buffer)) {
        RelationSetTargetBlock(index, BufferGetBlockNumber(buffer));
        return {buffer, 0, true};
    }
    const BlockNumber block = extend_index(index, 1);
    RelationSetTargetBlock(index, block);
    VQ_FAULT("shared.read_new");
    buffer = ReadBuffer(index, block);
    VQ_FAULT("shared.lock_new");
    LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
    return {buffer, 0, true};
}

// A segment added by inserts takes this part of its list's rows: room for growth, little of it unused.
static constexpr uint32 kGrowth = 8;
// And at least so many rows.
static constexpr uint32 kLeastRows = 4;

// Slots of a list's next segment. Small lists get small ones, and larger ones as they grow.
static uint32 next_capacity(const PostingGeometry* g, uint32 lists, uint32 list_rows, uint32 last_capacity) {
    if (g->pages > 1 || lists == 1) return g->capacity;
    uint32 rows = std::max(list_rows / kGrowth, std::min(last_capacity + last_capacity / 2, g->capacity / 4));
    rows = std::max(rows, kLeastRows);
    if (g->block_bytes > 0) rows = RoundUp(rows, kBlockRows);
    return std::min(rows, g->capacity);
}

// Registers the new segment's page and puts the row there; the caller links it in the same record.
static SegmentRef put_new_segment(const PostingGeometry* g, GenericXLogState* xlog, const Place* place, uint32 list,
                                  uint32 capacity, const Row* row) {
    Page page = GenericXLogRegisterBuffer(xlog, place->buffer, place->new_page ? GENERIC_XLOG_FULL_IMAGE : 0);
    if (place->new_page) init_page(page, PageKind::kPosting, 0, 0);
    put_segment(g, page, place->offset, list, capacity, row);
    return {BufferGetBlockNumber(place->buffer), place->offset};
}

static Place find_place(Relation index, const PostingGeometry* g, uint32 list, uint32 capacity, const Row* row,
                        Buffer held) {
    if (g->pages > 1) return place_extent(index, g, list, row);
    return place_in_shared_page(index, g, LayoutOf(*g, capacity).bytes, held);
}

// New segment after the last one, which begins at `offset` of the exclusively locked page `last`.
static void append_segment(Relation index, const PostingGeometry* g, uint32 list, Buffer last, uint16 offset,
                           uint32 capacity, const Row* row) {
    const Place place = find_place(index, g, list, capacity, row, last);
    VQ_FAULT("segment.start");
    GenericXLogState* xlog = GenericXLogStart(index);
    VQ_FAULT("segment.register");
    const SegmentRef at = put_new_segment(g, xlog, &place, list, capacity, row);
    VQ_FAULT("segment.link");
    // The same page gives the same copy.
    SegmentHeader* header = segment_header(GenericXLogRegisterBuffer(xlog, last, 0), offset);
    header->next_block = at.block;
    header->next_offset = at.offset;
    VQ_FAULT("segment.finish");
    GenericXLogFinish(xlog);
    VQ_FAULT("segment.release");
    if (place.buffer != last) UnlockReleaseBuffer(place.buffer);
}

enum class Append { kDone, kListBegun, kClosed };

// The first segment of a list that has none, unless somebody else has made one meanwhile.
static Append begin_list(Relation index, const MetaPage* meta, const PostingGeometry* g, uint32 list, uint32 capacity,
                         const Row* row) {
    Buffer directory = lock_directory(index, meta, list);
    DirectoryEntry* entry = directory_entry(BufferGetPage(directory), list);
    const Append result = !is_live(entry)                ? Append::kClosed
                          : entry->head == kInvalidBlock ? Append::kDone
                                                         : Append::kListBegun;
    if (result == Append::kDone) {
        const Place place = find_place(index, g, list, capacity, row, directory);
        VQ_FAULT("list.start");
        GenericXLogState* xlog = GenericXLogStart(index);
        VQ_FAULT("list.register");
        const SegmentRef at = put_new_segment(g, xlog, &place, list, capacity, row);
        VQ_FAULT("list.link");
        entry = directory_entry(GenericXLogRegisterBuffer(xlog, directory, 0), list);
        entry->head = entry->hint = at.block;
        entry->head_offset = entry->hint_offset = at.offset;
        entry->contiguous_pages = g->pages;
        VQ_FAULT("list.finish");
        GenericXLogFinish(xlog);
        VQ_FAULT("list.release");
        UnlockReleaseBuffer(place.buffer);
    }
    UnlockReleaseBuffer(directory);
    return result;
}

static bool move_hint(DirectoryEntry* entry, void* arg) {
    const SegmentRef hint = *static_cast<SegmentRef*>(arg);
    if (entry->hint == hint.block && entry->hint_offset == hint.offset) return false;
    entry->hint = hint.block;
    entry->hint_offset = hint.offset;
    return true;
}

// Puts the row into the first free slot from `hint` on; returns the segment where the next insert should look first, or
// none if the list is closed: it closes from its head to its end, so whoever comes later finds a closed segment.
static SegmentRef append_row(Relation index, const IndexCache* cache, uint32 list, SegmentRef hint, uint32 list_rows,
                             const Row* row) {
    const PostingGeometry* g = &cache->geometry;
    uint64 steps = 0;
    for (SegmentRef at = hint;;) {
        CHECK_FOR_INTERRUPTS();
        count_step(index, at, &steps);
        Buffer buffer = read_segment(index, g, at, list, BUFFER_LOCK_EXCLUSIVE);
        const SegmentHeader* header = segment_header(BufferGetPage(buffer), at.offset);
        if (segment_is_sealed(header)) {
            UnlockReleaseBuffer(buffer);
            return kNoSegment;
        }
        const uint32 slot = free_slot(segment_at(BufferGetPage(buffer), at.offset));
        const SegmentRef next = next_segment(header);
        if (slot < header->capacity) {
            put_row_on_other_pages(index, g, at.block, list, slot, row);
            VQ_FAULT("row.start");
            GenericXLogState* xlog = GenericXLogStart(index);
            VQ_FAULT("row.register");
            put_row_on_first_page(g, segment_at(GenericXLogRegisterBuffer(xlog, buffer, 0), at.offset), slot, row);
            VQ_FAULT("row.finish");
            GenericXLogFinish(xlog);
            VQ_FAULT("row.release");
            UnlockReleaseBuffer(buffer);
            return at;
        }
        if (!has_segment(next)) {
            append_segment(index, g, list, buffer, at.offset,
                           next_capacity(g, cache->meta.lists, list_rows, header->capacity), row);
            UnlockReleaseBuffer(buffer);
            return at;  // the next insert walks one step on and moves it
        }
        UnlockReleaseBuffer(buffer);
        at = next;
    }
}

bool list_has_row(Relation index, const IndexCache* cache, uint32 list, ItemPointer heap_tid) {
    DirectoryEntry entry;
    read_directory(index, &cache->meta, list, &entry);
    uint64 steps = 0;
    for (SegmentRef at = {entry.head, entry.head_offset}; has_segment(at);) {
        CHECK_FOR_INTERRUPTS();
        count_step(index, at, &steps);
        Buffer buffer = read_segment(index, &cache->geometry, at, list, BUFFER_LOCK_SHARE);
        const SegmentHeader* header = segment_header(BufferGetPage(buffer), at.offset);
        const ItemPointerData* tids = segment_tids(segment_at(BufferGetPage(buffer), at.offset));
        bool has = false;
        for (uint32 slot = 0; slot < header->count && !has; slot++)
            has = ItemPointerEquals(const_cast<ItemPointer>(&tids[slot]), heap_tid);
        at = next_segment(header);
        UnlockReleaseBuffer(buffer);
        if (has) return true;
    }
    return false;
}

bool posting_append(Relation index, const IndexCache* cache, uint32 list, ItemPointer heap_tid, ItemPointer record,
                    const uint8* code, float scalar) {
    const Row row = {heap_tid, record, code, scalar};
    DirectoryEntry entry;
    read_directory(index, &cache->meta, list, &entry);
    if (!is_live(&entry)) return false;
    if (entry.head == kInvalidBlock) {
        const uint32 capacity = next_capacity(&cache->geometry, cache->meta.lists, 0, 0);
        const Append begun = begin_list(index, &cache->meta, &cache->geometry, list, capacity, &row);
        if (begun != Append::kListBegun) return begun == Append::kDone;
        read_directory(index, &cache->meta, list, &entry);
    }
    SegmentRef hint = append_row(index, cache, list, {entry.hint, entry.hint_offset}, entry.rows, &row);
    if (!has_segment(hint)) return false;
    if (hint.block != entry.hint || hint.offset != entry.hint_offset)
        update_directory(index, &cache->meta, list, move_hint, &hint);
    return true;
}

}  // namespace vectorq
