// The access method's callbacks, put into a table by handler.cpp. Each is in the folder of its verb: build/build.cpp,
// insert/insert.cpp, scan/scan.cpp, scan/cost.cpp, maintain/vacuum.cpp, am/validate.cpp.
#pragma once
#include "pg/pg_headers.h"

namespace vectorq {

IndexBuildResult* vq_build(Relation heap, Relation index, IndexInfo* info);
void vq_buildempty(Relation index);
char* vq_buildphasename(int64 phase);
bool vq_insert(Relation index, Datum* values, bool* isnull, ItemPointer heap_tid, Relation heap,
               IndexUniqueCheck unique, bool unchanged, IndexInfo* info);
IndexScanDesc vq_beginscan(Relation index, int nkeys, int norderbys);
void vq_rescan(IndexScanDesc scan, ScanKey keys, int nkeys, ScanKey orderbys, int norderbys);
bool vq_gettuple(IndexScanDesc scan, ScanDirection direction);
int64 vq_getbitmap(IndexScanDesc scan, TIDBitmap* bitmap);
void vq_endscan(IndexScanDesc scan);
IndexBulkDeleteResult* vq_bulkdelete(IndexVacuumInfo* info, IndexBulkDeleteResult* stats,
                                     IndexBulkDeleteCallback callback, void* callback_state);
IndexBulkDeleteResult* vq_vacuumcleanup(IndexVacuumInfo* info, IndexBulkDeleteResult* stats);
void vq_costestimate(PlannerInfo* root, IndexPath* path, double loop_count, Cost* startup, Cost* total,
                     Selectivity* selectivity, double* correlation, double* pages);
bool vq_validate(Oid opclass_oid);

// Whether an index that the planner looks at is ours.
inline bool is_ours(const IndexOptInfo* index) {
    return reinterpret_cast<void (*)()>(index->amcostestimate) == reinterpret_cast<void (*)()>(vq_costestimate);
}

}  // namespace vectorq
