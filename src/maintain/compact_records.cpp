// See compact_records.h.
#include "maintain/compact_records.h"

#include <algorithm>
#include <bit>

#include "pg/fault.h"
#include "pg/interrupts.h"
#include "store/extents.h"
#include "store/geometry.h"
#include "store/tid.h"

namespace vectorq {

namespace {
struct RecordCopy {
    Relation index;
    const MetaPage* meta;
    PageSink* sink;
    BufferAccessStrategy strategy;
    MovedRecords* moved;
    char* from;    // (pages, BLCKSZ) the old extent at hand
    char* to;      // (pages, BLCKSZ) the new one
    char* record;  // (record_bytes)
};
}  // namespace

static Size bytes_of_extent(const ReorderGeometry* g) { return (g->capacity + 7) / 8; }

template <class T>
static void grow(T** array, Size count, Size* room, Size each) {
    if (count < *room) return;
    *room = std::max<Size>(64, 2 * *room);
    const Size bytes = sizeof(T) * each * *room;
    *array = static_cast<T*>(*array == NULL ? palloc_extended(bytes, MCXT_ALLOC_HUGE) : repalloc_huge(*array, bytes));
}

// Copies the extent that begins there: false if none of the epoch does.
static bool read_extent(RecordCopy* c, BlockNumber block) {
    const ReorderGeometry* g = &c->moved->geometry;
    VQ_FAULT("compact_records.read");
    Buffer buffer = ReadBufferExtended(c->index, MAIN_FORKNUM, block, RBM_NORMAL, c->strategy);
    VQ_FAULT("compact_records.lock");
    LockBuffer(buffer, BUFFER_LOCK_SHARE);
    memcpy(c->from, BufferGetPage(buffer), BLCKSZ);
    VQ_FAULT("compact_records.release");
    UnlockReleaseBuffer(buffer);
    if (page_problem(c->from, PageKind::kReorder, 0, 0) != NULL || !page_is_of_epoch(c->from, c->meta->epoch))
        return false;
    const char* problem = extent_problem(g, c->from);
    if (problem != NULL) report_corruption(c->index, block, problem);
    for (uint32 part = 1; part < g->pages; part++) {
        buffer = read_page(c->index, block + part, PageKind::kReorder, 0, static_cast<uint16>(part), BUFFER_LOCK_SHARE,
                           c->strategy);
        memcpy(c->from + part * BLCKSZ, BufferGetPage(buffer), BLCKSZ);
        UnlockReleaseBuffer(buffer);
    }
    return true;
}

static uint32 fill_of_new(const RecordCopy* c) {
    return static_cast<uint32>(c->moved->records % c->moved->geometry.capacity);
}

static void begin_new(RecordCopy* c) {
    const ReorderGeometry* g = &c->moved->geometry;
    for (uint32 part = 0; part < g->pages; part++)
        init_sink_page(c->sink, c->to + part * BLCKSZ, PageKind::kReorder, 0, static_cast<uint16>(part));
    memset(extent_header(c->to), 0, sizeof(ReorderHeader));
    MovedRecords* m = c->moved;
    grow(&m->to, m->new_count, &m->new_room, 1);
    m->to[m->new_count++] = take_run(c->sink, g->pages);
}

// The first page last: a crash before leaves unused pages.
static void flush_new(RecordCopy* c, uint32 fill) {
    const ReorderGeometry* g = &c->moved->geometry;
    const BlockNumber extent = c->moved->to[c->moved->new_count - 1];
    extent_header(c->to)->count = static_cast<uint16>(fill);
    for (uint32 part = g->pages; part-- > 0;) put_page(c->sink, extent + part, c->to + part * BLCKSZ);
    VQ_FAULT("compact_records.map");
    if (fill < g->capacity) RecordFreeIndexPage(c->index, extent);
}

static void copy_record(RecordCopy* c, uint32 slot) {
    const ReorderGeometry* g = &c->moved->geometry;
    const PageRange from = PagesOfRecord(*g, slot);
    for (uint32 part = from.first; part <= from.last; part++)
        TakeRecordPart(*g, page_payload(c->from + part * BLCKSZ), part, slot, c->record);
    const uint32 fill = fill_of_new(c);
    if (fill == 0) begin_new(c);
    const PageRange to = PagesOfRecord(*g, fill);
    for (uint32 part = to.first; part <= to.last; part++)
        PutRecordPart(*g, page_payload(c->to + part * BLCKSZ), part, fill, c->record);
    c->moved->records++;
    if (fill + 1 == g->capacity) flush_new(c, g->capacity);
}

static void copy_extent(RecordCopy* c, BlockNumber block) {
    MovedRecords* m = c->moved;
    const ReorderGeometry* g = &m->geometry;
    const Size bytes = bytes_of_extent(g);
    Size room = m->room;
    grow(&m->extents, m->count, &room, 1);
    grow(&m->in_use, m->count, &m->room, bytes);
    m->extents[m->count] = {block, m->records};
    uint8* in_use = m->in_use + m->count++ * bytes;
    memset(in_use, 0, bytes);
    const uint32 count = extent_header(c->from)->count;
    for (uint32 part = 0; part < g->pages; part++) {
        const SlotRange slots = SlotsOnPage(*g, count, part);
        for (uint32 slot = slots.first; slot < slots.end; slot++) {
            if (!ItemPointerIsValid(record_tid(g, c->from + part * BLCKSZ, slot))) continue;
            in_use[slot >> 3] |= static_cast<uint8>(1 << (slot & 7));
            copy_record(c, slot);
        }
    }
}

MovedRecords move_records(Relation index, const MetaPage* meta, PageSink* sink, BufferAccessStrategy strategy) {
    MovedRecords moved;
    memset(&moved, 0, sizeof(moved));
    moved.geometry = meta_reorder_geometry(meta);
    const Size bytes = static_cast<Size>(moved.geometry.pages) * BLCKSZ;
    RecordCopy c = {index,
                    meta,
                    sink,
                    strategy,
                    &moved,
                    static_cast<char*>(palloc(bytes)),
                    static_cast<char*>(palloc(bytes)),
                    static_cast<char*>(palloc(moved.geometry.record_bytes))};
    const BlockNumber blocks = RelationGetNumberOfBlocks(index);
    for (BlockNumber block = 1; block < blocks; block++) {
        vacuum_delay();
        if (!read_extent(&c, block)) continue;
        copy_extent(&c, block);
        block += moved.geometry.pages - 1;
    }
    if (fill_of_new(&c) > 0) flush_new(&c, fill_of_new(&c));
    return moved;
}

// Records in use before the slot.
static uint32 count_before(const uint8* in_use, uint32 slot) {
    uint32 count = 0;
    for (uint32 byte = 0; byte < slot / 8; byte++) count += static_cast<uint32>(std::popcount(in_use[byte]));
    return count + static_cast<uint32>(std::popcount(static_cast<uint8>(in_use[slot / 8] & ((1 << slot % 8) - 1))));
}

Tid moved_record(const MovedRecords* moved, const Tid& record) {
    const MovedExtent* begin = moved->extents;
    const MovedExtent* end = begin + moved->count;
    const BlockNumber block = BlockOf(record);
    const MovedExtent* found =
        std::lower_bound(begin, end, block, [](const MovedExtent& e, BlockNumber b) { return e.from < b; });
    ItemPointerData at;
    ItemPointerSet(&at, InvalidBlockNumber, 0);
    if (found == end || found->from != block || record.offset >= moved->geometry.capacity) return to_tid(&at);
    const uint8* in_use = moved->in_use + (found - begin) * bytes_of_extent(&moved->geometry);
    if (!(in_use[record.offset >> 3] & (1 << (record.offset & 7)))) return to_tid(&at);
    const uint64 number = found->first + count_before(in_use, record.offset);
    ItemPointerSet(&at, moved->to[number / moved->geometry.capacity],
                   static_cast<OffsetNumber>(number % moved->geometry.capacity));
    return to_tid(&at);
}

}  // namespace vectorq
