// How a scan looks: what it takes from the session's settings, the index's calibration and the plan that it runs in.
// Captured once when the scan starts, so that a SET between two FETCHes changes nothing. The one place that turns
// vectorq.target_recall, vectorq.nprobe and vectorq.reorder_rows into lists to probe and entries to reorder.
#pragma once
#include "am/options.h"
#include "store/storage.h"
#include "core/page/calibration_page.h"
#include "core/search/scan_rounds.h"

namespace vectorq {

struct ScanChoice {
    uint32 nprobe;
    Size reorder_rows;  // 0: the rule of the code's coarseness (reorder.cpp)
    float target;       // recall that the settings were chosen for; 0: lists by hand, or not calibrated
    bool by_effort;     // nprobe is that of the mean query (core/calibrate/effort.h)
};

// `session`'s choice for a scan that is asked for `rows` rows.
ScanChoice choose_settings(const Settings* session, const MetaPage* meta, const Calibration* calibration, double rows);

struct ScanPlan {
    Settings session;  // as they were when the scan started
    TargetSource target_from;
    RoundOrder order;  // of rows that further lists have too late
    bool explained;    // by EXPLAIN ANALYZE
    bool one_window;   // no further lists than the first ones
    uint64 asked;      // rows, by the LIMIT; 0: not known
    uint64 fetched;    // rows that are taken at first, by a FETCH; 0: not known
    double share;      // of the table's rows, those that the scan returns, by the planner
};

// The settings as they are, and what the running query says about the scan.
void plan_scan(IndexScanDesc scan, ScanPlan* plan);
// Rows that the executor is expected to take, where it `took` so many from the last scan (0: not known).
uint64 rows_expected(const ScanPlan* plan, uint64 took);

}  // namespace vectorq
