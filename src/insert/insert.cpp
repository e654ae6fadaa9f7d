// aminsert: one row into its list, encoded with what the index was trained on.
#include <algorithm>

#include "am/am.h"
#include "am/column.h"
#include "am/keys.h"
#include "store/index_cache.h"
#include "lists/list_chooser.h"
#include "am/opclass.h"
#include "insert/posting_writer.h"
#include "insert/record_writer.h"
#include "store/row_fields.h"
#include "store/tid.h"
#include "stats/stat_table.h"
#include "pg/entry.h"
#include "pg/fault.h"

namespace vectorq {

namespace {
// Kept over the rows of one statement in ii_AmCache.
struct InsertState {
    const OpclassInfo* opclass;
    const KeyColumnInfo* key_columns;
    IndexCache* cache;      // of the lists as they were when a row was last turned away
    MemoryContext context;  // of the statement
    MemoryContext scratch;  // reset after each row
    bool renewing;          // the last row went into two epochs
};
}  // namespace

static InsertState* insert_state(Relation index, IndexInfo* info) {
    if (info->ii_AmCache != NULL) return static_cast<InsertState*>(info->ii_AmCache);
    InsertState* state = static_cast<InsertState*>(MemoryContextAlloc(info->ii_Context, sizeof(InsertState)));
    state->opclass = opclass_of_index(index);
    state->key_columns = key_columns_of_index(index);
    state->cache = index_cache_pin(index, info->ii_Context);
    state->context = info->ii_Context;
    state->renewing = false;
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
    IndexCache* cache;  // of the epoch that it goes to
    AppendMode mode;    // of its first entry
    const float* x;     // (code dims)
    RowFields fields;   // but the scalar, which goes with each code
    const char* keys;   // packed
    uint32 entries;
    uint32 lists[kMaxEntriesOfRow];
    uint8* codes;  // (entries, stride)
    Size stride;
    bool replaced;  // lists, since the row's first entry
};
}  // namespace

// Codes of entries [first, first + count) of the row. All entries in one call: score-aware codes are made a tile of
// rows at a time.
static void encode_row(Relation index, const NewRow* row, uint32 first, uint32 count) {
    IndexCache* cache = row->cache;
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

static Appended append_entry(Relation index, const NewRow* row, uint32 entry) {
    IndexCache* cache = row->cache;
    const uint8* code = row->codes + entry * row->stride;
    PostingEntry posting = {row->fields, code, row->keys};
    memcpy(&posting.fields.scalar, code + cache->geometry.code_bytes, sizeof(posting.fields.scalar));
    VQ_FAULT("insert.append");
    const AppendMode mode = entry > 0 && row->mode == AppendMode::kFirst ? AppendMode::kFurther : row->mode;
    return posting_append(index, cache, row->lists[entry], &posting, mode);
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

// Puts the entry into the nearest list that takes it and that has none of the row yet. kClosed if there is none.
static Appended append_to_another(Relation index, NewRow* row, uint32 entry) {
    IndexCache* cache = row->cache;
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
            encode_row(index, row, entry, 1);
            const Appended done = append_entry(index, row, entry);
            if (done != Appended::kClosed) return done;
        }
    }
    return Appended::kClosed;
}

// Vacuum is replacing the list, or has replaced it. Some list is open for a row's first entry, since vacuum never
// closes all of them. A further one may find none that is open and has not the row yet: where vacuum failed, they are
// closed until the next one. Then the row has fewer entries.
static Appended append_elsewhere(Relation index, InsertState* state, NewRow* row, uint32 entry) {
    // The first is enough where further ones are as they come.
    if (entry > 0 && EntriesVary(row->cache->meta)) return Appended::kDone;
    Appended done;
    do {
        CHECK_FOR_INTERRUPTS();
        if (row->cache == state->cache && know_new_lists(index, state)) {
            row->replaced = true;
            // Coded for another epoch. No two have passed while this transaction runs, so none of it is there yet.
            if (state->cache->meta.epoch != row->cache->meta.epoch) return Appended::kRenewing;
            row->cache = state->cache;
        }
        done = append_to_another(index, row, entry);
    } while (done == Appended::kClosed && entry == 0);
    return done;
}

namespace {
// As the table has it.
struct TableRow {
    const float* vector;
    RowFields fields;
    const char* keys;  // packed; NULL without key columns
};
}  // namespace

// Puts the row into one epoch of the index. False, and nothing done, if it is to go into another one as well.
static bool put_row(Relation index, InsertState* state, IndexCache* cache, AppendMode mode, const TableRow& table_row) {
    const float* vector = table_row.vector;
    NewRow row;
    memset(&row, 0, sizeof(row));
    row.cache = cache;
    row.mode = mode;
    row.x = to_code_space(cache, vector, static_cast<float*>(palloc(sizeof(float) * cache->meta.code_dims)));
    row.fields = table_row.fields;
    row.keys = table_row.keys;
    row.entries = lists_of_row(index, cache, row.x, row.lists);
    row.stride = MAXALIGN(cache->geometry.code_bytes + sizeof(float));
    row.codes = static_cast<uint8*>(palloc(row.stride * row.entries));
    ItemPointerData heap_tid = from_tid(row.fields.tid);
    char* record = encode_record(index, cache, vector, &heap_tid);
    encode_row(index, &row, 0, row.entries);
    // The record first, so that every posting entry has one; both entries of a row have the same.
    if (record != NULL) {
        const ItemPointerData at = record_append(index, cache, record);
        row.fields.record = to_tid(&at);
    }
    for (uint32 entry = 0; entry < row.entries; entry++) {
        Appended done = has_entry(&row, entry, row.lists[entry]) ? Appended::kClosed : append_entry(index, &row, entry);
        if (done == Appended::kClosed) done = append_elsewhere(index, state, &row, entry);
        if (done == Appended::kRenewing && entry == 0) return false;
    }
    return true;
}

// A vacuum makes another epoch: the row goes into both. Or it has just ended: into the new one.
static void insert_while_renewing(Relation index, InsertState* state, const TableRow& row) {
    for (;;) {
        CHECK_FOR_INTERRUPTS();
        VQ_FAULT("insert.renewing");
        know_new_lists(index, state);
        IndexCache* next = index_cache_pin_next(index, state->scratch);
        state->renewing = next != NULL;
        if (next == NULL) {
            if (put_row(index, state, state->cache, AppendMode::kFirst, row)) return;
        } else if (next->meta.generation == state->cache->meta.generation + 1) {
            put_row(index, state, state->cache, AppendMode::kLate, row);
            VQ_FAULT("insert.late");
            put_row(index, state, next, AppendMode::kFurther, row);
            return;
        }
    }
}

static void insert_row(Relation index, InsertState* state, const Datum* values, const bool* isnull,
                       ItemPointer heap_tid) {
    const uint32 dims = state->cache->meta.dims;
    float* vector = static_cast<float*>(palloc(sizeof(float) * dims));
    if (!load_vector(state->opclass, values[0], static_cast<int>(dims), vector)) return;
    TableRow row = {vector, fields_of_row(values, isnull, heap_tid), NULL};
    if (state->key_columns->keys.count > 0) row.keys = packed_keys(state->key_columns, values, isnull);
    if (state->renewing || !put_row(index, state, state->cache, AppendMode::kFirst, row))
        insert_while_renewing(index, state, row);
}

bool vq_insert(Relation index, Datum* values, bool* isnull, ItemPointer heap_tid, Relation, IndexUniqueCheck, bool,
               IndexInfo* info) {
    if (isnull[0]) return false;
    VQ_FAULT("insert.state");
    InsertState* state = insert_state(index, info);
    MemoryContext before = MemoryContextSwitchTo(state->scratch);
    insert_row(index, state, values, isnull, heap_tid);
    add_stat(RelationGetRelid(index), StatCount::kInserts, 1);
    MemoryContextSwitchTo(before);
    MemoryContextReset(state->scratch);
    return false;
}

}  // namespace vectorq
