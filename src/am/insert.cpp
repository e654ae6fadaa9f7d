// aminsert: one row into its list, encoded with what the index was trained on.
#include "am/am.h"
#include "am/index_cache.h"
#include "am/list_chooser.h"
#include "am/opclass.h"
#include "am/posting_writer.h"
#include "am/record_writer.h"
#include "pg/entry.h"
#include "pg/fault.h"

namespace vectorq {

namespace {
// Kept over the rows of one statement in ii_AmCache.
struct InsertState {
    const OpclassInfo* opclass;
    IndexCache* cache;
    MemoryContext scratch;  // reset after each row
};
}  // namespace

static InsertState* insert_state(Relation index, IndexInfo* info) {
    if (info->ii_AmCache != NULL) return static_cast<InsertState*>(info->ii_AmCache);
    InsertState* state = static_cast<InsertState*>(MemoryContextAlloc(info->ii_Context, sizeof(InsertState)));
    state->opclass = opclass_of_index(index);
    state->cache = index_cache_pin(index, info->ii_Context);
    state->scratch = AllocSetContextCreate(info->ii_Context, "vectorq insert", ALLOCSET_DEFAULT_SIZES);
    info->ii_AmCache = state;
    return state;
}

void report_unfit_row(Relation index) {
    ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
                    errmsg("vector has a value that half precision cannot hold, for index \"%s\"",
                           RelationGetRelationName(index)),
                    errhint("Build the index with another quantizer or reorder than f16.")));
    pg_unreachable();
}

// The row's copy for reordering, in an index that has them.
static char* encode_record(Relation index, const IndexCache* cache, const float* row, ItemPointer heap_tid) {
    const VectorCopies* copies = &cache->copies;
    if (!HasRecords(cache->meta)) return NULL;
    char* record = static_cast<char*>(palloc(copies->geometry.record_bytes));
    begin_record(&copies->geometry, heap_tid, record);
    uint8 fits = 1;
    float scratch;
    EncodeRows(copies->codec, row, 1, copies->centroid, NULL, RecordSink(copies->geometry, record, 0, &fits), &scratch);
    if (!fits) report_unfit_row(index);
    return record;
}

static void insert_row(Relation index, const InsertState* state, Datum value, ItemPointer heap_tid) {
    IndexCache* cache = state->cache;
    const uint32 dims = cache->meta.dims;
    float* row = static_cast<float*>(palloc(sizeof(float) * dims));
    if (!load_vector(state->opclass, value, static_cast<int>(dims), row)) return;
    const float* x = to_code_space(cache, row, static_cast<float*>(palloc(sizeof(float) * cache->meta.code_dims)));
    uint32 lists[kMaxCopies], own_centroid[kMaxCopies];
    const uint32 copies = lists_of_row(index, cache, x, lists), code_dims = cache->meta.code_dims;
    const Size code_bytes = cache->geometry.code_bytes, stride = MAXALIGN(code_bytes + sizeof(float));
    // All copies in one call: score-aware codes are made a tile of rows at a time.
    float* rows = static_cast<float*>(palloc(sizeof(float) * code_dims * copies));
    float* centroids = static_cast<float*>(palloc(sizeof(float) * code_dims * copies));
    for (uint32 copy = 0; copy < copies; copy++) {
        own_centroid[copy] = copy;
        float* centroid = centroids + copy * code_dims;
        const float* cached = cached_centroid(index, cache, lists[copy], centroid);
        if (cached != centroid) memcpy(centroid, cached, sizeof(float) * code_dims);
        memcpy(rows + copy * code_dims, x, sizeof(float) * code_dims);
    }
    float* scratch = static_cast<float*>(
        palloc_extended(sizeof(float) * EncodeScratchFloats(cache->codec, copies), MCXT_ALLOC_HUGE));
    uint8* codes = static_cast<uint8*>(palloc(stride * copies));
    uint8 fits[kMaxCopies];
    memset(fits, 1, sizeof(fits));
    char* record = encode_record(index, cache, row, heap_tid);
    ItemPointerData record_place;
    const RowSink sink = {codes, stride, 0, code_bytes, fits};
    EncodeRows(cache->codec, rows, copies, centroids, own_centroid, sink, scratch);
    for (uint32 copy = 0; copy < copies; copy++) {
        float scalar = 0;
        if (!fits[copy]) report_unfit_row(index);
        memcpy(&scalar, codes + copy * stride + code_bytes, sizeof(scalar));
        // The record first, so that every posting entry has one; all entries of a row have the same.
        if (record != NULL && copy == 0) record_place = record_append(index, cache, record);
        VQ_FAULT("insert.append");
        posting_append(index, cache, lists[copy], heap_tid, record != NULL ? &record_place : NULL, codes + copy * stride, scalar);
    }
}

bool vq_insert(Relation index, Datum* values, bool* isnull, ItemPointer heap_tid, Relation, IndexUniqueCheck, bool,
               IndexInfo* info) {
    if (isnull[0]) return false;
    VQ_FAULT("insert.state");
    InsertState* state = insert_state(index, info);
    MemoryContext before = MemoryContextSwitchTo(state->scratch);
    insert_row(index, state, values[0], heap_tid);
    MemoryContextSwitchTo(before);
    MemoryContextReset(state->scratch);
    return false;
}

}  // namespace vectorq
