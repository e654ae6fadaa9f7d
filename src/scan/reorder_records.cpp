// See scan/reorder_records.h. Records are read in the order of the file, so that neighbours on a page cost one pin.
//
// A record whose tid is not the candidate's was freed by vacuum and perhaps filled again: the row was dead to
// every snapshot, this one too, and is left out. For the same reason a vector that runs over pages may be read
// in two steps.
#include "scan/reorder_records.h"

#include <algorithm>

#include "scan/readahead.h"
#include "scan/reorder.h"
#include "core/simd/finish_distances.h"
#include "core/simd/row_distance.h"
#include "pg/entry.h"

namespace vectorq {

namespace {
// The page at hand, under a share lock; buffer invalid: none.
struct RecordReader {
    Relation index;
    ScanState* state;
    const RecordCodec* records;
    ListTable table;
    RowFn kernel;
    Buffer buffer;
    BlockNumber block;
};
}  // namespace

static void close_page(RecordReader* r) {
    if (BufferIsValid(r->buffer)) UnlockReleaseBuffer(r->buffer);
    r->buffer = InvalidBuffer;
}

static const char* open_page(RecordReader* r, BlockNumber extent, uint32 part) {
    if (!BufferIsValid(r->buffer) || r->block != extent + part) {
        close_page(r);
        r->buffer = read_record_page(r->index, r->state->search.cache, extent + part, static_cast<uint16>(part));
        r->block = extent + part;
        r->state->search.pages_read++;
    }
    return page_payload(BufferGetPage(r->buffer));
}

// A record that inserts wrote after this scan began lies beyond what the index had then.
static void check_place(RecordReader* r, const Candidate* candidate) {
    const ReorderGeometry* g = &r->records->geometry;
    const uint64 end = static_cast<uint64>(candidate->source) + g->pages;
    if (likely(record_slot(candidate->tid) < g->capacity && candidate->source > 0 &&
               end <= r->state->search.index_blocks))
        return;
    close_page(r);
    if (record_slot(candidate->tid) < g->capacity && candidate->source > 0 &&
        end <= RelationGetNumberOfBlocks(r->index))
        return;
    report_corruption(r->index, 0, "a row's record lies outside the index");
}

// False if the record is another row's by now.
static bool read_distance(RecordReader* r, const Candidate* candidate, float* distance) {
    const ReorderGeometry* g = &r->records->geometry;
    const uint32 slot = record_slot(candidate->tid),
                 element = static_cast<uint32>(CodeElementBytes(r->records->codec.kind));
    const uint32 at = RecordOffsetInPart(*g, slot);
    const char* payload = open_page(r, candidate->source, RecordPart(*g, slot));
    if (pack_tid(reinterpret_cast<const ItemPointerData*>(payload + at + kRecordTidAt)) >> 16 != RowOf(*candidate))
        return false;
    float scalar = 0, sum = 0;
    if (r->table.has_scalar) memcpy(&scalar, payload + at + kRecordScalarAt, sizeof(scalar));
    ForEachPiece(g->payload, RecordOffset(*g, slot) + g->vector_at, g->vector_bytes, [&](const Piece& piece) {
        payload = open_page(r, candidate->source, piece.page);
        sum += r->kernel(r->table.table + piece.within / element, payload + piece.at, piece.length / element);
    });
    *distance = sum;
    FinishDistances(distance, &scalar, r->table.bias, r->table.factor, 1);
    return true;
}

// rows[at] is read next: asks for the pages of those after it.
static void ask_for_records(RecordReader* r, Readahead* ahead, const Candidate* rows, size_t count, size_t at) {
    const ReorderGeometry* g = &r->records->geometry;
    const size_t end = std::min(count, at + 1 + static_cast<size_t>(ahead->depth));
    for (ahead->next = std::max(ahead->next, static_cast<uint32>(at + 1)); ahead->next < end; ahead->next++) {
        const uint32 slot = record_slot(rows[ahead->next].tid);
        if (slot >= g->capacity) continue;
        for (uint32 part = RecordPart(*g, slot); part <= RecordLastPart(*g, slot); part++) {
            const uint64 block = static_cast<uint64>(rows[ahead->next].source) + part;
            if (block < r->state->search.index_blocks)
                ask_for_page(r->index, static_cast<BlockNumber>(block),
                             recent_buffer(r->state->search.cache, static_cast<BlockNumber>(block)));
        }
    }
}

static void sort_by_place(Candidate* rows, size_t n) {
    std::sort(rows, rows + n, [](const Candidate& a, const Candidate& b) {
        return a.source != b.source ? a.source < b.source : record_slot(a.tid) < record_slot(b.tid);
    });
}

static void begin_reading(RecordReader* r, Relation index, ScanState* state) {
    r->index = index;
    r->state = state;
    r->records = &state->search.cache->records;
    if (state->reading.record_table == NULL)
        state->reading.record_table = static_cast<float*>(
            MemoryContextAllocHuge(state->context, sizeof(float) * TableScratchFloats(r->records->codec)));
    r->table = PrepareListTable(r->records->codec, state->search.query, r->records->centroid,
                                state->reading.record_table, true);
    r->kernel = GetRowKernel(CodecKernel(r->records->codec));  // rows lie apart: one at a time
    r->buffer = InvalidBuffer;
}

void reorder_from_records(Relation index, ScanState* state, Candidate* rows, Size n) {
    RecordReader r;
    sort_by_place(rows, n);
    begin_reading(&r, index, state);
    Readahead ahead;
    readahead_begin(&ahead, index, &state->search.cache->records_cold);
    for (size_t i = 0; i < n; i++) {
        if ((i & 255) == 255) {
            close_page(&r);
            CHECK_FOR_INTERRUPTS();
        }
        if (readahead_wanted(&ahead)) ask_for_records(&r, &ahead, rows, n, i);
        const Candidate candidate = rows[i];
        check_place(&r, &candidate);
        float distance = 0;
        if (!read_distance(&r, &candidate, &distance)) continue;
        state->rounds->Keep(candidate, distance);
    }
    close_page(&r);
    readahead_end(&ahead, &state->search.cache->records_cold);
}

}  // namespace vectorq
