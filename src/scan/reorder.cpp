// See reorder.h. A row of the heap that the snapshot does not see is dropped here, before the executor would.
#include "scan/reorder.h"

#include <algorithm>

#include "scan/heap_reader.h"
#include "scan/reorder_records.h"
#include "core/simd/metric_distance.h"
#include "core/transform/transform_spec.h"
#include "pg/entry.h"
#include "pg/memory.h"

namespace vectorq {

// Rows in order for each row asked for. The coarser the code, the farther down the true neighbours lie.
// Seen on a million SIFT rows for recall@10 within 0.005 of all rows reordered.
Size rows_per_answer(const IndexCache* cache) {
    const double bits = 8.0 * cache->geometry.code_bytes / cache->meta.dims;
    return bits >= 8 ? 2 : bits >= 4 ? 4 : bits >= 2 ? 8 : bits >= 1 ? 20 : 40;
}

bool reorders_by_need(const Settings* session, const IndexCache* cache) {
    return session->reorder_rows == 0 && !Whitens(static_cast<TransformKind>(cache->meta.transform));
}

// The metric's order, not its value: squared L2, negative product with the normalised query for cosine.
static float exact_distance(const ListSearch* search, const VectorView* view, float* row) {
    const size_t dims = search->cache->meta.dims;
    const float* x = static_cast<const float*>(view->data);
    if (TraitsOf(search->opclass->element).code != CodeKind::kF32) {
        vector_view_to_f32(*view, search->opclass->element, row);
        x = row;
    }
    return ExactDistance(search->opclass->metric, search->query, x, dims);
}

namespace {
struct HeapBatch {
    ScanState* state;
    const Candidate* rows;
};
}  // namespace

static void keep_row(void* arg, size_t i, const VectorView* view) {
    const HeapBatch* batch = static_cast<HeapBatch*>(arg);
    ScanState* state = batch->state;
    if (view->dims != static_cast<int>(state->search.cache->meta.dims)) return;
    float distance = exact_distance(&state->search, view, state->reading.row);
    if (!(distance == distance)) distance = get_float4_infinity();
    state->rounds->Keep(batch->rows[i], distance);
}

static void prepare_reading(ScanState* state, Size n) {
    RowReading* reading = &state->reading;
    if (reading->row == NULL)
        reading->row =
            static_cast<float*>(MemoryContextAlloc(state->context, sizeof(float) * state->search.cache->meta.dims));
    if (reading->tids_size >= n) return;
    reading->tids = enlarge(state->context, reading->tids, n);
    reading->tids_size = n;
}

void reorder_from_heap(IndexScanDesc scan, ScanState* state, Candidate* rows, Size n) {
    prepare_reading(state, n);
    HeapBatch batch = {state, rows};
    // Where blocks are missing, in the order of the table.
    if (state->search.cache->heap_cold)
        std::sort(rows, rows + n, [](const Candidate& a, const Candidate& b) { return a.tid < b.tid; });
    for (Size i = 0; i < n; i++) state->reading.tids[i] = rows[i].tid;
    read_heap_vectors(scan, state, state->reading.tids, n, keep_row, &batch);
}

// Where pages are missing, as many candidates as the disk is asked for at once: waiting costs more than rows too many.
static Size candidates_at_once(IndexScanDesc scan, const ScanState* state, Size wished) {
    const IndexCache* cache = state->search.cache;
    const bool records = KeepsRecords(state->reading.from);
    if (!(records ? cache->records_cold : cache->heap_cold)) return wished;
    Relation relation = records ? scan->indexRelation : scan->heapRelation;
    return std::max(wished, static_cast<Size>(get_tablespace_io_concurrency(relation->rd_rel->reltablespace)));
}

void put_in_order(IndexScanDesc scan, ScanState* state, Size wished, Size most) {
    const Size n = std::min(candidates_at_once(scan, state, wished), most);
    Candidate* rows = state->rounds->Lend(n);
    if (KeepsRecords(state->reading.from)) reorder_from_records(scan->indexRelation, state, rows, n);
    else reorder_from_heap(scan, state, rows, n);
    state->rounds->Ordered(n);
}

}  // namespace vectorq
