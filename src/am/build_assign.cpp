// The heap scan of a build: rows gather in blocks; a full block is assigned and encoded by threads,
// then its rows go to a sort by list (and by scan order within a list, so that builds repeat).
//
// A sorted tuple is (key bigint = list << 32 | sequence, row bytea = tid | pointer | scalar | code). With copies for
// reordering there is one tuple a row, (key, row, record bytea, second key, second row), where the last two are null
// unless the row has a replica: build_records.cpp takes them apart once the record's place is known.
#include <algorithm>

#include "am/build.h"
#include "am/posting_builder.h"
#include "core/base/parallel.h"
#include "pg/entry.h"
#include "pg/fault.h"

extern "C" {
#include "catalog/pg_operator.h"
}

namespace vectorq {

// Rows a block: enough to feed the matrix kernel, few enough that a cancel waits some milliseconds.
static constexpr Size kMaxBlockBytes = 8 * 1024 * 1024;
static constexpr Size kMaxBlockRows = 8192;
static constexpr Size kEncodeGrain = 1024;

static Size scalar_offset() { return VARHDRSZ + kRowScalarAt; }
static Size code_offset() { return VARHDRSZ + kRowCodeAt; }

// The sorted form of a row of the block, for the list that holds its `copy`.
static uint8_t* payload_of(const Build* b, uint32 copy, Size row) {
    return b->objects->payload.data() + (copy * b->block_rows + row) * b->payload_bytes;
}

static uint8_t* record_of(const Build* b, Size row) { return b->objects->records.data() + row * b->record_payload_bytes; }

// Rows [begin, end) of the block as their records keep them.
static void encode_records(Build* b, size_t begin, size_t end) {
    BuildObjects* o = b->objects;
    const VectorCopies* copies = &b->copies_of_rows;
    float scratch;
    EncodeRows(copies->codec, o->block.data() + begin * b->dims, end - begin, copies->centroid, nullptr,
               RecordSink(copies->geometry, record_of(b, begin) + VARHDRSZ, b->record_payload_bytes, o->copy_fits.data() + begin),
               &scratch);
}

static void encode_block(Build* b) {
    BuildObjects* o = b->objects;
    const Size rows = b->block_fill, in = b->dims, dims = b->codec.dims;
    const float* x = o->block.data();
    if (o->transform.size() > 0) {
        ParallelFor(rows, kEncodeGrain, b->threads, o->stop, [&](size_t begin, size_t end, int) {
            ApplyTransform(o->transform.data(), o->transform.data() + in * dims, in, dims, o->block.data() + begin * in,
                           end - begin, o->made.data() + begin * dims);
        });
        x = o->made.data();
    }
    if (o->assigner != nullptr)
        o->assigner->Nearest(x, rows, o->block_list.data(), nullptr, b->threads, o->stop);
    else
        std::fill_n(o->block_list.data(), rows, 0u);
    if (b->copies > 1)
        o->replicas->SoarSecond(x, rows, o->block_list.data(), kSoarLambda, o->block_list.data() + b->block_rows,
                                b->threads, o->stop);
    const size_t scratch = EncodeScratchFloats(b->codec, kEncodeGrain);
    ParallelFor(rows, kEncodeGrain, b->threads, o->stop, [&](size_t begin, size_t end, int thread) {
        for (uint32 copy = 0; copy < b->copies; copy++) {
            const RowSink sink = {payload_of(b, copy, begin), b->payload_bytes, code_offset(), scalar_offset(),
                                  o->row_fits.data() + begin};
            EncodeRows(b->codec, x + begin * dims, end - begin, o->centroids.data(),
                       o->block_list.data() + copy * b->block_rows + begin, sink, o->scratch.data() + thread * scratch);
        }
        if (IsCopy(b->reorder)) encode_records(b, begin, end);
    });
}

static Datum row_key(const Build* b, uint32 copy, Size row) {
    return Int64GetDatum(static_cast<int64>(b->objects->block_list[copy * b->block_rows + row]) << 32 |
                         static_cast<uint32>(b->indexed_rows));
}

static void sort_row(Build* b, uint32 copy, Size row) {
    ExecClearTuple(b->slot);
    b->slot->tts_values[0] = row_key(b, copy, row);
    b->slot->tts_values[1] = PointerGetDatum(payload_of(b, copy, row));
    b->slot->tts_isnull[0] = b->slot->tts_isnull[1] = false;
    ExecStoreVirtualTuple(b->slot);
    VQ_FAULT("sort.put");
    tuplesort_puttupleslot(b->sort, b->slot);
}

static void sort_row_with_record(Build* b, Size row) {
    TupleTableSlot* slot = b->slot;
    ExecClearTuple(slot);
    slot->tts_values[0] = row_key(b, 0, row);
    slot->tts_values[1] = PointerGetDatum(payload_of(b, 0, row));
    slot->tts_values[2] = PointerGetDatum(record_of(b, row));
    slot->tts_isnull[0] = slot->tts_isnull[1] = slot->tts_isnull[2] = false;
    slot->tts_isnull[3] = slot->tts_isnull[4] = b->copies == 1;
    if (b->copies > 1) {
        slot->tts_values[3] = row_key(b, 1, row);
        slot->tts_values[4] = PointerGetDatum(payload_of(b, 1, row));
    }
    ExecStoreVirtualTuple(slot);
    tuplesort_puttupleslot(b->sort, slot);
}

static void flush_block(Build* b) {
    if (b->block_fill == 0) return;
    VQ_FAULT("build.encode");
    core_call([&] { encode_block(b); });
    BuildObjects* o = b->objects;
    for (Size i = 0; i < b->block_fill; i++) {
        if (!o->row_fits[i] || (IsCopy(b->reorder) && !o->copy_fits[i])) report_unfit_row(b->index);
        if (IsCopy(b->reorder))
            sort_row_with_record(b, i);
        else
            for (uint32 copy = 0; copy < b->copies; copy++) sort_row(b, copy, i);
        b->indexed_rows++;
    }
    b->block_fill = 0;
    CHECK_FOR_INTERRUPTS();
}

static void add_row(Relation, ItemPointer tid, Datum* values, bool* isnull, bool, void* arg) {
    Build* b = static_cast<Build*>(arg);
    if (isnull[0]) return;
    MemoryContext before = MemoryContextSwitchTo(b->row_context);
    BuildObjects* o = b->objects;
    const bool kept = load_vector(b->opclass, values[0], b->dims, o->block.data() + b->block_fill * b->dims);
    MemoryContextSwitchTo(before);
    MemoryContextReset(b->row_context);
    if (!kept) return;
    for (uint32 copy = 0; copy < b->copies; copy++)
        memcpy(payload_of(b, copy, b->block_fill) + VARHDRSZ, tid, sizeof(ItemPointerData));
    if (IsCopy(b->reorder)) memcpy(record_of(b, b->block_fill) + VARHDRSZ + kRecordTidAt, tid, sizeof(ItemPointerData));
    if (++b->block_fill == b->block_rows) flush_block(b);
}

void begin_row_sort(Build* b, int columns, Size bytes) {
    static const char* const names[] = {"key", "row", "record", "second_key", "second_row"};
    TupleDesc desc = CreateTemplateTupleDesc(columns);
    for (int i = 0; i < columns; i++)
        TupleDescInitEntry(desc, static_cast<AttrNumber>(i + 1), names[i], i == 0 || i == 3 ? INT8OID : BYTEAOID, -1, 0);
    b->slot = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
    AttrNumber attribute = 1;
    Oid less = Int8LessOperator, collation = InvalidOid;
    bool nulls_first = false;
    b->sort = tuplesort_begin_heap(desc, 1, &attribute, &less, &collation, &nulls_first,
                                   static_cast<int>(std::max<Size>(bytes / 1024, 64)), NULL, kSortOnce);
}

void build_assign(Build* b) {
    b->payload_bytes = MAXALIGN(code_offset() + b->geometry.code_bytes);
    b->record_payload_bytes = IsCopy(b->reorder) ? MAXALIGN(VARHDRSZ + b->copies_of_rows.geometry.record_bytes) : 0;
    b->block_rows = std::clamp<Size>(kMaxBlockBytes / (sizeof(float) * b->dims), 1, kMaxBlockRows);
    const Size block_bytes = b->block_rows * (sizeof(float) * b->dims + b->copies * (b->payload_bytes + 5) + b->record_payload_bytes);
    core_call([&] {
        BuildObjects* o = b->objects;
        o->block.Resize(b->block_rows * b->dims);
        o->block_list.Resize(b->copies * b->block_rows);
        o->payload.Resize(b->copies * b->block_rows * b->payload_bytes);
        o->payload.Fill(0);
        o->row_fits.Resize(b->block_rows);
        o->copy_fits.Resize(b->block_rows);
        o->records.Resize(b->block_rows * b->record_payload_bytes);
        o->records.Fill(0);
        if (o->transform.size() > 0) o->made.Resize(b->block_rows * b->codec.dims);
        o->scratch.Resize(b->threads * EncodeScratchFloats(b->codec, kEncodeGrain));
    });
    for (Size i = 0; i < b->copies * b->block_rows; i++)
        SET_VARSIZE(b->objects->payload.data() + i * b->payload_bytes, code_offset() + b->geometry.code_bytes);
    for (Size i = 0; i < b->block_rows && IsCopy(b->reorder); i++)
        SET_VARSIZE(record_of(b, i), VARHDRSZ + b->copies_of_rows.geometry.record_bytes);

    const Size left = b->memory > 2 * block_bytes ? b->memory - block_bytes : b->memory / 2;
    VQ_FAULT("sort.begin");
    // With records a second sort follows while this one is read.
    begin_row_sort(b, IsCopy(b->reorder) ? 5 : 2, IsCopy(b->reorder) ? left / 2 : left);
    VQ_FAULT("build.scan");
    b->heap_rows = table_index_build_scan(b->heap, b->index, b->info, false, true, add_row, b, NULL);
    flush_block(b);
    core_call([&] {
        BuildObjects* o = b->objects;
        o->block.Resize(0);
        o->payload.Resize(0);
        o->records.Resize(0);
        o->made.Resize(0);
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

}  // namespace vectorq
