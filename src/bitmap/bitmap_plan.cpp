// From path to plan. The planner has made the plans of both parts, as if each were to be executed alone: a bitmap scan
// of the table and an ordered scan of the vector index. What they are made of goes into the plan of the two joined. So
// their expressions are prepared by the server's own code, whatever the version.
#include "bitmap/bitmap_scan.h"

#include "pg/entry.h"

namespace vectorq {

// Conditions without columns are asked by a node above each plan; the joined one gets its own.
static Plan* below_gate(Plan* plan) {
    while (IsA(plan, Result)) plan = outerPlan(plan);
    return plan;
}

Plan* plan_bitmap_scan(PlannerInfo*, RelOptInfo* rel, CustomPath* path, List* tlist, List*, List* plans) {
    BitmapHeapScan* bitmap = castNode(BitmapHeapScan, below_gate(static_cast<Plan*>(linitial(plans))));
    IndexScan* index = castNode(IndexScan, below_gate(static_cast<Plan*>(lsecond(plans))));
    CustomScan* plan = makeNode(CustomScan);
    plan->scan.scanrelid = rel->relid;
    plan->scan.plan.targetlist = tlist;
    // Each part leaves the conditions that it does not answer, in the order in which security barriers want them.
    plan->scan.plan.qual = list_intersection(bitmap->scan.plan.qual, index->scan.plan.qual);
    plan->flags = path->flags;
    plan->custom_plans = list_make1(outerPlan(bitmap));
    plan->custom_exprs = list_make5(index->indexqual, index->indexqualorig, index->indexorderby,
                                    index->indexorderbyorig, bitmap->bitmapqualorig);
    plan->custom_private = bitmap_scan_private(index->indexid, floatVal(linitial(path->custom_private)));
    plan->methods = &kBitmapScanMethods;
    return &plan->scan.plan;
}

}  // namespace vectorq
