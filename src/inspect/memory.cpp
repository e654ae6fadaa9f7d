// vectorq_memory(): what this session keeps of indexes, within vectorq.cache_size. What scans and batches take while
// they run is within work_mem.
#include "store/kept_indexes.h"

#include "pg/entry.h"

using namespace vectorq;

VQ_FUNCTION(vectorq_memory) {
    begin_rows(fcinfo);
    const ReturnSetInfo* result = reinterpret_cast<const ReturnSetInfo*>(fcinfo->resultinfo);
    KeptIndex kept;
    for (int i = 0; read_kept_index(i, &kept); i++) {
        Datum values[] = {ObjectIdGetDatum(kept.index), Int64GetDatum(static_cast<int64>(kept.bytes)),
                          BoolGetDatum(kept.in_use), BoolGetDatum(kept.keeps_groups), BoolGetDatum(kept.keeps_exact)};
        bool nulls[lengthof(values)] = {};
        tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
    }
    return static_cast<Datum>(0);
}
