// See posting_builder.h.
#include "store/posting_builder.h"

#include <algorithm>

#include "store/segments.h"

namespace vectorq {

static uint32 list_number(const PostingBuilder* w) { return w->numbers != NULL ? w->numbers[w->list] : w->list; }

static void begin_page(PostingBuilder* w) {
    for (uint32 part = 0; part < w->geometry->pages; part++)
        init_sink_page(w->sink, w->images + part * BLCKSZ, PageKind::kPosting, part > 0 ? list_number(w) : 0,
                       static_cast<uint16>(part));
    w->room = w->geometry->capacity;
}

// A page, or an extent, for what comes: its first block.
static BlockNumber allocate(PostingBuilder* w) { return take_run(w->sink, w->geometry->pages); }

static void flush_page(PostingBuilder* w) {
    for (uint32 part = 0; part < w->geometry->pages; part++)
        put_page(w->sink, w->block + part, w->images + part * BLCKSZ);
    w->block = w->following;
    w->following = InvalidBlockNumber;
    begin_page(w);
}

// Puts a staged row into the next slot of a segment on the page at hand.
static void put_row(PostingBuilder* w, const SegmentLayout& layout, char* segment, uint32 slot, const char* row) {
    const PostingGeometry* g = w->geometry;
    const PostingEntry entry = StagedEntry(row, StagedShapeOf(*g));
    const PageRange pages = PagesOfCode(*g, layout, slot);
    for (uint32 part = std::max<uint32>(pages.first, 1); part <= pages.last; part++)
        PutCode(*g, layout, page_payload(w->images + part * BLCKSZ), part, slot, entry.code);
    PutEntry(*g, layout, segment, slot, entry);
}

// A new segment on the page at hand: the first `rows` staged ones. `more`: the list goes on at the start of the
// next page.
static void write_segment(PostingBuilder* w, uint32 rows, bool more) {
    const PostingGeometry* g = w->geometry;
    PageTail* tail = page_tail(w->images);
    const uint32 offset = tail->used;
    const uint32 capacity = g->pages > 1 ? g->capacity : g->block_bytes > 0 ? RoundUp(rows, kBlockRows) : rows;
    const SegmentLayout layout = LayoutOf(*g, capacity);
    char* segment = segment_at(w->images, offset);
    if (w->block == InvalidBlockNumber) w->block = allocate(w);
    if (more) w->following = allocate(w);
    tail->used = BeginSegment(*g, page_payload(w->images), offset, list_number(w), capacity);
    if (more) HeaderOf(segment)->next_block = w->following;
    for (uint32 slot = 0; slot < rows; slot++) put_row(w, layout, segment, slot, w->staged + slot * w->row_bytes);
    DirectoryEntry* entry = &w->directory[w->list];
    if (entry->head == kInvalidBlock) {
        entry->head = w->block;
        entry->head_offset = static_cast<uint16>(offset);
    }
    entry->hint = w->block;
    entry->hint_offset = static_cast<uint16>(offset);
    if (w->block == entry->head + entry->contiguous_pages) entry->contiguous_pages += g->pages;
    entry->rows += rows;
    if (entry->segments < PG_UINT16_MAX) entry->segments++;
    w->num_staged -= rows;
    memmove(w->staged, w->staged + rows * w->row_bytes, w->num_staged * w->row_bytes);
    if (g->pages > 1) {
        flush_page(w);
        return;
    }
    w->room = RowsThatFit(*g, g->payload - tail->used);
    if (more || w->room == 0) flush_page(w);
}

// Less of a page is not worth a segment of its own when the list goes on after it.
static uint32 worthwhile_rows(const PostingGeometry* g) { return std::max<uint32>(1, g->capacity / 8); }

// More rows are staged than the page at hand takes.
static void spill(PostingBuilder* w) {
    if (w->room < worthwhile_rows(w->geometry)) flush_page(w);
    if (w->num_staged > w->room) write_segment(w, w->room, true);
}

static void end_list(PostingBuilder* w) {
    if (w->num_staged > w->room) spill(w);
    if (w->num_staged > 0) write_segment(w, w->num_staged, false);
}

void posting_builder_begin(PostingBuilder* w, PageSink* sink, const PostingGeometry* geometry,
                           DirectoryEntry* directory, uint32 lists, const uint32* numbers) {
    memset(w, 0, sizeof(*w));
    w->sink = sink;
    w->geometry = geometry;
    w->lists = lists;
    w->numbers = numbers;
    w->block = w->following = InvalidBlockNumber;
    w->directory = directory;
    w->row_bytes = RoundUp(StagedBytes(StagedShapeOf(*geometry)), 8);
    w->staged =
        static_cast<char*>(MemoryContextAllocHuge(CurrentMemoryContext, w->row_bytes * (geometry->capacity + 1)));
    w->images = static_cast<char*>(palloc(geometry->pages * BLCKSZ));
    std::fill_n(directory, lists, kNoEntry);
    begin_page(w);
}

void posting_builder_add(PostingBuilder* w, uint32 list, const char* row) {
    if (list != w->list) {
        end_list(w);
        w->list = list;
        if (w->geometry->pages > 1) begin_page(w);  // its pages carry the list
    }
    memcpy(w->staged + w->num_staged++ * w->row_bytes, row, StagedBytes(StagedShapeOf(*w->geometry)));
    if (w->num_staged > w->geometry->capacity) spill(w);
}

void posting_builder_end(PostingBuilder* w) {
    end_list(w);
    if (page_tail(w->images)->used > 0) flush_page(w);
    pfree(w->staged);
    pfree(w->images);
}

}  // namespace vectorq
