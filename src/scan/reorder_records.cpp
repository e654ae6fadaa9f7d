// See scan/reorder_records.h. Records are read in the order of the file (scan/record_pages.h).
//
// A record that is another row's by now is left out: the row was dead to every snapshot. For the same reason a vector
// that runs over pages may be read in two steps.
#include "scan/reorder_records.h"

#include <algorithm>

#include "scan/readahead.h"
#include "scan/record_pages.h"
#include "scan/reorder.h"
#include "core/simd/finish_distances.h"
#include "core/simd/row_distance.h"
#include "pg/entry.h"

namespace vectorq {

namespace {
struct RecordReader {
    ScanState* state;
    const RecordCodec* records;
    ListTable table;
    RowFn kernel;
    RecordPages pages;
};
}  // namespace

// False if the record is another row's by now.
static bool read_distance(RecordReader* r, const Candidate* candidate, float* distance) {
    const ReorderGeometry* g = &r->records->geometry;
    const char* record = find_record(&r->pages, candidate->source, candidate->tid);
    if (record == NULL) return false;
    const uint32 element = static_cast<uint32>(CodeElementBytes(r->records->codec.kind));
    float scalar = 0, sum = 0;
    if (r->table.has_scalar) memcpy(&scalar, record + kRecordScalarAt, sizeof(scalar));
    const uint32 vector_at = RecordOffset(*g, record_slot(candidate->tid)) + g->vector_at;
    ForEachPiece(g->payload, vector_at, g->vector_bytes, [&](const Piece& piece) {
        const char* payload = open_record_page(&r->pages, candidate->source, piece.page);
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
                ask_for_page(r->pages.index, static_cast<BlockNumber>(block),
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
    r->state = state;
    r->records = &state->search.cache->records;
    if (state->reading.record_table == NULL)
        state->reading.record_table = static_cast<float*>(
            MemoryContextAllocHuge(state->context, sizeof(float) * TableScratchFloats(r->records->codec)));
    r->table = PrepareListTable(r->records->codec, state->search.query, r->records->centroid,
                                state->reading.record_table, true);
    r->kernel = GetRowKernel(CodecKernel(r->records->codec));  // rows lie apart: one at a time
    r->pages = begin_record_pages(index, &state->search);
}

void reorder_from_records(Relation index, ScanState* state, Candidate* rows, Size n) {
    RecordReader r;
    sort_by_place(rows, n);
    begin_reading(&r, index, state);
    Readahead ahead;
    readahead_begin(&ahead, index, &state->search.cache->records_cold);
    for (size_t i = 0; i < n; i++) {
        if ((i & 255) == 255) {
            close_record_page(&r.pages);
            CHECK_FOR_INTERRUPTS();
        }
        if (readahead_wanted(&ahead)) ask_for_records(&r, &ahead, rows, n, i);
        const Candidate candidate = rows[i];
        float distance = 0;
        if (!read_distance(&r, &candidate, &distance)) continue;
        state->rounds->Keep(candidate, distance);
    }
    close_record_page(&r.pages);
    readahead_end(&ahead, &state->search.cache->records_cold);
}

}  // namespace vectorq
