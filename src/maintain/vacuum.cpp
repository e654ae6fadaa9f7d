// ambulkdelete: takes dead rows out of the lists. Pages stay in their chain; their room is used
// again by inserts, which start at the first segment with room (the insert hint).
#include <algorithm>
#include <cmath>

#include "am/am.h"
#include "store/free_pages.h"
#include "store/index_cache.h"
#include "maintain/list_table.h"
#include "store/list_uses.h"
#include "maintain/rebalance.h"
#include "store/tid.h"
#include "maintain/calibrate.h"
#include "maintain/records.h"
#include "core/page/posting_codes.h"
#include "core/search/row_counter.h"
#include "pg/entry.h"
#include "pg/fault.h"
#include "pg/memory.h"

namespace vectorq {

namespace {
struct VacuumState {
    Relation index;
    MetaPage meta;
    AllLists lists;
    PostingGeometry geometry;
    ReorderGeometry records;           // if HasRecords(meta)
    IndexBulkDeleteCallback callback;  // NULL: no row is dead
    void* callback_state;
    IndexBulkDeleteResult* stats;
    SegmentRef* first_with_room;  // (lists), in block order
    uint32* rows;                 // (lists)
    uint32* segments;             // (lists)
    uint8* extents;               // one bit a block: begins an extent of records that inserts added
    RowCounter* counter;          // NULL unless rows have different numbers of entries
    double live, removed;         // entries
};
}  // namespace

// Moves the row in slot `from` to slot `to` of a segment that lies on one page.
static void move_row(const PostingGeometry* g, const SegmentLayout* layout, char* segment, uint32 from, uint32 to) {
    segment_tids(segment)[to] = segment_tids(segment)[from];
    if (g->pointer_bytes > 0) {
        ItemPointerData* pointers = segment_pointers(g, layout, segment);
        pointers[to] = pointers[from];
    }
    char* codes = segment + layout->codes_offset;
    if (g->block_bytes > 0) MoveBlockCode(*g, *layout, segment, from, to);
    else memmove(codes + to * g->code_bytes, codes + from * g->code_bytes, g->code_bytes);
    if (g->scalar_bytes > 0) {
        float* scalars = reinterpret_cast<float*>(segment + layout->scalars_offset);
        scalars[to] = scalars[from];
    }
}

// Removes the rows marked in `dead` from a segment of a page copy. With one page a segment the last rows move
// into the holes; with several the slots are marked, because a reader may be between two of its pages.
static void remove_rows(const PostingGeometry* g, char* segment, const bool* dead) {
    SegmentHeader* header = reinterpret_cast<SegmentHeader*>(segment);
    const SegmentLayout layout = LayoutOf(*g, header->capacity);
    ItemPointerData* tids = segment_tids(segment);
    uint32 count = header->count;
    if (g->pages == 1) {
        // From the end, so that the row moved into a hole is always a live one.
        for (uint32 slot = count; slot-- > 0;)
            if (dead[slot]) {
                if (slot != --count) move_row(g, &layout, segment, count, slot);
            }
        memset(&tids[count], 0, kTidBytes * (header->count - count));
        header->count = static_cast<uint16>(count);
        header->dead = 0;
        return;
    }
    for (uint32 slot = 0; slot < count; slot++)
        if (dead[slot]) ItemPointerSetInvalid(&tids[slot]);
    while (count > 0 && !ItemPointerIsValid(&tids[count - 1])) count--;
    uint16 marked = 0;
    for (uint32 slot = 0; slot < count; slot++) marked += !ItemPointerIsValid(&tids[slot]);
    memset(&tids[count], 0, kTidBytes * (header->count - count));
    header->count = static_cast<uint16>(count);
    header->dead = marked;
}

static void count_entry(const VacuumState* v, const ItemPointerData* tid) {
    core_call([&] { v->counter->Add(pack_tid(tid) >> 16); });
}

// Asks which rows of a segment are dead. Slots that are already free count as dead, too, so that
// remove_rows sees one picture; returns how many rows go.
static uint32 find_dead(const VacuumState* v, char* segment, bool* dead, uint32* live) {
    const SegmentHeader* header = reinterpret_cast<const SegmentHeader*>(segment);
    uint32 removed = 0;
    *live = 0;
    for (uint32 slot = 0; slot < header->count; slot++) {
        ItemPointer tid = &segment_tids(segment)[slot];
        dead[slot] = !ItemPointerIsValid(tid);
        if (dead[slot]) continue;
        if (v->callback != NULL && v->callback(tid, v->callback_state)) {
            dead[slot] = true;
            removed++;
        } else {
            (*live)++;
            if (v->counter != NULL) count_entry(v, tid);
        }
    }
    return removed;
}

static void vacuum_segment(VacuumState* v, Page page, SegmentRef at, bool* dead, uint32* removed) {
    const SegmentHeader* header = segment_header(page, at.offset);
    // Of no list, or of a replaced one: whoever still reads that has a snapshot to which the dead rows do not matter.
    if (is_dropped(&v->lists, header->list) || !v->lists.searched[header->list]) {
        memset(dead, 0, header->count);
        return;
    }
    uint32 live = 0;
    *removed += find_dead(v, segment_at(page, at.offset), dead, &live);
    v->live += live;
    v->rows[header->list] += live;
    v->segments[header->list]++;
    if (live < header->capacity && !has_segment(v->first_with_room[header->list]))
        v->first_with_room[header->list] = at;
}

static const char* posting_problem(const VacuumState* v, Page page) {
    const char* problem = page_problem(page, PageKind::kPosting, 0, 0);
    for (uint32 at = 0; problem == NULL && at < segments_end(&v->geometry, page);
         at = segment_after(&v->geometry, page, at)) {
        const uint32 list = segment_header(page, at)->list;
        // An extent that was taken from the free ones and not filled.
        if (v->geometry.pages > 1 && list == kNoList) break;
        problem = segment_problem(&v->geometry, page, at);
        if (problem == NULL && list != kNoList && list >= v->meta.next_list)
            problem = "segment of a list that does not exist";
        if (problem != NULL) break;
    }
    return problem;
}

// Takes the segments of dropped lists from a page copy, and the room at the page's end that was theirs. Returns whether
// there was anything to take.
static bool free_segments(const VacuumState* v, Page page, bool* empty) {
    const PostingGeometry* g = &v->geometry;
    bool changed = false;
    uint32 end = 0;
    for (uint32 at = 0; at < segments_end(g, page); at = segment_after(g, page, at)) {
        SegmentHeader* header = segment_header(page, at);
        if (!is_dropped(&v->lists, header->list)) {
            end = segment_after(g, page, at);
            continue;
        }
        changed |= header->list != kNoList;
        *header = {kNoList, 0, 0, header->capacity, 0, kInvalidBlock};
        // Tids beyond a segment's rows are 0.
        const uint32 bytes = g->pages == 1 ? LayoutOf(*g, header->capacity).bytes : g->payload;
        memset(segment_at(page, at) + sizeof(SegmentHeader), 0, bytes - sizeof(SegmentHeader));
    }
    *empty = end == 0;
    if (g->pages == 1 && end < page_tail(page)->used) {
        memset(page_payload(page) + end, 0, page_tail(page)->used - end);
        page_tail(page)->used = end;
        changed = true;
    }
    return changed || *empty;
}

static bool has_dropped(const VacuumState* v, Page page) {
    for (uint32 at = 0; at < segments_end(&v->geometry, page); at = segment_after(&v->geometry, page, at))
        if (is_dropped(&v->lists, segment_header(page, at)->list)) return true;
    return segments_end(&v->geometry, page) == 0;
}

// True if the page is on the list of free ones now.
static bool reclaim_page(VacuumState* v, Buffer buffer) {
    PGAlignedBlock copy;
    bool empty = false;
    if (!has_dropped(v, BufferGetPage(buffer))) return false;
    memcpy(copy.data, BufferGetPage(buffer), BLCKSZ);
    if (!free_segments(v, copy.data, &empty)) return false;
    if (empty) {
        put_free_page(v->index, buffer);
        return true;
    }
    VQ_FAULT("reclaim.start");
    GenericXLogState* xlog = GenericXLogStart(v->index);
    VQ_FAULT("reclaim.register");
    free_segments(v, GenericXLogRegisterBuffer(xlog, buffer, 0), &empty);
    VQ_FAULT("reclaim.finish");
    GenericXLogFinish(xlog);
    VQ_FAULT("reclaim.release");
    return false;
}

// Pages that hold no postings: free ones, centroids, parts of the directory, and what a crash has left of such.
static bool holds_no_postings(Page page) {
    if (PageIsNew(page) || holds_regions_of_lists(page)) return true;
    if (page_tail(page)->magic != kPageMagic) return false;
    switch (static_cast<PageKind>(page_tail(page)->kind)) {
        case PageKind::kFree: return true;
        case PageKind::kPosting:
        case PageKind::kReorder: return page_tail(page)->part > 0;
        default: return false;
    }
}

// dead: room for a flag for each row of a page.
static void vacuum_page(VacuumState* v, BlockNumber block, BufferAccessStrategy strategy, bool* dead) {
    const PostingGeometry* g = &v->geometry;
    VQ_FAULT("vacuum.read");
    Buffer buffer = ReadBufferExtended(v->index, MAIN_FORKNUM, block, RBM_NORMAL, strategy);
    VQ_FAULT("vacuum.lock");
    LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
    VQ_FAULT("vacuum.find");
    Page page = BufferGetPage(buffer);
    // New pages: an extension that a crash or an error cut short. Parts > 0 hold no tids.
    if (holds_no_postings(page)) {
        UnlockReleaseBuffer(buffer);
        return;
    }
    if (HasRecords(v->meta) && extent_problem(&v->records, page) == NULL) {
        v->extents[block >> 3] |= static_cast<uint8>(1 << (block & 7));
        UnlockReleaseBuffer(buffer);
        return;
    }
    const char* problem = posting_problem(v, page);
    if (problem != NULL) {
        UnlockReleaseBuffer(buffer);
        report_corruption(v->index, block, problem);
    }
    if (reclaim_page(v, buffer)) {
        UnlockReleaseBuffer(buffer);
        return;
    }
    uint32 removed = 0, rows = 0;
    for (uint32 at = 0; at < segments_end(g, page); at = segment_after(g, page, at)) {
        vacuum_segment(v, page, {block, static_cast<uint16>(at)}, dead + rows, &removed);
        rows += segment_header(page, at)->count;
    }
    if (removed > 0) {
        VQ_FAULT("vacuum.start");
        GenericXLogState* xlog = GenericXLogStart(v->index);
        VQ_FAULT("vacuum.register");
        Page copy = GenericXLogRegisterBuffer(xlog, buffer, 0);
        rows = 0;
        for (uint32 at = 0; at < segments_end(g, copy); at = segment_after(g, copy, at)) {
            const uint32 count = segment_header(copy, at)->count;
            remove_rows(g, segment_at(copy, at), dead + rows);
            rows += count;
        }
        VQ_FAULT("vacuum.finish");
        GenericXLogFinish(xlog);
        VQ_FAULT("vacuum.release");
    }
    UnlockReleaseBuffer(buffer);
    v->removed += removed;
}

namespace {
struct ListUpdate {
    SegmentRef hint;
    uint32 rows, segments;
};

struct RowCount {
    uint64 rows;
    float entries_per_row;
};
}  // namespace

static bool update_entry(DirectoryEntry* entry, void* arg) {
    const ListUpdate* update = static_cast<const ListUpdate*>(arg);
    const DirectoryEntry before = *entry;
    if (has_segment(update->hint)) {
        entry->hint = update->hint.block;
        entry->hint_offset = update->hint.offset;
    }
    entry->rows = update->rows;
    entry->segments = static_cast<uint16>(std::min<uint32>(update->segments, PG_UINT16_MAX));
    return memcmp(&before, entry, sizeof(before)) != 0;
}

static void update_lists(VacuumState* v) {
    for (uint32 list = 0; list < v->meta.lists; list++) {
        if (!v->lists.searched[list]) continue;
        ListUpdate update = {v->first_with_room[list], v->rows[list], v->segments[list]};
        update_directory(v->index, &v->meta, list, update_entry, &update);
        vacuum_delay();
    }
    const double entries = v->counter != NULL ? v->counter->EntriesPerRow() : EntriesPerRow(v->meta);
    v->stats->tuples_removed += std::rint(v->removed / entries);
    v->stats->num_index_tuples = std::rint(v->live / entries);
    RowCount count = {static_cast<uint64>(v->stats->num_index_tuples), static_cast<float>(entries)};
    update_meta(
        v->index,
        [](MetaPage* meta, void* arg) {
            const RowCount* found = static_cast<RowCount*>(arg);
            meta->rows = found->rows;
            meta->entries_per_row = found->entries_per_row;
        },
        &count);
}

IndexBulkDeleteResult* vq_bulkdelete(IndexVacuumInfo* info, IndexBulkDeleteResult* stats,
                                     IndexBulkDeleteCallback callback, void* callback_state) {
    if (stats == NULL) stats = static_cast<IndexBulkDeleteResult*>(palloc0(sizeof(IndexBulkDeleteResult)));
    VacuumState v;
    memset(&v, 0, sizeof(v));
    v.index = info->index;
    v.callback = callback;
    v.callback_state = callback_state;
    v.stats = stats;
    read_meta(v.index, &v.meta);
    v.lists = read_list_table(v.index, &v.meta);
    Relation heap = table_open(IndexGetRelation(RelationGetRelid(v.index), false), NoLock);
    settle_lists(v.index, heap, &v.meta, &v.lists);
    table_close(heap, NoLock);
    v.geometry = meta_geometry(&v.meta);
    if (HasRecords(v.meta)) v.records = meta_reorder_geometry(&v.meta);
    const Size lists = v.meta.lists;
    v.first_with_room = static_cast<SegmentRef*>(palloc_extended(sizeof(SegmentRef) * lists, MCXT_ALLOC_HUGE));
    v.rows = static_cast<uint32*>(palloc_extended(sizeof(uint32) * lists, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO));
    v.segments = static_cast<uint32*>(palloc_extended(sizeof(uint32) * lists, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO));
    for (Size list = 0; list < lists; list++) v.first_with_room[list] = kNoSegment;
    bool* dead = static_cast<bool*>(palloc(std::max(v.geometry.capacity, PayloadBytes(BLCKSZ) / kTidBytes)));
    MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "vectorq vacuum", ALLOCSET_SMALL_SIZES);
    if (CopiesVary(v.meta)) v.counter = make_owned<RowCounter>(context);
    // In block order, not chain order: sequential reads. Pages added meanwhile hold new rows only.
    const BlockNumber blocks = RelationGetNumberOfBlocks(v.index);
    v.extents = static_cast<uint8*>(palloc_extended(blocks / 8 + 1, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO));
    for (BlockNumber block = v.meta.postings_start; block < blocks; block++) {
        vacuum_delay();
        vacuum_page(&v, block, info->strategy, dead);
    }
    // When no posting entry points to them any more.
    if (HasRecords(v.meta) && callback != NULL)
        vacuum_records(v.index, &v.meta, v.extents, blocks, callback, callback_state, info->strategy);
    VQ_FAULT("vacuum.lists");
    update_lists(&v);
    // Whatever had segments of dropped lists was met.
    release_numbers(v.index, &v.meta, &v.lists);
    if (callback != NULL) age_list_uses(v.index, &v.meta);
    free_list_table(&v.lists);
    pfree(v.first_with_room);
    pfree(v.rows);
    pfree(v.segments);
    pfree(v.extents);
    pfree(dead);
    MemoryContextDelete(context);
    return stats;
}

// A table that only grows has no dead rows to delete: its lists are counted once it has grown by a quarter.
static constexpr double kGrowth = 1.25;

// Whether lists wait to be settled, or have grown.
static bool wants_pass(const IndexVacuumInfo* info, Relation heap) {
    MetaPage meta;
    read_meta(info->index, &meta);
    if (meta.replacing != 0 || may_drop_lists(heap, &meta)) return true;
    return rebalances(info->index, &meta) && info->num_heap_tuples > kGrowth * static_cast<double>(meta.rows);
}

IndexBulkDeleteResult* vq_vacuumcleanup(IndexVacuumInfo* info, IndexBulkDeleteResult* stats) {
    if (info->analyze_only) return stats;
    Relation heap = table_open(IndexGetRelation(RelationGetRelid(info->index), false), NoLock);
    if (stats == NULL && wants_pass(info, heap)) stats = vq_bulkdelete(info, NULL, NULL, NULL);
    // Without dead rows there is nothing to do, and no count of rows to report.
    if (stats != NULL) rebalance(info->index, heap);
    vacuum_calibrate(info->index, heap, stats);
    table_close(heap, NoLock);
    if (stats == NULL) return stats;
    stats->num_pages = RelationGetNumberOfBlocks(info->index);
    return stats;
}

}  // namespace vectorq
