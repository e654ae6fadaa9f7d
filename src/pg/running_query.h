// The query that the executor is running, and the place of an index scan in its plan. An access method is told neither.
#pragma once
#include "pg/pg_headers.h"

extern "C" {
#include "nodes/execnodes.h"
#include "nodes/extensible.h"
}

namespace vectorq {

// From _PG_init.
void watch_running_queries();

// The state of a custom scan that reads an index itself, as an index scan does; its provider adds its own fields.
struct IndexReadingScan {
    CustomScanState css;
    IndexScanDesc scan;  // NULL until it reads
};
// Custom scans with these methods are such.
void note_index_reading_scan(const CustomExecMethods* methods);

// What the nodes above a scan do with the order of its rows.
enum class OrderUse {
    kNone,      // bring rows in another one, or a LIMIT right above the scan ends it
    kReturns,   // return rows in that order to who asks for them, until he stops: a client, or another server that
                // merges
    kMerges,    // merge or sort on, by order: rows out of order end up out of order
    kReliesOn,  // answer wrongly, or fail, where rows are out of order: groups, merge joins
};

struct ScanPlace {
    const PlanState* node;    // the scan's; NULL: not found, then all below says nothing
    const LimitState* limit;  // right above it; NULL: none
    uint64 fetched;           // rows that a FETCH takes of it, if it is the top of the plan; 0: all, or not known
    OrderUse order_use;       // of nodes above that take the rows for sorted; most of it counts
};

// A scan is not found while a parallel worker's plan, or EvalPlanQual's, hides it.
void find_scan(IndexScanDesc scan, ScanPlace* place);

}  // namespace vectorq
