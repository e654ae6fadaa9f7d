// What the planner is offered: for each ordered path of a vector index, and each bitmap that the conditions can be
// answered by, the two joined. Nothing is offered that the planner would not make itself of either part: which
// condition an index may see before a security barrier has passed the row is the planner's own decision.
#include <algorithm>

#include "am/am.h"
#include "am/options.h"
#include "bitmap/bitmap_scan.h"
#include "scan/cost.h"
#include "pg/entry.h"
#include "pg/running_query.h"

extern "C" {
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
}

namespace vectorq {

static set_rel_pathlist_hook_type paths_before;

static const CustomPathMethods kBitmapPathMethods = {kBitmapScanName, plan_bitmap_scan, NULL};

// ---- the two parts

static List* vector_paths(const RelOptInfo* rel) {
    List* paths = NIL;
    ListCell* cell;
    foreach (cell, rel->pathlist) {
        IndexPath* path = static_cast<IndexPath*>(lfirst(cell));
        if (IsA(path, IndexPath) && path->indexorderbys != NIL && path->path.pathkeys != NIL &&
            is_ours(path->indexinfo) && !path->indexinfo->hypothetical)
            paths = lappend(paths, path);
    }
    return paths;
}

// The relation with those of its indexes that can make bitmaps, and as if they could do nothing else. The table's own
// list of paths may have dropped its bitmap for a plain index scan, or for a sequential one, that is cheaper.
static RelOptInfo* with_bitmap_indexes(const RelOptInfo* rel) {
    RelOptInfo* copy = makeNode(RelOptInfo);
    *copy = *rel;
    copy->pathlist = copy->partial_pathlist = copy->indexlist = NIL;
    // An order by distance is of no use inside a join by loops, whose conditions these are.
    copy->joininfo = NIL;
    copy->has_eclass_joins = false;
    ListCell* cell;
    foreach (cell, rel->indexlist) {
        const IndexOptInfo* index = static_cast<const IndexOptInfo*>(lfirst(cell));
        if (!index->amhasgetbitmap || is_ours(index)) continue;
        IndexOptInfo* bitmap_only = makeNode(IndexOptInfo);
        *bitmap_only = *index;
        bitmap_only->rel = copy;
        bitmap_only->amhasgettuple = false;
        bitmap_only->amcanparallel = false;
        copy->indexlist = lappend(copy->indexlist, bitmap_only);
    }
    return copy;
}

static List* bitmap_paths(PlannerInfo* root, RelOptInfo* rel) {
    RelOptInfo* copy = with_bitmap_indexes(rel);
    if (copy->indexlist == NIL) return NIL;
    create_index_paths(root, copy);
    List* paths = NIL;
    ListCell* cell;
    foreach (cell, copy->pathlist) {
        BitmapHeapPath* path = static_cast<BitmapHeapPath*>(lfirst(cell));
        if (!IsA(path, BitmapHeapPath)) continue;
        path->path.parent = rel;
        paths = lappend(paths, path);
    }
    return paths;
}

// ---- the two joined

// Of the table's rows, those that both parts let through. Both may know the same condition: then it counts once.
static double share_of_matches(const RelOptInfo* rel, const IndexPath* index, Selectivity bitmap_share) {
    const double both = bitmap_share * index->indexselectivity;
    const double all_conditions = rel->rows / std::max(1.0, rel->tuples);
    return std::clamp(both, std::min(all_conditions, bitmap_share), bitmap_share);
}

// Entries that are looked up in the set in the time in which a row of the table is visited: of a million rows in memory
// 64, at 14 ns and 0.9 us. Fewer, since a filter that follows the vectors leads the scan to more lists than it is
// reckoned with, while the visits are as many as they seem.
static constexpr double kLookUpsPerVisit = 48;

// bitmap: what makes the set; share: of the table's rows, those that it has.
static void set_costs(PlannerInfo* root, RelOptInfo* rel, CustomPath* path, const IndexPath* index,
                      const BitmapHeapPath* bitmap, Cost bitmap_cost, Selectivity share) {
    const double set_rows = std::max(1.0, share * std::max(1.0, rel->tuples));
    FilteredCosts costs;
    cost_filtered_scan(root, index, set_rows, &costs);
    double random_page_cost, seq_page_cost;
    get_tablespace_page_costs(rel->reltablespace, &random_page_cost, &seq_page_cost);
    const double matches = std::max(1.0, share_of_matches(rel, index, share) * std::max(1.0, rel->tuples));
    const double pages = index_pages_fetched(matches, rel->pages, index->indexinfo->pages, root);
    const Cost fetching = pages * random_page_cost + matches * (cpu_tuple_cost + rel->baserestrictcost.per_tuple);
    // The visits of a sort of all rows of the set have a cost by the server's rules. Look-ups that take as long cost as
    // much, so that the two are compared by time.
    const Cost visits = bitmap->path.total_cost - bitmap_cost;
    const Cost looking_up = std::max(0.0, visits) * costs.look_ups / (kLookUpsPerVisit * set_rows);
    const Cost startup = bitmap_cost + std::max(costs.startup, looking_up) + rel->baserestrictcost.startup;
    path->path.startup_cost = startup;
    path->path.total_cost = startup + std::max(0.0, costs.total - costs.startup) + fetching;
}

static void offer_joined(PlannerInfo* root, RelOptInfo* rel, IndexPath* index, BitmapHeapPath* bitmap) {
    Cost bitmap_cost;
    Selectivity bitmap_share;
    cost_bitmap_tree_node(bitmap->bitmapqual, &bitmap_cost, &bitmap_share);
    CustomPath* path = makeNode(CustomPath);
    path->path.pathtype = T_CustomScan;
    path->path.parent = rel;
    path->path.pathtarget = rel->reltarget;
    path->path.param_info = index->path.param_info;
    path->path.parallel_safe = rel->consider_parallel && index->path.parallel_safe;
    path->path.pathkeys = index->path.pathkeys;
    path->path.rows = index->path.rows;
    path->flags = kCustomPathProjects;
    path->custom_paths = list_make2(bitmap, index);
    path->custom_private = list_make1(makeFloat(psprintf("%.9g", bitmap_share)));
    path->methods = &kBitmapPathMethods;
    set_costs(root, rel, path, index, bitmap, bitmap_cost, bitmap_share);
    add_path(rel, &path->path);
}

static bool may_have_joined(const RelOptInfo* rel, const RangeTblEntry* rte) {
    return settings.bitmap_scan != 0 && enable_bitmapscan && enable_indexscan && rte->rtekind == RTE_RELATION &&
           rel->indexlist != NIL && rel->baserestrictinfo != NIL;
}

static void offer_paths(PlannerInfo* root, RelOptInfo* rel, Index rti, RangeTblEntry* rte) {
    if (paths_before != NULL) paths_before(root, rel, rti, rte);
    if (!may_have_joined(rel, rte)) return;
    List* vectors = vector_paths(rel);
    if (vectors == NIL) return;
    List* bitmaps = bitmap_paths(root, rel);
    ListCell *vector, *bitmap;
    foreach (vector, vectors) {
        foreach (bitmap, bitmaps) {
            IndexPath* index = static_cast<IndexPath*>(lfirst(vector));
            BitmapHeapPath* heap = static_cast<BitmapHeapPath*>(lfirst(bitmap));
            if (bms_equal(PATH_REQ_OUTER(&index->path), PATH_REQ_OUTER(&heap->path)))
                offer_joined(root, rel, index, heap);
        }
    }
}

void offer_bitmap_scans() {
    RegisterCustomScanMethods(&kBitmapScanMethods);
    note_index_reading_scan(&kBitmapExecMethods);
    paths_before = set_rel_pathlist_hook;
    set_rel_pathlist_hook = offer_paths;
}

}  // namespace vectorq
