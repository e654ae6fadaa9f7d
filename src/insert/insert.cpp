// aminsert: one row into its list, encoded with what the index was trained on.
#include <algorithm>

#include "am/am.h"
#include "am/column.h"
#include "store/index_cache.h"
#include "lists/list_chooser.h"
#include "am/opclass.h"
#include "insert/posting_writer.h"
#include "insert/record_writer.h"
#include "store/row_fields.h"
#include "pg/entry.h"
#include "pg/fault.h"

namespace vectorq {

namespace {
// Kept over the rows of one statement in ii_AmCache.
struct InsertState {
    const OpclassInfo* opclass;
    IndexCache* cache;      // of the lists as they were when a row was last turned away
    MemoryContext context;  // of the statement
    MemoryContext scratch;  // reset after each row
};
}  // namespace

static InsertState* insert_state(Relation index, IndexInfo* info) {
    if (info->ii_AmCache != NULL) return static_cast<InsertState*>(info->ii_AmCache);
    InsertState* state = static_cast<InsertState*>(MemoryContextAlloc(info->ii_Context, sizeof(InsertState)));
    state->opclass = opclass_of_index(index);
    state->cache = index_cache_pin(index, info->ii_Context);
    state->context = info->ii_Context;
    state->scratch = AllocSetContextCreate(info->ii_Context, "vectorq insert", ALLOCSET_DEFAULT_SIZES);
    info->ii_AmCache = state;
    return state;
}

// The row's record, in an index that has them.
static char* encode_record(Relation index, const IndexCache* cache, const float* row, ItemPointer heap_tid) {
    const RecordCodec* records = &cache->records;
    if (!HasRecords(cache->meta)) return NULL;
    char* record = static_cast<char*>(palloc(records->geometry.record_bytes));
    begin_record(&records->geometry, heap_tid, record);
    uint8 fits = 1;
    float scratch;
    EncodeRows(records->codec, row, 1, records->centroid, NULL, RecordSink(records->geometry, record, 0, &fits),
               &scratch);
    if (!fits) report_unfit_row(index);
    return record;
}

namespace {
// A row on its way into its lists.
struct NewRow {
    const float* x;    // (code dims)
    RowFields fields;  // but the scalar, which goes with each code
    uint32 entries;
    uint32 lists[kMaxEntriesOfRow];
    uint8* codes;  // (entries, stride)
    Size stride;
    bool replaced;  // lists, since the row's first entry
};
}  // namespace

// Codes of entries [first, first + count) of the row. All entries in one call: score-aware codes are made a tile of
// rows at a time.
static void encode_row(Relation index, IndexCache* cache, const NewRow* row, uint32 first, uint32 count) {
    const uint32 dims = cache->meta.code_dims;
    float* rows = static_cast<float*>(palloc(sizeof(float) * dims * count));
    float* centroids = static_cast<float*>(palloc(sizeof(float) * dims * count));
    uint32 own_centroid[kMaxEntriesOfRow];
    for (uint32 entry = 0; entry < count; entry++) {
        own_centroid[entry] = entry;
        float* centroid = centroids + entry * dims;
        const float* cached = cached_centroid(index, cache, row->lists[first + entry], centroid);
        if (cached != centroid) memcpy(centroid, cached, sizeof(float) * dims);
        memcpy(rows + entry * dims, row->x, sizeof(float) * dims);
    }
    const Codec* codec = codec_to_encode(index, cache);
    float* scratch =
        static_cast<float*>(palloc_extended(sizeof(float) * EncodeScratchFloats(*codec, count), MCXT_ALLOC_HUGE));
    uint8 fits[kMaxEntriesOfRow];
    memset(fits, 1, sizeof(fits));
    const RowSink sink = {row->codes + first * row->stride, row->stride, 0, cache->geometry.code_bytes, fits};
    EncodeRows(*codec, rows, count, centroids, own_centroid, sink, scratch);
    for (uint32 entry = 0; entry < count; entry++)
        if (!fits[entry]) report_unfit_row(index);
}

static bool append_entry(Relation index, IndexCache* cache, NewRow* row, uint32 entry) {
    const uint8* code = row->codes + entry * row->stride;
    PostingEntry posting = {row->fields, code};
    memcpy(&posting.fields.scalar, code + cache->geometry.code_bytes, sizeof(posting.fields.scalar));
    VQ_FAULT("insert.append");
    return posting_append(index, cache, row->lists[entry], &posting);
}

// The lists as they are now, if they were replaced since: true.
static bool know_new_lists(Relation index, InsertState* state) {
    MetaPage meta;
    read_meta(index, &meta);
    if (meta.generation == state->cache->meta.generation) return false;
    MemoryContext before = MemoryContextSwitchTo(state->context);
    state->cache = index_cache_pin(index, state->context);
    MemoryContextSwitchTo(before);
    return true;
}

// Whether one of the row's first `entries` entries lies in the list.
static bool has_entry(const NewRow* row, uint32 entries, uint32 list) {
    return std::find(row->lists, row->lists + entries, list) != row->lists + entries;
}

// Puts the entry into the nearest list that takes it and that has none of the row yet. False if there is none.
static bool append_to_another(Relation index, InsertState* state, NewRow* row, uint32 entry) {
    IndexCache* cache = state->cache;
    const uint32 lists = cache->compact.entries;
    ListChooser chooser;
    memset(&chooser, 0, sizeof(chooser));
    chooser.metric = row_list_metric(cache->codec.metric);
    for (uint32 wanted = 16, tried = 0; tried < lists; wanted *= 4) {
        choose_lists(index, cache, &chooser, row->x, std::min(wanted, lists));
        for (; tried < std::min(wanted, lists); tried++) {
            CHECK_FOR_INTERRUPTS();
            const uint32 list = chooser.scores[tried].list;
            if (has_entry(row, entry, list) ||
                (row->replaced && entry > 0 && list_has_row(index, cache, list, row->fields.tid)))
                continue;
            row->lists[entry] = list;
            encode_row(index, cache, row, entry, 1);
            if (append_entry(index, cache, row, entry)) return true;
        }
    }
    return false;
}

// Vacuum is replacing the list, or has replaced it. Some list is open for a row's first entry, since vacuum never
// closes all of them. A further one may find none that is open and has not the row yet: where vacuum failed, they are
// closed until the next one. Then the row has fewer entries.
static void append_elsewhere(Relation index, InsertState* state, NewRow* row, uint32 entry) {
    // The first is enough where further ones are as they come.
    if (entry > 0 && EntriesVary(state->cache->meta)) return;
    do {
        CHECK_FOR_INTERRUPTS();
        if (know_new_lists(index, state)) row->replaced = true;
    } while (!append_to_another(index, state, row, entry) && entry == 0);
}

static void insert_row(Relation index, InsertState* state, const Datum* values, const bool* isnull,
                       ItemPointer heap_tid) {
    IndexCache* cache = state->cache;
    const uint32 dims = cache->meta.dims;
    float* vector = static_cast<float*>(palloc(sizeof(float) * dims));
    if (!load_vector(state->opclass, values[0], static_cast<int>(dims), vector)) return;
    NewRow row;
    memset(&row, 0, sizeof(row));
    row.x = to_code_space(cache, vector, static_cast<float*>(palloc(sizeof(float) * cache->meta.code_dims)));
    row.fields = fields_of_row(values, isnull, heap_tid);
    row.entries = lists_of_row(index, cache, row.x, row.lists);
    row.stride = MAXALIGN(cache->geometry.code_bytes + sizeof(float));
    row.codes = static_cast<uint8*>(palloc(row.stride * row.entries));
    char* record = encode_record(index, cache, vector, heap_tid);
    encode_row(index, cache, &row, 0, row.entries);
    // The record first, so that every posting entry has one; both entries of a row have the same.
    if (record != NULL) {
        const ItemPointerData at = record_append(index, cache, record);
        row.fields.record = to_tid(&at);
    }
    for (uint32 entry = 0; entry < row.entries; entry++)
        if (has_entry(&row, entry, row.lists[entry]) || !append_entry(index, cache, &row, entry))
            append_elsewhere(index, state, &row, entry);
}

bool vq_insert(Relation index, Datum* values, bool* isnull, ItemPointer heap_tid, Relation, IndexUniqueCheck, bool,
               IndexInfo* info) {
    if (isnull[0]) return false;
    VQ_FAULT("insert.state");
    InsertState* state = insert_state(index, info);
    MemoryContext before = MemoryContextSwitchTo(state->scratch);
    insert_row(index, state, values, isnull, heap_tid);
    MemoryContextSwitchTo(before);
    MemoryContextReset(state->scratch);
    return false;
}

}  // namespace vectorq
