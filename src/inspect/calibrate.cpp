// vectorq_calibrate(index, queries): measures the index with the user's own queries, whose distribution may differ from
// the rows' (questions against answers, say), and keeps what it found. vectorq_recall_curve(index): what is kept.
//
// One exact pass over the table in blocks of rows, on several threads; then each query is searched for. Readers and
// writers of the table go on meanwhile; vacuum and another calibration wait.
#include <algorithm>
#include <vector>

#include "am/am.h"
#include "am/build.h"
#include "am/calibrate.h"
#include "am/calibration_store.h"
#include "am/scan_state.h"
#include "core/base/parallel.h"
#include "inspect/open.h"
#include "inspect/query_array.h"
#include "pg/entry.h"
#include "pg/interrupts.h"
#include "pg/memory.h"

namespace vectorq {

// More queries make the measure no better and take memory.
static constexpr int kMostQueries = 1000;
static constexpr Size kBlockBytes = 4 * 1024 * 1024;
static constexpr Size kMostBlockRows = 8192;

namespace {
struct CalibrateObjects {
    NeighbourFinder* finder = nullptr;
    Matrix block;
    AlignedArray<uint64_t> tids;
    StopToken stop;
    CalibrateObjects() : stop(&interrupt_is_pending) {}
    ~CalibrateObjects() { delete finder; }
};

struct ExactPass {
    OpenedIndex opened;
    const OpclassInfo* opclass;
    int dims;
    Size fill;
    MemoryContext row_context;
    CalibrateObjects* objects;
};
}  // namespace

static void flush_rows(ExactPass* p) {
    CalibrateObjects* o = p->objects;
    core_call([&] { o->finder->Add(o->block.data(), o->tids.data(), p->fill, o->stop); });
    p->fill = 0;
    CHECK_FOR_INTERRUPTS();
}

static void add_row(Relation, ItemPointer tid, Datum* values, bool* isnull, bool, void* arg) {
    ExactPass* p = static_cast<ExactPass*>(arg);
    if (isnull[0]) return;
    MemoryContext before = MemoryContextSwitchTo(p->row_context);
    const bool kept = load_vector(p->opclass, values[0], p->dims, p->objects->block.row(p->fill));
    MemoryContextSwitchTo(before);
    MemoryContextReset(p->row_context);
    if (!kept) return;
    p->objects->tids[p->fill] = pack_tid(tid);
    if (++p->fill == p->objects->block.rows()) flush_rows(p);
}

// At most kMostQueries of the array, evenly. Zero vectors under cosine have no neighbours and are left out.
static void load_queries(ExactPass* p, ArrayType* array) {
    const QueryArray queries = open_query_array(p->opened.index, array);
    const int wanted = std::min(queries.count, kMostQueries);
    float* rows = static_cast<float*>(palloc_extended(sizeof(float) * std::max(wanted, 1) * p->dims, MCXT_ALLOC_HUGE));
    Size kept = 0;
    for (int i = 0; i < wanted; i++) {
        const int from = static_cast<int>(static_cast<int64>(i) * queries.count / wanted);
        kept += load_vector(p->opclass, query_value(&queries, from), p->dims, rows + kept * p->dims);
    }
    core_call([&] {
        Matrix loaded(kept, p->dims);
        std::copy_n(rows, kept * p->dims, loaded.data());
        p->objects->finder = new NeighbourFinder(
            std::move(loaded), std::vector<uint64_t>(kept, NeighbourFinder::kNoRow), p->opclass->metric,
            kAllNeighbours, kDeepQueries, kDeepNeighbours, maintenance_threads());
        const Size block_rows = std::clamp<Size>(kBlockBytes / (sizeof(float) * p->dims), 1, kMostBlockRows);
        p->objects->block = Matrix(block_rows, p->dims);
        p->objects->tids.Resize(block_rows);
    });
    pfree(rows);
}

static void find_neighbours(ExactPass* p) {
    IndexInfo* info = BuildIndexInfo(p->opened.index);
    // A snapshot's rows, while others write.
    info->ii_Concurrent = true;
    table_index_build_scan(p->opened.heap, p->opened.index, info, true, false, add_row, p, NULL);
    flush_rows(p);
    core_call([&] {
        p->objects->finder->Finish();
        ReleaseThreads();
    });
}

static uint32 calibrate(ExactPass* p, ArrayType* queries) {
    p->opclass = opclass_of_index(p->opened.index);
    p->dims = vector_column_dims(p->opened.index);
    p->row_context = AllocSetContextCreate(CurrentMemoryContext, "vectorq calibrate row", ALLOCSET_DEFAULT_SIZES);
    p->objects = make_owned<CalibrateObjects>(CurrentMemoryContext);
    destroy_with_context(p->row_context, p, [](void*) { ReleaseThreads(); });
    load_queries(p, queries);
    find_neighbours(p);
    Calibration calibration;
    if (!measure_recall(p->opened.index, p->objects->finder, 1e18, kCalibratedByQueries, &calibration))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("too few queries to calibrate with: %u", calibration.queries),
                        errhint("Give some hundred queries of the kind that the index will be asked.")));
    update_calibration(p->opened.index, &calibration);
    return calibration.queries;
}

}  // namespace vectorq

using namespace vectorq;

VQ_FUNCTION(vectorq_calibrate) {
    PreventCommandDuringRecovery("vectorq_calibrate()");
    PreventCommandIfReadOnly("vectorq_calibrate()");
    ExactPass p;
    memset(&p, 0, sizeof(p));
    p.opened = open_index(PG_GETARG_OID(0), ShareUpdateExclusiveLock, true);
    if (!owns_relation(RelationGetRelid(p.opened.index), GetUserId()))
        aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_INDEX, RelationGetRelationName(p.opened.index));
    const uint32 used = calibrate(&p, PG_GETARG_ARRAYTYPE_P(1));
    // The locks stay until the transaction ends.
    close_index(&p.opened, NoLock);
    PG_RETURN_INT32(static_cast<int32>(used));
}

VQ_FUNCTION(vectorq_recall_curve) {
    begin_rows(fcinfo);
    ReturnSetInfo* result = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    OpenedIndex opened = open_index(PG_GETARG_OID(0), AccessShareLock, false);
    MetaPage meta;
    Calibration calibration;
    read_meta(opened.index, &meta);
    read_calibration(opened.index, &meta, &calibration);
    close_index(&opened, AccessShareLock);
    for (int c = 0; c < kNumCalibratedK && calibration.source != kNotCalibrated; c++)
        for (int i = 0; i < kNumTargets; i++) {
            const CalibrationRung* rung = &calibration.rungs[c][i];
            Datum values[5] = {Int32GetDatum(static_cast<int32>(kCalibratedK[c])), Float4GetDatum(kRungTargets[i]),
                               Float4GetDatum(rung->recall), Int32GetDatum(static_cast<int32>(rung->nprobe)),
                               Int32GetDatum(static_cast<int32>(rung->rows))};
            bool nulls[5] = {};
            tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
        }
    return static_cast<Datum>(0);
}
