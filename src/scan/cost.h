// What a scan costs that is given a set of rows (scan_filter.h), as far as the index goes.
#pragma once
#include "pg/pg_headers.h"

namespace vectorq {

struct FilteredCosts {
    Cost startup;     // until the first rows come out
    Cost total;       // of all lists
    double look_ups;  // of entries in the set, until the first rows come out
};

// path: of the scan, with its conditions; set_rows: in the set.
void cost_filtered_scan(const PlannerInfo* root, const IndexPath* path, double set_rows, FilteredCosts* costs);

}  // namespace vectorq
