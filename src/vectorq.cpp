// Module magic and _PG_init, nothing else.
#include "am/options.h"
#include "am/plan_keys.h"
#include "bitmap/bitmap_scan.h"
#include "pg/entry.h"
#include "pg/fault.h"
#include "pg/running_query.h"
#include "scan/out_of_line.h"
#include "scan/explain_scan.h"
#include "stats/stat_table.h"

extern "C" {
_Pragma("GCC visibility push(default)") PG_MODULE_MAGIC;
void _PG_init(void);
_Pragma("GCC visibility pop")
}

void _PG_init(void) {
    vectorq::register_fault_setting();
    vectorq::register_options_and_settings();
    if (process_shared_preload_libraries_in_progress) vectorq::share_stats();
    vectorq::explain_nodes_by(vectorq::explain_node);
    vectorq::watch_running_queries();
    vectorq::help_planner_with_keys();
    vectorq::offer_bitmap_scans();
    vectorq::charge_for_vectors_out_of_line();
}
