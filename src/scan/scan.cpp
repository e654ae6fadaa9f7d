// beginscan, rescan, gettuple, endscan. What a scan does when is in core/search/scan_rounds.h; how, in scan_steps.cpp.
#include <algorithm>

#include "am/am.h"
#include "scan/reorder.h"
#include "scan/scan_state.h"
#include "pg/entry.h"
#include "pg/memory.h"

namespace vectorq {

ScanStats last_scan_stats;

IndexScanDesc vq_beginscan(Relation index, int nkeys, int norderbys) {
    IndexScanDesc scan = RelationGetIndexScan(index, nkeys, norderbys);
    ScanState* state = static_cast<ScanState*>(palloc0(sizeof(ScanState)));
    state->context = AllocSetContextCreate(CurrentMemoryContext, "vectorq scan", ALLOCSET_DEFAULT_SIZES);
    scan->opaque = state;
    return scan;
}

// What this scan was asked for is the best guess of what the next will be. With a filter it differs from query to
// query, and a guess too low costs a round: so it falls slowly, unless to less than half, which is another kind of
// query.
static void note_rows_taken(const ScanState* state) {
    if (!state->started) return;
    const uint64 taken = state->rounds->counts().returned, before = state->search.cache->rows_taken;
    if (taken == 0) return;
    state->search.cache->rows_taken = taken >= before || 2 * taken < before ? taken : taken + 3 * (before - taken) / 4;
}

void vq_rescan(IndexScanDesc scan, ScanKey keys, int nkeys, ScanKey orderbys, int norderbys) {
    ScanState* state = static_cast<ScanState*>(scan->opaque);
    if (keys != NULL && scan->numberOfKeys > 0) memmove(scan->keyData, keys, scan->numberOfKeys * sizeof(ScanKeyData));
    if (orderbys != NULL && scan->numberOfOrderBys > 0)
        memmove(scan->orderByData, orderbys, scan->numberOfOrderBys * sizeof(ScanKeyData));
    note_rows_taken(state);
    state->started = false;
    state->bitmap = NULL;
}

void set_scan_bitmap(IndexScanDesc scan, const TidBlocks* rows, double share) {
    ScanState* state = static_cast<ScanState*>(scan->opaque);
    state->bitmap = rows;
    state->bitmap_share = share;
}

void vq_endscan(IndexScanDesc scan) {
    ScanState* state = static_cast<ScanState*>(scan->opaque);
    note_rows_taken(state);
    MemoryContextDelete(state->context);
    pfree(state);
    scan->opaque = NULL;
}

// Memory and constants that stay for all rescans.
static void prepare_scan(Relation index, ScanState* state) {
    state->rounds = make_owned<ScanRounds>(state->context);
    prepare_search(index, index_cache_pin(index, state->context), &state->search, state->context,
                   &state->rounds->collector());
    state->chooser.context = state->context;
    state->chooser.metric = state->search.codec.metric;
    state->reading.from = static_cast<Reorder>(state->search.cache->meta.reorder);
    state->prepared = true;
}

static void load_query(IndexScanDesc scan, ListSearch* search) {
    const ScanKey key = &scan->orderByData[0];
    const int dims = static_cast<int>(search->cache->meta.dims);
    search->null_query = (key->sk_flags & SK_ISNULL) != 0;
    if (search->null_query) {
        memset(search->query, 0, sizeof(float) * dims);
        return;
    }
    MemoryContext before = MemoryContextSwitchTo(search->context);
    // A zero vector under cosine: every distance is NaN in SQL, so any order is right.
    if (!load_vector(search->opclass, key->sk_argument, dims, search->query)) search->null_query = true;
    MemoryContextSwitchTo(before);
}

// Entries that a round may collect: what they take, in the collector, while they are put in order and in the sets of
// rows met, stays within what the server allows a hash table.
static Size most_capacity(const RoundRules* rules) {
    constexpr Size kCollected = 2 * (sizeof(Candidate) + sizeof(float));
    constexpr Size kInOrder = 2 * sizeof(Candidate) + sizeof(uint64);
    constexpr Size kMet = 2 * 4 * sizeof(uint64);
    const Size bytes = kCollected + (rules->reorders ? kInOrder : 0) + (rules->replicas ? kMet : 0);
    return static_cast<Size>(1024.0 * work_mem * hash_mem_multiplier) / bytes;
}

static RoundRules rules_of(const ScanState* state) {
    const IndexCache* cache = state->search.cache;
    const ScanPlan* plan = &state->plan;
    RoundRules rules;
    rules.lists = cache->compact.entries;
    rules.max_rows = static_cast<uint64>(plan->session.max_scan_rows);
    rules.rows_a_list = cache->calibration.entries_a_list;
    rules.rows_per_answer = rows_per_answer(cache);
    rules.may_miss = 1 - plan->session.target_recall;
    rules.one_window = plan->one_window;
    rules.order = plan->order;
    rules.reorders = state->reading.from != Reorder::kOff && !state->search.null_query;
    rules.by_need = reorders_by_need(&plan->session, cache);
    rules.entries_by_hand = plan->session.reorder_rows > 0;
    rules.limit_known = plan->asked > 0;
    rules.replicas = EntriesOfRow(cache->meta) > 1;
    rules.most_capacity = most_capacity(&rules);
    return rules;
}

// The settings that a scan begins with. A LIMIT larger than usual gets as many lists as a usual one, and more only as
// vectorq.max_scan_rows allows.
static RoundSettings first_settings(ScanState* state, const RoundRules* rules, uint64 expected) {
    uint32 usual = 0;
    if (expected > kUsualRows) usual = settings_for(state, kUsualRows).lists;
    RoundSettings settings = settings_for(state, expected);
    if (expected > kUsualRows)
        settings.lists = state->choice.nprobe = rules->AllowedLists(0, std::min(usual, settings.lists), settings.lists);
    return settings;
}

static void start_scan(IndexScanDesc scan, ScanState* state) {
    Relation index = scan->indexRelation;
    if (!state->prepared) prepare_scan(index, state);
    ListSearch* search = &state->search;
    plan_scan(scan, &state->plan);
    load_query(scan, search);
    search->index_blocks = RelationGetNumberOfBlocks(index);
    search->entries_scored = search->pages_read = 0;
    search->codec.symmetric = state->plan.session.distance == static_cast<int>(Distance::kSdc);
    const uint64 expected = RowsExpected(state->plan.asked, search->cache->rows_taken);
    const RoundRules rules = rules_of(state);
    state->rounds->Begin(rules, first_settings(state, &rules, expected), expected);
    state->first_target = state->choice.target;
    begin_query(search);
    state->started = true;
    find_rows(scan, state);
}

// Vacuum cannot cut off the table's end while we hold its lock.
void check_heap_block(IndexScanDesc scan, ScanState* state, uint64 tid) {
    ItemPointerData pointer;
    unpack_tid(tid, &pointer);
    const BlockNumber block = ItemPointerGetBlockNumberNoCheck(&pointer);
    BlockNumber* blocks = &state->reading.heap_blocks;
    if (likely(block < *blocks)) return;
    *blocks = RelationGetNumberOfBlocks(scan->heapRelation);
    if (block >= *blocks) report_corruption(scan->indexRelation, 0, "a list has a row that is not in the table");
}

static void check_scan(IndexScanDesc scan, ScanDirection direction) {
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
}

bool vq_gettuple(IndexScanDesc scan, ScanDirection direction) {
    ScanState* state = static_cast<ScanState*>(scan->opaque);
    check_scan(scan, direction);
    if (!state->started) {
        count_index_scan(scan);
        start_scan(scan, state);
    }
    if (unlikely(!state->rounds->HasRow()) && !find_rows(scan, state)) return false;
    const uint64 tid = state->rounds->TakeRow().tid;
    check_heap_block(scan, state, tid);
    unpack_tid(tid, &scan->xs_heaptid);
    scan->xs_recheck = false;
    scan->xs_recheckorderby = false;
    last_scan_stats.rows_returned = state->rounds->counts().returned;
    return true;
}

}  // namespace vectorq
