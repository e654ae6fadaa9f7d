// See check_records.h.
#include "inspect/check_records.h"

#include "pg/entry.h"

extern "C" {
#include "catalog/pg_operator.h"
}

namespace vectorq {

static int64 pack_item(const ItemPointerData* item) {
    return static_cast<int64>(ItemPointerGetBlockNumberNoCheck(item)) << 16 | ItemPointerGetOffsetNumberNoCheck(item);
}

void record_check_begin(RecordCheck* c) {
    c->geometry = meta_reorder_geometry(c->meta);
    TupleDesc desc = CreateTemplateTupleDesc(2);
    TupleDescInitEntry(desc, 1, "pointer", INT8OID, -1, 0);
    TupleDescInitEntry(desc, 2, "tid", INT8OID, -1, 0);
    c->slot = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
    AttrNumber attributes[2] = {1, 2};
    Oid less[2] = {Int8LessOperator, Int8LessOperator}, collations[2] = {InvalidOid, InvalidOid};
    bool nulls_first[2] = {false, false};
    c->pointers = tuplesort_begin_heap(desc, 2, attributes, less, collations, nulls_first, maintenance_work_mem / 2,
                                       NULL, kSortOnce);
}

void record_check_entry(RecordCheck* c, const ItemPointerData* tid, const ItemPointerData* pointer) {
    ExecClearTuple(c->slot);
    c->slot->tts_values[0] = Int64GetDatum(pack_item(pointer));
    c->slot->tts_values[1] = Int64GetDatum(pack_item(tid));
    c->slot->tts_isnull[0] = c->slot->tts_isnull[1] = false;
    ExecStoreVirtualTuple(c->slot);
    tuplesort_puttupleslot(c->pointers, c->slot);
}

static void copy_page(const RecordCheck* c, BlockNumber block, Page copy) {
    Buffer buffer = ReadBuffer(c->index, block);
    LockBuffer(buffer, BUFFER_LOCK_SHARE);
    memcpy(copy, BufferGetPage(buffer), BLCKSZ);
    UnlockReleaseBuffer(buffer);
}

void record_check_extent(RecordCheck* c, BlockNumber extent) {
    const ReorderGeometry* g = &c->geometry;
    PGAlignedBlock copy;
    copy_page(c, extent, copy.data);
    const char* problem = extent_problem(g, copy.data);
    if (problem != NULL) {
        c->found(c->checker, extent, problem);
        return;
    }
    const ReorderHeader header = *extent_header(copy.data);
    uint32 free = 0;
    // A crash may leave the count of an extent of several pages too small or too large, which inserts and vacuum bear.
    for (uint32 slot = 0; g->pages == 1 && slot < header.count; slot++)
        free += !ItemPointerIsValid(record_tid(g, copy.data, slot));
    if (g->pages == 1 && free != header.free)
        c->found(c->checker, extent, psprintf("%u free records, header says %u", free, header.free));
    for (uint32 part = 1; part < g->pages; part++) {
        if (extent + part >= c->blocks) {
            c->found(c->checker, extent, "extent of records goes on outside the index");
            return;
        }
        copy_page(c, extent + part, copy.data);
        problem = page_problem(copy.data, PageKind::kReorder, 0, static_cast<uint16>(part));
        if (problem != NULL) c->found(c->checker, extent + part, problem);
    }
}

namespace {
// Pages at hand while pointers are followed in the order of the file.
struct Follower {
    RecordCheck* check;
    PGAlignedBlock head, part;
    BlockNumber head_block, part_block;
    const char* head_problem;
};
}  // namespace

// What is wrong with a pointer to the record of this row; NULL if nothing.
static const char* pointer_problem(Follower* f, BlockNumber extent, uint32 slot, int64 tid) {
    RecordCheck* c = f->check;
    const ReorderGeometry* g = &c->geometry;
    if (extent < 1 || static_cast<uint64>(extent) + g->pages > c->blocks) return "its record lies outside the index";
    if (f->head_block != extent) {
        copy_page(c, extent, f->head.data);
        f->head_block = extent;
        f->head_problem = extent_problem(g, f->head.data);
    }
    if (f->head_problem != NULL) return f->head_problem;
    if (slot >= extent_header(f->head.data)->count) return "no record there";
    const uint32 part = RecordPart(*g, slot);
    if (f->part_block != extent + part) {
        copy_page(c, extent + part, f->part.data);
        f->part_block = extent + part;
    }
    return pack_item(record_tid(g, f->part.data, slot)) == tid ? NULL : "the record there is another row's";
}

static void check_rows_of_records(RecordCheck* c, Tuplesortstate* tids) {
    tuplesort_performsort(tids);
    Datum value;
    bool isnull;
    int64 last = -1;
    while (next_sorted_datum(tids, &value, &isnull)) {
        const int64 tid = DatumGetInt64(value);
        if (tid == last)
            c->found(c->checker, 0,
                     psprintf("row (%u,%u) has two records", static_cast<uint32>(tid >> 16),
                              static_cast<uint32>(tid & 0xFFFF)));
        last = tid;
    }
    tuplesort_end(tids);
}

void record_check_end(RecordCheck* c) {
    Follower* f = static_cast<Follower*>(palloc0(sizeof(Follower)));
    f->check = c;
    f->head_block = f->part_block = InvalidBlockNumber;
    Tuplesortstate* tids =
        tuplesort_begin_datum(INT8OID, Int8LessOperator, InvalidOid, false, maintenance_work_mem / 2, NULL, kSortOnce);
    TupleTableSlot* slot = MakeSingleTupleTableSlot(c->slot->tts_tupleDescriptor, &TTSOpsMinimalTuple);
    int64 last = -1, last_tid = -1;
    tuplesort_performsort(c->pointers);
    while (tuplesort_gettupleslot(c->pointers, true, false, slot, NULL)) {
        CHECK_FOR_INTERRUPTS();
        slot_getallattrs(slot);
        const int64 pointer = DatumGetInt64(slot->tts_values[0]), tid = DatumGetInt64(slot->tts_values[1]);
        if (pointer == last && tid == last_tid) continue;  // the row's replica
        last = pointer;
        last_tid = tid;
        const BlockNumber extent = static_cast<BlockNumber>(pointer >> 16);
        const char* problem = pointer_problem(f, extent, static_cast<uint32>(pointer & 0xFFFF), tid);
        if (problem != NULL)
            c->found(c->checker, extent,
                     psprintf("row (%u,%u): %s", static_cast<uint32>(tid >> 16), static_cast<uint32>(tid & 0xFFFF),
                              problem));
        else tuplesort_putdatum(tids, Int64GetDatum(tid), false);
    }
    tuplesort_end(c->pointers);
    ExecDropSingleTupleTableSlot(slot);
    check_rows_of_records(c, tids);
    pfree(f);
}

}  // namespace vectorq
