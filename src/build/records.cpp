// Records of a build: written in the order of each row's first list, so that rows of a list are near each other,
// in one run of pages before the postings. The posting rows learn where their record is and go to a sort of their own,
// as a row's replica comes with another list.
#include "build/build.h"
#include "store/extents.h"
#include "store/posting_builder.h"
#include "store/tid.h"

namespace vectorq {

namespace {
struct RecordBuilder {
    Build* build;
    PageSink* sink;
    const ReorderGeometry* geometry;
    BlockNumber extent;  // where the extent at hand will lie; InvalidBlockNumber: not known yet
    uint32 fill;         // records in it
    char* images;        // (pages, BLCKSZ)
    char* record;        // (record_bytes)
    char* row;           // (payload_bytes) varlena
};
}  // namespace

static void begin_extent(RecordBuilder* w) {
    for (uint32 part = 0; part < w->geometry->pages; part++)
        init_sink_page(w->sink, w->images + part * BLCKSZ, PageKind::kReorder, 0, static_cast<uint16>(part));
    memset(extent_header(w->images), 0, sizeof(ReorderHeader));
    w->extent = InvalidBlockNumber;
    w->fill = 0;
}

// In an index in use the first page comes last: a crash before leaves unused pages.
static void flush_extent(RecordBuilder* w) {
    const uint32 pages = w->geometry->pages;
    extent_header(w->images)->count = static_cast<uint16>(w->fill);
    for (uint32 i = 0; i < pages; i++) {
        const uint32 part = w->sink->live ? pages - 1 - i : i;
        put_page(w->sink, w->extent + part, w->images + part * BLCKSZ);
    }
    begin_extent(w);
}

static ItemPointerData add_record(RecordBuilder* w, const bytea* record) {
    if (w->extent == InvalidBlockNumber) w->extent = take_run(w->sink, w->geometry->pages);
    // A short varlena is not aligned.
    memcpy(w->record, VARDATA_ANY(record), w->geometry->record_bytes);
    const PageRange pages = PagesOfRecord(*w->geometry, w->fill);
    for (uint32 part = pages.first; part <= pages.last; part++)
        PutRecordPart(*w->geometry, page_payload(w->images + part * BLCKSZ), part, w->fill, w->record);
    ItemPointerData at;
    ItemPointerSet(&at, w->extent, static_cast<OffsetNumber>(w->fill));
    if (++w->fill == w->geometry->capacity) flush_extent(w);
    return at;
}

static void sort_posting(RecordBuilder* w, int64 key, const char* row, const ItemPointerData* record) {
    Build* b = w->build;
    memcpy(w->row + kEntryHeadBytes, row, StagedBytes(StagedShapeOf(b->geometry)));
    SetStagedRecord(w->row + kEntryHeadBytes, to_tid(record));
    SET_VARSIZE(w->row, EntryBytes(StagedShapeOf(b->geometry)));
    ExecClearTuple(b->slot);
    b->slot->tts_values[0] = Int64GetDatum(key);
    b->slot->tts_values[1] = PointerGetDatum(w->row);
    b->slot->tts_isnull[0] = b->slot->tts_isnull[1] = false;
    ExecStoreVirtualTuple(b->slot);
    tuplesort_puttupleslot(b->sort, b->slot);
}

static void take_rows(RecordBuilder* w, Tuplesortstate* rows, TupleTableSlot* slot) {
    while (tuplesort_gettupleslot(rows, true, false, slot, NULL)) {
        vacuum_delay();
        slot_getallattrs(slot);
        const auto bytes = [&](int column) {
            return reinterpret_cast<const bytea*>(DatumGetPointer(slot->tts_values[column]));
        };
        const ItemPointerData at = add_record(w, bytes(2));
        const StagedEntries entries(VARDATA_ANY(bytes(1)), VARSIZE_ANY_EXHDR(bytes(1)), w->build->payload_bytes);
        int64 key = DatumGetInt64(slot->tts_values[0]);
        for (Size i = 0; i < entries.count(); i++) {
            if (i > 0) key = static_cast<int64>(entries.list(i)) << 32 | static_cast<uint32>(key);
            sort_posting(w, key, entries.row(i), &at);
        }
    }
}

void write_build_records(Build* b, PageSink* sink) {
    RecordBuilder w;
    memset(&w, 0, sizeof(w));
    w.build = b;
    w.sink = sink;
    w.geometry = &b->records.geometry;
    w.images = static_cast<char*>(palloc(w.geometry->pages * BLCKSZ));
    w.record = static_cast<char*>(palloc(w.geometry->record_bytes));
    w.row = static_cast<char*>(palloc(b->payload_bytes));
    begin_extent(&w);
    Tuplesortstate* rows = b->sort;
    TupleTableSlot* slot = MakeSingleTupleTableSlot(b->slot->tts_tupleDescriptor, &TTSOpsMinimalTuple);
    begin_row_sort(b, 2, b->memory / 2);
    take_rows(&w, rows, slot);
    if (w.fill > 0) flush_extent(&w);
    ExecDropSingleTupleTableSlot(slot);
    tuplesort_end(rows);
    tuplesort_performsort(b->sort);
    pfree(w.images);
    pfree(w.record);
    pfree(w.row);
}

}  // namespace vectorq
