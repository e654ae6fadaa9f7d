// beginscan, rescan, gettuple, endscan: which lists to search next and what to return.
//
// A scan works in rounds. A round searches a window of lists and collects the best `capacity`
// rows, ordered by (distance, tid). When the executor has had them all and asks for more:
//   - if the collector had to drop rows, the same window is searched again for rows after the
//     last one returned, with more room (so LIMIT 100000 or a filter loses nothing);
//   - else the next window of lists is searched (vectorq.iterative_scan), until max_scan_rows.
// The windows are disjoint and a row is in one list, so no row is returned twice. Where replicas put it in
// several, the scan remembers the rows that it has met once it goes on to a second round.
#include <algorithm>
#include <cmath>

#include "am/am.h"
#include "am/asked_rows.h"
#include "am/list_uses.h"
#include "am/reorder.h"
#include "am/scan_state.h"
#include "core/simd/distance.h"
#include "core/simd/lut16_scan.h"
#include "pg/memory.h"

namespace vectorq {

ScanStats last_scan_stats;

// Rows collected in the first round: pushing is cheap (amortised O(1)) beside scoring, and a query
// with a filter that keeps a hundredth of the rows still needs one round for ten results.
static constexpr Size kFirstCapacity = 256;
static constexpr Size kCapacityGrowth = 8;
// Each of these costs a visit to the heap.
static constexpr Size kReorderGrowth = 4;
static constexpr Size kMaxCapacity = 4 * 1024 * 1024;
// Rows that are prepared for before any is taken: a LIMIT may be larger than what is ever fetched.
static constexpr Size kMostExpected = 10000;

IndexScanDesc vq_beginscan(Relation index, int nkeys, int norderbys) {
    IndexScanDesc scan = RelationGetIndexScan(index, nkeys, norderbys);
    MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "vectorq scan", ALLOCSET_DEFAULT_SIZES);
    ScanState* state = static_cast<ScanState*>(palloc0(sizeof(ScanState)));
    state->context = context;
    state->opclass = opclass_of_index(index);
    scan->opaque = state;
    return scan;
}

// What this scan was asked for is the best guess of what the next will be.
static void note_rows_taken(ScanState* state) {
    if (state->started && state->stats.rows_returned > 0) state->cache->rows_taken = state->stats.rows_returned;
}

void vq_rescan(IndexScanDesc scan, ScanKey keys, int nkeys, ScanKey orderbys, int norderbys) {
    ScanState* state = static_cast<ScanState*>(scan->opaque);
    if (keys != NULL && scan->numberOfKeys > 0) memmove(scan->keyData, keys, scan->numberOfKeys * sizeof(ScanKeyData));
    if (orderbys != NULL && scan->numberOfOrderBys > 0)
        memmove(scan->orderByData, orderbys, scan->numberOfOrderBys * sizeof(ScanKeyData));
    note_rows_taken(state);
    state->started = false;
}

void vq_endscan(IndexScanDesc scan) {
    ScanState* state = static_cast<ScanState*>(scan->opaque);
    note_rows_taken(state);
    MemoryContextDelete(state->context);
    pfree(state);
    scan->opaque = NULL;
}

// Memory and constants that stay for all rescans.
static void prepare_scan(IndexScanDesc scan, ScanState* state) {
    MemoryContext before = MemoryContextSwitchTo(state->context);
    state->cache = index_cache_pin(scan->indexRelation, state->context);
    IndexCache* cache = state->cache;
    const uint32 dims = cache->meta.dims;
    if (cache->meta.metric != static_cast<uint8>(state->opclass->metric) ||
        cache->meta.element != static_cast<uint8>(state->opclass->element))
        report_corruption(scan->indexRelation, 0, "built for another operator class");
    const uint32 capacity = cache->geometry.capacity;
    state->codec = cache->codec;
    state->query = static_cast<float*>(palloc(sizeof(float) * dims));
    state->code_query = static_cast<float*>(palloc(sizeof(float) * cache->meta.code_dims));
    state->centroid = static_cast<float*>(palloc(sizeof(float) * cache->meta.code_dims));
    state->table = static_cast<float*>(palloc_extended(sizeof(float) * TableScratchFloats(cache->codec), MCXT_ALLOC_HUGE));
    state->chooser.context = state->context;
    state->chooser.metric = cache->codec.metric;
    state->distances = static_cast<float*>(palloc(sizeof(float) * capacity));
    state->survivors = static_cast<uint16*>(palloc(sizeof(uint16) * (capacity + 64)));
    state->tids = static_cast<ItemPointerData*>(palloc(sizeof(ItemPointerData) * capacity));
    state->pointers = static_cast<ItemPointerData*>(palloc(sizeof(ItemPointerData) * capacity));
    state->scalars = static_cast<float*>(palloc(sizeof(float) * capacity));
    if (cache->codec.kind == CodeKind::kPq4) {
        state->lut = static_cast<uint8*>(palloc(Lut16TableBytes(cache->codec.pq.m)));
        if (cache->codec.pq.m <= kLut16MaxM && cache->geometry.pages == 1)
            state->sums = static_cast<uint16*>(palloc(sizeof(uint16) * capacity));
        else
            state->wide_sums = static_cast<uint32*>(palloc(sizeof(uint32) * capacity));
    } else if (cache->codec.kind != CodeKind::kPq) {
        state->kernel = CodecKernel(cache->codec);
    }
    state->reorder = static_cast<Reorder>(cache->meta.reorder);
    state->collector = make_owned<TopK>(state->context);
    if (state->reorder != Reorder::kOff) state->reorder_stop = make_owned<ReorderStop>(state->context);
    if (CopiesOfRow(cache->meta) > 1) {
        state->met = make_owned<TidSet>(state->context);
        state->found = make_owned<TidSet>(state->context);
    }
    MemoryContextSwitchTo(before);
}

static void load_query(IndexScanDesc scan, ScanState* state) {
    const ScanKey key = &scan->orderByData[0];
    const IndexCache* cache = state->cache;
    state->null_query = (key->sk_flags & SK_ISNULL) != 0;
    if (state->null_query) {
        memset(state->query, 0, sizeof(float) * cache->meta.dims);
        memset(state->code_query, 0, sizeof(float) * cache->meta.code_dims);
        return;
    }
    MemoryContext before = MemoryContextSwitchTo(state->context);
    // A zero vector under cosine: every distance is NaN in SQL, so any order is right.
    if (!load_vector(state->opclass, key->sk_argument, static_cast<int>(cache->meta.dims), state->query))
        state->null_query = true;
    MemoryContextSwitchTo(before);
    const float* x = to_code_space(cache, state->query, state->code_query);
    if (x != state->code_query) memcpy(state->code_query, x, sizeof(float) * cache->meta.code_dims);
}

static bool reorders(const ScanState* state) { return state->reorder != Reorder::kOff && !state->null_query; }

// How far the query is from a list's centroid. Scores are squared for L2; for inner product and cosine, whose centroids
// are of length 1, the distance is that between the query's direction and the centroid.
static float centroid_distance(const ScanState* state, float score, float query_norm) {
    switch (state->codec.metric) {
        case Metric::kL2: return std::sqrt(std::max(score, 0.0f));
        case Metric::kL1: return score;
        default: return std::sqrt(std::max(2 + 2 * score / query_norm, 0.0f));
    }
}

// Chen et al. 2021 (SPANN), section 3.3: of the first window, lists much farther than the nearest are left out, so that
// easy queries read few. They come first in the next window if the executor asks for more rows.
static void prune_window(ScanState* state) {
    const float norm = std::sqrt(DotF32(state->code_query, state->code_query, state->cache->meta.code_dims));
    const float limit = static_cast<float>(1 + settings.prune_epsilon) * centroid_distance(state, state->lists[0].score, norm);
    while (state->list_end > 1 && centroid_distance(state, state->lists[state->list_end - 1].score, norm) > limit)
        state->list_end--;
}

static void open_window(IndexScanDesc scan, ScanState* state, uint32 begin, uint32 count) {
    const uint32 lists = state->cache->compact.entries;
    state->list_begin = begin;
    state->list_end = begin + std::min(count, lists - begin);
    if (begin == 0)
        choose_lists(scan->indexRelation, state->cache, &state->chooser, state->code_query, state->list_end);
    else
        choose_more_lists(scan->indexRelation, state->cache, &state->chooser, begin, state->list_end - begin);
    state->lists = state->chooser.scores;
    if (begin == 0 && settings.prune_epsilon > 0 && !state->null_query) prune_window(state);
    state->stats.lists_probed += state->list_end - state->list_begin;
}

enum class Round { kNewWindow, kSameWindow };

// Lists that hold rows several times: each row once, in this round and over all.
static void drop_copies(ScanState* state) {
    core_call([&] { state->collected = state->collector->DropCopies(state->found, *state->met); });
}

// What the round before has collected, all of it returned by now.
static void note_met_rows(ScanState* state) {
    core_call([&] {
        for (size_t i = 0; i < state->collected; i++) state->met->Add(RowOf(state->collector->At(i)), 0);
    });
}

// strict: rows that should have come before the last one returned are left out.
static void drop_nearer_than_last(ScanState* state) {
    if (state->stats.rows_returned == 0) return;
    size_t kept = 0;
    for (size_t i = 0; i < state->count; i++)
        if (state->results[i].distance >= state->last_distance) state->results[kept++] = state->results[i];
    state->count = kept;
}

static bool strict_order() { return settings.iterative_scan == static_cast<int>(IterativeScan::kStrict); }

// The next of the collected rows: as many as seem to be needed, or, when the executor has had those, as many again.
static void put_in_order(IndexScanDesc scan, ScanState* state) {
    const bool first = state->reordered == 0;
    if (strict_order() || !reorders_by_need(state))
        reorder_rows(scan, state, state->collected, false);
    else
        reorder_rows(scan, state, first ? state->collected : std::min(state->collected, 2 * state->reordered), first);
    if (strict_order()) drop_nearer_than_last(state);
    last_scan_stats = state->stats;
}

static void search_window(IndexScanDesc scan, ScanState* state, Round round) {
    const bool reorder = reorders(state);
    // In the order of codes, which is the order of results too unless they are reordered.
    const bool bound = round == Round::kSameWindow || (strict_order() && !reorder && state->stats.rows_returned > 0);
    if (state->met != NULL && state->stats.rounds > 0) note_met_rows(state);
    core_call([&] {
        state->collector->Reset(state->capacity);
        if (bound) state->collector->SetLowerBound(state->last_collected.distance, state->last_collected.tid);
    });
    state->stats.rounds++;
    const uint64 scored_before = state->stats.rows_scored;
    scan_lists(scan->indexRelation, state);
    if (round == Round::kNewWindow) state->rows_seen += state->stats.rows_scored - scored_before;
    state->collector->Select(&state->collected, &state->overflowed);
    if (state->collected > 0) state->last_collected = state->collector->Farthest();
    if (state->met != NULL) drop_copies(state);
    state->stats.rows_collected += state->collected;
    state->next = state->reordered = 0;
    state->count = reorder ? 0 : state->collected;
    if (reorder) put_in_order(scan, state);
    last_scan_stats = state->stats;
}

// By the LIMIT; where that is not to be seen, what the executor took from the last scan is the best guess.
static Size rows_expected(IndexScanDesc scan, const ScanState* state) {
    const uint64 asked = rows_asked(scan);
    return std::clamp<uint64>(asked > 0 ? asked : state->cache->rows_taken, asked > 0 ? 1 : 10, kMostExpected);
}

static void start_scan(IndexScanDesc scan, ScanState* state) {
    if (state->cache == NULL) prepare_scan(scan, state);
    load_query(scan, state);
    const IndexCache* cache = state->cache;
    memset(&state->stats, 0, sizeof(state->stats));
    state->stats.index = RelationGetRelid(scan->indexRelation);
    state->index_blocks = RelationGetNumberOfBlocks(scan->indexRelation);
    state->nprobe = effective_nprobe(&cache->meta);
    if (state->met != NULL) core_call([&] { state->met->Reset(0); });
    state->count = 0;
    state->codec.symmetric = settings.distance == static_cast<int>(Distance::kSdc);
    state->asked = rows_expected(scan, state);
    state->capacity = reorders(state) ? rows_to_collect(state) : std::max(kFirstCapacity, state->asked);
    state->rows_seen = 0;
    state->started = true;
    open_window(scan, state, 0, state->nprobe);
    if (!state->null_query) note_list_uses(scan->indexRelation, &cache->meta, state->lists, state->list_end);
    search_window(scan, state, Round::kNewWindow);
}

// Finds more rows after all collected ones were returned. False when there are none.
static bool refill(IndexScanDesc scan, ScanState* state) {
    while (state->next >= state->count) {
        CHECK_FOR_INTERRUPTS();
        if (reorders(state) && state->reordered < state->collected) {
            put_in_order(scan, state);
            continue;
        }
        if (state->overflowed) {
            state->capacity = std::min(state->capacity * (reorders(state) ? kReorderGrowth : kCapacityGrowth), kMaxCapacity);
            search_window(scan, state, Round::kSameWindow);
            continue;
        }
        const bool more_lists = state->list_end < state->cache->compact.entries;
        const bool budget =
            settings.max_scan_rows == 0 || state->rows_seen < static_cast<uint64>(settings.max_scan_rows);
        if (!more_lists || !budget || settings.iterative_scan == static_cast<int>(IterativeScan::kOff)) return false;
        // Twice as many lists each time, so that a rare match costs few rounds.
        open_window(scan, state, state->list_end, std::max(state->nprobe, state->list_end));
        search_window(scan, state, Round::kNewWindow);
    }
    return true;
}

// Vacuum cannot cut off the table's end while we hold its lock.
void check_heap_block(IndexScanDesc scan, ScanState* state, uint64 tid) {
    ItemPointerData pointer;
    unpack_tid(tid, &pointer);
    const BlockNumber block = ItemPointerGetBlockNumberNoCheck(&pointer);
    if (likely(block < state->heap_blocks)) return;
    state->heap_blocks = RelationGetNumberOfBlocks(scan->heapRelation);
    if (block >= state->heap_blocks) report_corruption(scan->indexRelation, 0, "a list has a row that is not in the table");
}

bool vq_gettuple(IndexScanDesc scan, ScanDirection direction) {
    ScanState* state = static_cast<ScanState*>(scan->opaque);
    if (!ScanDirectionIsForward(direction))
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("index \"%s\" cannot be scanned backwards", RelationGetRelationName(scan->indexRelation)),
                        errhint("Declare the cursor with SCROLL, or fetch forward only.")));
    if (scan->numberOfOrderBys != 1)
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("index \"%s\" cannot be scanned without an ORDER BY distance",
                               RelationGetRelationName(scan->indexRelation))));
    // The snapshot is what makes stale tids harmless (README, concurrency).
    if (!IsMVCCSnapshot(scan->xs_snapshot))
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("vectorq indexes need an MVCC snapshot")));
    if (!state->started) {
        count_index_scan(scan);
        start_scan(scan, state);
    }
    if (unlikely(state->next >= state->count) && !refill(scan, state)) return false;
    const size_t i = state->next++;
    const Candidate candidate = reorders(state) ? state->results[i] : state->collector->Take(i);
    state->last_distance = candidate.distance;
    state->last_tid = candidate.tid;
    check_heap_block(scan, state, candidate.tid);
    unpack_tid(candidate.tid, &scan->xs_heaptid);
    scan->xs_recheck = false;
    scan->xs_recheckorderby = false;
    state->stats.rows_returned++;
    last_scan_stats.rows_returned = state->stats.rows_returned;
    return true;
}

}  // namespace vectorq
