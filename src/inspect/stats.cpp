// vectorq_stats(): counters of the session's last scan.
#include "scan/scan_state.h"
#include "pg/entry.h"

using namespace vectorq;

VQ_FUNCTION(vectorq_stats) {
    TupleDesc desc;
    if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE) elog(ERROR, "return type must be a row type");
    const ScanStats* s = &last_scan_stats;
    Datum values[13];
    bool nulls[13] = {};
    int n = 0;
    nulls[n] = !OidIsValid(s->index);
    values[n++] = ObjectIdGetDatum(s->index);
    values[n++] = Int64GetDatum(static_cast<int64>(s->rounds));
    values[n++] = Int64GetDatum(static_cast<int64>(s->lists_probed));
    values[n++] = Int64GetDatum(static_cast<int64>(s->pages_read));
    values[n++] = Int64GetDatum(static_cast<int64>(s->entries_scored));
    values[n++] = Int64GetDatum(static_cast<int64>(s->rows_collected));
    values[n++] = Int64GetDatum(static_cast<int64>(s->rows_reordered));
    values[n++] = Int64GetDatum(static_cast<int64>(s->rows_returned));
    nulls[n] = s->target == 0;
    values[n++] = Float4GetDatum(s->target);
    nulls[n] = s->target == 0;
    values[n++] = CStringGetTextDatum(name_of(s->target_from));
    values[n++] = Int64GetDatum(static_cast<int64>(s->entries_passed));
    values[n++] = Int64GetDatum(static_cast<int64>(s->lists_skipped));
    values[n++] = BoolGetDatum(s->ended_short);
    if (n != desc->natts) elog(ERROR, "vectorq_stats: %d columns declared, %d made", desc->natts, n);
    PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
