// vectorq_recall(index, queries, k): the recall of the session's present settings, measured against an
// exact scan of the table in the same snapshot. One pass over the table answers all queries.
//
// A row counts as found if it is not farther than the exact k-th neighbour, so ties do not matter. With a radius in k's
// place all rows within are asked for.
#include <algorithm>

#include "core/simd/metric_distance.h"
#include <cmath>

#include "am/column.h"
#include "store/index_cache.h"
#include "am/opclass.h"
#include "inspect/open.h"
#include "inspect/query_array.h"
#include "scan/scan_bound.h"
#include "types/sphere.h"
#include "pg/entry.h"

namespace vectorq {

namespace {
struct Recall {
    OpenedIndex opened;
    const OpclassInfo* opclass;
    int dims, k, queries;
    bool by_radius;  // then k is 1, and of no matter
    float radius;
    double limit;  // it in the order of the metric
    Datum* query_values;
    float* query_rows;  // (queries, dims)
    bool* usable;       // false: zero vector under cosine, no distance to anything
    float* best;        // (queries, k): the k smallest distances so far, a max-heap each
    int* found;         // how many of them; by radius: rows within
    IndexInfo* info;
    EState* estate;
    ExprState* predicate;
    float* row;
};
}  // namespace

static float distance(const Recall* r, const float* query, const float* row) {
    return MetricDistance(r->opclass->metric, query, row, static_cast<size_t>(r->dims));
}

// The indexed value of a heap row, as f32. False if the index does not keep it.
static bool indexed_vector(Recall* r, TupleTableSlot* slot) {
    ExprContext* econtext = GetPerTupleExprContext(r->estate);
    ResetExprContext(econtext);
    econtext->ecxt_scantuple = slot;
    if (r->predicate != NULL && !ExecQual(r->predicate, econtext)) return false;
    Datum values[INDEX_MAX_KEYS];
    bool isnull[INDEX_MAX_KEYS];
    FormIndexDatum(r->info, slot, r->estate, values, isnull);
    if (isnull[0]) return false;
    MemoryContext before = MemoryContextSwitchTo(econtext->ecxt_per_tuple_memory);
    const bool kept = load_vector(r->opclass, values[0], r->dims, r->row);
    MemoryContextSwitchTo(before);
    return kept;
}

static void offer(Recall* r, int query, float d) {
    if (r->by_radius) {
        r->found[query] += d < r->limit;
        return;
    }
    float* heap = r->best + static_cast<Size>(query) * r->k;
    if (r->found[query] < r->k) {
        heap[r->found[query]++] = d;
        std::push_heap(heap, heap + r->found[query]);
    } else if (d < heap[0]) {
        std::pop_heap(heap, heap + r->k);
        heap[r->k - 1] = d;
        std::push_heap(heap, heap + r->k);
    }
}

static void exact_scan(Recall* r) {
    TupleTableSlot* slot = table_slot_create(r->opened.heap, NULL);
    TableScanDesc scan = table_beginscan(r->opened.heap, GetActiveSnapshot(), 0, NULL);
    while (table_scan_getnextslot(scan, ForwardScanDirection, slot)) {
        CHECK_FOR_INTERRUPTS();
        if (!indexed_vector(r, slot)) continue;
        for (int q = 0; q < r->queries; q++)
            if (r->usable[q]) offer(r, q, distance(r, r->query_rows + static_cast<Size>(q) * r->dims, r->row));
    }
    table_endscan(scan);
    ExecDropSingleTupleTableSlot(slot);
}

// Recall of one query through the index.
static double index_recall(Recall* r, int q, TupleTableSlot* slot) {
    // Not by ScanKeyEntryInitialize: it wants a function, and the index knows its own.
    ScanKeyData order = {};
    order.sk_flags = SK_ORDER_BY;
    order.sk_attno = 1;
    order.sk_strategy = 1;
    order.sk_argument = r->query_values[q];
    IndexScanDesc scan = begin_index_scan(r->opened.heap, r->opened.index, GetActiveSnapshot(), 0, 1);
    index_rescan(scan, NULL, 0, &order, 1);
    if (r->by_radius) set_scan_radius(scan, r->radius);
    const float* query = r->query_rows + static_cast<Size>(q) * r->dims;
    // The last bits may differ between a row in the heap and its place in the answer.
    const float farthest = r->by_radius ? 0 : r->best[static_cast<Size>(q) * r->k];
    const float limit = farthest + 1e-5f * std::fabs(farthest);
    int hits = 0;
    for (int i = 0; (r->by_radius || i < r->k) && index_getnext_slot(scan, ForwardScanDirection, slot); i++) {
        CHECK_FOR_INTERRUPTS();
        if (!indexed_vector(r, slot)) continue;
        const float d = distance(r, query, r->row);
        hits += r->by_radius ? d < r->limit : d <= limit;
    }
    index_endscan(scan);
    return static_cast<double>(std::min(hits, r->found[q])) / r->found[q];
}

static void load_queries(Recall* r, ArrayType* array) {
    const QueryArray given = open_query_array(r->opened.index, array);
    r->queries = given.count;
    r->query_values = given.values;
    if (r->queries == 0) ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("no queries given")));
    const Size queries = r->queries;
    r->query_rows = static_cast<float*>(palloc_extended(sizeof(float) * queries * r->dims, MCXT_ALLOC_HUGE));
    r->best = static_cast<float*>(palloc_extended(sizeof(float) * queries * r->k, MCXT_ALLOC_HUGE));
    r->found = static_cast<int*>(palloc0(sizeof(int) * queries));
    r->usable = static_cast<bool*>(palloc0(queries));
    for (int q = 0; q < r->queries; q++) {
        float* row = r->query_rows + static_cast<Size>(q) * r->dims;
        r->usable[q] = load_vector(r->opclass, query_value(&given, q), r->dims, row);
    }
}

static void prepare(Recall* r, ArrayType* array) {
    r->opclass = opclass_of_index(r->opened.index);
    r->dims = vector_column_dims(r->opened.index);
    r->row = static_cast<float*>(palloc(sizeof(float) * r->dims));
    r->info = BuildIndexInfo(r->opened.index);
    r->estate = CreateExecutorState();
    r->predicate = r->info->ii_Predicate == NIL ? NULL : ExecPrepareQual(r->info->ii_Predicate, r->estate);
    load_queries(r, array);
}

// Of what the caller has set in *r: k, or a radius.
static Datum measure(FunctionCallInfo fcinfo, Recall* r) {
    TupleDesc desc;
    if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE) elog(ERROR, "return type must be a row type");
    r->opened = open_index(PG_GETARG_OID(0), AccessShareLock, true);
    prepare(r, PG_GETARG_ARRAYTYPE_P(1));
    if (r->by_radius) {
        check_radius(r->opclass->metric, r->radius);
        r->limit = radius_in_order(r->opclass->metric, r->radius);
    }
    exact_scan(r);
    TupleTableSlot* slot = table_slot_create(r->opened.heap, NULL);
    double sum = 0, squares = 0;
    int measured = 0;
    for (int q = 0; q < r->queries; q++) {
        if (!r->usable[q] || r->found[q] == 0) continue;
        const double recall = index_recall(r, q, slot);
        sum += recall;
        squares += recall * recall;
        measured++;
    }
    ExecDropSingleTupleTableSlot(slot);
    FreeExecutorState(r->estate);
    close_index(&r->opened, AccessShareLock);
    Datum values[4] = {};
    bool nulls[4] = {measured == 0, measured < 2, measured < 2, false};
    const double mean = measured > 0 ? sum / measured : 0;
    if (measured > 1) {
        // Normal approximation over queries, 95 %.
        const double variance = std::max(0.0, (squares - measured * mean * mean) / (measured - 1));
        const double half = 1.96 * std::sqrt(variance / measured);
        values[1] = Float8GetDatum(std::max(0.0, mean - half));
        values[2] = Float8GetDatum(std::min(1.0, mean + half));
    }
    values[0] = Float8GetDatum(mean);
    values[3] = Int32GetDatum(measured);
    PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

}  // namespace vectorq

using namespace vectorq;

VQ_FUNCTION(vectorq_recall) {
    Recall r;
    memset(&r, 0, sizeof(r));
    r.k = PG_GETARG_INT32(2);
    if (r.k < 1 || r.k > 100000)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("k must be between 1 and 100000")));
    return measure(fcinfo, &r);
}

VQ_FUNCTION(vectorq_recall_within) {
    Recall r;
    memset(&r, 0, sizeof(r));
    r.k = 1;
    r.by_radius = true;
    r.radius = PG_GETARG_FLOAT4(2);
    return measure(fcinfo, &r);
}
