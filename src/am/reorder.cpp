// See reorder.h. A row that the snapshot does not see is dropped here, before the executor would.
#include "am/reorder.h"

#include <algorithm>
#include <cmath>

#include "am/heap_reader.h"
#include "core/simd/distance.h"
#include "pg/entry.h"

namespace vectorq {

// Rows in order for each row asked for. The coarser the code, the farther down the true neighbours lie.
// Seen on a million SIFT rows for recall@10 within 0.005 of all rows reordered.
static Size rows_per_answer(const IndexCache* cache) {
    const double bits = 8.0 * cache->geometry.code_bytes / cache->meta.dims;
    return bits >= 8 ? 2 : bits >= 4 ? 4 : bits >= 2 ? 8 : bits >= 1 ? 20 : 40;
}

Size reorder_batch(const IndexCache* cache, const ScanChoice* choice, Size rows) {
    if (choice->reorder_rows > 0) return choice->reorder_rows;
    return 16 + std::max<Size>(rows, kUsualRows) * rows_per_answer(cache);
}

// The metric's order, not its value: squared L2, negative product with the normalised query for cosine.
static float exact_distance(const ScanState* state, const VectorView* view, float* row) {
    const size_t dims = state->cache->meta.dims;
    const float* x = static_cast<const float*>(view->data);
    if (state->opclass->element != ElementType::kF32) {
        vector_view_to_f32(*view, state->opclass->element, row);
        x = row;
    }
    switch (state->opclass->metric) {
        case Metric::kL2: return L2SquaredF32(state->query, x, dims);
        case Metric::kL1: return L1F32(state->query, x, dims);
        case Metric::kInnerProduct: return -DotF32(state->query, x, dims);
        case Metric::kCosine: break;
    }
    float dot, query_norm, sq_norm;
    CosinePartsF32(state->query, x, dims, &dot, &query_norm, &sq_norm);
    return -dot / std::sqrt(sq_norm);
}

namespace {
struct Reordering {
    ScanState* state;
    size_t kept;
};
}  // namespace

static void keep_row(void* arg, size_t i, const VectorView* view) {
    Reordering* reordering = static_cast<Reordering*>(arg);
    ScanState* state = reordering->state;
    if (view->dims != static_cast<int>(state->cache->meta.dims)) return;
    float distance = exact_distance(state, view, state->row);
    if (!(distance == distance)) distance = get_float4_infinity();
    state->results[reordering->kept++] = {distance, 0, state->result_tids[i]};
}

void reserve_results(ScanState* state) {
    if (state->results_size >= state->count) return;
    if (state->results != NULL) {
        pfree(state->results);
        pfree(state->result_tids);
    }
    state->results = static_cast<Candidate*>(MemoryContextAllocHuge(state->context, sizeof(Candidate) * state->count));
    state->result_tids = static_cast<uint64*>(MemoryContextAllocHuge(state->context, sizeof(uint64) * state->count));
    state->results_size = state->count;
}

void reorder_from_heap(IndexScanDesc scan, ScanState* state) {
    reserve_results(state);
    if (state->row == NULL)
        state->row = static_cast<float*>(MemoryContextAlloc(state->context, sizeof(float) * state->cache->meta.dims));
    for (size_t i = 0; i < state->count; i++) state->result_tids[i] = state->collector->At(i).tid;
    Reordering reordering = {state, 0};
    read_heap_vectors(scan, state, state->result_tids, state->count, keep_row, &reordering);
    state->stats.rows_reordered += state->count;
    std::sort(state->results, state->results + reordering.kept, NearerFirst());
    state->count = reordering.kept;
}

}  // namespace vectorq
