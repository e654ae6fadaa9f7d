// "Custom Scan (VectorqBitmap)": the rows that other indexes find for a condition, in the order of a vector index. How
// its plan is laid out, and who makes what of it. README.md has the whole.
#pragma once
#include "pg/pg_headers.h"

extern "C" {
#include "nodes/extensible.h"
}

namespace vectorq {

inline constexpr char kBitmapScanName[] = "VectorqBitmap";

// CustomScan.custom_plans has one plan, which makes the bitmap. custom_exprs is a list of these lists, each of which
// may be NIL. The first four are those of an index scan's plan (nodes/plannodes.h).
enum class BitmapScanPart : int { kIndexQual, kIndexQualOrig, kOrderBy, kOrderByOrig, kBitmapQualOrig };
inline List* part_of(const CustomScan* plan, BitmapScanPart part) {
    return static_cast<List*>(list_nth(plan->custom_exprs, static_cast<int>(part)));
}

// CustomScan.custom_private: the index, and the share of the table's rows that the bitmap was reckoned to have.
inline Oid index_of(const CustomScan* plan) { return linitial_oid(static_cast<List*>(linitial(plan->custom_private))); }
inline double share_of(const CustomScan* plan) { return floatVal(lsecond(plan->custom_private)); }
inline List* bitmap_scan_private(Oid index, double share) {
    return list_make2(list_make1_oid(index), makeFloat(psprintf("%.9g", share)));
}

// From _PG_init: the planner offers such scans from now on, and plans with them can be executed.
void offer_bitmap_scans();

// The planner's CustomPath to the executor's CustomScan.
Plan* plan_bitmap_scan(PlannerInfo* root, RelOptInfo* rel, CustomPath* path, List* tlist, List* clauses, List* plans);
// The plan's state, and what EXPLAIN says of it.
Node* make_bitmap_scan_state(CustomScan* plan);
extern const CustomScanMethods kBitmapScanMethods;
extern const CustomExecMethods kBitmapExecMethods;

}  // namespace vectorq
