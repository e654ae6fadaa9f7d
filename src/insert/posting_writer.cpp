// See posting_writer.h.
#include "insert/posting_writer.h"

#include <algorithm>

#include "pg/entry.h"
#include "pg/fault.h"
#include "pg/page_change.h"
#include "store/directory.h"
#include "store/free_pages.h"
#include "store/segments.h"
#include "store/tid.h"

namespace vectorq {

// The rest of the code, on pages 1 ..: logged before page 0 says that the row exists. Codes in blocks lie on
// all pages, others on one or two.
static void put_code_on_other_pages(Relation index, const PostingGeometry* g, BlockNumber head, uint32 list,
                                    uint32 slot, const uint8* code) {
    const SegmentLayout layout = LayoutOf(*g, g->capacity);
    const PageRange pages = PagesOfCode(*g, layout, slot);
    for (uint32 part = std::max<uint32>(pages.first, 1); part <= pages.last; part++) {
        Buffer buffer =
            read_page(index, head + part, PageKind::kPosting, list, static_cast<uint16>(part), BUFFER_LOCK_EXCLUSIVE);
        PageChange change = begin_change(index, "row_part");
        PutCode(*g, layout, page_payload(change_page(&change, buffer)), part, slot, code);
        finish_change(&change);
    }
}

// Begins a segment with one row at `offset` of a page copy.
static void put_segment(const PostingGeometry* g, Page page, uint32 offset, uint32 list, uint32 capacity,
                        const PostingEntry* row) {
    page_tail(page)->used = BeginSegment(*g, page_payload(page), offset, list, capacity);
    PutEntry(*g, LayoutOf(*g, capacity), segment_at(page, offset), 0, *row);
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
static Place place_extent(Relation index, const PostingGeometry* g, uint32 list, const PostingEntry* row) {
    const SegmentLayout layout = LayoutOf(*g, g->capacity);
    Buffer free_head = take_free_page(index, g);
    const BlockNumber head = BufferIsValid(free_head) ? BufferGetBlockNumber(free_head) : extend_index(index, g->pages);
    for (uint32 part = 1; part < g->pages; part++) {
        PGAlignedBlock image;
        init_page(image.data, PageKind::kPosting, list, static_cast<uint16>(part));
        PutCode(*g, layout, page_payload(image.data), part, 0, row->code);
        write_page(index, head + part, image.data);
    }
    if (BufferIsValid(free_head)) return {free_head, 0, true};
    return {lock_block(index, head, "extent"), 0, true};
}

// Bytes left in a page that segments share.
static uint32 room_in(const PostingGeometry* g, Page page) {
    return page_problem(page, PageKind::kPosting, 0, 0) != NULL ? 0 : RoomOfPage(*g, page_tail(page)->used);
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
    return {lock_block(index, block, "shared_new"), 0, true};
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

// Puts the new segment with its row on its page; the caller links it in the same change.
static SegmentRef put_new_segment(const PostingGeometry* g, PageChange* change, const Place* place, uint32 list,
                                  uint32 capacity, const PostingEntry* row) {
    Page page = change_page(change, place->buffer, place->new_page ? kWholePage : kChangedBytes);
    if (place->new_page) init_page(page, PageKind::kPosting, 0, 0);
    put_segment(g, page, place->offset, list, capacity, row);
    return {BufferGetBlockNumber(place->buffer), place->offset};
}

static Place find_place(Relation index, const PostingGeometry* g, uint32 list, uint32 capacity, const PostingEntry* row,
                        Buffer held) {
    if (g->pages > 1) return place_extent(index, g, list, row);
    return place_in_shared_page(index, g, LayoutOf(*g, capacity).bytes, held);
}

// New segment after the last one, which begins at `offset` of the exclusively locked page `last`. Releases that page.
static void append_segment(Relation index, const PostingGeometry* g, uint32 list, Buffer last, uint16 offset,
                           uint32 capacity, const PostingEntry* row) {
    const Place place = find_place(index, g, list, capacity, row, last);
    PageChange change = begin_change(index, "segment");
    const SegmentRef at = put_new_segment(g, &change, &place, list, capacity, row);
    // Where both are on one page it is the same copy.
    SegmentHeader* header = segment_header(change_page(&change, last), offset);
    header->next_block = at.block;
    header->next_offset = at.offset;
    finish_change(&change);
}

enum class Append { kDone, kListBegun, kClosed };

// The first segment of a list that has none, unless somebody else has made one meanwhile.
static Append begin_list(Relation index, const MetaPage* meta, const PostingGeometry* g, uint32 list, uint32 capacity,
                         const PostingEntry* row) {
    Buffer directory = lock_directory(index, meta, list);
    const DirectoryEntry* found = directory_entry(BufferGetPage(directory), list);
    if (!is_live(found) || found->head != kInvalidBlock) {
        const Append result = is_live(found) ? Append::kListBegun : Append::kClosed;
        UnlockReleaseBuffer(directory);
        return result;
    }
    const Place place = find_place(index, g, list, capacity, row, directory);
    PageChange change = begin_change(index, "list");
    const SegmentRef at = put_new_segment(g, &change, &place, list, capacity, row);
    DirectoryEntry* entry = directory_entry(change_page(&change, directory), list);
    entry->head = entry->hint = at.block;
    entry->head_offset = entry->hint_offset = at.offset;
    entry->contiguous_pages = g->pages;
    finish_change(&change);
    return Append::kDone;
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
                             const PostingEntry* row) {
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
        const uint32 slot = FreeSlot(segment_at(BufferGetPage(buffer), at.offset));
        const SegmentRef next = next_segment(header);
        if (slot < header->capacity) {
            put_code_on_other_pages(index, g, at.block, list, slot, row->code);
            PageChange change = begin_change(index, "row");
            char* segment = segment_at(change_page(&change, buffer), at.offset);
            PutEntry(*g, LayoutOf(*g, HeaderOf(segment)->capacity), segment, slot, *row);
            finish_change(&change);
            return at;
        }
        if (!has_segment(next)) {
            append_segment(index, g, list, buffer, at.offset,
                           next_capacity(g, cache->meta.lists, list_rows, header->capacity), row);
            return at;  // the next insert walks one step on and moves it
        }
        UnlockReleaseBuffer(buffer);
        at = next;
    }
}

bool list_has_row(Relation index, const IndexCache* cache, uint32 list, const Tid& tid) {
    DirectoryEntry entry;
    read_directory(index, &cache->meta, list, &entry);
    uint64 steps = 0;
    for (SegmentRef at = {entry.head, entry.head_offset}; has_segment(at);) {
        CHECK_FOR_INTERRUPTS();
        count_step(index, at, &steps);
        Buffer buffer = read_segment(index, &cache->geometry, at, list, BUFFER_LOCK_SHARE);
        const SegmentHeader* header = segment_header(BufferGetPage(buffer), at.offset);
        const Tid* tids = TidsOf(segment_at(BufferGetPage(buffer), at.offset));
        bool has = false;
        for (uint32 slot = 0; slot < header->count && !has; slot++) has = tids[slot] == tid;
        at = next_segment(header);
        UnlockReleaseBuffer(buffer);
        if (has) return true;
    }
    return false;
}

bool posting_append(Relation index, const IndexCache* cache, uint32 list, const PostingEntry* row) {
    DirectoryEntry entry;
    read_directory(index, &cache->meta, list, &entry);
    if (!is_live(&entry)) return false;
    if (entry.head == kInvalidBlock) {
        const uint32 capacity = next_capacity(&cache->geometry, cache->meta.lists, 0, 0);
        const Append begun = begin_list(index, &cache->meta, &cache->geometry, list, capacity, row);
        if (begun != Append::kListBegun) return begun == Append::kDone;
        read_directory(index, &cache->meta, list, &entry);
    }
    SegmentRef hint = append_row(index, cache, list, {entry.hint, entry.hint_offset}, entry.rows, row);
    if (!has_segment(hint)) return false;
    if (hint.block != entry.hint || hint.offset != entry.hint_offset)
        update_directory(index, &cache->meta, list, move_hint, &hint);
    return true;
}

}  // namespace vectorq
