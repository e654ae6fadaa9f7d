// See maintain/records.h.
#include "maintain/records.h"

#include "pg/fault.h"
#include "pg/page_change.h"
#include "store/extents.h"
#include "store/geometry.h"

namespace vectorq {

namespace {
struct RecordVacuum {
    Relation index;
    ReorderGeometry geometry;
    IndexBulkDeleteCallback callback;
    void* callback_state;
    BufferAccessStrategy strategy;
    bool* dead;  // (capacity)
};
}  // namespace

// Of the slots whose tids lie on this page of an extent: marks the dead ones, counts the free ones.
static bool find_dead_records(RecordVacuum* v, Page page, uint32 count, uint32 part, uint32* free) {
    bool any = false;
    const SlotRange slots = SlotsOnPage(v->geometry, count, part);
    for (uint32 slot = slots.first; slot < slots.end; slot++) {
        ItemPointer tid = record_tid(&v->geometry, page, slot);
        v->dead[slot] = ItemPointerIsValid(tid) && v->callback(tid, v->callback_state);
        *free += v->dead[slot] || !ItemPointerIsValid(tid);
        any |= v->dead[slot];
    }
    return any;
}

// The other pages of an extent whose first one is locked; *free counts the free slots.
static void vacuum_other_parts(RecordVacuum* v, BlockNumber extent, uint32 count, uint32* free) {
    for (uint32 part = 1; part < v->geometry.pages; part++) {
        Buffer buffer = read_page(v->index, extent + part, PageKind::kReorder, 0, static_cast<uint16>(part),
                                  BUFFER_LOCK_EXCLUSIVE, v->strategy);
        if (find_dead_records(v, BufferGetPage(buffer), count, part, free)) {
            PageChange change = begin_change(v->index, "vacuum_records_part");
            DropRecords(v->geometry, page_payload(change_page(&change, buffer)), part, count, v->dead);
            finish_change(&change);
        } else {
            UnlockReleaseBuffer(buffer);
        }
    }
}

// The first page is locked throughout, so that no insert fills what is being freed; the others one at a time,
// before it: its count of free slots then says no more than is true.
static void vacuum_extent(RecordVacuum* v, BlockNumber extent) {
    const ReorderGeometry* g = &v->geometry;
    Buffer head = lock_block(v->index, extent, "vacuum_records", v->strategy);
    const char* problem = extent_problem(g, BufferGetPage(head));
    if (problem != NULL) {
        UnlockReleaseBuffer(head);
        report_corruption(v->index, extent, problem);
    }
    const uint32 count = extent_header(BufferGetPage(head))->count;
    uint32 free = 0;
    vacuum_other_parts(v, extent, count, &free);
    if (find_dead_records(v, BufferGetPage(head), count, 0, &free) ||
        free != extent_header(BufferGetPage(head))->free) {
        PageChange change = begin_change(v->index, "vacuum_records");
        Page page = change_page(&change, head);
        DropRecords(*g, page_payload(page), 0, count, v->dead);
        extent_header(page)->free = static_cast<uint16>(free);
        finish_change(&change);
    } else {
        UnlockReleaseBuffer(head);
    }
    VQ_FAULT("vacuum_records.map");
    if (free > 0 || count < g->capacity) RecordFreeIndexPage(v->index, extent);
}

void vacuum_records(Relation index, const MetaPage* meta, const uint8* added, BlockNumber blocks,
                    IndexBulkDeleteCallback callback, void* callback_state, BufferAccessStrategy strategy) {
    RecordVacuum v = {index, meta_reorder_geometry(meta), callback, callback_state, strategy, NULL};
    v.dead = static_cast<bool*>(palloc0(v.geometry.capacity));
    for (BlockNumber at = 0; at < meta->records_blocks; at += v.geometry.pages) {
        vacuum_delay();
        vacuum_extent(&v, meta->records_start + at);
    }
    for (BlockNumber block = meta->postings_start; block < blocks; block++) {
        if (!(added[block >> 3] & (1 << (block & 7)))) continue;
        vacuum_delay();
        vacuum_extent(&v, block);
    }
    pfree(v.dead);
    VQ_FAULT("vacuum_records.map_vacuum");
    IndexFreeSpaceMapVacuum(index);
}

}  // namespace vectorq
