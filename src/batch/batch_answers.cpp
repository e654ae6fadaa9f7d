// The rows of a round: those that the snapshot sees. Some queries are asked again by a scan of their own: those that
// have fewer than k rows, though there may be more; those that would have put more entries in order than they
// collected; and those that have no distance to anything (a zero vector under cosine).
#include <algorithm>

#include "batch/batch_state.h"
#include "core/simd/metric_distance.h"
#include "pg/entry.h"

extern "C" {
#include "executor/executor.h"
}

namespace vectorq {

namespace {
// A row whose visibility is looked up, in the order of the table.
struct Sighting {
    uint64 tid;        // of the index's entry; afterwards that of the visible version, 0 if there is none
    uint32 query, at;  // at: which of the query's rows
};
}  // namespace

static void emit_row(Batch* b, Size q, uint64 tid, double distance) {
    ItemPointerData row;
    unpack_tid(tid, &row);
    b->form.emit(b->form.arg, b->round[q].number, &row, distance);
}

// ---- a scan of its own

static void begin_single(Batch* b) {
    if (b->single != NULL) return;
    MemoryContext before = MemoryContextSwitchTo(b->context);
    b->single = begin_index_scan(b->form.heap, b->form.index, b->form.snapshot, 0, 1);
    MemoryContextSwitchTo(before);
}

namespace {
// What the indexed value of a row is made with.
struct RowValue {
    TupleTableSlot* slot;
    IndexInfo* info;
    EState* estate;
    float* row;
};
}  // namespace

// The distance of the row in the slot; NaN if the index does not keep such a row, or the query has none to anything.
static double distance_of_slot(Batch* b, Size q, RowValue* value) {
    const OpclassInfo* opclass = b->state->search.opclass;
    const uint32 dims = b->cache->meta.dims;
    Datum values[INDEX_MAX_KEYS];
    bool isnull[INDEX_MAX_KEYS];
    ExprContext* econtext = GetPerTupleExprContext(value->estate);
    ResetExprContext(econtext);
    econtext->ecxt_scantuple = value->slot;
    FormIndexDatum(value->info, value->slot, value->estate, values, isnull);
    if (isnull[0] || b->round[q].lists == 0) return get_float8_nan();
    MemoryContext before = MemoryContextSwitchTo(econtext->ecxt_per_tuple_memory);
    const bool kept = load_vector(opclass, values[0], static_cast<int>(dims), value->row);
    MemoryContextSwitchTo(before);
    if (!kept) return get_float8_nan();
    const float* query = b->objects->queries.data() + q * dims;
    return OperatorDistance(opclass->metric, MetricDistance(opclass->metric, query, value->row, dims));
}

static void answer_alone(Batch* b, Size q) {
    begin_single(b);
    RowValue value;
    value.slot = table_slot_create(b->form.heap, NULL);
    value.info = BuildIndexInfo(b->form.index);
    value.estate = CreateExecutorState();
    value.row = static_cast<float*>(palloc(sizeof(float) * b->cache->meta.dims));
    ScanKeyData order = {};
    order.sk_flags = SK_ORDER_BY;
    order.sk_attno = 1;
    order.sk_strategy = 1;
    order.sk_argument = b->round[q].value;
    index_rescan(b->single, NULL, 0, &order, 1);
    for (int i = 0; i < b->form.k && index_getnext_slot(b->single, ForwardScanDirection, value.slot); i++) {
        CHECK_FOR_INTERRUPTS();
        const double distance = distance_of_slot(b, q, &value);
        b->form.emit(b->form.arg, b->round[q].number, &value.slot->tts_tid, distance);
    }
    ExecDropSingleTupleTableSlot(value.slot);
    FreeExecutorState(value.estate);
    pfree(value.row);
}

// ---- what is visible

// Sets the tids of sightings, which are in their order, to those of visible versions.
static void look_at_rows(Batch* b, Sighting* rows, Size n) {
    TupleTableSlot* slot = table_slot_create(b->form.heap, NULL);
    IndexFetchTableData* fetch = table_index_fetch_begin(b->form.heap);
    for (Size i = 0, looked = 0; i < n; looked++) {
        if ((looked & 255) == 255) CHECK_FOR_INTERRUPTS();
        const uint64 entry = rows[i].tid;
        bool call_again = false, all_dead = false;
        ItemPointerData pointer;
        check_heap_block(b->reader, b->state, entry);
        unpack_tid(entry, &pointer);
        const bool seen = table_index_fetch_tuple(fetch, &pointer, b->form.snapshot, slot, &call_again, &all_dead);
        const uint64 version = seen ? pack_tid(&slot->tts_tid) : 0;
        // Of several queries.
        for (; i < n && rows[i].tid >> 16 == entry >> 16; i++) rows[i].tid = version;
        ExecClearTuple(slot);
    }
    table_index_fetch_end(fetch);
    ExecDropSingleTupleTableSlot(slot);
}

// Sets the tids of rows that were not read from the table to those of visible versions, 0 where there is none.
static uint64* visible_versions(Batch* b) {
    BatchOrder* order = b->objects->order;
    const Size keep = b->rules.keep;
    uint64* versions = static_cast<uint64*>(
        MemoryContextAllocExtended(b->round_context, sizeof(uint64) * keep * b->round_fill, MCXT_ALLOC_HUGE));
    Sighting* rows = static_cast<Sighting*>(
        MemoryContextAllocExtended(b->round_context, sizeof(Sighting) * keep * b->round_fill, MCXT_ALLOC_HUGE));
    Size n = 0;
    for (Size q = 0; q < b->round_fill; q++) {
        size_t count;
        const Candidate* kept = order->rows(q, &count);
        for (size_t i = 0; i < count; i++) rows[n++] = {kept[i].tid, static_cast<uint32>(q), static_cast<uint32>(i)};
    }
    std::sort(rows, rows + n, [](const Sighting& a, const Sighting& c) { return a.tid < c.tid; });
    look_at_rows(b, rows, n);
    for (Size i = 0; i < n; i++) versions[rows[i].query * keep + rows[i].at] = rows[i].tid;
    return versions;
}

// Whether there may be further rows than those that were found.
static bool may_have_more(const Batch* b, Size q) {
    return b->round[q].lists < b->cache->compact.entries || !b->objects->order->exhausted(q);
}

void answer_round(Batch* b) {
    BatchOrder* order = b->objects->order;
    const Metric metric = b->state->search.opclass->metric;
    const Size k = static_cast<Size>(b->form.k), keep = b->rules.keep;
    const uint64* versions = b->state->reading.from == Reorder::kHeap ? NULL : visible_versions(b);
    for (Size q = 0; q < b->round_fill; q++) {
        size_t count;
        const Candidate* rows = order->rows(q, &count);
        Size visible = 0;
        for (size_t i = 0; i < count; i++) visible += versions == NULL || versions[q * keep + i] != 0;
        if (b->round[q].lists == 0 || order->starved(q) || (visible < k && may_have_more(b, q))) {
            answer_alone(b, q);
            b->alone++;
            continue;
        }
        for (size_t i = 0, emitted = 0; i < count && emitted < k; i++) {
            const uint64 tid = versions == NULL ? rows[i].tid : versions[q * keep + i];
            if (tid == 0) continue;
            emit_row(b, q, tid, OperatorDistance(metric, rows[i].distance));
            emitted++;
            b->returned++;
        }
        if ((q & 63) == 63) CHECK_FOR_INTERRUPTS();
    }
}

}  // namespace vectorq
