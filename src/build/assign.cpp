// Rows into their lists: they gather in blocks; a full block is assigned and encoded by threads, then its rows go to a
// sort by list (and by the order in which they came within a list, so that builds repeat).
//
// A sorted tuple is (key bigint = list << 32 | sequence, row bytea), where `row` is a staged row
// (core/page/staged_row.h), one for each list that holds the row. With records for reordering there is one tuple a row,
// (key, row, record bytea), where `row` is all of its entries, payload_bytes apart: build/records.cpp takes them apart
// once the record's place is known.
#include <algorithm>

#include "am/column.h"
#include "build/build.h"
#include "store/row_fields.h"
#include "store/tid.h"
#include "core/page/params_page.h"
#include "store/posting_builder.h"
#include "core/base/parallel.h"
#include "pg/entry.h"
#include "pg/fault.h"
#include "pg/keyed_sort.h"

namespace vectorq {

// Bytes of a block of rows: a share of maintenance_work_mem between these. Rows: as many as the choice of lists is
// quickest with, and enough to feed the matrix kernels of the other steps.
static constexpr Size kLeastBlockBytes = 8 * 1024 * 1024, kMostBlockBytes = 64 * 1024 * 1024, kBlockMemoryShare = 16;
static constexpr Size kLeastBlockRows = 8192;
static constexpr Size kEncodeGrain = 1024;

static_assert(VARHDRSZ == kEntryHeadBytes && MAXIMUM_ALIGNOF == 8);

// The sorted form of an entry.
static uint8_t* payload_of(const Build* b, Size entry) { return b->objects->payload.data() + entry * b->payload_bytes; }

static uint8_t* record_of(const Build* b, Size row) {
    return b->objects->records.data() + row * b->record_payload_bytes;
}

// Of a row of the block.
static char* keys_of(const Build* b, Size row) {
    return b->objects->keys.data() + row * b->geometry.key_places.packed_bytes;
}

// Rows [begin, end) of the block as their records keep them.
static void encode_records(Build* b, size_t begin, size_t end) {
    BuildObjects* o = b->objects;
    const RecordCodec* records = &b->records;
    float scratch;
    EncodeRows(records->codec, o->block.data() + begin * b->dims, end - begin, records->centroid, nullptr,
               RecordSink(records->geometry, record_of(b, begin) + VARHDRSZ, b->record_payload_bytes,
                          o->record_fits.data() + begin),
               &scratch);
}

// The block's rows in the space of centroids and codes.
static const float* block_points(const Build* b) {
    return b->objects->transform.size() > 0 ? b->objects->made.data() : b->objects->block.data();
}

// Further lists of each row.
static void assign_replicas(Build* b) {
    BuildObjects* o = b->objects;
    const Size rows = b->block_fill;
    const float* x = block_points(b);
    if (b->replicas == Replicas::kClosure) {
        o->replicas->ClosureLists(x, rows, o->block_list.data(), static_cast<float>(b->options.closure_epsilon),
                                  b->entries_of_row, o->row_lists.data(), o->row_entries.data(), b->threads, o->stop);
        return;
    }
    o->replicas->SoarSecond(x, rows, o->block_list.data(), kSoarLambda, o->entry_list.data(), b->threads, o->stop);
    for (Size i = 0; i < rows; i++) {
        o->row_lists[2 * i] = o->block_list[i];
        o->row_lists[2 * i + 1] = o->entry_list[i];
        o->row_entries[i] = 2;
    }
}

// Transforms the rows of the block, finds their lists, and codes their records.
static void assign_block(Build* b) {
    BuildObjects* o = b->objects;
    const Size rows = b->block_fill, in = b->dims, dims = b->codec.dims;
    ParallelFor(rows, kEncodeGrain, b->threads, o->stop, [&](size_t begin, size_t end, int) {
        if (o->transform.size() > 0) {
            const TransformPage page =
                ViewTransformPage(o->transform.data(), static_cast<uint32>(in), static_cast<uint32>(dims));
            ApplyTransform(page.matrix, page.offset, in, dims, o->block.data() + begin * in, end - begin,
                           o->made.data() + begin * dims);
        }
        if (KeepsRecords(b->reorder)) encode_records(b, begin, end);
    });
    if (o->assigner != nullptr)
        o->assigner->Nearest(block_points(b), rows, o->block_list.data(), nullptr, b->threads, o->stop);
    else std::fill_n(o->block_list.data(), rows, 0u);
    if (b->entries_of_row > 1) assign_replicas(b);
    if (o->finder != nullptr) o->finder->Add(o->block.data(), o->block_tids.data(), rows, o->stop);
}

// Lists the entries of rows of the block from `row` on, as many as there is room for; returns the first row that is not
// among them.
static Size take_entries(Build* b, Size row) {
    BuildObjects* o = b->objects;
    const StagedShape shape = StagedShapeOf(b->geometry);
    b->entries = 0;
    for (; row < b->block_fill; row++) {
        const uint32 entries = b->entries_of_row > 1 ? o->row_entries[row] : 1;
        const uint32* lists =
            b->entries_of_row > 1 ? o->row_lists.data() + row * b->entries_of_row : o->block_list.data() + row;
        if (b->entries + entries > b->max_entries) break;
        for (uint32 entry = 0; entry < entries; entry++) {
            SetStagedFields(RowOfEntry(payload_of(b, b->entries)), o->fields[row]);
            SetStagedKeys(RowOfEntry(payload_of(b, b->entries)), shape, keys_of(b, row));
            o->entry_row[b->entries] = static_cast<uint32>(row);
            o->entry_list[b->entries++] = lists[entry];
        }
    }
    return row;
}

// Entries of rows that lie in several lists are gathered so many at a time.
static constexpr Size kGatherRows = 64;

static Size scratch_floats(const Build* b) {
    return EncodeScratchFloats(b->codec, kEncodeGrain) + (b->entries_of_row > 1 ? kGatherRows * b->codec.dims : 0);
}

// Codes entries [begin, end), whose rows lie one after another at `rows`.
static void encode_range(Build* b, const float* rows, Size begin, Size end, float* scratch) {
    BuildObjects* o = b->objects;
    const RowSink sink = {payload_of(b, begin), b->payload_bytes, EntryCodeAt(StagedShapeOf(b->geometry)),
                          kEntryScalarAt, o->entry_fits.data() + begin};
    EncodeRows(b->codec, rows, end - begin, o->centroids.data(), o->entry_list.data() + begin, sink, scratch);
}

static void encode_entries(Build* b) {
    BuildObjects* o = b->objects;
    const Size dims = b->codec.dims;
    const float* x = block_points(b);
    ParallelFor(b->entries, kEncodeGrain, b->threads, o->stop, [&](size_t begin, size_t end, int thread) {
        float* scratch = o->scratch.data() + thread * scratch_floats(b);
        // One entry a row: they are where the rows are.
        if (b->entries_of_row == 1) return encode_range(b, x + o->entry_row[begin] * dims, begin, end, scratch);
        float* gathered = scratch + EncodeScratchFloats(b->codec, kEncodeGrain);
        for (size_t at = begin; at < end; at += kGatherRows) {
            const size_t last = std::min<size_t>(end, at + kGatherRows);
            for (size_t i = at; i < last; i++)
                std::copy_n(x + o->entry_row[i] * dims, dims, gathered + (i - at) * dims);
            encode_range(b, gathered, at, last, scratch);
        }
    });
}

static Datum entry_key(const Build* b, Size entry) {
    return Int64GetDatum(static_cast<int64>(b->objects->entry_list[entry]) << 32 |
                         static_cast<uint32>(b->indexed_rows));
}

static void sort_entry(Build* b, Size entry) {
    SET_VARSIZE(payload_of(b, entry), EntryBytes(StagedShapeOf(b->geometry)));
    ExecClearTuple(b->slot);
    b->slot->tts_values[0] = entry_key(b, entry);
    b->slot->tts_values[1] = PointerGetDatum(payload_of(b, entry));
    b->slot->tts_isnull[0] = b->slot->tts_isnull[1] = false;
    ExecStoreVirtualTuple(b->slot);
    VQ_FAULT("sort.put");
    tuplesort_puttupleslot(b->sort, b->slot);
}

// Entries [begin, end) of one row, with its record.
static void sort_entries_with_record(Build* b, Size begin, Size end) {
    TupleTableSlot* slot = b->slot;
    for (Size entry = begin + 1; entry < end; entry++)
        SetListOfEntry(payload_of(b, entry), b->objects->entry_list[entry]);
    SET_VARSIZE(payload_of(b, begin), (end - begin) * b->payload_bytes);
    ExecClearTuple(slot);
    slot->tts_values[0] = entry_key(b, begin);
    slot->tts_values[1] = PointerGetDatum(payload_of(b, begin));
    slot->tts_values[2] = PointerGetDatum(record_of(b, b->objects->entry_row[begin]));
    slot->tts_isnull[0] = slot->tts_isnull[1] = slot->tts_isnull[2] = false;
    ExecStoreVirtualTuple(slot);
    tuplesort_puttupleslot(b->sort, slot);
}

// Puts the entries at hand into the sort, row after row.
static void sort_entries(Build* b) {
    BuildObjects* o = b->objects;
    for (Size begin = 0, end = 0; begin < b->entries; begin = end) {
        const uint32 row = o->entry_row[begin];
        for (; end < b->entries && o->entry_row[end] == row; end++) {
            if (!o->entry_fits[end]) report_unfit_row(b->index);
        }
        if (KeepsRecords(b->reorder)) {
            if (!o->record_fits[row]) report_unfit_row(b->index);
            sort_entries_with_record(b, begin, end);
        } else {
            for (Size entry = begin; entry < end; entry++) sort_entry(b, entry);
        }
        b->indexed_rows++;
        b->indexed_entries += static_cast<int64>(end - begin);
    }
}

static void flush_block(Build* b) {
    if (b->block_fill == 0) return;
    VQ_FAULT("build.encode");
    core_call([&] { assign_block(b); });
    for (Size row = 0; row < b->block_fill;) {
        row = take_entries(b, row);
        core_call([&] { encode_entries(b); });
        sort_entries(b);
        vacuum_delay();
    }
    b->block_fill = 0;
}

float* next_row_vector(Build* b) { return b->objects->block.data() + b->block_fill * b->dims; }

void assign_row(Build* b, const RowFields* fields, const char* keys, const float* vector) {
    BuildObjects* o = b->objects;
    if (vector != next_row_vector(b)) memcpy(next_row_vector(b), vector, sizeof(float) * b->dims);
    o->fields[b->block_fill] = *fields;
    if (b->geometry.keys.count > 0) memcpy(keys_of(b, b->block_fill), keys, b->geometry.key_places.packed_bytes);
    if (o->finder != nullptr) o->block_tids[b->block_fill] = pack_tid(fields->tid);
    if (KeepsRecords(b->reorder))
        memcpy(record_of(b, b->block_fill) + VARHDRSZ + kRecordTidAt, &fields->tid, sizeof(fields->tid));
    if (++b->block_fill == b->block_rows) flush_block(b);
}

static void assign_table_row(Relation, ItemPointer tid, Datum* values, bool* isnull, bool, void* arg) {
    Build* b = static_cast<Build*>(arg);
    if (isnull[0]) return;
    MemoryContext before = MemoryContextSwitchTo(b->row_context);
    if (load_vector(b->opclass, values[0], b->dims, next_row_vector(b))) {
        const RowFields fields = fields_of_row(values, isnull, tid);
        const char* keys = b->geometry.keys.count > 0 ? packed_keys(b->key_columns, values, isnull) : NULL;
        MemoryContextSwitchTo(before);
        assign_row(b, &fields, keys, next_row_vector(b));
    }
    MemoryContextSwitchTo(before);
    MemoryContextReset(b->row_context);
}

void begin_row_sort(Build* b, int columns, Size bytes) {
    TupleDesc rows = keyed_rows(columns);
    b->slot = MakeSingleTupleTableSlot(rows, &TTSOpsVirtual);
    b->sort = begin_keyed_sort(rows, bytes);
}

void begin_assign(Build* b) {
    b->payload_bytes = EntryStride(StagedShapeOf(b->geometry));
    b->record_payload_bytes = KeepsRecords(b->reorder) ? MAXALIGN(VARHDRSZ + b->records.geometry.record_bytes) : 0;
    const Size further = b->entries_of_row > 1 ? b->entries_of_row : 0;
    // Twice the rows hold the entries of soar, and nearly always those of a closure.
    const Size entries_a_row = std::min<Size>(b->entries_of_row, 2);
    const Size made_dims = b->objects->transform.size() > 0 ? b->codec.dims : 0;
    const Size row_bytes = sizeof(float) * (b->dims + made_dims) + b->record_payload_bytes + 4 * further +
                           sizeof(RowFields) + 6 + b->geometry.key_places.packed_bytes +
                           entries_a_row * (b->payload_bytes + 9);
    b->block_rows =
        std::clamp<Size>(std::clamp(b->memory / kBlockMemoryShare, kLeastBlockBytes, kMostBlockBytes) / row_bytes, 1,
                         std::max<Size>(kLeastBlockRows, PanelAssigner::RowsAtATime(b->lists)));
    b->max_entries = std::max<Size>(b->entries_of_row, entries_a_row * b->block_rows);
    const Size block_bytes = b->block_rows * row_bytes;
    core_call([&] {
        BuildObjects* o = b->objects;
        o->block.Resize(b->block_rows * b->dims);
        o->fields.Resize(b->block_rows);
        o->keys.Resize(b->block_rows * b->geometry.key_places.packed_bytes);
        o->block_list.Resize(b->block_rows);
        o->row_lists.Resize(further * b->block_rows);
        o->row_entries.Resize(b->block_rows);
        o->entry_row.Resize(b->max_entries);
        o->entry_list.Resize(b->max_entries);
        o->entry_fits.Resize(b->max_entries);
        o->payload.Resize(b->max_entries * b->payload_bytes);
        o->payload.Fill(0);
        if (o->finder != nullptr) o->block_tids.Resize(b->block_rows);
        o->record_fits.Resize(b->block_rows);
        o->records.Resize(b->block_rows * b->record_payload_bytes);
        o->records.Fill(0);
        o->made.Resize(b->block_rows * made_dims);
        o->scratch.Resize(b->threads * scratch_floats(b));
    });
    for (Size i = 0; i < b->block_rows && KeepsRecords(b->reorder); i++)
        SET_VARSIZE(record_of(b, i), VARHDRSZ + b->records.geometry.record_bytes);

    const Size left = b->memory > 2 * block_bytes ? b->memory - block_bytes : b->memory / 2;
    VQ_FAULT("sort.begin");
    // With records a second sort follows while this one is read.
    begin_row_sort(b, KeepsRecords(b->reorder) ? 3 : 2, KeepsRecords(b->reorder) ? left / 2 : left);
}

void end_assign(Build* b) {
    flush_block(b);
    core_call([&] {
        BuildObjects* o = b->objects;
        o->block.Resize(0);
        o->payload.Resize(0);
        o->records.Resize(0);
        o->made.Resize(0);
        o->block_tids.Resize(0);
        if (o->finder != nullptr) o->finder->Finish();
        o->scratch.Resize(0);
        delete o->assigner;
        o->assigner = nullptr;
        delete o->replicas;
        o->replicas = nullptr;
        ReleaseThreads();
    });
    VQ_FAULT("sort.perform");
    tuplesort_performsort(b->sort);
}

void build_assign(Build* b) {
    begin_assign(b);
    VQ_FAULT("build.scan");
    b->heap_rows = table_index_build_scan(b->heap, b->index, b->info, false, true, assign_table_row, b, NULL);
    end_assign(b);
}

}  // namespace vectorq
