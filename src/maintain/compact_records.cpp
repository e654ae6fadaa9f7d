// See compact_records.h.
#include "maintain/compact_records.h"

#include "pg/fault.h"
#include "pg/interrupts.h"
#include "store/extents.h"
#include "store/geometry.h"

namespace vectorq {

static void note_move(MovedExtents* moved, BlockNumber from, BlockNumber to) {
    if (moved->count == moved->room) {
        moved->room = std::max<Size>(64, 2 * moved->room);
        const Size bytes = sizeof(MovedExtent) * moved->room;
        moved->extents = static_cast<MovedExtent*>(moved->extents == NULL ? palloc_extended(bytes, MCXT_ALLOC_HUGE)
                                                                          : repalloc_huge(moved->extents, bytes));
    }
    moved->extents[moved->count++] = {from, to};
}

// Whether an extent of the epoch begins there that has a record in use.
static bool begins_used_extent(Relation index, const MetaPage* meta, const ReorderGeometry* g, BlockNumber block,
                               bool* has_room) {
    VQ_FAULT("compact_records.read");
    Buffer buffer = ReadBuffer(index, block);
    VQ_FAULT("compact_records.lock");
    LockBuffer(buffer, BUFFER_LOCK_SHARE);
    const Page page = BufferGetPage(buffer);
    bool used = page_problem(page, PageKind::kReorder, 0, 0) == NULL && page_is_of_epoch(page, meta->epoch);
    if (used) {
        const char* problem = extent_problem(g, page);
        if (problem != NULL) {
            UnlockReleaseBuffer(buffer);
            report_corruption(index, block, problem);
        }
        const ReorderHeader* header = extent_header(page);
        used = header->free < header->count;
        *has_room = header->free > 0 || header->count < g->capacity;
    }
    VQ_FAULT("compact_records.release");
    UnlockReleaseBuffer(buffer);
    return used;
}

// The first page last: a crash before leaves unused pages.
static BlockNumber copy_extent(Relation index, const ReorderGeometry* g, PageSink* sink, BlockNumber from) {
    const BlockNumber to = take_run(sink, g->pages);
    PGAlignedBlock image;
    for (uint32 part = g->pages; part-- > 0;) {
        Buffer buffer =
            read_page(index, from + part, PageKind::kReorder, 0, static_cast<uint16>(part), BUFFER_LOCK_SHARE);
        memcpy(image.data, BufferGetPage(buffer), BLCKSZ);
        UnlockReleaseBuffer(buffer);
        page_tail(image.data)->epoch = static_cast<uint16>(sink->epoch);
        put_page(sink, to + part, image.data);
    }
    return to;
}

MovedExtents move_records(Relation index, const MetaPage* meta, PageSink* sink) {
    MovedExtents moved = {NULL, 0, 0};
    const ReorderGeometry g = meta_reorder_geometry(meta);
    const BlockNumber blocks = RelationGetNumberOfBlocks(index);
    for (BlockNumber block = 1; block < blocks; block++) {
        vacuum_delay();
        bool has_room;
        if (!begins_used_extent(index, meta, &g, block, &has_room)) continue;
        const BlockNumber to = copy_extent(index, &g, sink, block);
        note_move(&moved, block, to);
        VQ_FAULT("compact_records.map");
        if (has_room) RecordFreeIndexPage(index, to);
        block += g.pages - 1;
    }
    return moved;
}

Tid moved_record(const MovedExtents* moved, const Tid& record) {
    const BlockNumber block = BlockOf(record);
    const MovedExtent* end = moved->extents + moved->count;
    const MovedExtent* begin = moved->extents;
    const MovedExtent* found =
        std::lower_bound(begin, end, block, [](const MovedExtent& e, BlockNumber b) { return e.from < b; });
    Tid at = record;
    const BlockNumber to = found != end && found->from == block ? found->to : InvalidBlockNumber;
    at.block_hi = static_cast<uint16>(to >> 16);
    at.block_lo = static_cast<uint16>(to & 0xFFFF);
    return at;
}

}  // namespace vectorq
