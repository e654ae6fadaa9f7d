// vectorq_knn(index, queries, k): the nearest rows of many queries, given as an array or as a query's text.
#include "am/options.h"
#include "batch/batch.h"
#include "build/build.h"
#include "inspect/open.h"
#include "inspect/query_array.h"
#include "pg/entry.h"

extern "C" {
#include "executor/spi.h"
#include "utils/snapmgr.h"
}

namespace vectorq {

static constexpr int kMostNeighbours = 100000;
// Rows that are taken from a query's cursor at a time.
static constexpr long kFetchRows = 1000;

namespace {
struct Knn {
    OpenedIndex opened;
    Batch* batch;
    Tuplestorestate* rows;
    TupleDesc desc;
    MemoryContext context;
    bool wide;  // query numbers are bigint
};
}  // namespace

static void put_row(void* arg, int64 query, ItemPointer row, double distance) {
    Knn* knn = static_cast<Knn*>(arg);
    Datum values[3] = {knn->wide ? Int64GetDatum(query) : Int32GetDatum(static_cast<int32>(query)),
                       PointerGetDatum(row), Float8GetDatum(distance)};
    bool nulls[3] = {false, false, false};
    tuplestore_putvalues(knn->rows, knn->desc, values, nulls);
}

// Rows of transactions that the snapshot is older than may be missing (README.HOT of the server).
static void check_snapshot(Relation index) {
    if (!index->rd_index->indcheckxmin ||
        TransactionIdPrecedes(HeapTupleHeaderGetXmin(index->rd_indextuple->t_data), TransactionXmin))
        return;
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                    errmsg("index \"%s\" is newer than this transaction's snapshot", RelationGetRelationName(index)),
                    errhint("Begin a new transaction.")));
}

static void open_knn(Knn* knn, FunctionCallInfo fcinfo, bool wide) {
    const int k = PG_GETARG_INT32(2);
    if (k < 1 || k > kMostNeighbours)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("k must be between 1 and %d, not %d", kMostNeighbours, k)));
    begin_rows(fcinfo);
    memset(knn, 0, sizeof(*knn));
    ReturnSetInfo* result = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    knn->rows = result->setResult;
    knn->desc = result->setDesc;
    knn->wide = wide;
    knn->opened = open_index(PG_GETARG_OID(0), AccessShareLock, true);
    check_snapshot(knn->opened.index);
    knn->context = AllocSetContextCreate(CurrentMemoryContext, "vectorq knn", ALLOCSET_DEFAULT_SIZES);
    MemoryContext before = MemoryContextSwitchTo(knn->context);
    const BatchOrderForm form = {knn->opened.heap,
                                 knn->opened.index,
                                 GetActiveSnapshot(),
                                 k,
                                 settings.batch_threads > 0 ? settings.batch_threads : maintenance_threads(),
                                 put_row,
                                 knn};
    knn->batch = begin_batch(&form);
    MemoryContextSwitchTo(before);
}

static void close_knn(Knn* knn) {
    MemoryContext before = MemoryContextSwitchTo(knn->context);
    finish_batch(knn->batch);
    MemoryContextSwitchTo(before);
    MemoryContextDelete(knn->context);
    // The locks stay until the transaction ends, as those of a scan do.
    close_index(&knn->opened, NoLock);
}

static void add_query(Knn* knn, int64 number, Datum query) {
    MemoryContext before = MemoryContextSwitchTo(knn->context);
    add_batch_query(knn->batch, number, query);
    MemoryContextSwitchTo(before);
}

// ---- the text of a query

static Oid indexed_type(const Knn* knn) { return TupleDescAttr(RelationGetDescr(knn->opened.index), 0)->atttypid; }

// The columns must be (vector), or (number, vector).
static void check_columns(const Knn* knn, TupleDesc desc) {
    const Oid type = indexed_type(knn);
    if (desc->natts < 1 || desc->natts > 2)
        ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH), errmsg("the query returns %d columns", desc->natts),
                        errhint("It should return a number and a vector, or a vector.")));
    const Oid given = SPI_gettypeid(desc, desc->natts);
    if (getBaseType(given) != getBaseType(type))
        ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH), errmsg("queries are of type %s, the index is on %s",
                                                                   format_type_be(given), format_type_be(type))));
    if (desc->natts == 1) return;
    const Oid number = SPI_gettypeid(desc, 1);
    if (number != INT2OID && number != INT4OID && number != INT8OID)
        ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
                        errmsg("the query's first column is of type %s", format_type_be(number)),
                        errhint("It should be smallint, integer or bigint: the number that the rows are given.")));
}

static int64 number_of(Datum value, Oid type) {
    switch (type) {
        case INT2OID: return DatumGetInt16(value);
        case INT4OID: return DatumGetInt32(value);
        default: return DatumGetInt64(value);
    }
}

// A query whose number or vector is NULL has no rows.
static void add_fetched(Knn* knn, int64 first) {
    const TupleDesc desc = SPI_tuptable->tupdesc;
    for (uint64 i = 0; i < SPI_processed; i++) {
        bool null_number = false, null_query;
        int64 number = first + static_cast<int64>(i);
        const HeapTuple tuple = SPI_tuptable->vals[i];
        if (desc->natts == 2) number = number_of(SPI_getbinval(tuple, desc, 1, &null_number), SPI_gettypeid(desc, 1));
        const Datum query = SPI_getbinval(tuple, desc, desc->natts, &null_query);
        if (!null_number && !null_query) add_query(knn, number, query);
    }
}

static void add_text_queries(Knn* knn, const char* text) {
    SPIPlanPtr plan = SPI_prepare(text, 0, NULL);
    if (plan == NULL)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("the queries cannot be prepared: %s", SPI_result_code_string(SPI_result))));
    if (!SPI_is_cursor_plan(plan))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the query is not one that returns rows"),
                        errhint("Give the text of one SELECT.")));
    // By the statement's own snapshot, and nothing may be written.
    Portal portal = SPI_cursor_open(NULL, plan, NULL, NULL, true);
    check_columns(knn, portal->tupDesc);
    int64 first = 1;
    for (;;) {
        SPI_cursor_fetch(portal, true, kFetchRows);
        if (SPI_processed == 0) break;
        add_fetched(knn, first);
        first += static_cast<int64>(SPI_processed);
        SPI_freetuptable(SPI_tuptable);
        CHECK_FOR_INTERRUPTS();
    }
    SPI_cursor_close(portal);
}

}  // namespace vectorq

using namespace vectorq;

VQ_FUNCTION(vectorq_knn) {
    Knn knn;
    open_knn(&knn, fcinfo, false);
    const QueryArray queries = open_query_array(knn.opened.index, PG_GETARG_ARRAYTYPE_P(1));
    for (int i = 0; i < queries.count; i++)
        if (!queries.nulls[i]) add_query(&knn, i + 1, queries.values[i]);
    close_knn(&knn);
    return static_cast<Datum>(0);
}

VQ_FUNCTION(vectorq_knn_text) {
    Knn knn;
    open_knn(&knn, fcinfo, true);
    const char* queries = text_to_cstring(PG_GETARG_TEXT_PP(1));
    if (SPI_connect() != SPI_OK_CONNECT) elog(ERROR, "vectorq_knn: SPI_connect failed");
    add_text_queries(&knn, queries);
    SPI_finish();
    close_knn(&knn);
    return static_cast<Datum>(0);
}
