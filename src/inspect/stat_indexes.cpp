// What is below the view vectorq_stat_indexes: the counts of this database's indexes. And their reset.
#include "stats/stat_table.h"

#include "am/am.h"
#include "inspect/open.h"
#include "pg/entry.h"

extern "C" {
#include "utils/timestamp.h"
}

namespace vectorq {

static void require_stats() {
    if (keeps_stats()) return;
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                    errmsg("vectorq must be loaded via shared_preload_libraries to keep statistics"),
                    errhint("Set shared_preload_libraries = 'vectorq' in the server's configuration and restart it. "
                            "vectorq_stats() tells of this session's last scan without it.")));
}

static Datum count_datum(const StatCounts* counts, StatCount count) {
    const uint64 value = (*counts)[count];
    switch (count) {
        case StatCount::kRenewalMicros: return Float8GetDatum(static_cast<double>(value) / 1e6);
        case StatCount::kChooseNanos:
        case StatCount::kSearchNanos:
        case StatCount::kOrderNanos: return Float8GetDatum(static_cast<double>(value) / 1e6);
        default: return Int64GetDatum(static_cast<int64>(value));
    }
}

static void put_entry(const ReturnSetInfo* result, const StatEntry* entry) {
    Datum values[kNumStatCounts + 3];
    bool nulls[kNumStatCounts + 3] = {};
    int n = 0;
    values[n++] = ObjectIdGetDatum(entry->index);
    for (int i = 0; i < kNumStatCounts; i++) values[n++] = count_datum(&entry->counts, static_cast<StatCount>(i));
    values[n++] = TimestampTzGetDatum(entry->last_used);
    values[n++] = TimestampTzGetDatum(entry->since);
    if (n != result->setDesc->natts)
        elog(ERROR, "vectorq_stat_counts: %d columns declared, %d made", result->setDesc->natts, n);
    tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

}  // namespace vectorq

using namespace vectorq;

VQ_FUNCTION(vectorq_stat_counts) {
    require_stats();
    forget_dropped_indexes();
    begin_rows(fcinfo);
    const int most = stat_summary().most_indexes;
    StatEntry entry;
    for (int i = 0; i < most; i++)
        if (read_stat_entry(i, &entry) && entry.database == MyDatabaseId)
            put_entry(reinterpret_cast<const ReturnSetInfo*>(fcinfo->resultinfo), &entry);
    return static_cast<Datum>(0);
}

VQ_FUNCTION(vectorq_stat_info) {
    require_stats();
    forget_dropped_indexes();
    TupleDesc desc;
    if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE) elog(ERROR, "return type must be a row type");
    const StatSummary summary = stat_summary();
    Datum values[] = {Int32GetDatum(summary.indexes), Int32GetDatum(summary.most_indexes),
                      Int64GetDatum(static_cast<int64>(summary.evicted))};
    bool nulls[lengthof(values)] = {};
    PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

// (index regclass DEFAULT NULL): of all indexes of this database. Not for everybody, as pg_stat_reset().
VQ_FUNCTION(vectorq_stat_reset) {
    require_stats();
    reset_stats(PG_ARGISNULL(0) ? InvalidOid : PG_GETARG_OID(0));
    PG_RETURN_VOID();
}
