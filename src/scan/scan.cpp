// beginscan, rescan, gettuple, endscan: which lists to search next and what to return.
//
// A scan works in rounds. A round searches a window of lists and collects the best `capacity`
// rows, ordered by (distance, tid). It promises the wanted recall for so many rows as it reckons with. When the
// executor has had these and asks for more (a filter, or a larger LIMIT than last time), the settings for twice as many
// are taken:
//   - if they say more lists, the window grows, and is searched again: the old lists for rows after the last one
//     collected, the new ones for all; rows that were put in order and not yet returned stay in the race.
// When it has had all that was collected:
//   - if the collector had to drop rows, the same window is searched again for rows after the
//     last one collected, with more room (so LIMIT 100000 or a filter loses nothing);
//   - else the next window of lists is searched (vectorq.iterative_scan), until max_scan_rows.
// The windows are disjoint and a row is in one list, so no row is returned twice. Where replicas put it in
// several, the scan remembers the rows that it has met once it goes on to a second round.
#include <algorithm>
#include <cmath>

#include "am/am.h"
#include "scan/asked_rows.h"
#include "store/list_uses.h"
#include "scan/reorder.h"
#include "scan/scan_state.h"
#include "core/simd/distance.h"
#include "core/simd/lut16_scan.h"
#include "core/simd/metric_distance.h"
#include "pg/memory.h"

namespace vectorq {

ScanStats last_scan_stats;

// Rows collected in the first round: pushing is cheap (amortised O(1)) beside scoring, and a query
// with a filter that keeps a hundredth of the rows still needs one round for ten results.
static constexpr Size kFirstCapacity = 256;
// Where the LIMIT is known (with what a filter leaves of the rows), so many times that: some rows may be dead.
static constexpr Size kLeastCapacity = 64;
static constexpr Size kRowsPerAsked = 4;
static constexpr Size kCapacityGrowth = 8;
// Each of these costs a visit to the heap.
static constexpr Size kReorderGrowth = 4;
static constexpr Size kMaxCapacity = 4 * 1024 * 1024;
// Rows that a scan goes on for, when the promised ones do not suffice.
static constexpr uint64 kPromiseGrowth = 2;
// Rows that are prepared for before any is taken: a LIMIT may be larger than what is ever fetched.
static constexpr Size kMostExpected = 10000;

static constexpr Candidate kNothingDone = {-__builtin_inff(), 0, 0};

ScanState* make_scan_state(Relation index, MemoryContext parent) {
    ScanState* state = static_cast<ScanState*>(MemoryContextAllocZero(parent, sizeof(ScanState)));
    state->context = AllocSetContextCreate(parent, "vectorq scan", ALLOCSET_DEFAULT_SIZES);
    state->opclass = opclass_of_index(index);
    return state;
}

IndexScanDesc vq_beginscan(Relation index, int nkeys, int norderbys) {
    IndexScanDesc scan = RelationGetIndexScan(index, nkeys, norderbys);
    scan->opaque = make_scan_state(index, CurrentMemoryContext);
    return scan;
}

// What this scan was asked for is the best guess of what the next will be. With a filter it differs from query to
// query, and a guess too low costs a round: so it falls slowly, unless to less than half, which is another kind of
// query.
static void note_rows_taken(ScanState* state) {
    const uint64 taken = state->stats.rows_returned, before = state->cache == NULL ? 0 : state->cache->rows_taken;
    if (!state->started || taken == 0) return;
    state->cache->rows_taken = taken >= before || 2 * taken < before ? taken : taken + 3 * (before - taken) / 4;
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
void prepare_scan(Relation index, ScanState* state) {
    MemoryContext before = MemoryContextSwitchTo(state->context);
    state->cache = index_cache_pin(index, state->context);
    IndexCache* cache = state->cache;
    const uint32 dims = cache->meta.dims;
    if (cache->meta.metric != static_cast<uint8>(state->opclass->metric) ||
        cache->meta.element != static_cast<uint8>(state->opclass->element))
        report_corruption(index, 0, "built for another operator class");
    const uint32 capacity = cache->geometry.capacity;
    state->codec = cache->codec;
    state->query = alloc_aligned<float>(state->context, dims);
    state->code_query = alloc_aligned<float>(state->context, cache->meta.code_dims);
    state->centroid = alloc_aligned<float>(state->context, cache->meta.code_dims);
    state->table = alloc_aligned<float>(state->context, TableScratchFloats(cache->codec));
    state->chooser.context = state->context;
    state->chooser.metric = cache->codec.metric;
    state->distances = alloc_aligned<float>(state->context, capacity);
    state->survivors = static_cast<uint16*>(palloc(sizeof(uint16) * (capacity + 64)));
    state->tids = static_cast<ItemPointerData*>(palloc(sizeof(ItemPointerData) * capacity));
    state->pointers = static_cast<ItemPointerData*>(palloc(sizeof(ItemPointerData) * capacity));
    state->scalars = static_cast<float*>(palloc(sizeof(float) * capacity));
    if (cache->codec.kind == CodeKind::kPq4) {
        state->lut = alloc_aligned<uint8>(state->context, Lut16TableBytes(cache->codec.pq.m));
        if (cache->codec.pq.m <= kLut16MaxM && cache->geometry.pages == 1)
            state->sums = alloc_aligned<uint16>(state->context, capacity);
        else state->wide_sums = alloc_aligned<uint32>(state->context, capacity);
    } else if (cache->codec.kind != CodeKind::kPq) {
        state->kernel = GetBlockKernel(CodecKernel(cache->codec));
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
        return;
    }
    MemoryContext before = MemoryContextSwitchTo(state->context);
    // A zero vector under cosine: every distance is NaN in SQL, so any order is right.
    if (!load_vector(state->opclass, key->sk_argument, static_cast<int>(cache->meta.dims), state->query))
        state->null_query = true;
    MemoryContextSwitchTo(before);
}

void begin_query(ScanState* state) {
    const IndexCache* cache = state->cache;
    const float* x = to_code_space(cache, state->query, state->code_query);
    if (x != state->code_query) memcpy(state->code_query, x, sizeof(float) * cache->meta.code_dims);
    state->table_ready = false;
}

static bool reorders(const ScanState* state) { return state->reorder != Reorder::kOff && !state->null_query; }

// Chen et al. 2021 (SPANN), section 3.3: of the first window, lists much farther than the nearest are left out, so that
// easy queries read few. They come first in the next window if the executor asks for more rows.
static void prune_window(IndexScanDesc scan, ScanState* state) {
    const float norm = centroid_distance_norm(scan->indexRelation, state->cache, &state->chooser, state->lists[0].list);
    const float limit =
        static_cast<float>(1 + settings.prune_epsilon) * MetricLength(state->codec.metric, state->lists[0].score, norm);
    while (state->list_end > 1 &&
           MetricLength(state->codec.metric, state->lists[state->list_end - 1].score, norm) > limit)
        state->list_end--;
}

static bool strict_order() { return settings.iterative_scan == static_cast<int>(IterativeScan::kStrict); }

// Lists that vectorq.max_scan_rows allows beside `begin` ones, where more than the fewest are wished for.
static uint32 allowed_lists(const ScanState* state, uint32 fewest, uint32 wanted) {
    const double list = std::max(1.0f, state->cache->calibration.entries_a_list);
    if (settings.max_scan_rows == 0 || wanted <= fewest) return wanted;
    const double left = std::max(0.0, (settings.max_scan_rows - static_cast<double>(state->rows_seen)) / list);
    return std::max(fewest, static_cast<uint32>(std::min<double>(wanted, fewest + left)));
}

// The first lists, as many as this query takes where the mean query takes `mean`.
static uint32 open_first_lists(IndexScanDesc scan, ScanState* state, uint32 mean) {
    IndexCache* cache = state->cache;
    if (!state->choice.by_effort) {
        choose_lists(scan->indexRelation, cache, &state->chooser, state->code_query, mean);
        return mean;
    }
    const uint32 own = choose_lists_with_effort(scan->indexRelation, cache, &state->chooser, state->code_query, mean,
                                                &cache->calibration.effort);
    return allowed_lists(state, std::min(own, mean), own);
}

// Lists [from, to) become known and ordered; returns the end, which may differ from `to` where the query's own effort
// counts.
static uint32 open_lists(IndexScanDesc scan, ScanState* state, uint32 from, uint32 to) {
    if (from == 0) to = open_first_lists(scan, state, to);
    else choose_more_lists(scan->indexRelation, state->cache, &state->chooser, from, to - from);
    state->lists = state->chooser.scores;
    // In strict order nothing nearer than what was returned is wanted. Reordered rows are compared later.
    state->done_after_split = kNothingDone;
    if (strict_order() && !reorders(state) && state->stats.rows_returned > 0)
        state->done_after_split = {state->last_distance, 0, state->last_tid};
    return to;
}

static void open_window(IndexScanDesc scan, ScanState* state, uint32 begin, uint32 count) {
    const uint32 end = begin + std::min(count, state->cache->compact.entries - begin);
    state->list_end = open_lists(scan, state, begin, end);
    state->list_begin = state->split = begin;
    if (begin == 0 && settings.prune_epsilon > 0 && !state->null_query) prune_window(scan, state);
    state->stats.lists_probed += state->list_end - begin;
}

// Rows of this round that need no second look: put in order, or returned. The others are collected again if there is
// another round.
static size_t rows_done(const ScanState* state) { return reorders(state) ? state->reordered : state->next; }

// Whether the rows of this round that are done reach as far as what was done in the old lists before: else one bound
// for all lists of the window would let rows of the old ones through a second time.
static bool past_old_lists(ScanState* state) {
    const size_t done = rows_done(state);
    return done > 0 && !NearerFirst()(state->collector->Take(done - 1), state->done_in_old_lists);
}

// Lists as far as `end` join the window. past_old_lists() is true.
static void widen_window(IndexScanDesc scan, ScanState* state, uint32 end) {
    if (rows_done(state) < state->collected) state->done_before_split = state->collector->Take(rows_done(state) - 1);
    open_lists(scan, state, state->list_end, end);
    state->stats.lists_probed += end - state->list_end;
    state->split = state->list_end;
    state->list_end = end;
}

// Lists that hold rows several times: each row once, in this round and over all.
static void drop_copies(ScanState* state) {
    core_call([&] { state->collected = state->collector->DropCopies(state->found, *state->met); });
}

// What the round before has put in order or returned.
static void note_met_rows(ScanState* state) {
    const size_t end = rows_done(state);
    core_call([&] {
        for (size_t i = 0; i < end; i++) state->met->Add(RowOf(state->collector->Take(i)), 0);
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

// Rows in order that were not returned yet wait for the next ones.
static void set_pending_aside(ScanState* state) {
    state->pending_count = state->count - state->next;
    if (state->pending_count == 0) return;
    if (state->pending_size < state->pending_count) {
        state->pending = enlarge(state->context, state->pending, state->pending_count);
        state->pending_size = state->pending_count;
    }
    memcpy(state->pending, state->results + state->next, sizeof(Candidate) * state->pending_count);
}

static void take_pending_back(ScanState* state) {
    if (state->pending_count == 0) return;
    const size_t total = state->count + state->pending_count;
    reserve_results(state, total);
    memcpy(state->results + state->count, state->pending, sizeof(Candidate) * state->pending_count);
    std::sort(state->results, state->results + total, NearerFirst());
    state->count = total;
    state->pending_count = 0;
}

// The next of the collected rows: as many as seem to be needed, or, when the executor has had those, as many again.
// Rows that wait from before join them.
static void put_in_order(IndexScanDesc scan, ScanState* state) {
    set_pending_aside(state);
    const bool first = state->reordered == 0;
    if (strict_order() || !reorders_by_need(state)) reorder_rows(scan, state, state->collected, false);
    else reorder_rows(scan, state, first ? state->collected : std::min(state->collected, 2 * state->reordered), first);
    take_pending_back(state);
    if (strict_order()) drop_nearer_than_last(state);
    last_scan_stats = state->stats;
}

// Lists [from, to) of the window, behind `done`.
static void search_lists(IndexScanDesc scan, ScanState* state, uint32 from, uint32 to, const Candidate* done) {
    if (from >= to) return;
    const uint32 begin = state->list_begin, end = state->list_end;
    if (done->distance > kNothingDone.distance) state->collector->SetLowerBound(done->distance, done->tid);
    else state->collector->ClearLowerBound();
    const uint64 scored_before = state->stats.rows_scored;
    state->list_begin = from;
    state->list_end = to;
    scan_lists(scan->indexRelation, state);
    check_recovery_conflict(scan->indexRelation, state->cache);
    state->list_begin = begin;
    state->list_end = end;
    if (to <= state->lists_counted) return;
    state->rows_seen += state->stats.rows_scored - scored_before;
    state->lists_counted = to;
}

// How far both parts of the window were collected. The farthest entry of a round that had no room for all may lie
// before what an earlier round had reached in the old lists: then the parts stay apart.
static void note_collected(ScanState* state) {
    if (state->collected == 0) return;
    const Candidate farthest = state->collector->Farthest();
    state->done_after_split = farthest;
    if (state->split > state->list_begin && NearerFirst()(farthest, state->done_before_split)) return;
    state->done_before_split = farthest;
    state->split = state->list_end;
}

static void search_window(IndexScanDesc scan, ScanState* state) {
    if (state->met != NULL && state->stats.rounds > 0) note_met_rows(state);
    if (state->stats.rounds > 0) state->collected_before += rows_done(state);
    core_call([&] { state->collector->Reset(state->capacity); });
    state->stats.rounds++;
    state->done_in_old_lists = state->split > state->list_begin ? state->done_before_split : kNothingDone;
    search_lists(scan, state, state->list_begin, state->split, &state->done_before_split);
    search_lists(scan, state, state->split, state->list_end, &state->done_after_split);
    state->collector->Select(&state->collected, &state->overflowed);
    note_collected(state);
    const size_t entries = state->collected;
    if (state->met != NULL) drop_copies(state);
    // The calibration counts entries.
    const Size usual = state->choice.reorder_rows;
    state->calibrated = usual == 0 || usual >= entries ? state->collected : state->collected * usual / entries;
    state->stats.rows_collected += state->collected;
    if (reorders(state)) {
        state->reordered = 0;
        put_in_order(scan, state);
    } else {
        state->next = 0;
        state->count = state->collected;
    }
    last_scan_stats = state->stats;
}

// The settings for so many rows, as far as they are chosen.
static void promise(ScanState* state, uint64 rows) {
    const IndexCache* cache = state->cache;
    state->choice = choose_settings(&cache->meta, &cache->calibration, static_cast<double>(rows));
    const bool kept = state->choice.target > 0 && settings.iterative_scan != static_cast<int>(IterativeScan::kOff);
    state->promised = kept ? rows : PG_UINT64_MAX;
}

// By the LIMIT; where that is not to be seen, what the executor took from the last scan is the best guess.
static Size rows_expected(const ScanState* state, uint64 asked) {
    const uint64 taken = state->cache->rows_taken > 0 ? state->cache->rows_taken : kUsualRows;
    return std::clamp<uint64>(asked > 0 ? asked : taken, 1, kMostExpected);
}

// A LIMIT larger than usual gets as many lists as a usual one, and more only as vectorq.max_scan_rows allows.
static void bound_lists(ScanState* state) {
    const IndexCache* cache = state->cache;
    const uint32 wanted = state->choice.nprobe;
    const uint32 usual = choose_settings(&cache->meta, &cache->calibration, kUsualRows).nprobe;
    state->choice.nprobe = allowed_lists(state, std::min(usual, wanted), wanted);
}

static void start_scan(IndexScanDesc scan, ScanState* state) {
    if (state->cache == NULL) prepare_scan(scan->indexRelation, state);
    load_query(scan, state);
    const IndexCache* cache = state->cache;
    memset(&state->stats, 0, sizeof(state->stats));
    state->stats.index = RelationGetRelid(scan->indexRelation);
    state->index_blocks = RelationGetNumberOfBlocks(scan->indexRelation);
    if (state->met != NULL) core_call([&] { state->met->Reset(0); });
    state->count = state->next = state->collected = state->reordered = 0;
    state->codec.symmetric = settings.distance == static_cast<int>(Distance::kSdc);
    state->rows_seen = 0;
    state->lists_counted = 0;
    state->collected_before = 0;
    const uint64 asked = rows_asked(scan);
    state->asked = rows_expected(state, asked);
    promise(state, state->asked);
    if (state->asked > kUsualRows) bound_lists(state);
    state->stats.target = state->choice.target;
    begin_query(state);
    if (reorders(state)) state->capacity = rows_to_collect(state);
    else
        state->capacity =
            asked > 0 ? std::max(kLeastCapacity, kRowsPerAsked * state->asked) : std::max(kFirstCapacity, state->asked);
    state->started = true;
    open_window(scan, state, 0, state->choice.nprobe);
    if (!state->null_query) note_list_uses(scan->indexRelation, &cache->meta, state->lists, state->list_end);
    search_window(scan, state);
}

static bool may_read_more(const ScanState* state) {
    return settings.max_scan_rows == 0 || state->rows_seen < static_cast<uint64>(settings.max_scan_rows);
}

// Whether lists as far as `end` may join the window, after as many rows are put in order as that takes.
static bool ready_to_widen(IndexScanDesc scan, ScanState* state, uint32 end) {
    if (state->split < state->list_end || end <= state->list_end || !may_read_more(state)) return false;
    while (reorders(state) && state->reordered < state->collected && !past_old_lists(state)) put_in_order(scan, state);
    return past_old_lists(state);
}

// More rows are wanted than were promised: the next promise, kept by more lists or more rows in order, where it needs
// either.
static void raise_promise(IndexScanDesc scan, ScanState* state) {
    promise(state, state->promised * kPromiseGrowth);
    const size_t waiting = state->count - state->next;
    if (state->promised < PG_UINT64_MAX)
        state->asked =
            std::max<uint64>(state->promised - std::min(state->promised, state->stats.rows_returned + waiting), 1);
    const uint32 own = state->choice.by_effort
                           ? ListsWithEffort(state->choice.nprobe, state->chooser.effort, state->cache->compact.entries)
                           : state->choice.nprobe;
    const uint32 end = allowed_lists(state, state->list_end, std::max(own, state->list_end));
    if (ready_to_widen(scan, state, end)) widen_window(scan, state, end);
    else if (!reorders(state)) return;
    else if (state->reordered < state->collected) return put_in_order(scan, state);
    else if (!state->overflowed) return;
    if (reorders(state)) {
        const Size wanted = rows_to_collect(state), done = state->collected_before + rows_done(state);
        state->capacity = settings.reorder_rows > 0 ? state->capacity * kReorderGrowth
                                                    : std::max(wanted - std::min(wanted, done), state->capacity);
        state->capacity = std::min(state->capacity, kMaxCapacity);
    }
    search_window(scan, state);
}

// Finds more rows after all that are in order were returned, or all promised ones. False when there are none.
static bool refill(IndexScanDesc scan, ScanState* state) {
    while (state->next >= state->count || state->stats.rows_returned >= state->promised) {
        CHECK_FOR_INTERRUPTS();
        if (state->stats.rows_returned >= state->promised) {
            raise_promise(scan, state);
            continue;
        }
        if (reorders(state) && state->reordered < state->collected) {
            put_in_order(scan, state);
            continue;
        }
        if (state->overflowed) {
            state->capacity =
                std::min(state->capacity * (reorders(state) ? kReorderGrowth : kCapacityGrowth), kMaxCapacity);
            search_window(scan, state);
            continue;
        }
        const bool more_lists = state->list_end < state->cache->compact.entries;
        if (!more_lists || !may_read_more(state) || settings.iterative_scan == static_cast<int>(IterativeScan::kOff))
            return false;
        // Twice as many lists each time, so that a rare match costs few rounds.
        open_window(scan, state, state->list_end, std::max(state->choice.nprobe, state->list_end));
        search_window(scan, state);
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
    if (block >= state->heap_blocks)
        report_corruption(scan->indexRelation, 0, "a list has a row that is not in the table");
}

bool vq_gettuple(IndexScanDesc scan, ScanDirection direction) {
    ScanState* state = static_cast<ScanState*>(scan->opaque);
    if (!ScanDirectionIsForward(direction))
        ereport(ERROR,
                (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                 errmsg("index \"%s\" cannot be scanned backwards", RelationGetRelationName(scan->indexRelation)),
                 errhint("Declare the cursor with SCROLL, or fetch forward only.")));
    if (scan->numberOfOrderBys != 1)
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("index \"%s\" cannot be scanned without an ORDER BY distance",
                               RelationGetRelationName(scan->indexRelation))));
    // The snapshot is what makes stale tids harmless (store/README.md, Concurrency).
    if (!IsMVCCSnapshot(scan->xs_snapshot))
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("vectorq indexes need an MVCC snapshot")));
    if (!state->started) {
        count_index_scan(scan);
        start_scan(scan, state);
    }
    if (unlikely(state->next >= state->count || state->stats.rows_returned >= state->promised) && !refill(scan, state))
        return false;
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
