// See posting_writer.h.
#include "insert/posting_writer.h"

#include <algorithm>

#include "pg/entry.h"
#include "pg/fault.h"
#include "pg/page_change.h"
#include "store/directory.h"
#include "store/free_pages.h"
#include "store/meta.h"
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
// What an append works on.
struct Target {
    Relation index;
    IndexCache* cache;
    const PostingGeometry* geometry;
    AppendMode mode;
};

// A place for a new segment, its (first) page locked.
struct Place {
    Buffer buffer;
    uint16 offset;
    bool new_page;
};
}  // namespace

// Pages of their own: everything but the first is logged before it is linked, so a crash in between leaves
// unused pages, never a broken chain.
static Place place_extent(const Target* t, uint32 list, const PostingEntry* row) {
    Relation index = t->index;
    const PostingGeometry* g = t->geometry;
    const uint32 epoch = t->cache->meta.epoch;
    const SegmentLayout layout = LayoutOf(*g, g->capacity);
    Buffer free_head = take_free_page(index, g, epoch);
    const BlockNumber head = BufferIsValid(free_head) ? BufferGetBlockNumber(free_head) : extend_index(index, g->pages);
    for (uint32 part = 1; part < g->pages; part++) {
        PGAlignedBlock image;
        init_page(image.data, PageKind::kPosting, list, static_cast<uint16>(part), epoch);
        PutCode(*g, layout, page_payload(image.data), part, 0, row->code);
        write_page(index, head + part, image.data);
    }
    if (BufferIsValid(free_head)) return {free_head, 0, true};
    return {lock_block(index, head, "extent"), 0, true};
}

// Bytes left in a page that segments share.
static uint32 room_in(const Target* t, Page page) {
    if (page_problem(page, PageKind::kPosting, 0, 0) != NULL || !page_is_of_epoch(page, t->cache->meta.epoch)) return 0;
    return RoomOfPage(*t->geometry, page_tail(page)->used);
}

// A page that segments share: the one where this backend put its last segment, else the index's last, else a
// new one. `held`, a page that the caller has locked, may be chosen too. Others are only tried for their lock,
// so that two backends cannot wait for each other; a new page is in nobody's hands for long.
static Place place_in_shared_page(const Target* t, uint32 bytes, Buffer held) {
    Relation index = t->index;
    BlockNumber target = t->cache->posting_target;
    if (target == InvalidBlockNumber) target = RelationGetNumberOfBlocks(index) - 1;
    if (target == BufferGetBlockNumber(held)) {
        Page page = BufferGetPage(held);
        if (room_in(t, page) >= bytes) return {held, static_cast<uint16>(page_tail(page)->used), false};
    } else if (target < RelationGetNumberOfBlocks(index)) {
        VQ_FAULT("shared.read");
        Buffer buffer = ReadBuffer(index, target);
        VQ_FAULT("shared.try_lock");
        if (ConditionalLockBuffer(buffer)) {
            Page page = BufferGetPage(buffer);
            if (room_in(t, page) >= bytes) {
                t->cache->posting_target = target;
                return {buffer, static_cast<uint16>(page_tail(page)->used), false};
            }
            LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
        }
        ReleaseBuffer(buffer);
    }
    Buffer buffer = take_free_page(index, t->geometry, t->cache->meta.epoch);
    if (BufferIsValid(buffer)) {
        t->cache->posting_target = BufferGetBlockNumber(buffer);
        return {buffer, 0, true};
    }
    const BlockNumber block = extend_index(index, 1);
    t->cache->posting_target = block;
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
static SegmentRef put_new_segment(const Target* t, PageChange* change, const Place* place, uint32 list, uint32 capacity,
                                  const PostingEntry* row) {
    Page page = change_page(change, place->buffer, place->new_page ? kWholePage : kChangedBytes);
    if (place->new_page) init_page(page, PageKind::kPosting, 0, 0, t->cache->meta.epoch);
    put_segment(t->geometry, page, place->offset, list, capacity, row);
    if (t->mode == AppendMode::kLate) segment_header(page, place->offset)->next_offset |= kSegmentLate;
    return {BufferGetBlockNumber(place->buffer), place->offset};
}

static Place find_place(const Target* t, uint32 list, uint32 capacity, const PostingEntry* row, Buffer held) {
    if (t->geometry->pages > 1) return place_extent(t, list, row);
    return place_in_shared_page(t, LayoutOf(*t->geometry, capacity).bytes, held);
}

// Whether the row may go there alone. To be asked with everything locked that will change: a vacuum that begins an
// epoch says so first and reads those pages afterwards, so it sees the row, or we see what it says (maintain/README.md,
// Renewal).
static bool epoch_is_the_only_one(const Target* t) {
    if (t->mode != AppendMode::kFirst) return true;
    Buffer buffer = read_page(t->index, 0, PageKind::kMeta, 0, 0, BUFFER_LOCK_SHARE);
    const MetaPage* meta = meta_on(BufferGetPage(buffer));
    const bool only = meta->epoch == t->cache->meta.epoch && meta->upkeep.renewing == 0;
    UnlockReleaseBuffer(buffer);
    return only;
}

// Gives a place back, and the page that was held.
static void leave_place(const Place* place, Buffer held) {
    if (place->buffer != held) UnlockReleaseBuffer(place->buffer);
    UnlockReleaseBuffer(held);
}

// New segment after the last one, which begins at `offset` of the exclusively locked page `last`. Releases that page.
static bool append_segment(const Target* t, uint32 list, Buffer last, uint16 offset, uint32 capacity,
                           const PostingEntry* row) {
    const Place place = find_place(t, list, capacity, row, last);
    if (!epoch_is_the_only_one(t)) {
        leave_place(&place, last);
        return false;
    }
    PageChange change = begin_change(t->index, "segment");
    const SegmentRef at = put_new_segment(t, &change, &place, list, capacity, row);
    // Where both are on one page it is the same copy.
    SegmentHeader* header = segment_header(change_page(&change, last), offset);
    header->next_block = at.block;
    header->next_offset = at.offset | (header->next_offset & kSegmentMarks);
    finish_change(&change);
    return true;
}

// The first segment of a list that has none, unless somebody else has made one meanwhile.
static Appended begin_list(const Target* t, uint32 list, uint32 capacity, const PostingEntry* row, bool* begun) {
    *begun = false;
    Buffer directory = lock_directory(t->index, &t->cache->meta, list);
    const DirectoryEntry* found = directory_entry(&t->cache->meta, BufferGetPage(directory), list);
    if (!is_live(found) || found->head != kInvalidBlock) {
        *begun = is_live(found);
        UnlockReleaseBuffer(directory);
        return Appended::kClosed;
    }
    const Place place = find_place(t, list, capacity, row, directory);
    if (!epoch_is_the_only_one(t)) {
        leave_place(&place, directory);
        return Appended::kRenewing;
    }
    PageChange change = begin_change(t->index, "list");
    const SegmentRef at = put_new_segment(t, &change, &place, list, capacity, row);
    DirectoryEntry* entry = directory_entry(&t->cache->meta, change_page(&change, directory), list);
    entry->head = entry->hint = at.block;
    entry->head_offset = entry->hint_offset = at.offset;
    entry->contiguous_pages = t->geometry->pages;
    finish_change(&change);
    return Appended::kDone;
}

static bool move_hint(DirectoryEntry* entry, char*, void* arg) {
    const SegmentRef hint = *static_cast<SegmentRef*>(arg);
    if (entry->hint == hint.block && entry->hint_offset == hint.offset) return false;
    entry->hint = hint.block;
    entry->hint_offset = hint.offset;
    return true;
}

// Puts the row into the free slot of a segment on the exclusively locked page, which is released.
static Appended put_in_slot(const Target* t, uint32 list, SegmentRef at, Buffer buffer, uint32 slot,
                            const PostingEntry* row) {
    const PostingGeometry* g = t->geometry;
    if (!epoch_is_the_only_one(t)) {
        UnlockReleaseBuffer(buffer);
        return Appended::kRenewing;
    }
    put_code_on_other_pages(t->index, g, at.block, list, slot, row->code);
    PageChange change = begin_change(t->index, "row");
    char* segment = segment_at(change_page(&change, buffer), at.offset);
    PutEntry(*g, LayoutOf(*g, HeaderOf(segment)->capacity), segment, slot, *row);
    finish_change(&change);
    return Appended::kDone;
}

// Puts the row into the first free slot from *hint on, which becomes the segment where the next insert should look
// first. A list closes from its head to its end, full segments but the last left out, so whoever comes later finds a
// closed segment.
static Appended append_row(const Target* t, uint32 list, SegmentRef* hint, uint32 list_rows, const PostingEntry* row) {
    uint64 steps = 0;
    for (SegmentRef at = *hint;;) {
        CHECK_FOR_INTERRUPTS();
        count_step(t->index, at, &steps);
        Buffer buffer = read_segment(t->index, t->geometry, at, list, BUFFER_LOCK_EXCLUSIVE);
        const SegmentHeader* header = segment_header(BufferGetPage(buffer), at.offset);
        if (segment_is_sealed(header)) {
            UnlockReleaseBuffer(buffer);
            return Appended::kClosed;
        }
        const SegmentRef next = next_segment(header);
        const uint32 slot = t->mode != AppendMode::kLate || segment_is_late(header)
                                ? FreeSlot(segment_at(BufferGetPage(buffer), at.offset))
                                : header->capacity;
        *hint = at;  // behind a new segment the next insert walks one step on and moves it
        if (slot < header->capacity) return put_in_slot(t, list, at, buffer, slot, row);
        if (!has_segment(next)) {
            const uint32 capacity = next_capacity(t->geometry, t->cache->meta.lists, list_rows, header->capacity);
            const bool done = append_segment(t, list, buffer, at.offset, capacity, row);
            return done ? Appended::kDone : Appended::kRenewing;
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

// Into a list whose summary covers the row.
static Appended append_to_list(const Target* t, uint32 list, const PostingEntry* row) {
    const MetaPage* meta = &t->cache->meta;
    DirectoryEntry entry;
    read_directory(t->index, meta, list, &entry);
    if (!is_live(&entry)) return Appended::kClosed;
    if (entry.head == kInvalidBlock) {
        bool begun;
        const Appended done = begin_list(t, list, next_capacity(t->geometry, meta->lists, 0, 0), row, &begun);
        if (!begun) return done;
        read_directory(t->index, meta, list, &entry);
    }
    SegmentRef hint = {entry.hint, entry.hint_offset};
    const Appended done = append_row(t, list, &hint, entry.rows, row);
    if (done == Appended::kDone && !same_segment(hint, {entry.hint, entry.hint_offset}))
        update_directory(t->index, meta, list, move_hint, &hint);
    return done;
}

Appended posting_append(Relation index, IndexCache* cache, uint32 list, const PostingEntry* row, AppendMode mode) {
    const Target t = {index, cache, &cache->geometry, mode};
    const KeyColumns* keys = &cache->geometry.keys;
    if (keys->count == 0) return append_to_list(&t, list, row);
    widen_summary(index, &cache->meta, keys, list, row->keys);
    VQ_FAULT("insert.covered");
    const Appended done = append_to_list(&t, list, row);
    VQ_FAULT("insert.summary");
    if (done == Appended::kDone) widen_summary(index, &cache->meta, keys, list, row->keys);
    return done;
}

}  // namespace vectorq
