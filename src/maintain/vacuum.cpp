// ambulkdelete: takes dead rows out of the lists. Pages stay in their chain; their room is used
// again by inserts, which start at the first segment with room (the insert hint).
#include <algorithm>
#include <cmath>

#include "am/am.h"
#include "store/free_pages.h"
#include "store/index_cache.h"
#include "maintain/compact.h"
#include "maintain/epochs.h"
#include "maintain/garbage.h"
#include "maintain/list_table.h"
#include "maintain/live_summaries.h"
#include "maintain/next_epoch.h"
#include "store/list_uses.h"
#include "maintain/rebalance.h"
#include "maintain/renew.h"
#include "am/options.h"
#include "store/tid.h"
#include "maintain/calibrate.h"
#include "maintain/records.h"
#include "core/search/row_counter.h"
#include "build/build.h"
#include "pg/entry.h"
#include "pg/fault.h"
#include "pg/memory.h"
#include "pg/page_change.h"
#include "store/segments.h"

extern "C" {
#include "access/xact.h"
#include "utils/snapmgr.h"
}

namespace vectorq {

namespace {
struct VacuumState {
    Relation index;
    MetaPage meta;
    bool next;  // it is of the epoch that a renewal which rests has begun
    AllLists lists;
    PostingGeometry geometry;
    ReorderGeometry records;           // if HasRecords(meta)
    IndexBulkDeleteCallback callback;  // NULL: no row is dead
    void* callback_state;
    IndexBulkDeleteResult* stats;
    SegmentRef* first_with_room;  // (lists), in block order
    uint32* rows;                 // (lists)
    uint32* segments;             // (lists)
    LiveSummaries summaries;      // of key columns
    uint8* extents;               // one bit a block: begins an extent of records that inserts added
    RowCounter* counter;          // NULL unless rows have different numbers of entries
    Garbage* garbage;             // NULL: none is collected, since somebody may know another epoch
    double live, removed;         // entries
};
}  // namespace

static void count_entry(const VacuumState* v, const ItemPointerData* tid) {
    core_call([&] { v->counter->Add(pack_tid(tid) >> 16); });
}

// Asks which rows of a segment are dead. Slots that are already free count as dead, too, so that
// DropEntries sees one picture; returns how many rows go.
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
    summarize_segment(&v->summaries, &v->geometry, segment_at(page, at.offset), dead);
    v->live += live;
    v->rows[header->list] += live;
    v->segments[header->list]++;
    if (live < header->capacity && !has_segment(v->first_with_room[header->list]))
        v->first_with_room[header->list] = at;
}

// True if the page is on the list of free ones now. Pages of the next epoch wait until it is the present one: the list
// may have runs of another length.
static bool reclaim_page(VacuumState* v, Buffer buffer) {
    PGAlignedBlock copy;
    const PostingGeometry& g = v->geometry;
    const Page page = BufferGetPage(buffer);
    if (v->next) return false;
    const auto dropped = [v](uint32 list) { return is_dropped(&v->lists, list); };
    if (!HasDroppedSegments(g, page_payload(page), page_tail(page)->used, dropped)) return false;
    memcpy(copy.data, page, BLCKSZ);
    const FreedSegments freed = FreeSegments(g, page_payload(copy.data), page_tail(copy.data)->used, dropped);
    if (!freed.changed) return false;
    if (freed.empty) {
        put_free_page(v->index, buffer);
        return true;
    }
    PageChange change = begin_change(v->index, "reclaim");
    Page changed = change_page(&change, buffer, kKeepPageLocked);
    memcpy(page_payload(changed), page_payload(copy.data), PayloadBytes(BLCKSZ));
    page_tail(changed)->used = freed.used;
    finish_change(&change);
    return false;
}

// Takes the dead rows out of a posting page, which is released afterwards.
static void remove_dead(VacuumState* v, Buffer buffer, bool* dead) {
    const PostingGeometry* g = &v->geometry;
    Page page = BufferGetPage(buffer);
    const BlockNumber block = BufferGetBlockNumber(buffer);
    uint32 removed = 0, rows = 0;
    for (uint32 at = 0; at < segments_end(g, page); at = segment_after(g, page, at)) {
        vacuum_segment(v, page, {block, static_cast<uint16>(at)}, dead + rows, &removed);
        rows += segment_header(page, at)->count;
    }
    v->removed += removed;
    // Of an epoch that was given up: its rows are like others again.
    const bool late = v->garbage != NULL && has_late_segment(g, page);
    if (removed == 0 && !late) {
        UnlockReleaseBuffer(buffer);
        return;
    }
    PageChange change = begin_change(v->index, "vacuum");
    Page copy = change_page(&change, buffer);
    rows = 0;
    for (uint32 at = 0; at < segments_end(g, copy); at = segment_after(g, copy, at)) {
        const uint32 count = segment_header(copy, at)->count;
        DropEntries(*g, segment_at(copy, at), dead + rows);
        if (late) segment_header(copy, at)->next_offset &= static_cast<uint16>(~kSegmentLate);
        rows += count;
    }
    finish_change(&change);
}

// Pages that hold no postings: free ones, regions, and what a crash has left of such.
static bool holds_no_postings(const VacuumState* v, Page page, BlockNumber block) {
    if (PageIsNew(page) || holds_region(page) || IsInRegions(v->meta, block)) return true;
    if (page_tail(page)->magic != kPageMagic) return false;
    switch (static_cast<PageKind>(page_tail(page)->kind)) {
        case PageKind::kFree: return true;
        case PageKind::kPosting:
        case PageKind::kReorder: return page_tail(page)->part > 0 || !page_is_of_epoch(page, v->meta.epoch);
        default: return false;
    }
}

// dead: room for a flag for each row of a page.
static void vacuum_page(VacuumState* v, BlockNumber block, BufferAccessStrategy strategy, bool* dead) {
    Buffer buffer = lock_block(v->index, block, "vacuum", strategy);
    VQ_FAULT("vacuum.find");
    Page page = BufferGetPage(buffer);
    // New pages: an extension that a crash or an error cut short. Parts > 0 hold no tids.
    if ((v->garbage != NULL && note_garbage(v->garbage, &v->meta, page, block)) || holds_no_postings(v, page, block)) {
        UnlockReleaseBuffer(buffer);
        return;
    }
    if (HasRecords(v->meta) && extent_problem(&v->records, page) == NULL) {
        v->extents[block >> 3] |= static_cast<uint8>(1 << (block & 7));
        UnlockReleaseBuffer(buffer);
        return;
    }
    const char* problem = page_problem(page, PageKind::kPosting, 0, 0);
    if (problem == NULL)
        problem = PostingPageProblem(v->geometry, page_payload(page), page_tail(page)->used, v->meta.next_list);
    if (problem != NULL) {
        UnlockReleaseBuffer(buffer);
        report_corruption(v->index, block, problem);
    }
    if (reclaim_page(v, buffer)) UnlockReleaseBuffer(buffer);
    else remove_dead(v, buffer, dead);
}

namespace {
struct ListUpdate {
    SegmentRef hint;
    uint32 rows, segments;
    const LiveSummaries* summaries;
    uint32 list;
};

struct RowCount {
    uint64 rows;
    float entries_per_row;
    BlockNumber blocks, needed;
};
}  // namespace

// Of what is in use, if each list were one run and all were close together.
static BlockNumber blocks_needed(const VacuumState* v) {
    const PostingGeometry* g = &v->geometry;
    uint64 bytes = 0, blocks = 1 + PagesOfRegions(v->meta);
    for (uint32 list = 0; list < v->meta.lists; list++) {
        if (!v->lists.searched[list] || v->rows[list] == 0) continue;
        const uint32 rows = v->rows[list];
        if (g->pages > 1) blocks += (rows + g->capacity - 1) / g->capacity * g->pages;
        else bytes += sizeof(SegmentHeader) + BytesOfRows(*g, g->block_bytes > 0 ? RoundUp(rows, kBlockRows) : rows);
    }
    if (HasRecords(v->meta)) {
        const double rows =
            v->counter != NULL ? v->live / v->counter->EntriesPerRow() : v->live / EntriesPerRow(v->meta);
        blocks += static_cast<uint64>(rows / v->records.capacity + 1) * v->records.pages;
    }
    return static_cast<BlockNumber>(blocks + bytes / g->payload + 1);
}

static bool update_entry(DirectoryEntry* entry, char* summary, void* arg) {
    const ListUpdate* update = static_cast<const ListUpdate*>(arg);
    const DirectoryEntry before = *entry;
    if (has_segment(update->hint)) {
        entry->hint = update->hint.block;
        entry->hint_offset = update->hint.offset;
    }
    entry->rows = update->rows;
    entry->segments = static_cast<uint16>(std::min<uint32>(update->segments, PG_UINT16_MAX));
    const bool tightened = tighten_summary(update->summaries, update->list, summary);
    return tightened || memcmp(&before, entry, sizeof(before)) != 0;
}

static void update_lists(VacuumState* v) {
    for (uint32 list = 0; list < v->meta.lists; list++) {
        if (!v->lists.searched[list]) continue;
        ListUpdate update = {v->first_with_room[list], v->rows[list], v->segments[list], &v->summaries, list};
        update_directory(v->index, &v->meta, list, update_entry, &update);
        vacuum_delay();
    }
}

static void count_rows(VacuumState* v) {
    const double entries = v->counter != NULL ? v->counter->EntriesPerRow() : EntriesPerRow(v->meta);
    if (v->next) {
        v->meta.rows = static_cast<uint64>(std::rint(v->live / entries));
        v->meta.entries_per_row = static_cast<float>(entries);
        note_copied(v->index, &v->meta, true);
        return;
    }
    v->stats->tuples_removed += std::rint(v->removed / entries);
    v->stats->num_index_tuples = std::rint(v->live / entries);
    RowCount count = {static_cast<uint64>(v->stats->num_index_tuples), static_cast<float>(entries),
                      RelationGetNumberOfBlocks(v->index), blocks_needed(v)};
    update_meta(
        v->index,
        [](MetaPage* meta, void* arg) {
            const RowCount* found = static_cast<RowCount*>(arg);
            meta->rows = found->rows;
            meta->entries_per_row = found->entries_per_row;
            meta->upkeep.counted_blocks = found->blocks;
            meta->upkeep.needed_blocks = found->needed;
        },
        &count);
}

// Of the epoch of v->meta: all else of *v is set from here on but what the caller has set.
static void pass_epoch(VacuumState* v, BufferAccessStrategy strategy) {
    v->geometry = meta_geometry(v->index, &v->meta);
    if (HasRecords(v->meta)) v->records = meta_reorder_geometry(&v->meta);
    const Size lists = v->meta.lists;
    v->first_with_room = static_cast<SegmentRef*>(palloc_extended(sizeof(SegmentRef) * lists, MCXT_ALLOC_HUGE));
    v->rows = static_cast<uint32*>(palloc_extended(sizeof(uint32) * lists, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO));
    v->segments = static_cast<uint32*>(palloc_extended(sizeof(uint32) * lists, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO));
    for (Size list = 0; list < lists; list++) v->first_with_room[list] = kNoSegment;
    v->summaries = begin_live_summaries(v->index, &v->meta, &v->geometry.keys);
    bool* dead = static_cast<bool*>(palloc(std::max(v->geometry.capacity, PayloadBytes(BLCKSZ) / kTidBytes)));
    MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "vectorq vacuum", ALLOCSET_SMALL_SIZES);
    if (EntriesVary(v->meta)) v->counter = make_owned<RowCounter>(context);
    // In block order, not chain order: sequential reads. Pages added meanwhile hold new rows only.
    const BlockNumber blocks = RelationGetNumberOfBlocks(v->index);
    v->extents = static_cast<uint8*>(palloc_extended(blocks / 8 + 1, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO));
    if (v->garbage != NULL) {
        *v->garbage = make_garbage(blocks);
        v->garbage->end = v->meta.postings_start;
    }
    for (BlockNumber block = v->meta.postings_start; block < blocks; block++) {
        vacuum_delay();
        vacuum_page(v, block, strategy, dead);
    }
    // When no posting entry points to them any more.
    if (HasRecords(v->meta) && v->callback != NULL)
        vacuum_records(v->index, &v->meta, v->extents, blocks, v->callback, v->callback_state, strategy);
    VQ_FAULT("vacuum.lists");
    update_lists(v);
    count_rows(v);
    pfree(v->first_with_room);
    pfree(v->rows);
    pfree(v->segments);
    end_live_summaries(&v->summaries);
    pfree(v->extents);
    pfree(dead);
    MemoryContextDelete(context);
}

// Rows that are copied die as others do, and their tids are used again.
static void pass_next_epoch(const VacuumState* present, BufferAccessStrategy strategy) {
    VacuumState v{};
    v.index = present->index;
    v.next = true;
    v.callback = present->callback;
    v.callback_state = present->callback_state;
    VQ_FAULT("vacuum.next");
    if (!read_next_meta(v.index, &v.meta)) return;
    v.lists = read_list_table(v.index, &v.meta);
    pass_epoch(&v, strategy);
    free_list_table(&v.lists);
}

// A pass over all pages. garbage: NULL, or where to note it; only one epoch is known then.
static IndexBulkDeleteResult* pass_pages(const IndexVacuumInfo* info, IndexBulkDeleteResult* stats,
                                         IndexBulkDeleteCallback callback, void* callback_state, Garbage* garbage) {
    if (stats == NULL) stats = static_cast<IndexBulkDeleteResult*>(palloc0(sizeof(IndexBulkDeleteResult)));
    VacuumState v{};
    v.index = info->index;
    v.callback = callback;
    v.callback_state = callback_state;
    v.stats = stats;
    v.garbage = garbage;
    read_meta(v.index, &v.meta);
    v.lists = read_list_table(v.index, &v.meta);
    Relation heap = table_open(IndexGetRelation(RelationGetRelid(v.index), false), NoLock);
    if (!is_resting(&v.meta) || !keeps_in_shape(v.index)) give_up_epoch(v.index, &v.meta);
    settle_lists(v.index, heap, &v.meta, &v.lists, info->strategy);
    table_close(heap, NoLock);
    pass_epoch(&v, info->strategy);
    // Whatever had segments of dropped lists was met.
    release_numbers(v.index, &v.meta, &v.lists);
    if (callback != NULL) age_list_uses(v.index, &v.meta);
    free_list_table(&v.lists);
    if (callback != NULL && is_resting(&v.meta)) pass_next_epoch(&v, info->strategy);
    return stats;
}

IndexBulkDeleteResult* vq_bulkdelete(IndexVacuumInfo* info, IndexBulkDeleteResult* stats,
                                     IndexBulkDeleteCallback callback, void* callback_state) {
    return pass_pages(info, stats, callback, callback_state, NULL);
}

// Whether this vacuum has found more dead rows than this part of those that live: as many will come and go again. Where
// hardly any live, the table has shrunk.
static constexpr double kBusyShare = 0.05;
static bool is_busy(const IndexBulkDeleteResult* stats) {
    return stats != NULL && stats->tuples_removed > kBusyShare * stats->num_index_tuples &&
           stats->tuples_removed <= stats->num_index_tuples / kBusyShare;
}

// Collects pages of other epochs, once nobody knows these, and brings the index to the front of its file. A copy that
// had to go behind the end comes to the front with a second one.
static IndexBulkDeleteResult* collect_garbage(const IndexVacuumInfo* info, Relation heap, IndexBulkDeleteResult* stats,
                                              bool may_cut) {
    for (int copies = 0;; copies++) {
        MetaPage meta;
        Garbage garbage;
        read_meta(info->index, &meta);
        settle_if_unused(info->index, &meta);
        const bool cut = may_cut && may_cut_file(info->index, heap);
        if (meta.upkeep.garbage == 0 && !(cut && has_room_within(info->index, &meta, is_busy(stats)))) return stats;
        if (!one_epoch_is_known(heap, &meta)) return stats;
        stats = pass_pages(info, stats, NULL, NULL, &garbage);
        read_meta(info->index, &meta);
        const bool copy = copies < 2 && cut && worth_compacting(info->index, &meta, &garbage, is_busy(stats));
        if (copy) compact_index(info->index, heap, &garbage, info->strategy);
        else give_back_garbage(info->index, &meta, &garbage, cut, info->strategy);
        pfree(garbage.bits);
        if (copy) continue;
        forget_garbage(info->index, &meta);
        return stats;
    }
}

// A table that only grows has no dead rows to delete: its lists are counted once it has grown by a quarter, or the
// index by that and some pages.
static constexpr double kGrowth = 1.25;
static constexpr BlockNumber kLeastGrowth = 16;

// Whether lists wait to be settled, or have grown.
static bool wants_pass(const IndexVacuumInfo* info, Relation heap) {
    MetaPage meta;
    read_meta(info->index, &meta);
    if (meta.replacing != 0 || meta.upkeep.renewing != 0 || may_drop_lists(heap, &meta)) return true;
    // A vacuum has counted them, and could not renew.
    const double rows = static_cast<double>(meta.rows);
    if (wants_renewal(info->index, heap, &meta, rows).reason != RenewReason::kNone) return true;
    if (!keeps_in_shape(info->index)) return false;
    // The table's own number is as of the last vacuum that has come to its end.
    return info->num_heap_tuples > std::max<double>(kMinTrainingRows, kGrowth * rows) ||
           RelationGetNumberOfBlocks(info->index) > kLeastGrowth + kGrowth * meta.upkeep.counted_blocks;
}

// Lists and codes that fit the rows: all trained anew, or some lists replaced.
static IndexBulkDeleteResult* keep_in_shape(const IndexVacuumInfo* info, Relation heap, IndexBulkDeleteResult* stats) {
    MetaPage meta;
    read_meta(info->index, &meta);
    if (is_resting(&meta)) {
        resume_renewal(info->index, heap, stats->num_index_tuples, false, info->strategy);
        return collect_garbage(info, heap, stats, true);
    }
    const RenewalWish wish = wants_renewal(info->index, heap, &meta, stats->num_index_tuples);
    if (wish.reason != RenewReason::kNone &&
        renew_index(info->index, heap, wish, stats->num_index_tuples, false, info->strategy))
        return collect_garbage(info, heap, stats, true);
    // A second time, if the lists that were replaced could go at once: the first leaves some lists open to inserts.
    for (int times = 0; times < 2; times++) {
        read_meta(info->index, &meta);
        const uint32 before = meta.generation;
        rebalance(info->index, heap, info->strategy);
        read_meta(info->index, &meta);
        if (meta.generation == before) break;
        stats = collect_garbage(info, heap, stats, true);
    }
    vacuum_calibrate(info->index, heap, stats);
    return stats;
}

static bool is_growing(const IndexVacuumInfo* info, Relation heap) {
    MetaPage meta;
    read_meta(info->index, &meta);
    return wants_renewal(info->index, heap, &meta, std::max(info->num_heap_tuples, static_cast<double>(meta.rows)))
               .reason != RenewReason::kNone;
}

// Milliseconds between two looks, and how often vectorq_renew looks: ten seconds.
static constexpr long kWaitMillis = 20;
static constexpr int kMostLooks = 500;

// Transactions that know the index as it was are mostly short.
static bool wait_for_one_epoch(const IndexVacuumInfo* info, Relation heap) {
    for (int looks = 0; looks < kMostLooks; looks++) {
        MetaPage meta;
        read_meta(info->index, &meta);
        if (meta.upkeep.given_up == 0 && one_epoch_is_known(heap, &meta)) return true;
        CHECK_FOR_INTERRUPTS();
        pg_usleep(kWaitMillis * 1000);
        GetLatestSnapshot();  // or horizons stay what they were
        collect_garbage(info, heap, NULL, false);
    }
    return false;
}

bool renew_now(Relation index, Relation heap) {
    IndexVacuumInfo info;
    memset(&info, 0, sizeof(info));
    info.index = index;
    info.strategy = GetAccessStrategy(BAS_VACUUM);
    // Counts the rows, and ends what a vacuum has left undone.
    IndexBulkDeleteResult* stats = vq_bulkdelete(&info, NULL, NULL, NULL);
    stats = collect_garbage(&info, heap, stats, false);
    MetaPage meta;
    read_meta(index, &meta);
    if (is_resting(&meta)) {
        resume_renewal(index, heap, stats->num_index_tuples, true, info.strategy);
        collect_garbage(&info, heap, stats, true);
        return true;
    }
    if (!wait_for_one_epoch(&info, heap))
        ereport(ERROR,
                (errcode(ERRCODE_OBJECT_IN_USE),
                 errmsg("index \"%s\" was changed a moment ago, and some transaction may know it as it was before",
                        RelationGetRelationName(index)),
                 errhint("Try again when the transactions that run now have ended.")));
    const bool done = renew_index(index, heap, {RenewReason::kAsked, 0}, stats->num_index_tuples, true, info.strategy);
    collect_garbage(&info, heap, stats, true);
    return done;
}

IndexBulkDeleteResult* vq_vacuumcleanup(IndexVacuumInfo* info, IndexBulkDeleteResult* stats) {
    if (info->analyze_only) return stats;
    Relation heap = table_open(IndexGetRelation(RelationGetRelid(info->index), false), NoLock);
    // What is cut off blocks a standby until the vacuum has ended: not before a renewal.
    stats = collect_garbage(info, heap, stats, !is_growing(info, heap));
    if (stats == NULL && wants_pass(info, heap)) stats = vq_bulkdelete(info, NULL, NULL, NULL);
    // Without dead rows there is nothing to do, and no count of rows to report.
    if (stats != NULL) stats = keep_in_shape(info, heap, stats);
    else vacuum_calibrate(info->index, heap, NULL);
    table_close(heap, NoLock);
    if (stats == NULL) return stats;
    stats->num_pages = RelationGetNumberOfBlocks(info->index);
    return stats;
}

}  // namespace vectorq
