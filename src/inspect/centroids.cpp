// vectorq_centroids(regclass): the centroids of an index, in the space of its column. They are means of rows, so
// whoever may not see all rows may not see them.
#include "maintain/list_table.h"
#include "store/index_cache.h"
#include "inspect/open.h"
#include "pg/entry.h"

namespace vectorq {

static Datum array_of(const float* values, uint32 count, Datum* elements) {
    for (uint32 i = 0; i < count; i++) elements[i] = Float4GetDatum(values[i]);
    return PointerGetDatum(
        construct_array(elements, static_cast<int>(count), FLOAT4OID, sizeof(float4), true, TYPALIGN_INT));
}

static void put_centroids(const ReturnSetInfo* result, Relation index) {
    IndexCache* cache = index_cache_pin(index, CurrentMemoryContext);
    const MetaPage* meta = &cache->meta;
    if (meta->transform != 0)
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("index \"%s\" has centroids of transformed vectors", RelationGetRelationName(index)),
                        errhint("Build an index with transform = none to get them.")));
    if (!(meta->flags & kMetaTrained)) return;
    AllLists lists = read_list_table(index, meta);
    float* buffer = static_cast<float*>(palloc(sizeof(float) * meta->code_dims));
    Datum* elements = static_cast<Datum*>(palloc(sizeof(Datum) * meta->code_dims));
    for (uint32 list = 0; list < meta->lists; list++) {
        CHECK_FOR_INTERRUPTS();
        if (!lists.searched[list]) continue;
        const float* centroid = cached_centroid(index, cache, list, buffer);
        Datum values[2] = {Int32GetDatum(static_cast<int32>(list)), array_of(centroid, meta->code_dims, elements)};
        bool nulls[2] = {false, false};
        tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
        pfree(DatumGetPointer(values[1]));
    }
    free_list_table(&lists);
}

}  // namespace vectorq

using namespace vectorq;

VQ_FUNCTION(vectorq_centroids) {
    begin_rows(fcinfo);
    OpenedIndex opened = open_index(PG_GETARG_OID(0), AccessShareLock, true);
    put_centroids(reinterpret_cast<const ReturnSetInfo*>(fcinfo->resultinfo), opened.index);
    close_index(&opened, AccessShareLock);
    return static_cast<Datum>(0);
}
