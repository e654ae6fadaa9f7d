// See out_of_line.h. A value out of line is looked up in the index of the TOAST table, chunk by chunk. Reckoned as the
// server reckons an index scan: a descent, then each chunk and its share of a page. All chunks of a table are read, so
// pages cost as in sequence. Seen: 2.1 microseconds for 768 dimensions, 3.9 for 1,536, in memory.
#include "scan/out_of_line.h"

#include <algorithm>
#include <cmath>

#include "am/am.h"
#include "store/storage.h"
#include "types/element.h"
#include "pg/entry.h"

extern "C" {
#include "access/heaptoast.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
}

namespace vectorq {

static set_rel_pathlist_hook_type next_hook;

// What the server charges for a page of a B-tree on the way down (DEFAULT_PAGE_CPU_MULTIPLIER of its selfuncs.c), and
// entries of such a page.
static constexpr double kOperatorsPerTreePage = 50;
static constexpr double kEntriesOfTreePage = 300;
// A row is at least so much larger than its vector.
static constexpr double kLeastRowBytes = 40;

// The table's column that the index is on, or the first one that its expression reads.
static AttrNumber vector_column(const IndexOptInfo* index) {
    if (index->indexkeys[0] != 0) return static_cast<AttrNumber>(index->indexkeys[0]);
    Bitmapset* columns = NULL;
    pull_varattnos(static_cast<Node*>(linitial(index->indexprs)), index->rel->relid, &columns);
    const int first = bms_next_member(columns, -1);
    return static_cast<AttrNumber>(first < 0 ? 0 : first + FirstLowInvalidHeapAttributeNumber);
}

// Bytes of the column's values in their rows, as ANALYZE has seen them; 0: not known.
static double bytes_in_row(const IndexOptInfo* index) {
    const AttrNumber column = vector_column(index);
    const Oid table = IndexGetRelation(index->indexoid, true);
    return column > 0 && OidIsValid(table) ? get_attavgwidth(table, column) : 0;
}

Cost cost_of_vector(const IndexOptInfo* index, const MetaPage* meta) {
    double bytes = VARHDRSZ + 4 + meta->dims * TraitsOf(static_cast<ElementType>(meta->element)).bits / 8.0;
    const double in_row = bytes_in_row(index);
    // What an expression reads may be wider than what it makes.
    if (index->indexkeys[0] == 0) bytes = std::max(bytes, static_cast<double>(TOAST_TUPLE_THRESHOLD));
    if (in_row > 0 ? in_row > bytes / 2 : bytes + kLeastRowBytes <= TOAST_TUPLE_THRESHOLD) return 0;
    double seq_page_cost;
    get_tablespace_page_costs(index->reltablespace, NULL, &seq_page_cost);
    const double chunks = std::ceil(bytes / TOAST_MAX_CHUNK_SIZE);
    const double entries = std::max(2.0, index->rel->tuples * chunks);
    const double tree_pages = 1 + std::floor(std::log(entries) / std::log(kEntriesOfTreePage));
    return tree_pages * kOperatorsPerTreePage * cpu_operator_cost +
           chunks * (cpu_index_tuple_cost + cpu_tuple_cost + seq_page_cost / EXTERN_TUPLES_PER_PAGE);
}

// ---- paths that sort

// The index of ours that gives the order that the query asks for.
static const IndexOptInfo* index_with_order(const RelOptInfo* rel) {
    ListCell* cell;
    foreach (cell, rel->pathlist) {
        const IndexPath* path = static_cast<const IndexPath*>(lfirst(cell));
        if (IsA(path, IndexPath) && path->indexorderbys != NIL && path->path.pathkeys != NIL &&
            is_ours(path->indexinfo) && !path->indexinfo->hypothetical)
            return path->indexinfo;
    }
    return NULL;
}

// Whether all rows of the path get their distance, to be sorted by it.
static bool is_sorted_later(const Path* path) {
    if (IsA(path, CustomPath)) return path->pathkeys == NIL;
    return !IsA(path, IndexPath) || reinterpret_cast<const IndexPath*>(path)->indexorderbys == NIL;
}

static int cheaper_first(const ListCell* a, const ListCell* b) {
    return compare_path_costs(static_cast<Path*>(lfirst(a)), static_cast<Path*>(lfirst(b)), TOTAL_COST);
}

static void charge(List* paths, Cost a_row) {
    ListCell* cell;
    foreach (cell, paths) {
        Path* path = static_cast<Path*>(lfirst(cell));
        if (is_sorted_later(path)) path->total_cost += path->rows * a_row;
    }
    list_sort(paths, cheaper_first);
}

static void charge_paths(PlannerInfo* root, RelOptInfo* rel, Index number, RangeTblEntry* entry) {
    if (next_hook != NULL) next_hook(root, rel, number, entry);
    const IndexOptInfo* info = entry->rtekind == RTE_RELATION ? index_with_order(rel) : NULL;
    if (info == NULL) return;
    Relation index = index_open(info->indexoid, NoLock);
    MetaPage meta;
    read_meta(index, &meta);
    index_close(index, NoLock);
    const Cost a_row = cost_of_vector(info, &meta);
    if (a_row == 0) return;
    charge(rel->pathlist, a_row);
    charge(rel->partial_pathlist, a_row);
}

void charge_for_vectors_out_of_line() {
    next_hook = set_rel_pathlist_hook;
    set_rel_pathlist_hook = charge_paths;
}

}  // namespace vectorq
