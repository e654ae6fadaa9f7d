// vectorq_check(regclass): is every page what it should be, is every extent in exactly one list, is
// every row in one place? Returns problems as rows (block, problem); none for a sound index.
//
// Takes a share lock on the table (writers wait), so that what it sees does not move; on a standby, where
// that lock cannot be had, an access share lock: a problem found there while rows stream in should be
// looked at again.
#include <algorithm>

#include "inspect/open.h"
#include "pg/entry.h"

extern "C" {
#include "access/xlog.h"
#include "catalog/pg_operator.h"
}

namespace vectorq {

namespace {
struct Checker {
    ReturnSetInfo* result;
    Relation index;
    BlockNumber blocks, heap_blocks;
    MetaPage meta;
    ExtentGeometry geometry;
    uint8* seen;  // one bit a block
    Tuplesortstate* tids;
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

static void check_region(Checker* c, const Region* region, PageKind kind) {
    for (uint32 i = 0; i < region->blocks; i++) {
        CHECK_FOR_INTERRUPTS();
        const BlockNumber block = region->start + i;
        Buffer buffer = ReadBuffer(c->index, block);
        LockBuffer(buffer, BUFFER_LOCK_SHARE);
        const char* problem = page_problem(BufferGetPage(buffer), kind, 0, 0);
        UnlockReleaseBuffer(buffer);
        if (problem != NULL) found(c, block, problem);
        if (!mark_seen(c, block)) found(c, block, "block belongs to two regions");
    }
}

static void check_rows(Checker* c, BlockNumber block, Page page, const PostingHeader* header) {
    const ItemPointerData* tids = reinterpret_cast<const ItemPointerData*>(page_payload(page) + sizeof(*header));
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
        tuplesort_putdatum(c->tids, Int64GetDatum(static_cast<int64>(heap_block) << 16 | offset), false);
    }
    if (dead != header->dead) found(c, block, psprintf("%u dead rows, header says %u", dead, header->dead));
}

// One extent. Returns the next one's block, or invalid when the chain cannot be followed.
static BlockNumber check_extent(Checker* c, uint32 list, BlockNumber head) {
    BlockNumber next = InvalidBlockNumber;
    for (uint32 part = 0; part < c->geometry.pages; part++) {
        const BlockNumber block = head + part;
        if (block >= c->blocks) {
            found(c, head, "list goes on outside the index");
            return InvalidBlockNumber;
        }
        if (!mark_seen(c, block)) {
            found(c, block, psprintf("page is in list %u and elsewhere too", list));
            return InvalidBlockNumber;
        }
        Buffer buffer = ReadBuffer(c->index, block);
        LockBuffer(buffer, BUFFER_LOCK_SHARE);
        Page page = BufferGetPage(buffer);
        const char* problem = page_problem(page, PageKind::kPosting, list, static_cast<uint16>(part));
        if (problem == NULL && part == 0) {
            const PostingHeader* header = reinterpret_cast<const PostingHeader*>(page_payload(page));
            next = page_tail(page)->next;
            if (header->count > c->geometry.capacity || header->dead > header->count)
                problem = "more rows than fit the page";
            else
                check_rows(c, block, page, header);
        }
        UnlockReleaseBuffer(buffer);
        if (problem != NULL) {
            found(c, block, problem);
            return InvalidBlockNumber;
        }
    }
    return next;
}

static void check_list(Checker* c, uint32 list) {
    DirectoryEntry entry;
    read_directory(c->index, &c->meta, list, &entry);
    bool hint_seen = false;
    for (BlockNumber block = entry.head; block != InvalidBlockNumber; block = check_extent(c, list, block)) {
        CHECK_FOR_INTERRUPTS();
        hint_seen |= block == entry.insert_hint;
    }
    if (!hint_seen) found(c, entry.insert_hint, psprintf("insert hint of list %u is not in the list", list));
}

// Extents that no list leads to: rows would be lost. New pages are an extension cut short; parts alone
// are what an insert cut short leaves of an extent.
static void check_unreached(Checker* c) {
    for (BlockNumber block = c->meta.postings_start; block < c->blocks; block++) {
        CHECK_FOR_INTERRUPTS();
        if (c->seen[block >> 3] & (1 << (block & 7))) continue;
        Buffer buffer = ReadBuffer(c->index, block);
        LockBuffer(buffer, BUFFER_LOCK_SHARE);
        Page page = BufferGetPage(buffer);
        const bool unused = PageIsNew(page) || page_tail(page)->part > 0;
        UnlockReleaseBuffer(buffer);
        if (!unused) found(c, block, "no list leads to this page");
    }
}

static void check_duplicates(Checker* c) {
    tuplesort_performsort(c->tids);
    Datum value;
    bool isnull;
    int64 last = -1;
    while (tuplesort_getdatum(c->tids, true, &value, &isnull, NULL)) {
        const int64 tid = DatumGetInt64(value);
        if (tid == last)
            found(c, 0, psprintf("row (%u,%u) is in the index twice", static_cast<uint32>(tid >> 16),
                                 static_cast<uint32>(tid & 0xFFFF)));
        last = tid;
    }
    tuplesort_end(c->tids);
}

static const char* read_raw_meta(Checker* c) {
    if (c->blocks == 0) return "no meta page";
    Buffer buffer = ReadBuffer(c->index, 0);
    LockBuffer(buffer, BUFFER_LOCK_SHARE);
    const char* problem = page_problem(BufferGetPage(buffer), PageKind::kMeta, 0, 0);
    memcpy(&c->meta, page_payload(BufferGetPage(buffer)), sizeof(c->meta));
    UnlockReleaseBuffer(buffer);
    return problem != NULL ? problem : meta_problem(&c->meta, c->blocks);
}

static void check_index(Checker* c) {
    const char* problem = read_raw_meta(c);
    if (problem != NULL) {
        found(c, 0, problem);
        return;
    }
    c->geometry = meta_geometry(&c->meta);
    c->seen = static_cast<uint8*>(palloc_extended(c->blocks / 8 + 1, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO));
    c->tids = tuplesort_begin_datum(INT8OID, Int8LessOperator, InvalidOid, false, maintenance_work_mem, NULL,
                                    TUPLESORT_NONE);
    mark_seen(c, 0);
    check_region(c, &c->meta.centroids, PageKind::kCentroids);
    check_region(c, &c->meta.compact, PageKind::kCompactCentroids);
    check_region(c, &c->meta.quantizer, PageKind::kQuantizer);
    check_region(c, &c->meta.transform_matrix, PageKind::kTransform);
    check_region(c, &c->meta.directory, PageKind::kDirectory);
    for (uint32 list = 0; list < c->meta.lists; list++) check_list(c, list);
    check_unreached(c);
    check_duplicates(c);
}

}  // namespace vectorq

using namespace vectorq;

VQ_FUNCTION(vectorq_check) {
    SetSingleFuncCall(fcinfo, 0);
    const LOCKMODE lock = RecoveryInProgress() ? AccessShareLock : ShareLock;
    OpenedIndex opened = open_index(PG_GETARG_OID(0), lock, false);
    Checker c;
    memset(&c, 0, sizeof(c));
    c.result = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    c.index = opened.index;
    c.blocks = RelationGetNumberOfBlocks(opened.index);
    c.heap_blocks = RelationGetNumberOfBlocks(opened.heap);
    check_index(&c);
    close_index(&opened, lock);
    return static_cast<Datum>(0);
}
