// An access method is not told the LIMIT. It stands in the plan that is being executed, and the running portal
// leads there. A scan that is found nowhere in it (a query inside a function, a parallel worker) is unknown.
#include "scan/asked_rows.h"

extern "C" {
#include "executor/execdesc.h"
#include "tcop/pquery.h"
#include "utils/portal.h"
}

namespace vectorq {

namespace {
struct LimitSearch {
    IndexScanDesc scan;
    const LimitState* limit;
};
}  // namespace

static bool find_limit(PlanState* node, void* arg) {
    LimitSearch* search = static_cast<LimitSearch*>(arg);
    if (IsA(node, LimitState)) {
        PlanState* child = outerPlanState(node);
        if (child != NULL && IsA(child, IndexScanState) &&
            reinterpret_cast<IndexScanState*>(child)->iss_ScanDesc == search->scan) {
            search->limit = reinterpret_cast<LimitState*>(node);
            return true;
        }
    }
    return walk_plan_states(node, find_limit, search);
}

// Rows that a filter between the two takes one of, as the planner reckoned.
static double rows_for_one(const LimitState* limit, IndexScanDesc scan) {
    const PlanState* child = outerPlanState(limit);
    const double kept = child->plan->plan_rows, all = scan->indexRelation->rd_rel->reltuples;
    return child->qual == NULL || !(kept >= 1 && all > kept) ? 1 : all / kept;
}

uint64 rows_asked(IndexScanDesc scan) {
    if (ActivePortal == NULL || ActivePortal->queryDesc == NULL || ActivePortal->queryDesc->planstate == NULL) return 0;
    LimitSearch search = {scan, NULL};
    find_limit(ActivePortal->queryDesc->planstate, &search);
    if (search.limit == NULL || search.limit->noCount) return 0;
    return static_cast<uint64>(static_cast<double>(search.limit->count + search.limit->offset) *
                               rows_for_one(search.limit, scan));
}

}  // namespace vectorq
