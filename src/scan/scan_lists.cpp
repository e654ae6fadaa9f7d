// The inner part of a scan: posting pages of a window of lists, through the kernel, into the
// collector. Holds one share lock at a time, and none while collecting from several pages.
#include <algorithm>

#include "scan/readahead.h"
#include "scan/list_filter.h"
#include "scan/list_search.h"
#include "scan/segment_filter.h"
#include "core/page/posting_codes.h"
#include "core/page/segment_keys.h"
#include "core/search/row_runs.h"
#include "core/simd/finish_distances.h"
#include "core/simd/pq_scan.h"
#include "core/simd/topk_filter.h"
#include "pg/entry.h"

namespace vectorq {

namespace {
struct ListScan {
    uint32 list;
    ListTable table;
    uint32 rows_left;      // about: after the segment at hand
    DirectoryEntry after;  // the next list's, or none
};

// What a segment has of its rows beside their codes.
struct EntryColumns {
    const ItemPointerData* tids;
    const ItemPointerData* pointers;  // to records; NULL without them
    const float* scalars;             // NULL without them
    const uint32* mask;               // of the rows to collect; NULL: all
    uint32 first;                     // the segment's row that the others begin with
};
}  // namespace

// front: of a segment, all before its codes.
static EntryColumns columns_of(const PostingGeometry* g, const SegmentLayout* layout, char* front) {
    return {segment_tids(front), segment_pointers(g, layout, front),
            HasColumn(g->columns, kScalarColumn)
                ? reinterpret_cast<const float*>(front + layout->column_offset[kScalarColumn])
                : NULL,
            NULL, 0};
}

// Those of the rows from `first` on.
static EntryColumns columns_from(const EntryColumns& columns, uint32 first) {
    return {columns.tids + first, columns.pointers == NULL ? NULL : columns.pointers + first,
            columns.scalars == NULL ? NULL : columns.scalars + first, columns.mask, columns.first + first};
}

// Beyond the end of the file the server's own error would not say what to do. The index may have grown since the
// scan began.
static void check_block(Relation index, ListSearch* state, BlockNumber block) {
    if (likely(block < state->index_blocks)) return;
    state->index_blocks = RelationGetNumberOfBlocks(index);
    if (block >= state->index_blocks) report_corruption(index, block, "a list goes on outside the index");
}

Buffer read_list_segment(Relation index, ListSearch* state, uint32 list, SegmentRef at) {
    check_block(index, state, at.block);
    check_block(index, state, at.block + state->cache->geometry.pages - 1);
    Buffer buffer = read_posting(index, state->cache, at.block, list, 0);
    Page page = BufferGetPage(buffer);
    const char* problem = segment_problem(&state->cache->geometry, page, at.offset);
    if (likely(problem == NULL && segment_header(page, at.offset)->list == list)) return buffer;
    UnlockReleaseBuffer(buffer);
    report_corruption(index, at.block, problem != NULL ? problem : "segment of another list");
}

// Of the survivors those that the filter lets pass.
static size_t matching_survivors(const ListSearch* state, size_t survivors, const EntryColumns& columns) {
    if (likely(columns.mask == NULL)) return survivors;
    size_t kept = 0;
    for (size_t i = 0; i < survivors; i++) {
        const uint16 slot = state->survivors[i];
        if (!InMask(columns.mask, columns.first + slot)) continue;
        if (state->filter->asks_late && !in_rows(state->filter, &columns.tids[slot])) continue;
        state->survivors[kept++] = slot;
    }
    return kept;
}

// Offers a row to the collector, with the place of its record where there are records.
static void push_row(ListSearch* state, float distance, const EntryColumns& columns, uint32 slot) {
    const ItemPointerData* tid = &columns.tids[slot];
    if (unlikely(!ItemPointerIsValid(tid))) return;
    if (columns.pointers == NULL) return state->collector->Push(distance, pack_tid(tid));
    const ItemPointerData* pointer = &columns.pointers[slot];
    state->collector->Push(distance, pack_tid(tid, ItemPointerGetOffsetNumberNoCheck(pointer)),
                           ItemPointerGetBlockNumberNoCheck(pointer));
}

// Offers the nearest of distances[0 .. count) to the collector.
static void collect_distances(ListSearch* state, uint32 count, const EntryColumns& columns) {
    const float* distances = state->distances;
    size_t survivors = CompressBelow(distances, count, state->collector->threshold(), state->survivors);
    survivors = matching_survivors(state, survivors, columns);
    for (size_t i = 0; i < survivors; i++) {
        const uint16 slot = state->survivors[i];
        push_row(state, distances[slot], columns, slot);
    }
    state->entries_scored += count;
}

// distances[i] holds the kernel's sum; makes it a distance and offers the nearest to the collector.
static void collect(ListSearch* state, const ListScan* scan, uint32 count, const EntryColumns& columns) {
    float* distances = state->distances;
    if (unlikely(state->null_query)) memset(distances, 0, count * sizeof(float));
    else FinishSums(scan->table, distances, columns.scalars, count);
    collect_distances(state, count, columns);
}

// So many rows, or blocks, of codes of so many bytes are scored in the time that another call takes.
static uint32 gap_of_runs(uint32 code_bytes) { return 1024 / std::max<uint32>(code_bytes, 32); }

static void finish_wide_sums(ListSearch* state, uint32 count) {
    for (uint32 i = 0; i < count; i++)
        state->distances[i] = state->lut_scale.bias + state->lut_scale.scale * static_cast<float>(state->wide_sums[i]);
}

// distances[] += the table's sums of `count` rows that lie whole at `codes`.
static void score_rows(ListSearch* state, const ListScan* scan, const char* codes, uint32 count) {
    const PostingGeometry* g = &state->cache->geometry;
    const uint8* bytes = reinterpret_cast<const uint8*>(codes);
    switch (state->codec.kind) {
        case CodeKind::kPq:
            ScanPqRows(scan->table.table, bytes, g->code_bytes, count, state->codec.pq, state->distances);
            return;
        case CodeKind::kPq4:
            ScanLut16Wide(state->lut, bytes, CodeBlocks(count), state->codec.pq.m, state->wide_sums);
            finish_wide_sums(state, count);
            return;
        default:
            state->kernel(scan->table.table, codes, g->code_bytes, count, CodeElements(state->codec), state->distances);
    }
}

// 4-bit codes whose sums fit 16 bits. Without lengths the threshold is compared with the sums, and only survivors
// become distances.
static void score_and_collect_pq4(ListSearch* state, const ListScan* scan, const char* codes, uint32 count,
                                  const EntryColumns& columns) {
    ScanLut16(state->lut, reinterpret_cast<const uint8*>(codes), CodeBlocks(count), state->codec.pq.m, state->sums);
    if (scan->table.has_scale) {
        FinishScaledSums(state->sums, state->lut_scale.scale, state->lut_scale.bias, columns.scalars, scan->table.bias,
                         scan->table.adds_square, count, state->distances);
        collect_distances(state, count, columns);
        return;
    }
    state->entries_scored += count;
    const float base = scan->table.bias + state->lut_scale.bias, scale = state->lut_scale.scale;
    size_t survivors = FilterNearSums(state->sums, count, base, scale, state->collector->threshold(), state->survivors);
    survivors = matching_survivors(state, survivors, columns);
    for (size_t i = 0; i < survivors; i++) {
        const uint16 slot = state->survivors[i];
        push_row(state, base + scale * static_cast<float>(state->sums[slot]), columns, slot);
    }
}

// A match in so many rows or fewer: most blocks have none.
static constexpr uint64 kRareMatch = 50;

static bool few_blocks_match(const ListSearch* state) {
    const RowFilter* filter = state->filter;
    return filter != NULL && filter->num_conditions > 0 && filter->matches * kRareMatch < filter->asked;
}

// What conditions ask of a segment of that capacity: its header and their columns.
static void prefetch_conditions(const ListSearch* state, SegmentRef at, uint32 capacity) {
    const PostingGeometry* g = &state->cache->geometry;
    const SegmentLayout layout = LayoutOf(*g, capacity);
    const uint32 segment = SizeOfPageHeaderData + at.offset;
    const auto prefetch = [&](uint32 offset, uint32 bytes) {
        prefetch_page(state->cache, at.block, segment + offset, std::min<uint32>(segment + offset + bytes, BLCKSZ));
    };
    prefetch(0, sizeof(SegmentHeader));
    for (uint32 i = 0; i < state->filter->num_conditions; i++) {
        const uint32 column = state->filter->conditions[i].column;
        prefetch(KeyValuesOffset(*g, layout, capacity, column), KeyBytes(g->keys.kinds[column]) * capacity);
        prefetch(KeyNullsOffset(*g, layout, capacity, column), NullBitsBytes(capacity));
    }
}

// A list's pages lie apart in the buffers, and the processor's own prefetching ends with a page. rows: about.
static void prefetch_segment(const ListSearch* state, SegmentRef at, uint32 rows) {
    const PostingGeometry* g = &state->cache->geometry;
    const uint32 capacity = RoundUp(std::min(rows, g->capacity), kBlockRows);
    if (unlikely(few_blocks_match(state))) return prefetch_conditions(state, at, capacity);
    const uint64 bytes = sizeof(SegmentHeader) + BytesOfRows(*g, capacity);
    const uint32 from = SizeOfPageHeaderData + at.offset;
    prefetch_page(state->cache, at.block, from, static_cast<uint32>(std::min<uint64>(from + bytes, BLCKSZ)));
}

// Rows [0, count) of a segment whose codes lie whole in a page.
static void score_and_collect(ListSearch* state, const ListScan* scan, const char* codes, uint32 count,
                              const EntryColumns& columns) {
    if (state->sums != NULL && !state->null_query) return score_and_collect_pq4(state, scan, codes, count, columns);
    memset(state->distances, 0, count * sizeof(float));
    if (!state->null_query) score_rows(state, scan, codes, count);
    collect(state, scan, count, columns);
}

// The codes that are scored, where only what the conditions ask was asked for before.
static void prefetch_blocks(const PostingGeometry* g, const char* codes, uint32 count, const uint32* mask) {
    ForEachBlockRun(mask, 0, CodeBlocks(count), 0, [&](uint32 block, uint32 blocks) {
        prefetch_bytes(codes + static_cast<Size>(block) * g->block_bytes, static_cast<Size>(blocks) * g->block_bytes);
    });
}

// Of codes in blocks all blocks that have a row of the mask; else runs of rows.
static void score_and_collect_masked(ListSearch* state, const ListScan* scan, const char* codes, uint32 count,
                                     const EntryColumns& columns) {
    const PostingGeometry* g = &state->cache->geometry;
    const auto score_run = [&](uint32 first, uint32 rows, const char* at) {
        score_and_collect(state, scan, at, rows, columns_from(columns, first));
    };
    if (g->block_bytes > 0) {
        if (few_blocks_match(state)) prefetch_blocks(g, codes, count, columns.mask);
        ForEachBlockRun(columns.mask, 0, CodeBlocks(count), gap_of_runs(g->block_bytes),
                        [&](uint32 block, uint32 blocks) {
                            const uint32 first = block * kBlockRows;
                            score_run(first, std::min(count - first, blocks * kBlockRows),
                                      codes + static_cast<Size>(block) * g->block_bytes);
                        });
    } else {
        ForEachRowRun(columns.mask, 0, count, gap_of_runs(g->code_bytes), [&](uint32 first, uint32 rows) {
            score_run(first, rows, codes + static_cast<Size>(first) * g->code_bytes);
        });
    }
}

// Segments of one page: everything under one share lock, nothing copied.
static SegmentRef scan_single(Relation index, ListSearch* state, ListScan* scan, SegmentRef at) {
    Buffer buffer = read_list_segment(index, state, scan->list, at);
    char* segment = segment_at(BufferGetPage(buffer), at.offset);
    const SegmentHeader* header = reinterpret_cast<const SegmentHeader*>(segment);
    const SegmentLayout layout = LayoutOf(state->cache->geometry, header->capacity);
    const uint32 count = header->count;
    const SegmentRef next = next_segment(header);
    scan->rows_left -= std::min(scan->rows_left, count);
    if (has_segment(next)) prefetch_segment(state, next, scan->rows_left);
    else prefetch_segment(state, {scan->after.head, scan->after.head_offset}, scan->after.rows);
    EntryColumns columns = columns_of(&state->cache->geometry, &layout, segment);
    state->entries_read += count;
    if (likely(state->filter == NULL)) {
        score_and_collect(state, scan, segment + layout.codes_offset, count, columns);
    } else if (mask_segment(state, &layout, segment, header->capacity, count) > 0) {
        columns.mask = state->mask;
        score_and_collect_masked(state, scan, segment + layout.codes_offset, count, columns);
    }
    UnlockReleaseBuffer(buffer);
    state->pages_read++;
    return next;
}

// Adds to distances[] what lies of codes [0, count) in the segment's page `part`. Codes that run
// over the page's end are scored piece by piece: the kernels add.
static void score_part(ListSearch* state, const ListScan* scan, const SegmentLayout* layout, const char* payload,
                       uint32 part, uint32 count) {
    const PostingGeometry* g = &state->cache->geometry;
    const uint32 element = static_cast<uint32>(CodeElementBytes(state->cache->codec.kind));
    ForEachItemPiece(g->payload, layout->codes_offset, g->code_bytes, count, part, [&](const ItemPiece& piece) {
        const auto score_run = [&](uint32 first, uint32 rows) {
            state->kernel(TableFrom(state->codec, scan->table, piece.within / element),
                          payload + piece.at + static_cast<Size>(first - piece.first) * g->code_bytes, g->code_bytes,
                          rows, piece.length / element, state->distances + first);
        };
        if (likely(state->filter == NULL)) return score_run(piece.first, piece.items);
        ForEachRowRun(state->mask, piece.first, piece.first + piece.items, gap_of_runs(g->code_bytes), score_run);
    });
}

// The same for codes in blocks: adds to wide_sums[], in whole blocks.
static void score_block_part(ListSearch* state, const SegmentLayout* layout, const char* payload, uint32 part,
                             uint32 count) {
    const PostingGeometry* g = &state->cache->geometry;
    uint32 sums[kBlockRows];
    ForEachItemPiece(g->payload, layout->codes_offset, g->block_bytes, CodeBlocks(count), part,
                     [&](const ItemPiece& piece) {
                         for (uint32 i = 0; i < piece.items; i++) {
                             if (unlikely(state->filter != NULL) && state->mask[piece.first + i] == 0) continue;
                             const uint8* codes = reinterpret_cast<const uint8*>(payload) + piece.at + i * piece.length;
                             ScanLut16Wide(state->lut + piece.within, codes, 1, piece.length / 16, sums);
                             uint32* wide_sums = state->wide_sums + (piece.first + i) * kBlockRows;
                             for (uint32 row = 0; row < kBlockRows; row++) wide_sums[row] += sums[row];
                         }
                     });
}

// Segments of several pages: what lies before the codes is copied from the first, then the pages are read one
// after another. A slot that is refilled meanwhile held a row that was dead to every snapshot.
static SegmentRef scan_several(Relation index, ListSearch* state, const ListScan* scan, SegmentRef at) {
    const PostingGeometry* g = &state->cache->geometry;
    const SegmentLayout layout = LayoutOf(*g, g->capacity);
    const bool blocks = g->block_bytes > 0;
    SegmentRef next = kNoSegment;
    uint32 count = 0;
    uint64 end = 0;
    for (uint32 part = 0; part < g->pages; part++) {
        Buffer buffer = part == 0
                            ? read_list_segment(index, state, scan->list, at)
                            : read_posting(index, state->cache, at.block + part, scan->list, static_cast<uint16>(part));
        char* payload = page_payload(BufferGetPage(buffer));
        if (part == 0) {
            const SegmentHeader* header = reinterpret_cast<const SegmentHeader*>(payload);
            count = header->count;
            end = EndOfCodes(*g, layout, count);
            memcpy(state->front, payload, layout.codes_offset);
            next = next_segment(header);
            state->entries_read += count;
            if (unlikely(state->filter != NULL) && mask_segment(state, &layout, state->front, g->capacity, count) == 0)
                end = 0;
            memset(state->distances, 0, count * sizeof(float));
            if (blocks) memset(state->wide_sums, 0, sizeof(uint32) * kBlockRows * CodeBlocks(count));
        }
        if (!state->null_query && end > 0) {
            if (blocks) score_block_part(state, &layout, payload, part, count);
            else score_part(state, scan, &layout, payload, part, count);
        }
        UnlockReleaseBuffer(buffer);
        state->pages_read++;
        if (end <= static_cast<uint64>(part + 1) * g->payload) break;
    }
    if (end == 0) return next;
    if (blocks) finish_wide_sums(state, count);
    EntryColumns columns = columns_of(g, &layout, state->front);
    if (unlikely(state->filter != NULL)) columns.mask = state->mask;
    collect(state, scan, count, columns);
    return next;
}

void scan_lists(Relation index, ListSearch* state) {
    IndexCache* cache = state->cache;
    Readahead readahead;
    readahead_begin(&readahead, index, &cache->cold);
    ListScan scan;
    if (state->list_begin < state->list_end) list_head(index, cache, state->lists[state->list_begin].list, &scan.after);
    for (uint32 i = state->list_begin; i < state->list_end; i++) {
        CHECK_FOR_INTERRUPTS();
        if (readahead_wanted(&readahead)) readahead_lists(&readahead, index, state, i);
        scan.list = state->lists[i].list;
        const DirectoryEntry entry = scan.after;
        scan.rows_left = entry.rows;
        scan.after = kNoEntry;
        if (i + 1 < state->list_end) {
            list_head(index, cache, state->lists[i + 1].list, &scan.after);
            prefetch_centroid(cache, state->lists[i + 1].list);
        }
        if (unlikely(state->filter != NULL) && !list_may_match(index, state, scan.list)) {
            state->filter->asked += entry.rows;
            state->filter->lists->skipped++;
            continue;
        }
        const float* centroid = cached_centroid(index, cache, scan.list, state->centroid);
        scan.table = PrepareListTable(state->codec, state->code_query, centroid, state->table, !state->table_ready);
        // 1 us and more for 192 subspaces: a tenth of the time of such a list.
        if (state->codec.kind == CodeKind::kPq4 && (!state->table_ready || TableDependsOnList(state->codec)))
            state->lut_scale = QuantizeLut16(scan.table.table, state->codec.pq.m, state->lut);
        state->table_ready = true;
        // A damaged chain must not be followed for ever.
        uint64 steps = 0;
        for (SegmentRef at = {entry.head, entry.head_offset}; has_segment(at); steps++) {
            if (unlikely((steps & 63) == 63)) {
                CHECK_FOR_INTERRUPTS();
                if (steps > most_segments(index)) report_corruption(index, at.block, "list runs in a circle");
            }
            at = cache->geometry.pages == 1 ? scan_single(index, state, &scan, at)
                                            : scan_several(index, state, &scan, at);
        }
    }
    readahead_end(&readahead, &cache->cold);
}

}  // namespace vectorq
