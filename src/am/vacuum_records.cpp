// See vacuum_records.h.
#include "am/vacuum_records.h"

#include "pg/entry.h"

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
    uint32 slot;
    const uint32 end = slots_of_part(&v->geometry, count, part, &slot);
    for (; slot < end; slot++) {
        ItemPointer tid = record_tid(&v->geometry, page, slot);
        v->dead[slot] = ItemPointerIsValid(tid) && v->callback(tid, v->callback_state);
        *free += v->dead[slot] || !ItemPointerIsValid(tid);
        any |= v->dead[slot];
    }
    return any;
}

static void free_records(RecordVacuum* v, Page page, uint32 count, uint32 part) {
    uint32 slot;
    const uint32 end = slots_of_part(&v->geometry, count, part, &slot);
    for (; slot < end; slot++)
        if (v->dead[slot]) ItemPointerSetInvalid(record_tid(&v->geometry, page, slot));
}

// The first page is locked throughout, so that no insert fills what is being freed; the others one at a time,
// before it: its count of free slots then says no more than is true.
static void vacuum_extent(RecordVacuum* v, BlockNumber extent) {
    const ReorderGeometry* g = &v->geometry;
    Buffer head = ReadBufferExtended(v->index, MAIN_FORKNUM, extent, RBM_NORMAL, v->strategy);
    LockBuffer(head, BUFFER_LOCK_EXCLUSIVE);
    const char* problem = extent_problem(g, BufferGetPage(head));
    if (problem != NULL) {
        UnlockReleaseBuffer(head);
        report_corruption(v->index, extent, problem);
    }
    const uint32 count = extent_header(BufferGetPage(head))->count;
    uint32 free = 0;
    for (uint32 part = 1; part < g->pages; part++) {
        Buffer buffer = read_page(v->index, extent + part, PageKind::kReorder, 0, static_cast<uint16>(part),
                                  BUFFER_LOCK_EXCLUSIVE, v->strategy);
        if (find_dead_records(v, BufferGetPage(buffer), count, part, &free)) {
            GenericXLogState* xlog = GenericXLogStart(v->index);
            free_records(v, GenericXLogRegisterBuffer(xlog, buffer, 0), count, part);
            GenericXLogFinish(xlog);
        }
        UnlockReleaseBuffer(buffer);
    }
    if (find_dead_records(v, BufferGetPage(head), count, 0, &free) || free != extent_header(BufferGetPage(head))->free) {
        GenericXLogState* xlog = GenericXLogStart(v->index);
        Page page = GenericXLogRegisterBuffer(xlog, head, 0);
        free_records(v, page, count, 0);
        extent_header(page)->free = static_cast<uint16>(free);
        GenericXLogFinish(xlog);
    }
    UnlockReleaseBuffer(head);
    if (free > 0 || count < g->capacity) RecordFreeIndexPage(v->index, extent);
}

void vacuum_records(Relation index, const MetaPage* meta, const uint8* added, BlockNumber blocks,
                    IndexBulkDeleteCallback callback, void* callback_state, BufferAccessStrategy strategy) {
    RecordVacuum v = {index, meta_reorder_geometry(meta), callback, callback_state, strategy, NULL};
    v.dead = static_cast<bool*>(palloc0(v.geometry.capacity));
    for (BlockNumber at = 0; at < meta->records_blocks; at += v.geometry.pages) {
        vacuum_delay_point();
        vacuum_extent(&v, meta->records_start + at);
    }
    for (BlockNumber block = meta->postings_start; block < blocks; block++) {
        if (!(added[block >> 3] & (1 << (block & 7)))) continue;
        vacuum_delay_point();
        vacuum_extent(&v, block);
    }
    pfree(v.dead);
    IndexFreeSpaceMapVacuum(index);
}

}  // namespace vectorq
