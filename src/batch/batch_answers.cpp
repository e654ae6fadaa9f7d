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

static void emit_row(Batch* b, int64 number, uint64 tid, double distance) {
    ItemPointerData row;
    unpack_tid(tid, &row);
    b->form.emit(b->form.arg, number, &row, distance);
}

// ---- a scan of its own

// In the batch's context.
struct SingleScan {
    IndexScanDesc scan;
    // What the indexed value of a row is made with.
    TupleTableSlot* slot;
    IndexInfo* info;
    EState* estate;
    float* row;
};

static SingleScan* begin_single(Batch* b) {
    if (b->single != NULL) return b->single;
    MemoryContext before = MemoryContextSwitchTo(b->context);
    SingleScan* single = static_cast<SingleScan*>(palloc(sizeof(SingleScan)));
    single->scan = begin_index_scan(b->form.heap, b->form.index, b->form.snapshot, 0, 1);
    single->slot = table_slot_create(b->form.heap, NULL);
    single->info = BuildIndexInfo(b->form.index);
    single->estate = CreateExecutorState();
    single->row = static_cast<float*>(palloc(sizeof(float) * b->cache->meta.dims));
    MemoryContextSwitchTo(before);
    return b->single = single;
}

void end_single(Batch* b) {
    if (b->single == NULL) return;
    ExecDropSingleTupleTableSlot(b->single->slot);
    FreeExecutorState(b->single->estate);
    index_endscan(b->single->scan);
}

// The distance of the row in the slot; NaN if the index does not keep such a row.
static double distance_of_slot(Batch* b, SingleScan* single, const float* query) {
    const OpclassInfo* opclass = b->state->search.opclass;
    const uint32 dims = b->cache->meta.dims;
    Datum values[INDEX_MAX_KEYS];
    bool isnull[INDEX_MAX_KEYS];
    ExprContext* econtext = GetPerTupleExprContext(single->estate);
    ResetExprContext(econtext);
    econtext->ecxt_scantuple = single->slot;
    FormIndexDatum(single->info, single->slot, single->estate, values, isnull);
    if (isnull[0]) return get_float8_nan();
    MemoryContext before = MemoryContextSwitchTo(econtext->ecxt_per_tuple_memory);
    const bool kept = load_vector(opclass, values[0], static_cast<int>(dims), single->row);
    MemoryContextSwitchTo(before);
    if (!kept) return get_float8_nan();
    return OperatorDistance(opclass->metric, MetricDistance(opclass->metric, query, single->row, dims));
}

// vector: of the query; NULL if it has no distance to anything.
static void answer_alone(Batch* b, int64 number, Datum query, const float* vector) {
    SingleScan* single = begin_single(b);
    ScanKeyData order = {};
    order.sk_flags = SK_ORDER_BY;
    order.sk_attno = 1;
    order.sk_strategy = 1;
    order.sk_argument = query;
    index_rescan(single->scan, NULL, 0, &order, 1);
    for (int i = 0; i < b->form.k && index_getnext_slot(single->scan, ForwardScanDirection, single->slot); i++) {
        CHECK_FOR_INTERRUPTS();
        const double distance = vector == NULL ? get_float8_nan() : distance_of_slot(b, single, vector);
        b->form.emit(b->form.arg, number, &single->slot->tts_tid, distance);
    }
    ExecClearTuple(single->slot);
    b->alone++;
}

void answer_block(Batch* b) {
    const Size dims = b->cache->meta.dims;
    for (Size i = 0; i < b->block_fill; i++) {
        CHECK_FOR_INTERRUPTS();
        answer_alone(b, b->block_numbers[i], b->block_values[i],
                     b->block_usable[i] ? b->objects->block.data() + i * dims : NULL);
    }
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
static uint64* visible_versions(Batch* b, Round* r) {
    BatchOrder* order = r->objects->order.get();
    const Size keep = b->rules.keep;
    uint64* versions =
        static_cast<uint64*>(MemoryContextAllocExtended(r->context, sizeof(uint64) * keep * r->fill, MCXT_ALLOC_HUGE));
    Sighting* rows = static_cast<Sighting*>(
        MemoryContextAllocExtended(r->context, sizeof(Sighting) * keep * r->fill, MCXT_ALLOC_HUGE));
    Size n = 0;
    for (Size q = 0; q < r->fill; q++) {
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
static bool may_have_more(const Batch* b, const Round* r, Size q) {
    return r->query[q].lists < b->cache->compact.entries || !r->objects->order->exhausted(q);
}

void answer_round(Batch* b, Round* r) {
    BatchOrder* order = r->objects->order.get();
    const Metric metric = b->state->search.opclass->metric;
    const Size k = static_cast<Size>(b->form.k), keep = b->rules.keep;
    const uint64* versions = b->state->reading.from == Reorder::kHeap ? NULL : visible_versions(b, r);
    for (Size q = 0; q < r->fill; q++) {
        size_t count;
        const Candidate* rows = order->rows(q, &count);
        Size visible = 0;
        for (size_t i = 0; i < count; i++) visible += versions == NULL || versions[q * keep + i] != 0;
        const RoundQuery* query = &r->query[q];
        if (query->lists == 0 || order->starved(q) || (visible < k && may_have_more(b, r, q))) {
            const float* vector = r->objects->queries.data() + q * b->cache->meta.dims;
            answer_alone(b, query->number, query->value, query->lists == 0 ? NULL : vector);
            continue;
        }
        for (size_t i = 0, emitted = 0; i < count && emitted < k; i++) {
            const uint64 tid = versions == NULL ? rows[i].tid : versions[q * keep + i];
            if (tid == 0) continue;
            emit_row(b, query->number, tid, OperatorDistance(metric, rows[i].distance));
            emitted++;
            b->returned++;
        }
        if ((q & 63) == 63) CHECK_FOR_INTERRUPTS();
    }
}

}  // namespace vectorq
