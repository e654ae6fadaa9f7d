// vectorq_check(regclass): is every page what it should be, is every segment in exactly one list, is
// every row in one place, and in the table? Returns problems as rows (block, problem); none for a sound index.
//
// Takes a share lock on the table (writers wait), so that what it sees does not move; on a standby, where
// that lock cannot be had, an access share lock: a problem found there while rows stream in should be
// looked at again.
#include <algorithm>

#include "am/options.h"
#include "store/calibration_store.h"
#include "maintain/epochs.h"
#include "maintain/list_table.h"
#include "maintain/state.h"
#include "inspect/check_records.h"
#include "inspect/open.h"
#include "core/filter/list_summary.h"
#include "pg/entry.h"

extern "C" {
#include "access/xlog.h"
#include "catalog/pg_operator.h"
}

namespace vectorq {

namespace {
struct Checker {
    ReturnSetInfo* result;
    Relation index, heap;
    BlockNumber blocks, heap_blocks;
    MetaPage meta;
    AllLists lists;
    char* summaries;  // (meta.lists, summary_bytes) of key columns, as of then; NULL without
    Size summary_bytes;
    PostingGeometry geometry;
    uint8* seen;              // one bit a block
    Tuplesortstate* chained;  // segments that lists lead to
    Tuplesortstate* tids;
    char* heap_page;  // a copy of the heap's block heap_block; NULL: the table's pages are not looked at
    BlockNumber heap_block;
    BufferAccessStrategy strategy;
    RecordCheck records;  // if HasRecords(meta)
    uint64 rows;
};
}  // namespace

static void found(Checker* c, BlockNumber block, const char* problem) {
    Datum values[2] = {Int64GetDatum(block), CStringGetTextDatum(problem)};
    bool nulls[2] = {false, false};
    tuplestore_putvalues(c->result->setResult, c->result->setDesc, values, nulls);
}

static bool mark_seen(Checker* c, BlockNumber block) {
    const uint8 bit = static_cast<uint8>(1 << (block & 7));
    if (c->seen[block >> 3] & bit) return false;
    c->seen[block >> 3] |= bit;
    return true;
}

static void check_region(Checker* c, const Region* region, PageKind kind, uint32 owner = 0) {
    for (uint32 i = 0; i < region->blocks; i++) {
        CHECK_FOR_INTERRUPTS();
        const BlockNumber block = region->start + i;
        Buffer buffer = ReadBuffer(c->index, block);
        LockBuffer(buffer, BUFFER_LOCK_SHARE);
        const char* problem = page_problem(BufferGetPage(buffer), kind, owner, 0);
        UnlockReleaseBuffer(buffer);
        if (problem != NULL) found(c, block, problem);
        if (!mark_seen(c, block)) found(c, block, "block belongs to two regions");
    }
}

static void check_calibration(Checker* c) {
    Calibration calibration;
    Buffer buffer = ReadBuffer(c->index, c->meta.calibration.start);
    LockBuffer(buffer, BUFFER_LOCK_SHARE);
    memcpy(&calibration, page_payload(BufferGetPage(buffer)), sizeof(calibration));
    UnlockReleaseBuffer(buffer);
    const char* problem = calibration_problem(&calibration, &c->meta);
    if (problem != NULL) found(c, c->meta.calibration.start, problem);
}

// A row and the list that it was met in, as one number in the order of rows: 32 bits of block, 9 of offset, 21 of list.
static_assert(MaxHeapTuplesPerPage < 512);
static int64 pack_entry(BlockNumber block, OffsetNumber offset, uint32 list) {
    return (static_cast<int64>(block) << 9 | offset) << 21 | (list & 0x1FFFFF);
}
static int64 entry_row(int64 entry) { return entry >> 21; }
static BlockNumber row_block(int64 row) { return static_cast<BlockNumber>(row >> 9); }
static OffsetNumber row_offset(int64 row) { return static_cast<OffsetNumber>(row & 511); }

static int64 pack_segment(SegmentRef at) { return static_cast<int64>(at.block) << 16 | at.offset; }

// Values of key columns: those of rows are within the list's summary, there are none of nulls, and none beyond the
// rows.
static void check_keys(Checker* c, BlockNumber block, const char* segment) {
    const PostingGeometry& g = c->geometry;
    const SegmentHeader* header = HeaderOf(segment);
    const SegmentLayout layout = LayoutOf(g, header->capacity);
    const char* summary = c->summaries + header->list * c->summary_bytes;
    char packed[kMostPackedKeyBytes];
    bool covered = true, plain = true;
    for (uint32 slot = 0; slot < header->count; slot++) {
        if (!IsRow(TidsOf(segment)[slot])) continue;
        TakeKeys(g, layout, segment, header->capacity, slot, packed);
        covered &= Covers(g.keys, summary, packed);
        plain &= NullsAreZero(g.keys, packed);
    }
    if (!covered) found(c, block, psprintf("the summary of list %u does not cover its rows", header->list));
    if (!plain) found(c, block, "a null has a value");
    if (!KeysAreClear(g, layout, segment, header->capacity, header->count))
        found(c, block, "values of key columns beyond the row count");
}

static void check_rows(Checker* c, BlockNumber block, char* segment) {
    const SegmentHeader* header = reinterpret_cast<const SegmentHeader*>(segment);
    const SegmentLayout layout = LayoutOf(c->geometry, header->capacity);
    const ItemPointerData* tids = segment_tids(segment);
    const ItemPointerData* pointers = segment_pointers(&c->geometry, &layout, segment);
    uint32 dead = 0;
    for (uint32 slot = 0; slot < header->count; slot++) {
        if (!ItemPointerIsValid(&tids[slot])) {
            dead++;
            continue;
        }
        const BlockNumber heap_block = ItemPointerGetBlockNumberNoCheck(&tids[slot]);
        const OffsetNumber offset = ItemPointerGetOffsetNumberNoCheck(&tids[slot]);
        if (heap_block >= c->heap_blocks || offset > MaxHeapTuplesPerPage)
            found(c, block, psprintf("row (%u,%u) lies outside the table", heap_block, offset));
        else tuplesort_putdatum(c->tids, Int64GetDatum(pack_entry(heap_block, offset, header->list)), false);
        if (pointers != NULL) record_check_entry(&c->records, &tids[slot], &pointers[slot]);
    }
    for (uint32 slot = header->count; slot < header->capacity; slot++)
        if (!TidIsZero(segment, slot)) {
            found(c, block, "rows beyond the row count");
            break;
        }
    if (c->geometry.keys.count > 0) check_keys(c, block, segment);
    if (dead != header->dead) found(c, block, psprintf("%u dead rows, header says %u", dead, header->dead));
}

// The other pages of a segment that has several.
static void check_parts(Checker* c, uint32 list, BlockNumber head) {
    for (uint32 part = 1; part < c->geometry.pages; part++) {
        const BlockNumber block = head + part;
        if (block >= c->blocks) {
            found(c, head, "segment goes on outside the index");
            return;
        }
        Buffer buffer = ReadBuffer(c->index, block);
        LockBuffer(buffer, BUFFER_LOCK_SHARE);
        const char* problem = page_problem(BufferGetPage(buffer), PageKind::kPosting, list, static_cast<uint16>(part));
        UnlockReleaseBuffer(buffer);
        if (problem != NULL) found(c, block, problem);
        if (!mark_seen(c, block)) found(c, block, psprintf("page is in list %u and elsewhere too", list));
    }
}

// One segment of a chain. Returns the next, or none when the chain cannot be followed.
static SegmentRef check_segment(Checker* c, uint32 list, SegmentRef at) {
    if (at.block < c->meta.postings_start || at.block >= c->blocks) {
        found(c, 0, psprintf("list %u goes on outside the index", list));
        return kNoSegment;
    }
    Buffer buffer = ReadBuffer(c->index, at.block);
    LockBuffer(buffer, BUFFER_LOCK_SHARE);
    Page page = BufferGetPage(buffer);
    const char* problem = page_problem(page, PageKind::kPosting, 0, 0);
    if (problem == NULL) problem = segment_problem(&c->geometry, page, at.offset);
    if (problem == NULL && segment_header(page, at.offset)->list != list) problem = "segment of another list";
    const SegmentRef next = problem == NULL ? next_segment(segment_header(page, at.offset)) : kNoSegment;
    UnlockReleaseBuffer(buffer);
    if (problem != NULL) found(c, at.block, problem);
    else tuplesort_putdatum(c->chained, Int64GetDatum(pack_segment(at)), false);
    return next;
}

static void check_list(Checker* c, uint32 list) {
    DirectoryEntry entry;
    read_directory(c->index, &c->meta, list, &entry);
    const SegmentRef hint = {entry.hint, entry.hint_offset};
    bool hint_seen = !has_segment(hint);
    uint64 steps = 0;
    for (SegmentRef at = {entry.head, entry.head_offset}; has_segment(at); at = check_segment(c, list, at)) {
        CHECK_FOR_INTERRUPTS();
        hint_seen |= same_segment(at, hint);
        if (++steps > most_segments(c->index)) {
            found(c, at.block, psprintf("list %u runs in a circle", list));
            break;
        }
    }
    if (!hint_seen) found(c, entry.hint, psprintf("insert hint of list %u is not in the list", list));
}

// The next segment that a list leads to, in the order of the file; -1 after the last.
static int64 next_chained(Checker* c) {
    Datum value;
    bool isnull;
    return next_sorted_datum(c->chained, &value, &isnull) ? DatumGetInt64(value) : -1;
}

// The segments of a page beside those that lists lead to: each in exactly one list.
static void check_page(Checker* c, BlockNumber block, Page page, int64* chained) {
    const char* problem = page_problem(page, PageKind::kPosting, 0, 0);
    for (uint32 at = 0; problem == NULL && at < segments_end(&c->geometry, page);
         at = segment_after(&c->geometry, page, at)) {
        if (c->geometry.pages > 1 && segment_header(page, at)->list == kNoList) break;
        problem = segment_problem(&c->geometry, page, at);
        if (problem != NULL) break;
        const uint32 list = segment_header(page, at)->list;
        // What a vacuum that was cut short has written, or dropped and not met yet.
        if (list == kNoList || (list < c->meta.next_list && is_dropped(&c->lists, list) && !is_unused(&c->lists, list)))
            continue;
        const int64 here = pack_segment({block, static_cast<uint16>(at)});
        while (*chained >= 0 && *chained < here) {
            found(c, static_cast<BlockNumber>(*chained >> 16), "a list leads into the middle of a segment");
            *chained = next_chained(c);
        }
        if (*chained != here) {
            found(c, block, "no list leads to this segment");
            continue;
        }
        if (c->lists.searched[list]) check_rows(c, block, segment_at(page, at));
        *chained = next_chained(c);
        for (; *chained == here; *chained = next_chained(c)) found(c, block, "two lists lead to one segment");
        if (c->geometry.pages > 1) check_parts(c, segment_header(page, at)->list, block);
    }
    if (problem != NULL) found(c, block, problem);
}

// All pages of an extent of records.
static void check_extent(Checker* c, BlockNumber extent) {
    record_check_extent(&c->records, extent);
    for (uint32 part = 0; part < c->records.geometry.pages && extent + part < c->blocks; part++)
        if (!mark_seen(c, extent + part)) found(c, extent + part, "page of records is elsewhere too");
}

static bool begins_extent(const Checker* c, Page page) {
    return HasRecords(c->meta) && page_problem(page, PageKind::kReorder, 0, 0) == NULL;
}

// Waits to be cleared away: of an epoch that is over, was given up, or had regions elsewhere.
static bool is_left_over(const Checker* c, Page page) {
    return page_is_of_another_epoch(page, c->meta.epoch) || holds_region(page);
}

// New pages are an extension cut short; parts alone are what an insert cut short leaves of an extent.
static void check_pages(Checker* c) {
    tuplesort_performsort(c->chained);
    int64 chained = next_chained(c);
    PGAlignedBlock copy;
    for (BlockNumber block = c->meta.postings_start; block < c->blocks; block++) {
        CHECK_FOR_INTERRUPTS();
        if (c->seen[block >> 3] & (1 << (block & 7))) continue;
        Buffer buffer = ReadBuffer(c->index, block);
        LockBuffer(buffer, BUFFER_LOCK_SHARE);
        memcpy(copy.data, BufferGetPage(buffer), BLCKSZ);
        UnlockReleaseBuffer(buffer);
        if (PageIsNew(copy.data) || page_tail(copy.data)->part != 0 || is_left_over(c, copy.data)) continue;
        if (begins_extent(c, copy.data)) check_extent(c, block);
        else check_page(c, block, copy.data, &chained);
    }
    tuplesort_end(c->chained);
}

// Every row that an index points to has its line pointer in the heap, be it dead: vacuum frees that after the index.
static void check_heap_row(Checker* c, int64 row) {
    const BlockNumber block = row_block(row);
    const OffsetNumber offset = row_offset(row);
    if (c->heap_page == NULL || block >= c->heap_blocks) return;
    if (block != c->heap_block) {
        CHECK_FOR_INTERRUPTS();
        Buffer buffer = ReadBufferExtended(c->heap, MAIN_FORKNUM, block, RBM_NORMAL, c->strategy);
        LockBuffer(buffer, BUFFER_LOCK_SHARE);
        memcpy(c->heap_page, BufferGetPage(buffer), BLCKSZ);
        UnlockReleaseBuffer(buffer);
        c->heap_block = block;
    }
    if (offset < 1 || PageIsNew(c->heap_page) || offset > PageGetMaxOffsetNumber(c->heap_page) ||
        !ItemIdIsUsed(PageGetItemId(c->heap_page, offset)))
        found(c, 0, psprintf("row (%u,%u) is not in the table", block, offset));
}

static void check_duplicates(Checker* c) {
    tuplesort_performsort(c->tids);
    Datum value;
    bool isnull;
    int64 last = -1;
    uint32 entries = 0;
    while (next_sorted_datum(c->tids, &value, &isnull)) {
        const int64 entry = DatumGetInt64(value), row = entry_row(entry);
        entries = last >= 0 && row == entry_row(last) ? entries + 1 : 1;
        if (entries == 1) {
            check_heap_row(c, row);
            c->rows++;
        }
        if (entries == EntriesOfRow(c->meta) + 1 || (entries > 1 && EntriesOfRow(c->meta) > 1 && entry == last))
            found(c, 0, psprintf("row (%u,%u) is in the index too often", row_block(row), row_offset(row)));
        last = entry;
    }
    tuplesort_end(c->tids);
}

static void read_summaries(Checker* c) {
    const MetaPage* meta = &c->meta;
    c->summary_bytes = KeySummaryBytes(meta->key_columns);
    if (c->summary_bytes == 0) return;
    c->summaries = static_cast<char*>(palloc_extended(c->summary_bytes * meta->lists, MCXT_ALLOC_HUGE));
    for (uint32 list = 0; list < meta->lists; list++) {
        Buffer buffer = lock_directory(c->index, meta, list, BUFFER_LOCK_SHARE);
        const char* summary = summary_of_entry(directory_entry(meta, BufferGetPage(buffer), list));
        memcpy(c->summaries + list * c->summary_bytes, summary, c->summary_bytes);
        UnlockReleaseBuffer(buffer);
    }
}

// The lists that searches look through: each once, and in use.
static void check_searched(Checker* c) {
    uint32 searched = 0;
    c->lists = read_list_table(c->index, &c->meta);
    read_summaries(c);
    for (uint32 list = 0; list < c->meta.lists; list++) {
        const DirectoryEntry* entry = &c->lists.entries[list];
        searched += c->lists.searched[list];
        if (entry->state > static_cast<uint8>(ListState::kUnused))
            found(c, 0, psprintf("list %u is in an unknown state", list));
        if (!is_dropped(&c->lists, list)) continue;
        if (c->lists.searched[list]) found(c, 0, psprintf("list %u is searched and no longer in use", list));
        if (entry->head != kInvalidBlock) found(c, 0, psprintf("list %u is dropped and has rows", list));
    }
    if (searched != c->meta.live_lists) found(c, c->meta.compact.start, "a list is searched twice");
}

// The list of free pages.
static void check_free(Checker* c) {
    for (BlockNumber block = c->meta.free_head; block != kInvalidBlock;) {
        CHECK_FOR_INTERRUPTS();
        if (block >= c->blocks || !mark_seen(c, block)) {
            found(c, block, "the list of free pages leads outside the index, or to a page in use");
            return;
        }
        for (uint32 part = 1; part < c->meta.upkeep.free_unit && block + part < c->blocks; part++)
            mark_seen(c, block + part);
        Buffer buffer = ReadBuffer(c->index, block);
        LockBuffer(buffer, BUFFER_LOCK_SHARE);
        const BlockNumber next = page_tail(BufferGetPage(buffer))->owner;
        const char* problem = page_problem(BufferGetPage(buffer), PageKind::kFree, next, 0);
        UnlockReleaseBuffer(buffer);
        if (problem != NULL) {
            found(c, block, problem);
            return;
        }
        block = next;
    }
}

// A sound index may wait for a vacuum all the same.
static void tell_state(const Checker* c) {
    const double rows = static_cast<double>(c->rows);
    if (!state_is_noteworthy(&c->meta, rows)) return;
    ereport(NOTICE, (errmsg("index \"%s\" is %s", RelationGetRelationName(c->index),
                            index_state(c->index, c->heap, &c->meta, rows)),
                     keeps_in_shape(c->index) ? errhint("vectorq_renew does it now.")
                                              : errhint("Set maintain = on, or call vectorq_renew.")));
}

static const char* read_raw_meta(Checker* c) {
    if (c->blocks == 0) return "no meta page";
    Buffer buffer = ReadBuffer(c->index, 0);
    LockBuffer(buffer, BUFFER_LOCK_SHARE);
    const char* problem = page_problem(BufferGetPage(buffer), PageKind::kMeta, 0, 0);
    memcpy(&c->meta, page_payload(BufferGetPage(buffer)), sizeof(c->meta));
    UnlockReleaseBuffer(buffer);
    return problem != NULL ? problem : meta_problem(c->index, &c->meta, c->blocks);
}

// The epoch of c->meta.
static void check_epoch(Checker* c) {
    c->geometry = meta_geometry(c->index, &c->meta);
    c->seen = static_cast<uint8*>(palloc_extended(c->blocks / 8 + 1, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO));
    c->tids =
        tuplesort_begin_datum(INT8OID, Int8LessOperator, InvalidOid, false, maintenance_work_mem / 2, NULL, kSortOnce);
    c->chained =
        tuplesort_begin_datum(INT8OID, Int8LessOperator, InvalidOid, false, maintenance_work_mem / 2, NULL, kSortOnce);
    mark_seen(c, 0);
    check_region(c, &c->meta.centroids, PageKind::kCentroids, c->meta.generation);
    check_region(c, &c->meta.compact, PageKind::kCompactCentroids, c->meta.generation);
    check_searched(c);
    check_free(c);
    check_region(c, &c->meta.quantizer, PageKind::kQuantizer);
    check_region(c, &c->meta.reorder_params, PageKind::kReorderParams);
    check_region(c, &c->meta.transform_matrix, PageKind::kTransform);
    check_region(c, &c->meta.calibration, PageKind::kCalibration);
    check_calibration(c);
    check_region(c, &c->meta.list_uses, PageKind::kListUses);
    check_region(c, &c->meta.directory, PageKind::kDirectory);
    for (const Region& region : c->meta.more_directory) check_region(c, &region, PageKind::kDirectory);
    for (uint32 list = 0; list < c->meta.lists; list++)
        if (!is_dropped(&c->lists, list)) check_list(c, list);
    if (HasRecords(c->meta)) {
        c->records.index = c->index;
        c->records.meta = &c->meta;
        c->records.blocks = c->blocks;
        c->records.found = [](void* checker, BlockNumber block, const char* what) {
            found(static_cast<Checker*>(checker), block, what);
        };
        c->records.checker = c;
        record_check_begin(&c->records);
        for (BlockNumber at = 0; at < c->meta.records_blocks; at += c->records.geometry.pages)
            check_extent(c, c->meta.records_start + at);
    }
    check_pages(c);
    if (HasRecords(c->meta)) record_check_end(&c->records);
    check_duplicates(c);
}

// What a renewal has made so far.
static void check_next(const Checker* present) {
    Checker c = *present;
    if (!read_next_meta(c.index, &c.meta)) return;
    c.summaries = NULL;
    c.records = RecordCheck{};
    c.rows = 0;
    check_epoch(&c);
}

static void check_index(Checker* c) {
    const char* problem = read_raw_meta(c);
    if (problem != NULL) {
        found(c, 0, problem);
        return;
    }
    check_epoch(c);
    tell_state(c);
    // One that broke off waits to be cleared away.
    if (is_resting(&c->meta)) check_next(c);
}

}  // namespace vectorq

using namespace vectorq;

VQ_FUNCTION(vectorq_check) {
    begin_rows(fcinfo);
    const LOCKMODE lock = RecoveryInProgress() ? AccessShareLock : ShareLock;
    OpenedIndex opened = open_index(PG_GETARG_OID(0), lock, false);
    Checker c{};
    c.result = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    c.index = opened.index;
    c.blocks = RelationGetNumberOfBlocks(opened.index);
    c.heap_blocks = RelationGetNumberOfBlocks(opened.heap);
    c.heap = opened.heap;
    // On a standby rows stream in and out meanwhile.
    if (opened.heap->rd_rel->relam == HEAP_TABLE_AM_OID && !RecoveryInProgress()) {
        c.heap_page = static_cast<char*>(palloc(BLCKSZ));
        c.heap_block = InvalidBlockNumber;
        c.strategy = GetAccessStrategy(BAS_BULKREAD);
    }
    check_index(&c);
    close_index(&opened, lock);
    return static_cast<Datum>(0);
}
