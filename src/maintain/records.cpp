// See maintain/records.h.
#include "maintain/records.h"

#include "pg/entry.h"
#include "pg/fault.h"

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
    VQ_FAULT("vacuum_records.read");
    Buffer head = ReadBufferExtended(v->index, MAIN_FORKNUM, extent, RBM_NORMAL, v->strategy);
    VQ_FAULT("vacuum_records.lock");
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
            VQ_FAULT("vacuum_records.part_start");
            GenericXLogState* xlog = GenericXLogStart(v->index);
            VQ_FAULT("vacuum_records.part_register");
            free_records(v, GenericXLogRegisterBuffer(xlog, buffer, 0), count, part);
            VQ_FAULT("vacuum_records.part_finish");
            GenericXLogFinish(xlog);
            VQ_FAULT("vacuum_records.part_release");
        }
        UnlockReleaseBuffer(buffer);
    }
    if (find_dead_records(v, BufferGetPage(head), count, 0, &free) ||
        free != extent_header(BufferGetPage(head))->free) {
        VQ_FAULT("vacuum_records.start");
        GenericXLogState* xlog = GenericXLogStart(v->index);
        VQ_FAULT("vacuum_records.register");
        Page page = GenericXLogRegisterBuffer(xlog, head, 0);
        free_records(v, page, count, 0);
        extent_header(page)->free = static_cast<uint16>(free);
        VQ_FAULT("vacuum_records.finish");
        GenericXLogFinish(xlog);
        VQ_FAULT("vacuum_records.release");
    }
    UnlockReleaseBuffer(head);
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
