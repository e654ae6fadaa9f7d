// See scan_plan.h. An access method is told neither the LIMIT nor what becomes of its rows. Both stand in the plan that
// is being executed, and pg/running_query.h knows it.
#include "scan/scan_plan.h"

#include <algorithm>
#include <cmath>

#include "core/calibrate/ladder.h"
#include "pg/entry.h"
#include "pg/running_query.h"

namespace vectorq {

// ---- settings

// For an index that is not calibrated, a rule of thumb: recall@10 of 0.95 took 36 of 565 lists (20,000 SIFT rows, make
// demo) and 45 to 55 of 4,000 (a million); a little generous.
static double automatic_nprobe(uint32 lists) { return 6.5 * std::pow(static_cast<double>(lists), 0.27); }

// Two lists to find a row in: 24 probes instead of 55 for recall@10 of 0.95 on a million SIFT rows, 15 instead of 46 on
// sentence embeddings by cosine, 24 instead of 80 by inner product. Generous, as above.
static constexpr double kSoarProbes = 0.6;
// A fifth fewer lists for any recall (docs/measurements/replicas.md).
static constexpr double kClosureProbes = 0.8;

ScanChoice choose_settings(const Settings* session, const MetaPage* meta, const Calibration* calibration, double rows) {
    ScanChoice choice = {0, static_cast<Size>(session->reorder_rows), 0, false};
    if (calibration->source != kNotCalibrated) {
        const ScanSettings chosen = SettingsFor(*calibration, session->target_recall, rows, meta->live_lists);
        choice.nprobe = chosen.nprobe;
        // With nprobe set by hand, more lists may be read than the target needs: the rows to reorder are then not
        // bounded by the target.
        if (choice.reorder_rows == 0 && session->nprobe == 0) choice.reorder_rows = chosen.rows;
        choice.target = session->nprobe > 0 ? 0 : static_cast<float>(session->target_recall);
        choice.by_effort = choice.target > 0 && (calibration->effort.nearest != 0 || calibration->effort.farther != 0);
    } else {
        choice.nprobe =
            static_cast<uint32>(std::ceil(automatic_nprobe(meta->live_lists) * (EntriesVary(*meta) ? kClosureProbes
                                                                                : EntriesOfRow(*meta) > 1 ? kSoarProbes
                                                                                                          : 1)));
    }
    if (session->nprobe > 0) choice.nprobe = static_cast<uint32>(session->nprobe);
    choice.nprobe = std::clamp<uint32>(choice.nprobe, 1, meta->live_lists);
    return choice;
}

// ---- the running query

// Of so many of the table's rows one comes from the node, as the planner reckoned.
static double rows_for_one(const PlanState* node, IndexScanDesc scan) {
    if (node == NULL) return 1;
    const double kept = node->plan->plan_rows, all = scan->indexRelation->rd_rel->reltuples;
    return kept > 0 && all > kept ? all / kept : 1;
}

// The same of a filter between the LIMIT and the scan. Of an index with conditions of its own nobody knows which part
// of that is theirs: half of it, in powers.
static double rows_for_one_of_filter(const PlanState* node, IndexScanDesc scan) {
    if (node->qual == NULL) return 1;
    const double rows = rows_for_one(node, scan);
    return scan->numberOfKeys > 0 ? std::sqrt(rows) : rows;
}

// What the LIMIT right above this scan allows (with OFFSET), or 0 where there is none or where it cannot be seen. With
// a filter between the two so many rows that enough of them should pass, by the planner's estimate.
static uint64 rows_asked(const ScanPlace* place, IndexScanDesc scan) {
    if (place->limit == NULL || place->limit->noCount) return 0;
    return RowsAsked(place->limit->count, place->limit->offset, rows_for_one_of_filter(place->node, scan));
}

// A relaxed scan keeps the order of rows below a node that takes them for sorted, and where no LIMIT says how many are
// taken: then somebody else may merge them, as postgres_fdw's server does.
static RoundOrder order_of(IterativeScan iterative, OrderUse use) {
    if (iterative == IterativeScan::kStrict || use == OrderUse::kReliesOn) return RoundOrder::kStrict;
    return use == OrderUse::kNone ? RoundOrder::kRelaxed : RoundOrder::kStrictThenRest;
}

void plan_scan(IndexScanDesc scan, ScanPlan* plan) {
    ScanPlace place;
    find_scan(scan, &place);
    const IterativeScan iterative = static_cast<IterativeScan>(settings.iterative_scan);
    plan->session = settings_for_index(scan->indexRelation);
    plan->target_from = target_source(scan->indexRelation);
    plan->order = order_of(iterative, place.order_use);
    plan->explained = place.node != NULL && place.node->instrument != NULL;
    plan->one_window = iterative == IterativeScan::kOff;
    plan->asked = rows_asked(&place, scan);
    plan->share = 1 / rows_for_one(place.node, scan);
    const int64 fetched = static_cast<int64>(std::min<uint64>(place.fetched, PG_INT64_MAX));
    plan->fetched = fetched > 0 ? RowsAsked(fetched, 0, rows_for_one_of_filter(place.node, scan)) : 0;
}

uint64 rows_expected(const ScanPlan* plan, uint64 took) {
    if (plan->asked > 0) return RowsExpected(plan->asked, 0);
    // A cursor is read in several fetches, often of one row each: so the first one's size is the least to expect.
    const uint64 usual = RowsExpected(static_cast<uint64>(plan->session.expected_rows), took);
    return RowsExpected(std::max(usual, plan->fetched), 0);
}

}  // namespace vectorq
