// See maintain/table_rows.h.
#include "maintain/table_rows.h"

#include "pg/entry.h"
#include "pg/fault.h"
#include "store/row_fields.h"

extern "C" {
#include "access/heapam.h"
#include "access/sysattr.h"
}

namespace vectorq {

// Columns of the index, and those of its expressions. A reference to the whole row needs all.
static void find_needed(TableRows* r) {
    const IndexInfo* info = r->info;
    const int columns = RelationGetDescr(r->heap)->natts;
    Bitmapset* found = NULL;
    for (int i = 0; i < info->ii_NumIndexAttrs; i++)
        if (info->ii_IndexAttrNumbers[i] > 0)
            found = bms_add_member(found, info->ii_IndexAttrNumbers[i] - FirstLowInvalidHeapAttributeNumber);
    pull_varattnos(reinterpret_cast<Node*>(info->ii_Expressions), 1, &found);
    pull_varattnos(reinterpret_cast<Node*>(info->ii_Predicate), 1, &found);
    const bool all = bms_is_member(0 - FirstLowInvalidHeapAttributeNumber, found);
    r->needed = static_cast<AttrNumber*>(palloc(sizeof(AttrNumber) * columns));
    for (AttrNumber column = 1; column <= columns; column++)
        if (all || bms_is_member(column - FirstLowInvalidHeapAttributeNumber, found))
            r->needed[r->num_needed++] = column;
}

TableRows* open_table_rows(Relation heap, Relation index, const OpclassInfo* opclass, int dims,
                           BufferAccessStrategy strategy) {
    TableRows* r = static_cast<TableRows*>(palloc0(sizeof(TableRows)));
    r->heap = heap;
    r->index = index;
    r->opclass = opclass;
    r->key_columns = key_columns_of_index(index);
    r->dims = dims;
    r->strategy = heap->rd_tableam == GetHeapamTableAmRoutine() ? strategy : NULL;
    r->toast = open_toast(heap);
    InitNonVacuumableSnapshot(r->snapshot, GlobalVisTestFor(heap));
    r->info = BuildIndexInfo(index);
    r->estate = CreateExecutorState();
    r->predicate = r->info->ii_Predicate == NIL ? NULL : ExecPrepareQual(r->info->ii_Predicate, r->estate);
    find_needed(r);
    r->scanned = static_cast<float*>(palloc(sizeof(float) * dims));
    r->found = table_slot_create(heap, NULL);
    r->whole = MakeSingleTupleTableSlot(RelationGetDescr(heap), &TTSOpsVirtual);
    memset(r->whole->tts_isnull, true, RelationGetDescr(heap)->natts);
    r->fetch = table_index_fetch_begin(heap);
    return r;
}

static void unpin(TableRows* r) {
    if (BufferIsValid(r->pinned)) ReleaseBuffer(r->pinned);
    r->pinned = InvalidBuffer;
}

void close_table_rows(TableRows* r) {
    unpin(r);
    table_index_fetch_end(r->fetch);
    ExecDropSingleTupleTableSlot(r->whole);
    ExecDropSingleTupleTableSlot(r->found);
    FreeExecutorState(r->estate);
    close_toast(&r->toast);
    pfree(r->scanned);
    pfree(r->needed);
    pfree(r);
}

// What the index needs of the row in `found` goes to `whole`. False if a part of it is gone.
static bool take_columns(TableRows* r) {
    TupleDesc desc = RelationGetDescr(r->heap);
    ExecClearTuple(r->whole);
    for (int i = 0; i < r->num_needed; i++) {
        const int column = r->needed[i] - 1;
        bool isnull;
        Datum value = slot_getattr(r->found, r->needed[i], &isnull);
        r->whole->tts_isnull[column] = isnull;
        r->whole->tts_values[column] = value;
        if (isnull || TupleDescAttr(desc, column)->attlen != -1 || !VARATT_IS_EXTERNAL(DatumGetPointer(value)))
            continue;
        struct varlena* fetched;
        if (!read_external(&r->toast, reinterpret_cast<struct varlena*>(DatumGetPointer(value)), &fetched))
            return false;
        r->whole->tts_values[column] = PointerGetDatum(fetched);
    }
    ExecStoreVirtualTuple(r->whole);
    return true;
}

// False if the index has no entry for the row in `whole`. An entry says that the predicate held: it is not asked again.
static bool make_vector(TableRows* r, bool has_entry, float* vector) {
    ExprContext* econtext = GetPerTupleExprContext(r->estate);
    econtext->ecxt_scantuple = r->whole;
    if (!has_entry && r->predicate != NULL && !ExecQual(r->predicate, econtext)) return false;
    FormIndexDatum(r->info, r->whole, r->estate, r->values, r->isnull);
    return !r->isnull[0] && load_vector(r->opclass, r->values[0], r->dims, vector);
}

// Deleted by a transaction that has committed, or inserted by one that has not and will not.
static bool is_deleted(TableRows* r) {
    if (!TTS_IS_BUFFERTUPLE(r->found)) return true;
    HeapTuple tuple = ExecFetchSlotHeapTuple(r->found, false, NULL);
    const Buffer buffer = reinterpret_cast<BufferHeapTupleTableSlot*>(r->found)->buffer;
    LockBuffer(buffer, BUFFER_LOCK_SHARE);
    const HTSV_Result state = HeapTupleSatisfiesVacuum(tuple, FirstNormalTransactionId, buffer);
    LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
    return state == HEAPTUPLE_DEAD || state == HEAPTUPLE_RECENTLY_DEAD;
}

static bool read_row(TableRows* r, ItemPointer tid, bool has_entry, float* vector) {
    MemoryContext row_context = GetPerTupleMemoryContext(r->estate);
    bool call_again = false, all_dead = false, kept = false;
    ItemPointerData at = *tid;
    do {
        if (!table_index_fetch_tuple(r->fetch, &at, &r->snapshot, r->found, &call_again, &all_dead)) break;
        MemoryContextReset(row_context);
        MemoryContext before = MemoryContextSwitchTo(row_context);
        const bool whole = take_columns(r);
        if (!whole && has_entry && !is_deleted(r))
            ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
                            errmsg("row (%u,%u) of table \"%s\" lacks a part that is stored out of line",
                                   ItemPointerGetBlockNumber(tid), ItemPointerGetOffsetNumber(tid),
                                   RelationGetRelationName(r->heap))));
        kept = whole && make_vector(r, has_entry, vector);
        MemoryContextSwitchTo(before);
    } while (call_again);
    return kept;
}

// The server's fetch knows no ring of buffers: the block comes into the ring first, and is found there. It stays
// pinned, since a buffer that is pinned anew counts as one that others use, too, and leaves the ring.
static void pin_in_ring(TableRows* r, BlockNumber block) {
    if (r->strategy == NULL || (BufferIsValid(r->pinned) && BufferGetBlockNumber(r->pinned) == block)) return;
    unpin(r);
    VQ_FAULT("table_rows.block");
    r->pinned = ReadBufferExtended(r->heap, MAIN_FORKNUM, block, RBM_NORMAL, r->strategy);
}

bool read_table_row(TableRows* r, ItemPointer tid, float* vector) {
    pin_in_ring(r, ItemPointerGetBlockNumber(tid));
    return read_row(r, tid, true, vector);
}

const char* keys_of_table_row(TableRows* r) {
    if (r->key_columns->keys.count == 0) return NULL;
    MemoryContext before = MemoryContextSwitchTo(GetPerTupleMemoryContext(r->estate));
    const char* keys = packed_keys(r->key_columns, r->values, r->isnull);
    MemoryContextSwitchTo(before);
    return keys;
}

namespace {
struct RowVisit {
    TableRows* rows;
    void (*visit)(ItemPointer tid, const float* vector, void* arg);
    void* arg;
};
}  // namespace

static void visit_row(Relation, ItemPointer tid, Datum*, bool*, bool, void* arg) {
    const RowVisit* v = static_cast<RowVisit*>(arg);
    vacuum_delay();
    if (read_row(v->rows, tid, false, v->rows->scanned)) v->visit(tid, v->rows->scanned, v->arg);
}

// The server's scan for index builds finds the rows and the tids that their entries have. It is asked for no column, so
// that it evaluates nothing.
void scan_table_rows(TableRows* r, BlockNumber first, BlockNumber count,
                     void (*visit)(ItemPointer tid, const float* vector, void* arg), void* arg) {
    RowVisit v = {r, visit, arg};
    IndexInfo* no_columns = makeNode(IndexInfo);
    no_columns->ii_Concurrent = true;  // a snapshot's rows, while others write
    table_index_build_range_scan(r->heap, r->index, no_columns, false, false, false, first, count, visit_row, &v, NULL);
    pfree(no_columns);
}

}  // namespace vectorq
