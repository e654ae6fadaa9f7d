// See reorder.h. A row of the heap that the snapshot does not see is dropped here, before the executor would.
#include "scan/reorder.h"

#include <algorithm>
#include <cmath>

#include "scan/heap_reader.h"
#include "scan/reorder_records.h"
#include "core/simd/distance.h"
#include "core/simd/metric_distance.h"
#include "core/transform/transform_spec.h"
#include "pg/entry.h"
#include "pg/memory.h"

namespace vectorq {

// Collected by calibrated settings, as a multiple of the rows that the calibration's queries needed: others may need
// more.
static constexpr size_t kSpare = 4, kMostSpare = 16384;

// Rows in order for each row asked for. The coarser the code, the farther down the true neighbours lie.
// Seen on a million SIFT rows for recall@10 within 0.005 of all rows reordered.
static Size rows_per_answer(const IndexCache* cache) {
    const double bits = 8.0 * cache->geometry.code_bytes / cache->meta.dims;
    return bits >= 8 ? 2 : bits >= 4 ? 4 : bits >= 2 ? 8 : bits >= 1 ? 20 : 40;
}

Size rows_to_collect(const ScanState* state) {
    const bool spare = state->choice.target > 0 && reorders_by_need(state) &&
                       settings.iterative_scan != static_cast<int>(IterativeScan::kStrict);
    const Size rows = state->choice.reorder_rows;
    if (rows > 0) return spare ? std::max(rows, std::min(rows * kSpare, kMostSpare)) : rows;
    return 16 + state->asked * rows_per_answer(state->cache);
}

bool reorders_by_need(const ScanState* state) {
    const TransformKind transform = static_cast<TransformKind>(state->cache->meta.transform);
    return settings.reorder_rows == 0 && !Whitens(transform);
}

// Rows between two looks at whether they are enough.
static constexpr size_t kStep = 16;
// Rows that may be expected beyond where reordering stops, as a part of what the target lets a scan miss: up to as many
// rows as the calibration took, and beyond. Until these were bounds on all rows left together, reordering stopped where
// the next row's code lay 2.5 deviations of the errors off: recall@1 of 0.77 at a target of 0.99 in clusters so narrow
// that codes hardly tell rows apart, now 0.99. docs/measurements/reordering.md has the figures.
static constexpr double kMissedPart = 0.2;
static constexpr double kMissedPartBeyond = 8;

// The metric's order, not its value: squared L2, negative product with the normalised query for cosine.
static float exact_distance(const ScanState* state, const VectorView* view, float* row) {
    const size_t dims = state->cache->meta.dims;
    const float* x = static_cast<const float*>(view->data);
    const MetricTraits& metric = TraitsOf(state->opclass->metric);
    if (TraitsOf(state->opclass->element).code != CodeKind::kF32) {
        vector_view_to_f32(*view, state->opclass->element, row);
        x = row;
    }
    if (!metric.normalised) return MetricDistance(metric.number, state->query, x, dims);
    float dot, query_norm, sq_norm;
    CosinePartsF32(state->query, x, dims, &dot, &query_norm, &sq_norm);
    return -dot / std::sqrt(sq_norm);
}

namespace {
struct HeapBatch {
    ScanState* state;
    Candidate* candidates;
};
}  // namespace

// Results never overtake the candidates that they replace.
static void keep_row(void* arg, size_t i, const VectorView* view) {
    const HeapBatch* batch = static_cast<HeapBatch*>(arg);
    ScanState* state = batch->state;
    if (view->dims != static_cast<int>(state->cache->meta.dims)) return;
    float distance = exact_distance(state, view, state->row);
    if (!(distance == distance)) distance = get_float4_infinity();
    state->reorder_stop->Add(batch->candidates[i].distance, distance);
    state->results[state->count++] = {distance, 0, state->result_tids[i]};
}

void reorder_from_heap(IndexScanDesc scan, ScanState* state, size_t n) {
    if (state->row == NULL)
        state->row = static_cast<float*>(MemoryContextAlloc(state->context, sizeof(float) * state->cache->meta.dims));
    HeapBatch batch = {state, state->results + state->count};
    // Where blocks are missing, in the order of the table.
    if (state->cache->heap_cold)
        std::sort(batch.candidates, batch.candidates + n,
                  [](const Candidate& a, const Candidate& b) { return a.tid < b.tid; });
    for (size_t i = 0; i < n; i++) state->result_tids[i] = batch.candidates[i].tid;
    read_heap_vectors(scan, state, state->result_tids, n, keep_row, &batch);
}

void reserve_results(ScanState* state, size_t size) {
    if (state->results_size >= size) return;
    state->results = enlarge(state->context, state->results, size);
    state->result_tids = enlarge(state->context, state->result_tids, size);
    state->results_size = size;
}

// Candidates a step. Where pages are missing, as many as the disk is asked for at once: waiting costs more than rows
// too many.
static size_t reorder_step(IndexScanDesc scan, const ScanState* state) {
    const bool copies = IsCopy(state->reorder);
    const size_t step = std::max<size_t>(kStep, state->asked / 4);
    if (!(copies ? state->cache->records_cold : state->cache->heap_cold)) return step;
    Relation relation = copies ? scan->indexRelation : scan->heapRelation;
    return std::max(step, static_cast<size_t>(get_tablespace_io_concurrency(relation->rd_rel->reltablespace)));
}

static bool may_stop(ScanState* state, size_t end) {
    const float next_code = state->collector->Take(state->reordered).distance;
    const double may_miss = 1 - settings.target_recall;
    const size_t usual = std::min(state->calibrated, end);
    if (state->reordered < usual)
        return state->reorder_stop->Enough(next_code, usual - state->reordered, kMissedPart * may_miss);
    return state->reorder_stop->Enough(next_code, end - state->reordered, kMissedPartBeyond * may_miss);
}

void reorder_rows(IndexScanDesc scan, ScanState* state, size_t end, bool by_need) {
    state->next = state->count = 0;
    reserve_results(state, state->collected);
    if (by_need) core_call([&] { state->reorder_stop->Reset(state->asked); });
    const size_t step = by_need ? reorder_step(scan, state) : end;
    while (state->reordered < end) {
        const size_t n = std::min(step, end - state->reordered);
        for (size_t i = 0; i < n; i++) state->results[state->count + i] = state->collector->Take(state->reordered + i);
        if (IsCopy(state->reorder)) reorder_from_copies(scan->indexRelation, state, n);
        else reorder_from_heap(scan, state, n);
        state->reordered += n;
        state->stats.rows_reordered += n;
        if (by_need && state->reordered < end && may_stop(state, end)) break;
    }
    std::sort(state->results, state->results + state->count, NearerFirst());
}

}  // namespace vectorq
