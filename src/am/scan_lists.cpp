// The inner part of a scan: posting pages of a window of lists, through the kernel, into the
// collector. Holds one share lock at a time, and none while collecting from several pages.
#include <algorithm>

#include "am/scan_state.h"
#include "core/page/posting_codes.h"
#include "core/simd/finish_distances.h"
#include "core/simd/pq_scan.h"
#include "core/simd/topk_filter.h"
#include "pg/entry.h"

extern "C" {
#include "optimizer/cost.h"
}

namespace vectorq {

namespace {
struct ListScan {
    uint32 list;
    ListTable table;
    Lut16Query lut;  // pq4
};
}  // namespace

static void check_posting(Relation index, BlockNumber block, const ExtentGeometry* g, const PostingHeader* header,
                          Buffer buffer) {
    if (likely(header->count <= g->capacity)) return;
    UnlockReleaseBuffer(buffer);
    report_corruption(index, block, "more rows than fit the page");
}

// distances[i] holds the kernel's sum; makes it a distance and offers the nearest to the collector.
static void collect(ScanState* state, const ListScan* scan, uint32 count, const float* scalars,
                    const ItemPointerData* tids) {
    float* distances = state->distances;
    if (unlikely(state->null_query))
        memset(distances, 0, count * sizeof(float));
    else
        FinishDistances(distances, scan->table.has_scalar ? scalars : NULL, scan->table.bias, scan->table.factor, count);
    const size_t survivors = CompressBelow(distances, count, state->collector->threshold(), state->survivors);
    for (size_t i = 0; i < survivors; i++) {
        const uint16 slot = state->survivors[i];
        if (likely(ItemPointerIsValid(&tids[slot]))) state->collector->Push(distances[slot], pack_tid(&tids[slot]));
    }
    state->stats.rows_scored += count;
}

// distances[] += the table's sums of `count` rows that lie whole at `codes`.
static void score_rows(ScanState* state, const ListScan* scan, const char* codes, uint32 count) {
    const ExtentGeometry* g = &state->cache->geometry;
    const uint8* bytes = reinterpret_cast<const uint8*>(codes);
    switch (state->codec.kind) {
        case CodeKind::kPq:
            ScanPqRows(scan->table.table, bytes, g->code_bytes, count, state->codec.pq, state->distances);
            return;
        case CodeKind::kPq4:
            ScanLut16Wide(state->lut, bytes, CodeBlocks(count), state->codec.pq.m, state->wide_sums);
            for (uint32 i = 0; i < count; i++)
                state->distances[i] = scan->lut.bias + scan->lut.scale * static_cast<float>(state->wide_sums[i]);
            return;
        default:
            state->kernel(scan->table.table, codes, g->code_bytes, count, state->codec.dims, state->distances);
    }
}

// 4-bit codes whose sums fit 16 bits: the threshold is compared with the sums, and only survivors become
// distances.
static void score_and_collect_pq4(ScanState* state, const ListScan* scan, const char* codes, uint32 count,
                                  const ItemPointerData* tids) {
    const float base = scan->table.bias + scan->lut.bias;
    ScanLut16(state->lut, reinterpret_cast<const uint8*>(codes), CodeBlocks(count), state->codec.pq.m, state->sums);
    state->stats.rows_scored += count;
    // One step more than the division says: rounding must not lose a row that ties with the last one kept,
    // and Push compares exactly.
    const float room = state->collector->threshold() - base;
    const float limit = scan->lut.scale > 0 ? room / scan->lut.scale + 1 : 65535.0f;
    if (limit < 0) return;
    const uint16 threshold = limit < 65535.0f ? static_cast<uint16>(limit) : 65535;
    const size_t survivors = FilterBelowU16(state->sums, count, threshold, state->survivors);
    for (size_t i = 0; i < survivors; i++) {
        const uint16 slot = state->survivors[i];
        if (likely(ItemPointerIsValid(&tids[slot])))
            state->collector->Push(base + scan->lut.scale * static_cast<float>(state->sums[slot]), pack_tid(&tids[slot]));
    }
}

// Extents of one page: everything under one share lock, nothing copied.
static BlockNumber scan_single(Relation index, ScanState* state, const ListScan* scan, BlockNumber block) {
    const ExtentGeometry* g = &state->cache->geometry;
    Buffer buffer = read_posting(index, state->cache, block, scan->list, 0);
    Page page = BufferGetPage(buffer);
    const char* payload = page_payload(page);
    const PostingHeader* header = reinterpret_cast<const PostingHeader*>(payload);
    check_posting(index, block, g, header, buffer);
    const uint32 count = header->count;
    const ItemPointerData* tids = reinterpret_cast<const ItemPointerData*>(payload + sizeof(PostingHeader));
    if (state->sums != NULL && !state->null_query) {
        score_and_collect_pq4(state, scan, payload + g->codes_offset, count, tids);
    } else {
        memset(state->distances, 0, count * sizeof(float));
        if (!state->null_query) score_rows(state, scan, payload + g->codes_offset, count);
        collect(state, scan, count, reinterpret_cast<const float*>(payload + g->scalars_offset), tids);
    }
    const BlockNumber next = page_tail(page)->next;
    UnlockReleaseBuffer(buffer);
    state->stats.pages_read++;
    return next;
}

// Adds to distances[] what lies of codes [0, count) in the extent's page `part`. Codes that run
// over the page's end are scored piece by piece: the kernels add.
static void score_part(ScanState* state, const ListScan* scan, const char* payload, uint32 part, uint32 count) {
    const ExtentGeometry* g = &state->cache->geometry;
    const uint32 element = static_cast<uint32>(CodeElementBytes(state->cache->codec.kind));
    const uint64 begin = static_cast<uint64>(part) * g->payload;
    const uint64 end = std::min(begin + g->payload, g->codes_offset + static_cast<uint64>(count) * g->code_bytes);
    uint64 at = std::max<uint64>(begin, g->codes_offset);
    while (at < end) {
        const uint32 slot = static_cast<uint32>((at - g->codes_offset) / g->code_bytes);
        const uint32 within = static_cast<uint32>((at - g->codes_offset) % g->code_bytes);
        uint32 rows = 1;
        uint64 length = std::min<uint64>(g->code_bytes - within, end - at);
        if (within == 0 && length == g->code_bytes) rows = static_cast<uint32>((end - at) / g->code_bytes);
        state->kernel(scan->table.table + within / element, payload + (at - begin), g->code_bytes, rows,
                      length / element, state->distances + slot);
        at += length * rows;
    }
}

// Extents of several pages: tids and scalars are copied from the first, then the pages are read one
// after another. A slot that is refilled meanwhile held a row that was dead to every snapshot.
static BlockNumber scan_several(Relation index, ScanState* state, const ListScan* scan, BlockNumber block) {
    const ExtentGeometry* g = &state->cache->geometry;
    BlockNumber next = InvalidBlockNumber;
    uint32 count = 0;
    for (uint32 part = 0; part < g->pages; part++) {
        Buffer buffer = read_posting(index, state->cache, block + part, scan->list, static_cast<uint16>(part));
        Page page = BufferGetPage(buffer);
        const char* payload = page_payload(page);
        if (part == 0) {
            const PostingHeader* header = reinterpret_cast<const PostingHeader*>(payload);
            check_posting(index, block, g, header, buffer);
            count = header->count;
            memcpy(state->tids, payload + sizeof(PostingHeader), count * kTidBytes);
            memcpy(state->scalars, payload + g->scalars_offset, count * g->scalar_bytes);
            next = page_tail(page)->next;
            memset(state->distances, 0, count * sizeof(float));
        }
        if (!state->null_query) score_part(state, scan, payload, part, count);
        UnlockReleaseBuffer(buffer);
        state->stats.pages_read++;
        if (g->codes_offset + static_cast<uint64>(count) * g->code_bytes <=
            static_cast<uint64>(part + 1) * g->payload)
            break;
    }
    collect(state, scan, count, state->scalars, state->tids);
    return next;
}

// Asks the kernel for a list's pages. Useful only when pages come from disk: in a warm cache it
// would double the buffer look-ups, so it starts once this scan has missed.
static void prefetch_list(Relation index, const ScanState* state, uint32 list, int max_pages) {
    DirectoryEntry entry;
    read_directory(index, &state->cache->meta, list, &entry);
    const uint32 pages = std::min(entry.contiguous_pages, static_cast<uint32>(max_pages));
    for (uint32 i = 0; i < pages && entry.head + i < state->index_blocks; i++)
        PrefetchBuffer(index, MAIN_FORKNUM, entry.head + i);
}

void scan_lists(Relation index, ScanState* state) {
    const IndexCache* cache = state->cache;
    const int64 missed_before = pgBufferUsage.shared_blks_read + pgBufferUsage.local_blks_read;
    const int io_depth = get_tablespace_io_concurrency(index->rd_rel->reltablespace);
    for (uint32 i = state->list_begin; i < state->list_end; i++) {
        CHECK_FOR_INTERRUPTS();
        ListScan scan;
        scan.list = state->lists[i].list;
        DirectoryEntry entry;
        read_directory(index, &cache->meta, scan.list, &entry);
        const bool missing = pgBufferUsage.shared_blks_read + pgBufferUsage.local_blks_read != missed_before;
        if (missing && io_depth > 0 && i + 1 < state->list_end)
            prefetch_list(index, state, state->lists[i + 1].list, 32 * io_depth);
        const float* centroid =
            cached_centroid(index, cache, scan.list, state->centroid);
        scan.table = PrepareListTable(state->codec, state->code_query, centroid, state->table, i == state->list_begin);
        if (state->codec.kind == CodeKind::kPq4) scan.lut = QuantizeLut16(scan.table.table, state->codec.pq.m, state->lut);
        // A damaged chain must not be followed for ever.
        uint64 steps = 0;
        for (BlockNumber block = entry.head; block != InvalidBlockNumber; steps++) {
            if (unlikely((steps & 63) == 63)) {
                CHECK_FOR_INTERRUPTS();
                if (steps > RelationGetNumberOfBlocks(index)) report_corruption(index, block, "list runs in a circle");
            }
            block = cache->geometry.pages == 1 ? scan_single(index, state, &scan, block)
                                               : scan_several(index, state, &scan, block);
        }
    }
}

}  // namespace vectorq
