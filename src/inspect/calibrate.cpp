// vectorq_calibrate(index, queries): measures the index with the user's own queries, whose distribution may differ from
// the rows' (questions against answers, say), and keeps what it found. vectorq_recall_curve(index): what is kept.
//
// One exact pass over the table in blocks of rows, on several threads; then each query is searched for. Readers and
// writers of the table go on meanwhile; vacuum and another calibration wait.
#include <algorithm>

#include "am/am.h"
#include "build/build.h"
#include "measure/measure_recall.h"
#include "store/calibration_store.h"
#include "measure/exact_neighbours.h"
#include "inspect/open.h"
#include "inspect/query_array.h"
#include "pg/entry.h"

namespace vectorq {

// More queries make the measure no better and take memory.
static constexpr int kMostQueries = 1000;

// At most kMostQueries of the array, evenly. Zero vectors under cosine have no neighbours and are left out.
static void load_queries(ExactPass* p, ArrayType* array) {
    const QueryArray queries = open_query_array(p->index, array);
    const int wanted = std::min(queries.count, kMostQueries);
    float* rows = static_cast<float*>(palloc_extended(sizeof(float) * std::max(wanted, 1) * p->dims, MCXT_ALLOC_HUGE));
    Size kept = 0;
    for (int i = 0; i < wanted; i++) {
        const int from = static_cast<int>(static_cast<int64>(i) * queries.count / wanted);
        kept += load_vector(p->opclass, query_value(&queries, from), p->dims, rows + kept * p->dims);
    }
    set_exact_queries(p, rows, NULL, kept, maintenance_threads());
    pfree(rows);
}

static uint32 calibrate(const OpenedIndex* opened, ArrayType* queries) {
    ExactPass* p = make_exact_pass(opened->heap, opened->index);
    load_queries(p, queries);
    find_exact_neighbours(p);
    Calibration calibration;
    if (!measure_recall(opened->index, exact_neighbours(p), 1e18, kCalibratedByQueries, &calibration))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("too few queries to calibrate with: %u", calibration.queries),
                        errhint("Give some hundred queries of the kind that the index will be asked.")));
    update_calibration(opened->index, &calibration);
    return calibration.queries;
}

}  // namespace vectorq

using namespace vectorq;

VQ_FUNCTION(vectorq_calibrate) {
    PreventCommandDuringRecovery("vectorq_calibrate()");
    PreventCommandIfReadOnly("vectorq_calibrate()");
    OpenedIndex opened = open_index(PG_GETARG_OID(0), ShareUpdateExclusiveLock, true);
    if (!owns_relation(RelationGetRelid(opened.index), GetUserId()))
        aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_INDEX, RelationGetRelationName(opened.index));
    const uint32 used = calibrate(&opened, PG_GETARG_ARRAYTYPE_P(1));
    // The locks stay until the transaction ends.
    close_index(&opened, NoLock);
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
