// beginscan, rescan, gettuple, endscan. What a scan does when is in core/search/scan_rounds.h; how, in scan_steps.cpp.
#include <algorithm>

#include "am/am.h"
#include "am/key_conditions.h"
#include "scan/list_filter.h"
#include "scan/reorder.h"
#include "scan/scan_bound.h"
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
    if (!state->started || state->bound.given) return;
    const uint64 taken = state->rounds->counts().returned, before = state->search.cache->rows_taken;
    if (taken == 0) return;
    state->search.cache->rows_taken = taken >= before || 2 * taken < before ? taken : taken + 3 * (before - taken) / 4;
}

void vq_rescan(IndexScanDesc scan, ScanKey keys, int nkeys, ScanKey orderbys, int norderbys) {
    ScanState* state = static_cast<ScanState*>(scan->opaque);
    if (keys != NULL && scan->numberOfKeys > 0) memmove(scan->keyData, keys, scan->numberOfKeys * sizeof(ScanKeyData));
    if (orderbys != NULL && scan->numberOfOrderBys > 0)
        memmove(scan->orderByData, orderbys, scan->numberOfOrderBys * sizeof(ScanKeyData));
    count_ended_scan(scan, state);
    note_rows_taken(state);
    state->started = state->has_radius = false;
    state->bitmap = NULL;
}

void set_scan_bitmap(IndexScanDesc scan, const TidBlocks* rows, double share) {
    ScanState* state = static_cast<ScanState*>(scan->opaque);
    state->bitmap = rows;
    state->bitmap_share = share;
}

void set_scan_radius(IndexScanDesc scan, float radius) {
    ScanState* state = static_cast<ScanState*>(scan->opaque);
    state->has_radius = true;
    state->radius = radius;
}

void vq_endscan(IndexScanDesc scan) {
    ScanState* state = static_cast<ScanState*>(scan->opaque);
    count_ended_scan(scan, state);
    explain_ended_scans(scan, state);
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

// every_row: of the conditions on key columns; there is no order.
static void load_query(IndexScanDesc scan, ListSearch* search, bool every_row) {
    search->null_query = every_row;
    if (scan->numberOfOrderBys == 0 && !every_row) return;  // the centre of a sphere will be the query
    const ScanKey key = every_row ? NULL : &scan->orderByData[0];
    const int dims = static_cast<int>(search->cache->meta.dims);
    if (!every_row) search->null_query = (key->sk_flags & SK_ISNULL) != 0;
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

static bool is_bounded(const ScanState* state) { return state->bound.distance < get_float4_infinity(); }

// Of the rows those that match, before any was asked: as the planner has it, or who made the bitmap. The planner's
// share is of a bound, too, which says nothing of the rows that are near.
static double guessed_share(const ScanState* state) {
    const double share = state->filter.num_conditions > 0 && !is_bounded(state) ? state->plan.share : 1;
    return state->bitmap != NULL ? std::min(share, state->bitmap_share) : share;
}

// The bound in the unit of the distances that rows are put in order by. Records of normalised rows are compared by L2.
static float bound_of_order(const ScanState* state) {
    const bool by_l2 =
        KeepsRecords(state->reading.from) && state->search.cache->records.codec.metric != state->search.codec.metric;
    return by_l2 ? 2 * (state->bound.distance + 1) : state->bound.distance;
}

static RoundRules rules_of(const ScanState* state) {
    const IndexCache* cache = state->search.cache;
    const ScanPlan* plan = &state->plan;
    RoundRules rules;
    rules.lists = cache->compact.entries;
    rules.max_rows = static_cast<uint64>(plan->session.max_scan_rows);
    rules.rows_a_list = cache->calibration.entries_a_list;
    rules.entries_a_row = EntriesPerRow(cache->meta);
    rules.filtered = state->search.filter != NULL;
    rules.share = rules.filtered ? guessed_share(state) : 1;
    rules.bounded = is_bounded(state);
    rules.code_bound = state->bound.distance;
    rules.bound = bound_of_order(state);
    rules.lists_by_hand = plan->session.nprobe > 0;
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
static RoundSettings first_settings(ScanState* state, const RoundRules* rules, uint64 expected_rows) {
    const uint64 expected = ScanRounds::FirstRows(*rules, expected_rows);
    uint32 usual = 0;
    const double share = ScanRounds::FirstShare(*rules);
    if (expected > kUsualRows) usual = settings_for(state, kUsualRows, share).lists;
    RoundSettings settings = settings_for(state, expected, share);
    if (expected > kUsualRows)
        settings.lists = state->choice.nprobe = rules->AllowedLists(0, std::min(usual, settings.lists), settings.lists);
    return settings;
}

// Empty at first: what a bound takes, then what the conditions do.
static MemoryContext condition_context(ScanState* state) {
    if (state->key_context == NULL)
        state->key_context = AllocSetContextCreate(state->context, "vectorq conditions", ALLOCSET_SMALL_SIZES);
    MemoryContextReset(state->key_context);
    return state->key_context;
}

static bool has_bound_key(IndexScanDesc scan) {
    return std::any_of(scan->keyData, scan->keyData + scan->numberOfKeys,
                       [](const ScanKeyData& key) { return is_bound_key(&key); });
}

static void begin_bound(IndexScanDesc scan, ScanState* state) {
    state->bound = {false, false, get_float4_infinity()};
    if (state->has_radius) state->bound = bound_of_radius(&state->search, state->radius);
    if (likely(scan->numberOfKeys == 0)) return;
    MemoryContext before = MemoryContextSwitchTo(condition_context(state));
    state->bound = scan_bound(scan, &state->search);
    MemoryContextSwitchTo(before);
}

// The conditions and rows that this scan is to keep to.
static void begin_filter(IndexScanDesc scan, ScanState* state) {
    RowFilter* filter = &state->filter;
    *filter = RowFilter();
    filter->rows = state->bitmap;
    state->lossy_filter = state->bound.given || (state->bitmap != NULL && state->bitmap->needs_recheck());
    if (scan->numberOfKeys > 0 && !(state->bound.given && scan->numberOfKeys == 1)) {
        KeyCondition* conditions = static_cast<KeyCondition*>(
            MemoryContextAlloc(state->key_context, sizeof(KeyCondition) * static_cast<Size>(scan->numberOfKeys)));
        filter->conditions = conditions;
        filter->num_conditions = static_cast<uint32>(
            key_conditions(scan->indexRelation, scan->keyData, scan->numberOfKeys, state->key_context, conditions));
        for (uint32 i = 0; i < filter->num_conditions; i++)
            state->lossy_filter = state->lossy_filter || conditions[i].lossy;
        MemoryContext before = MemoryContextSwitchTo(state->key_context);
        filter->lists = static_cast<ListFilter*>(palloc(sizeof(ListFilter)));
        begin_list_filter(state->search.cache, filter->lists);
        MemoryContextSwitchTo(before);
    }
    state->search.filter = filter->num_conditions > 0 || filter->rows != NULL ? filter : NULL;
}

static bool never_matches(const ScanState* state) {
    const RowFilter* filter = &state->filter;
    if (state->bound.never) return true;
    for (uint32 i = 0; i < filter->num_conditions; i++)
        if (filter->conditions[i].kind == KeyCondition::kNever) return true;
    return false;
}

// A bitmap of conditions on key columns has all rows that satisfy them, whatever the settings say of nearest ones.
static void want_every_row(ScanPlan* plan, uint64 rows) {
    plan->one_window = false;
    plan->order = RoundOrder::kRelaxed;
    plan->session.max_scan_rows = 0;
    plan->asked = rows + 1;
}

static void start_scan(IndexScanDesc scan, ScanState* state) {
    Relation index = scan->indexRelation;
    if (!state->prepared) prepare_scan(index, state);
    ListSearch* search = &state->search;
    plan_scan(scan, &state->plan);
    if (state->every_row) want_every_row(&state->plan, search->cache->meta.rows);
    load_query(scan, search, state->every_row);
    begin_bound(scan, state);
    begin_filter(scan, state);
    search->index_blocks = RelationGetNumberOfBlocks(index);
    search->entries_read = search->entries_scored = search->pages_read = 0;
    search->codec.symmetric = state->plan.session.distance == static_cast<int>(Distance::kSdc);
    const uint64 expected = rows_expected(&state->plan, search->cache->rows_taken);
    const RoundRules rules = rules_of(state);
    state->rounds->Begin(rules, first_settings(state, &rules, expected), expected);
    state->first_target = state->choice.target;
    state->times = StageTimes();
    begin_query(search);
    state->started = true;
    if (never_matches(state)) note_stats(scan, state);
    else find_rows(scan, state);
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

static void check_scan(IndexScanDesc scan, const ScanState* state, ScanDirection direction) {
    if (!ScanDirectionIsForward(direction))
        ereport(ERROR,
                (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                 errmsg("index \"%s\" cannot be scanned backwards", RelationGetRelationName(scan->indexRelation)),
                 errhint("Declare the cursor with SCROLL, or fetch forward only.")));
    if (scan->numberOfOrderBys != 1 && !state->every_row && !has_bound_key(scan))
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("index \"%s\" cannot be scanned without an ORDER BY distance, or a sphere",
                               RelationGetRelationName(scan->indexRelation))));
    // The snapshot is what makes stale tids harmless (store/README.md, Concurrency).
    if (!IsMVCCSnapshot(scan->xs_snapshot))
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("vectorq indexes need an MVCC snapshot")));
}

static void warn_if_short(IndexScanDesc scan, const ScanState* state) {
    if (!state->plan.session.warn_short_scans || !state->rounds->ended_short()) return;
    ereport(WARNING,
            (errmsg("scan of index \"%s\" ended after %llu rows, and more were asked for",
                    RelationGetRelationName(scan->indexRelation),
                    static_cast<unsigned long long>(state->rounds->counts().returned)),
             errhint("Set vectorq.max_scan_rows to 0 and vectorq.iterative_scan to relaxed to search all lists.")));
}

// Whether there is a row to take.
static bool next_row(IndexScanDesc scan, ScanState* state) {
    if (!state->started) {
        count_index_scan(scan);
        start_scan(scan, state);
    }
    if (likely(state->rounds->HasRow()) || (!never_matches(state) && find_rows(scan, state))) return true;
    warn_if_short(scan, state);
    return false;
}

static void take_row(IndexScanDesc scan, ScanState* state, ItemPointer pointer) {
    const uint64 tid = state->rounds->TakeRow().tid;
    check_heap_block(scan, state, tid);
    unpack_tid(tid, pointer);
    last_scan_stats.rows_returned = state->rounds->counts().returned;
}

bool vq_gettuple(IndexScanDesc scan, ScanDirection direction) {
    ScanState* state = static_cast<ScanState*>(scan->opaque);
    check_scan(scan, state, direction);
    if (!next_row(scan, state)) return false;
    take_row(scan, state, &scan->xs_heaptid);
    scan->xs_recheck = state->lossy_filter;
    scan->xs_recheckorderby = false;
    return true;
}

// The executor gives a bitmap's scan no table, which rows are put in order from. The planner makes bitmaps of ordered
// paths, too, by their conditions on key columns alone.
int64 vq_getbitmap(IndexScanDesc scan, TIDBitmap* bitmap) {
    ScanState* state = static_cast<ScanState*>(scan->opaque);
    state->every_row = !has_bound_key(scan);
    check_scan(scan, state, ForwardScanDirection);
    scan->heapRelation = table_open(scan->indexRelation->rd_index->indrelid, NoLock);
    int64 rows = 0;
    for (; next_row(scan, state); rows++) {
        ItemPointerData pointer;
        if ((rows & 1023) == 1023) CHECK_FOR_INTERRUPTS();
        take_row(scan, state, &pointer);
        tbm_add_tuples(bitmap, &pointer, 1, state->lossy_filter);
    }
    table_close(scan->heapRelation, NoLock);
    scan->heapRelation = NULL;
    return rows;
}

}  // namespace vectorq
