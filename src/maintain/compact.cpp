// See compact.h.
#include "maintain/compact.h"

#include <algorithm>

#include "am/options.h"
#include "maintain/compact_records.h"
#include "maintain/list_table.h"
#include "maintain/next_epoch.h"
#include "maintain/step_log.h"
#include "pg/fault.h"
#include "pg/interrupts.h"
#include "store/calibration_store.h"
#include "store/index_cache.h"
#include "store/posting_builder.h"
#include "store/tid.h"

namespace vectorq {

// So many times the pages that the entries need, counted by the list, and so many more at least. Where rows come and go
// all the time, room is used again: there is up to twice what is needed.
static constexpr double kTimesNeeded = 1.3, kTimesWhileBusy = 2;
static constexpr BlockNumber kLeastFree = 16;

namespace {
struct Compaction {
    Relation index;
    BufferAccessStrategy strategy;
    IndexCache* cache;
    const PostingGeometry* geometry;
    MetaPage meta, next;
    AllLists lists;
    PageSink sink;
    MovedRecords records;
    char* page;    // of the segment at hand
    uint8* codes;  // (capacity, code_bytes)
    char* staged;  // a row
};
}  // namespace

static bool is_roomy(const MetaPage* meta, BlockNumber blocks, bool busy) {
    const double needed = meta->upkeep.needed_blocks;
    return needed > 0 && blocks >= needed + kLeastFree && blocks >= (busy ? kTimesWhileBusy : kTimesNeeded) * needed;
}

bool has_room_within(Relation index, const MetaPage* meta, bool busy) {
    return is_roomy(meta, RelationGetNumberOfBlocks(index), busy) && keeps_in_shape(index);
}

bool worth_compacting(Relation index, const MetaPage* meta, const Garbage* garbage, bool busy) {
    return is_roomy(meta, garbage->end, busy) && keeps_in_shape(index);
}

// ---- regions

static void* bytes_of_region(Compaction* c, const Region* from, PageKind kind, uint32 owner) {
    void* bytes = palloc_extended(from->bytes + 1, MCXT_ALLOC_HUGE);
    read_region(c->index, from, kind, owner, 0, from->bytes, bytes);
    return bytes;
}

static Region copy_region(Compaction* c, const Region* from, PageKind kind) {
    void* bytes = bytes_of_region(c, from, kind, 0);
    const Region made = append_region(&c->sink, kind, 0, bytes, from->bytes);
    pfree(bytes);
    return made;
}

// Of centroids, whose pages say of which generation they are: to a place that was taken for it.
static void copy_centroids(Compaction* c, const Region* from, const Region* to, PageKind kind) {
    void* bytes = bytes_of_region(c, from, kind, c->meta.generation);
    put_region(&c->sink, to, kind, c->next.generation, bytes);
    pfree(bytes);
}

static void copy_regions(Compaction* c) {
    const MetaPage* meta = &c->meta;
    MetaPage* next = &c->next;
    // In one run: rebalancing takes it for others later.
    const uint32 blocks = meta->centroids.blocks + meta->compact.blocks;
    const BlockNumber start = take_run(&c->sink, blocks);
    next->centroid_run = {start, blocks};
    next->centroids.start = start;
    next->compact.start = start + meta->centroids.blocks;
    copy_centroids(c, &meta->centroids, &next->centroids, PageKind::kCentroids);
    copy_centroids(c, &meta->compact, &next->compact, PageKind::kCompactCentroids);
    next->quantizer = copy_region(c, &meta->quantizer, PageKind::kQuantizer);
    next->transform_matrix = copy_region(c, &meta->transform_matrix, PageKind::kTransform);
    next->reorder_params = copy_region(c, &meta->reorder_params, PageKind::kReorderParams);
    next->list_uses = copy_region(c, &meta->list_uses, PageKind::kListUses);
    next->calibration = copy_region(c, &meta->calibration, PageKind::kCalibration);
    write_empty_directory(&c->sink, next);
}

// ---- lists

static void copy_segment(Compaction* c, PostingBuilder* w, uint32 list, BlockNumber block, char* segment) {
    const PostingGeometry* g = c->geometry;
    const SegmentHeader* header = reinterpret_cast<const SegmentHeader*>(segment);
    const SegmentLayout layout = LayoutOf(*g, header->capacity);
    take_segment_codes(c->index, g, block, segment, c->codes, c->strategy);
    for (uint32 slot = 0; slot < header->count; slot++) {
        const RowFields fields = TakeFields(*g, layout, segment, slot);
        if (!IsRow(fields.tid)) continue;
        SetStagedFields(c->staged, fields);
        if (HasRecords(c->meta)) SetStagedRecord(c->staged, moved_record(&c->records, fields.record));
        TakeKeys(*g, layout, segment, header->capacity, slot, c->staged + kStagedKeysAt);
        memcpy(c->staged + StagedCodeAt(StagedShapeOf(*g)), c->codes + static_cast<Size>(slot) * g->code_bytes,
               g->code_bytes);
        posting_builder_add(w, list, c->staged);
    }
}

// Up to the rows that are in both epochs.
static void copy_list(Compaction* c, PostingBuilder* w, uint32 list) {
    DirectoryEntry entry;
    read_directory(c->index, &c->meta, list, &entry);
    uint64 steps = 0;
    for (SegmentRef at = {entry.head, entry.head_offset}; has_segment(at);) {
        vacuum_delay();
        count_step(c->index, at, &steps);
        Buffer buffer = read_segment(c->index, c->geometry, at, list, BUFFER_LOCK_SHARE, c->strategy);
        memcpy(c->page, BufferGetPage(buffer), BLCKSZ);
        UnlockReleaseBuffer(buffer);
        const SegmentHeader* header = segment_header(c->page, at.offset);
        if (segment_is_late(header)) return;
        copy_segment(c, w, list, at.block, segment_at(c->page, at.offset));
        at = next_segment(header);
    }
}

static void copy_lists(Compaction* c) {
    DirectoryEntry* made =
        static_cast<DirectoryEntry*>(palloc_extended(sizeof(DirectoryEntry) * c->meta.lists, MCXT_ALLOC_HUGE));
    PostingBuilder w;
    posting_builder_begin(&w, &c->sink, c->geometry, made, c->meta.lists);
    for (uint32 list = 0; list < c->meta.lists; list++)
        if (c->lists.searched[list]) copy_list(c, &w, list);
    posting_builder_end(&w);
    attach_lists(c->index, &c->next, &w);
    pfree(made);
}

// ---- the whole

// Numbers of lists stay, and with them those of lists that were replaced: they may be given out again.
static void free_unsearched(Compaction* c) {
    for (uint32 list = 0; list < c->meta.lists; list++)
        if (!c->lists.searched[list]) set_list_state(c->index, &c->next, &c->lists, list, ListState::kUnused);
}

static void compact_in_context(Compaction* c, Garbage* garbage, MemoryContext context) {
    c->cache = index_cache_pin(c->index, context);
    c->geometry = &c->cache->geometry;
    c->meta = c->next = c->cache->meta;
    c->lists = read_list_table(c->index, &c->meta);
    c->page = static_cast<char*>(palloc(BLCKSZ));
    c->codes = static_cast<uint8*>(palloc(static_cast<Size>(c->geometry->capacity) * c->geometry->code_bytes));
    c->staged = static_cast<char*>(palloc0(StagedBytes(StagedShapeOf(*c->geometry))));
    number_epoch(&c->meta, &c->next, c->geometry->pages);
    c->next.next_list = c->next.lists;
    c->next.records_start = HasRecords(c->meta) ? 1 : 0;
    c->next.records_blocks = 0;
    c->sink = live_pages(c->index, c->next.epoch);
    if (garbage_within(garbage) >= c->meta.upkeep.needed_blocks) use_garbage(garbage, &c->sink);
    VQ_FAULT("compact.regions");
    copy_regions(c);
    free_unsearched(c);
    publish_epoch(c->index, &c->next);
    if (HasRecords(c->meta)) c->records = move_records(c->index, &c->meta, &c->sink, c->strategy);
    VQ_FAULT("compact.lists");
    copy_lists(c);
    switch_epochs(c->index, &c->next);
}

void compact_index(Relation index, Relation heap, Garbage* garbage, BufferAccessStrategy strategy) {
    const BlockNumber blocks = garbage->blocks;
    MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "vectorq compaction", ALLOCSET_DEFAULT_SIZES);
    MemoryContext before = MemoryContextSwitchTo(context);
    Compaction* c = static_cast<Compaction*>(palloc0(sizeof(Compaction)));
    c->index = index;
    c->strategy = strategy;
    const StepLog step = begin_step(index, heap, "its pages will be copied close together");
    compact_in_context(c, garbage, context);
    end_step(&step,
             psprintf("its pages were copied close together: it needs %u of %u", c->meta.upkeep.needed_blocks, blocks));
    MemoryContextSwitchTo(before);
    MemoryContextDelete(context);
}

}  // namespace vectorq
