// See running_query.h.
#include "pg/running_query.h"

#include <algorithm>

extern "C" {
#include "access/parallel.h"
#include "executor/executor.h"
}

namespace vectorq {

static QueryDesc* running;    // the innermost
static uint64 running_count;  // rows that this run of it may return: what a FETCH or the protocol says; 0: all
static ExecutorRun_hook_type run_before;
static const CustomExecMethods* index_reading;

static void run_query(QueryDesc* query, ScanDirection direction, uint64 count VQ_RUN_ONCE_PARAMETER) {
    QueryDesc* outer = running;
    const uint64 outer_count = running_count;
    running = query;
    running_count = count;
    PG_TRY();
    {
        if (run_before != NULL) run_before(query, direction, count VQ_RUN_ONCE_ARGUMENT);
        else standard_ExecutorRun(query, direction, count VQ_RUN_ONCE_ARGUMENT);
    }
    PG_FINALLY();
    {
        running = outer;
        running_count = outer_count;
    }
    PG_END_TRY();
}

void watch_running_queries() {
    run_before = ExecutorRun_hook;
    ExecutorRun_hook = run_query;
}

void note_index_reading_scan(const CustomExecMethods* methods) { index_reading = methods; }

namespace {
struct PlaceSearch {
    IndexScanDesc scan;
    ScanPlace* place;
    const PlanState* above;
    OrderUse order_use;
};
}  // namespace

// `above`: what nodes above this one do with the order of its rows. Returns what becomes of the order of the rows
// below.
static OrderUse order_use_below(const PlanState* node, OrderUse above) {
    switch (nodeTag(node)) {
        // Who says LIMIT takes the rows as they come; merging needs their order all the same.
        case T_LimitState: return above == OrderUse::kReturns ? OrderUse::kNone : above;
        case T_MergeAppendState:
        case T_GatherMergeState:
        case T_IncrementalSortState: return std::max(above, OrderUse::kMerges);
        case T_MergeJoinState:
        case T_GroupState:
        case T_UniqueState:
        case T_SetOpState:
        case T_WindowAggState: return OrderUse::kReliesOn;
        case T_AggState: {
            const AggStrategy strategy = reinterpret_cast<const Agg*>(node->plan)->aggstrategy;
            return strategy == AGG_SORTED || strategy == AGG_MIXED ? OrderUse::kReliesOn : OrderUse::kNone;
        }
        case T_SortState:
        case T_HashState:
        case T_HashJoinState: return OrderUse::kNone;
        default: return above;
    }
}

// A nested loop's rows are in the order of the outer ones alone.
static bool is_inner_of_loop(const PlanState* node, const PlanState* above) {
    return above != NULL && IsA(above, NestLoopState) && innerPlanState(above) == node;
}

// What the node reads an index by; NULL if it does not.
static IndexScanDesc scan_of(const PlanState* node) {
    if (IsA(node, IndexScanState)) return reinterpret_cast<const IndexScanState*>(node)->iss_ScanDesc;
    if (IsA(node, CustomScanState) && reinterpret_cast<const CustomScanState*>(node)->methods == index_reading)
        return reinterpret_cast<const IndexReadingScan*>(node)->scan;
    return NULL;
}

static bool visit_node(PlanState* node, void* arg) {
    const PlaceSearch* outer = static_cast<PlaceSearch*>(arg);
    const OrderUse order_use = is_inner_of_loop(node, outer->above) ? OrderUse::kNone : outer->order_use;
    if (scan_of(node) == outer->scan) {
        ScanPlace* place = outer->place;
        place->node = node;
        place->order_use = order_use;
        if (outer->above != NULL && IsA(outer->above, LimitState))
            place->limit = reinterpret_cast<const LimitState*>(outer->above);
        if (outer->above == NULL) place->fetched = running_count;
        return true;
    }
    PlaceSearch inner = {outer->scan, outer->place, node, order_use_below(node, order_use)};
    return walk_plan_states(node, visit_node, &inner);
}

void find_scan(IndexScanDesc scan, ScanPlace* place) {
    memset(place, 0, sizeof(*place));
    if (running == NULL || running->planstate == NULL) return;
    // Whether the leader merges what its workers found in order is not to be seen in a worker.
    PlaceSearch search = {scan, place, NULL, IsParallelWorker() ? OrderUse::kReliesOn : OrderUse::kReturns};
    visit_node(running->planstate, &search);
}

}  // namespace vectorq
