// amcostestimate: pages and rows at the session's settings.
//
// Before the first row comes out, nprobe lists are read and scored: the start-up cost. Going on
// through all rows would read all lists: the total. Between the two the executor's LIMIT interpolates,
// so a filter that makes the scan go on further is charged for it.
//
// Conditions on key columns are the scan's own: as many lists are read as for rows / share rows without them, of their
// codes the blocks that have a match are scored, and only matches come out.
//
// A scan with a bound reads the lists for as many rows as are within, and no others: that is its total. How many are
// within is the estimate of the operator (types/sphere.cpp): of a vector of up to 1 kB the share of those that ANALYZE
// keeps, else a thousandth of the rows. With a LIMIT it begins with lists for so many rows.
#include <algorithm>
#include <cmath>

#include "am/am.h"
#include "store/calibration_store.h"
#include "store/index_cache.h"
#include "scan/cost.h"
#include "scan/out_of_line.h"
#include "scan/scan_plan.h"
#include "pg/entry.h"

namespace vectorq {

// Scoring a row costs a fraction of an operator call: no function call, no tuple, SIMD. Measured at
// about 1/20 of a sequential scan's work a row for 128 dimensions; so much per 128 dimensions.
static constexpr double kOperatorsPerRow = 0.2;
// A condition on a key column is asked of 32 rows at once.
static constexpr double kOperatorsPerCondition = 0.02;
// Looking an entry up in a set of rows; making such a set of a bitmap, a row.
static constexpr double kOperatorsPerLookUp = 0.1;
static constexpr double kOperatorsPerSetRow = 20;
// Rows put in order for one that is asked for, where no calibration says how many.
static constexpr double kOrderedPerRow = 10;

namespace {
struct IndexShape {
    double lists, probes, list_pages, other_pages, rows, dims;
    double ordered;  // rows put in order before the first comes out
    Cost vector;     // reading one's vector, where it lies out of line
};
}  // namespace

static IndexShape shape_of(const IndexOptInfo* info, double rows) {
    Relation index = index_open(info->indexoid, NoLock);
    MetaPage meta;
    read_meta(index, &meta);
    Calibration calibration;
    read_calibration(index, &meta, &calibration);
    const Settings own = settings_for_index(index);
    index_close(index, NoLock);
    IndexShape shape;
    shape.lists = meta.live_lists;
    const ScanChoice choice = choose_settings(&own, &meta, &calibration, rows);
    shape.probes = choice.nprobe;
    // A float's worth of work is done on as many bits as it has.
    shape.dims = TraitsOf(static_cast<Metric>(meta.metric)).bits ? meta.dims / 32.0 : meta.dims;
    // Rebalancing puts centroids and parts of the directory behind the postings.
    shape.other_pages = static_cast<double>(meta.postings_start) + static_cast<double>(DirectoryPages(meta)) +
                        (meta.generation > 0 ? meta.centroid_run.blocks : 0);
    shape.list_pages = std::max(1.0, static_cast<double>(info->pages) - shape.other_pages);
    shape.rows = std::max(1.0, info->tuples) * EntriesPerRow(meta);
    const double ordered = choice.reorder_rows > 0 ? static_cast<double>(choice.reorder_rows) : rows * kOrderedPerRow;
    shape.ordered = std::min(ordered, std::max(1.0, info->tuples));
    shape.vector = static_cast<Reorder>(meta.reorder) == Reorder::kHeap ? cost_of_vector(info, &meta) : 0;
    return shape;
}

static double share_of(PlannerInfo* root, const IndexPath* path, List* clauses) {
    if (clauses == NIL) return 1;
    List* quals = get_quals_from_indexclauses(clauses);
    return std::clamp(
        clauselist_selectivity(root, quals, static_cast<int>(path->indexinfo->rel->relid), JOIN_INNER, NULL), 1e-9,
        1.0);
}

// Those that bound the distance; others on the vector's column ask for NULL.
static List* clauses_of_bound(const IndexPath* path) {
    List* found = NIL;
    ListCell* cell;
    foreach (cell, path->indexclauses) {
        IndexClause* clause = static_cast<IndexClause*>(lfirst(cell));
        if (clause->indexcol == 0 && !IsA(clause->rinfo->clause, NullTest)) found = lappend(found, clause);
    }
    return found;
}

// Of the entries, those in blocks that have a match.
static double share_scored(double share) { return 1 - std::pow(1 - share, static_cast<double>(kBlockRows)); }

// Scoring a row.
static Cost score_cost(const IndexShape* shape) {
    return cpu_operator_cost * kOperatorsPerRow * std::max(1.0, shape->dims / 128);
}

// All lists, where each entry costs `entry`. A list is one seek and then consecutive pages.
static Cost cost_of_lists(const IndexOptInfo* info, const IndexShape* shape, Cost entry) {
    double random_page_cost, seq_page_cost;
    get_tablespace_page_costs(info->reltablespace, &random_page_cost, &seq_page_cost);
    return shape->lists * random_page_cost + std::max(0.0, shape->list_pages - shape->lists) * seq_page_cost +
           shape->rows * entry;
}

// Beside the lists, before the first row comes out. The centroids are cached by the backend.
static Cost cost_of_beginning(const IndexOptInfo* info, const IndexShape* shape) {
    double random_page_cost;
    get_tablespace_page_costs(info->reltablespace, &random_page_cost, NULL);
    return random_page_cost + shape->lists * score_cost(shape) + shape->ordered * shape->vector;
}

// Putting the other rows in order, until all have come out.
static Cost cost_of_the_rest(const IndexShape* shape, double rows) {
    return std::max(0.0, rows - shape->ordered) * shape->vector;
}

// share: of the rows, those that satisfy the path's own conditions. As many as the LIMIT says, if there is one. Where
// conditions leave a part of the rows, whoever asks for them, the scan makes lists of so many more (scan_plan.cpp).
static double rows_to_look_through(const PlannerInfo* root, const IndexOptInfo* info, double share) {
    const double rows = root->limit_tuples > 0 ? root->limit_tuples : static_cast<double>(kUsualRows);
    return rows * std::max(1 / share, info->tuples / std::max(1.0, info->rel->rows));
}

void cost_filtered_scan(const PlannerInfo* root, const IndexPath* path, double set_rows, FilteredCosts* costs) {
    const IndexOptInfo* info = path->indexinfo;
    const IndexShape shape = shape_of(info, rows_to_look_through(root, info, 1));
    const double part = shape.probes / shape.lists;
    const double conditions = static_cast<double>(list_length(path->indexclauses));
    const Cost entry =
        score_cost(&shape) + cpu_operator_cost * (kOperatorsPerLookUp + kOperatorsPerCondition * conditions);
    const Cost lists = cost_of_lists(info, &shape, entry);
    costs->startup =
        cost_of_beginning(info, &shape) + part * lists + set_rows * cpu_operator_cost * kOperatorsPerSetRow;
    costs->total =
        costs->startup + (1 - part) * lists + set_rows * cpu_index_tuple_cost + cost_of_the_rest(&shape, set_rows);
    costs->look_ups = part * shape.rows;
}

// Rows that the executor fetches and its filter throws away. Of a scan of all rows the server reckons with each page of
// the table once, and of the first rows with their share of that. But the first rows have a page each.
static Cost cost_of_thrown_away(const IndexOptInfo* info, double share) {
    const double out = share * info->tuples;
    double random_page_cost;
    get_tablespace_page_costs(info->rel->reltablespace, &random_page_cost, NULL);
    return std::max(0.0, out - info->rel->rows) * random_page_cost;
}

void vq_costestimate(PlannerInfo* root, IndexPath* path, double loop_count, Cost* startup, Cost* total,
                     Selectivity* selectivity, double* correlation, double* pages) {
    List* bound = clauses_of_bound(path);
    if (path->indexorderbys == NIL && bound == NIL) {  // the scan cannot run without an order
        *startup = *total = get_float8_infinity();
        disable_path(path);
        *selectivity = 0;
        *correlation = 0;
        *pages = 0;
        return;
    }
    const double share = share_of(root, path, path->indexclauses);
    const double share_within = share_of(root, path, bound), within = share_within * path->indexinfo->tuples;
    const double looked_through = rows_to_look_through(root, path->indexinfo, share);
    const bool ends = bound != NIL;
    const IndexShape shape = shape_of(path->indexinfo, ends ? std::min(looked_through, within) : looked_through);
    const double part = shape.probes / shape.lists;
    const double whole = ends ? shape_of(path->indexinfo, within).probes / shape.lists : 1;
    const double conditions = static_cast<double>(list_length(path->indexclauses));
    const double entry = cpu_operator_cost * kOperatorsPerCondition * conditions +
                         share_scored(std::min(1.0, share / share_within)) * score_cost(&shape);
    const Cost all_lists = cost_of_lists(path->indexinfo, &shape, entry);
    *startup = cost_of_beginning(path->indexinfo, &shape) + part * all_lists;
    *total = *startup + std::max(0.0, whole - part) * all_lists + share * shape.rows * cpu_index_tuple_cost +
             cost_of_the_rest(&shape, share * path->indexinfo->tuples);
    if (path->indexorderbys != NIL) *total += cost_of_thrown_away(path->indexinfo, share);
    *selectivity = share;
    *correlation = 0;
    *pages = shape.list_pages * whole;
}

}  // namespace vectorq
