// The query that the executor is running, and the place of an index scan in its plan. An access method is told neither.
#pragma once
#include "pg/pg_headers.h"

extern "C" {
#include "nodes/execnodes.h"
}

namespace vectorq {

// From _PG_init.
void watch_running_queries();

struct ScanPlace {
    const PlanState* node;    // the scan's; NULL: not found, then all below says nothing
    const LimitState* limit;  // right above it; NULL: none
    bool order_matters;       // a node above takes the rows for sorted and does not sort them itself
};

// A scan is not found while a parallel worker's plan, or EvalPlanQual's, hides it.
void find_scan(IndexScanDesc scan, ScanPlace* place);

}  // namespace vectorq
