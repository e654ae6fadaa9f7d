// See plan_keys.h. Two kinds of them:
//
// - `flag` and `NOT flag`. The planner writes `flag = true` so. Up to PostgreSQL 15 it makes that a condition of an
//   index only if the column's operator family is one of its own. Ours numbers its operators as the B-tree's does, so
//   to the planner it is that one. The executor goes by the index itself.
// - `x = ANY (…)`, and so IN. Up to PostgreSQL 16 the planner believes that with such a condition on any column but the
//   first an index has no order. To each ordered path it adds the same one with these conditions.
#include "am/am.h"
#include "am/plan_keys.h"
#include "pg/entry.h"

extern "C" {
#include "catalog/pg_opfamily.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "optimizer/plancat.h"
#include "optimizer/restrictinfo.h"
}

namespace vectorq {

static get_relation_info_hook_type next_info_hook;
static set_rel_pathlist_hook_type next_paths_hook;

static void note_indexes(PlannerInfo* root, Oid table, bool parent, RelOptInfo* rel) {
    if (next_info_hook != NULL) next_info_hook(root, table, parent, rel);
    ListCell* cell;
    foreach (cell, rel->indexlist) {
        IndexOptInfo* info = static_cast<IndexOptInfo*>(lfirst(cell));
        if (!is_ours(info)) continue;
        for (int column = 1; column < info->nkeycolumns; column++)
            if (info->opcintype[column] == BOOLOID) info->opfamily[column] = BOOL_BTREE_FAM_OID;
    }
}

// The key column that a condition `x = ANY (…)` is on; 0: none of the index's. The first is the vector's.
static int column_of_list(PlannerInfo* root, const IndexOptInfo* info, const RestrictInfo* rinfo) {
    if (rinfo->pseudoconstant || !IsA(rinfo->clause, ScalarArrayOpExpr)) return 0;
    const ScalarArrayOpExpr* list = reinterpret_cast<const ScalarArrayOpExpr*>(rinfo->clause);
    Node* left = static_cast<Node*>(linitial(list->args));
    Node* right = static_cast<Node*>(lsecond(list->args));
    if (!list->useOr || bms_is_member(static_cast<int>(info->rel->relid), pull_varnos(root, right)) ||
        contain_volatile_functions(right))
        return 0;
    for (int column = 1; column < info->nkeycolumns; column++) {
        const Oid collation = info->indexcollations[column];
        if (match_index_to_operand(left, column, const_cast<IndexOptInfo*>(info)) &&
            op_in_opfamily(list->opno, info->opfamily[column]) &&
            (!OidIsValid(collation) || collation == list->inputcollid))
            return column;
    }
    return 0;
}

static bool has_condition(const List* clauses, const RestrictInfo* rinfo) {
    ListCell* cell;
    foreach (cell, clauses)
        if (static_cast<IndexClause*>(lfirst(cell))->rinfo == rinfo) return true;
    return false;
}

// In the order of columns, which the planner keeps.
static List* with_condition(List* clauses, RestrictInfo* rinfo, int column) {
    IndexClause* added = makeNode(IndexClause);
    added->rinfo = rinfo;
    added->indexquals = list_make1(rinfo);
    added->indexcol = static_cast<AttrNumber>(column);
    int at = 0;
    while (at < list_length(clauses) && static_cast<IndexClause*>(list_nth(clauses, at))->indexcol <= column) at++;
    return list_insert_nth(clauses, at, added);
}

// The path with the conditions that it lacks; NULL if it lacks none.
static Path* with_lists(PlannerInfo* root, RelOptInfo* rel, const IndexPath* path) {
    List* clauses = path->indexclauses;
    ListCell* cell;
    foreach (cell, rel->baserestrictinfo) {
        RestrictInfo* rinfo = static_cast<RestrictInfo*>(lfirst(cell));
        const int column = column_of_list(root, path->indexinfo, rinfo);
        if (column == 0 || has_condition(clauses, rinfo)) continue;
        if (!restriction_is_securely_promotable(rinfo, rel)) continue;
        if (clauses == path->indexclauses) clauses = list_copy(clauses);
        clauses = with_condition(clauses, rinfo, column);
    }
    if (clauses == path->indexclauses) return NULL;
    return reinterpret_cast<Path*>(create_index_path(root, path->indexinfo, clauses, path->indexorderbys,
                                                     path->indexorderbycols, path->path.pathkeys, path->indexscandir,
                                                     false, PATH_REQ_OUTER(&path->path), 1.0, false));
}

// To the planner paths cost the same whose costs differ by a hundredth, and the first of them stays. A condition that
// the index is asked costs less than the same as a filter, and lets the scan know how many rows match.
static bool costs_no_more(const Path* path, const Path* than) {
    return path->startup_cost <= 1.01 * than->startup_cost && path->total_cost <= 1.01 * than->total_cost;
}

static void add_paths(PlannerInfo* root, RelOptInfo* rel, Index number, RangeTblEntry* entry) {
    if (next_paths_hook != NULL) next_paths_hook(root, rel, number, entry);
    List* added = NIL;
    ListCell* cell;
    foreach (cell, rel->pathlist) {
        IndexPath* path = static_cast<IndexPath*>(lfirst(cell));
        if (!IsA(path, IndexPath) || !is_ours(path->indexinfo) || path->indexorderbys == NIL) continue;
        Path* further = with_lists(root, rel, path);
        if (further == NULL) continue;
        added = lappend(added, further);
        if (costs_no_more(further, &path->path)) rel->pathlist = foreach_delete_current(rel->pathlist, cell);
    }
    foreach (cell, added) add_path(rel, static_cast<Path*>(lfirst(cell)));
}

void help_planner_with_keys() {
    next_info_hook = get_relation_info_hook;
    get_relation_info_hook = note_indexes;
    next_paths_hook = set_rel_pathlist_hook;
    set_rel_pathlist_hook = add_paths;
}

}  // namespace vectorq
