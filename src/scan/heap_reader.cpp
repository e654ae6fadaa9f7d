// See heap_reader.h. Two ways to a row:
//
// Any table, any index expression: the table access method, as the executor does.
//
// A plain column of an ordinary heap: rows to be reordered lie anywhere in the table, and each visit waited for memory
// four times (buffer table, page header, line pointer, vector): 1.6 us a row, a third of a query. So the scan remembers
// which buffer held a block, and asks for the memory of rows to come while it looks at the present one.
//
// Where blocks are missing from the buffers, rows are read in the order of the table, and those to come are asked for.
#include "scan/heap_reader.h"

#include <algorithm>

#include "scan/readahead.h"
#include "pg/entry.h"

extern "C" {
#include "access/heapam.h"
#include "storage/buf_internals.h"
}

namespace vectorq {

namespace {
// Made once a scan, in the scan's memory context.
struct HeapReader {
    EState* estate;
    IndexInfo* info;
    TupleTableSlot* slot;
    MemoryContext row_context;
    bool has_blocks;  // an ordinary heap: a tid's block is one of the file
    bool plain;       // a plain column of one in shared buffers
    // — of the present call —
    const uint64* tids;
    size_t n;
    Readahead ahead;
};
}  // namespace

// Rows between asking for memory and use: the page's header, then the row that its line pointer names.
static constexpr size_t kHeaderAhead = 8;
static constexpr size_t kRowAhead = 4;

static HeapReader* heap_reader(IndexScanDesc scan, ScanState* state) {
    if (state->reading.heap_reader != NULL) return static_cast<HeapReader*>(state->reading.heap_reader);
    MemoryContext before = MemoryContextSwitchTo(state->context);
    HeapReader* reader = static_cast<HeapReader*>(palloc0(sizeof(HeapReader)));
    reader->info = BuildIndexInfo(scan->indexRelation);
    reader->estate = CreateExecutorState();
    // A copy of the descriptor: a counted reference would outlive an aborted scan.
    reader->slot = MakeSingleTupleTableSlot(CreateTupleDescCopy(RelationGetDescr(scan->heapRelation)),
                                            table_slot_callbacks(scan->heapRelation));
    reader->row_context = AllocSetContextCreate(state->context, "vectorq heap row", ALLOCSET_DEFAULT_SIZES);
    reader->has_blocks = scan->heapRelation->rd_tableam == GetHeapamTableAmRoutine();
    reader->plain =
        reader->has_blocks && reader->info->ii_IndexAttrNumbers[0] > 0 && !RelationUsesLocalBuffers(scan->heapRelation);
    MemoryContextSwitchTo(before);
    state->reading.heap_reader = reader;
    return reader;
}

static BlockNumber block_of(uint64 tid) { return static_cast<BlockNumber>(tid >> 32); }
static OffsetNumber offset_of(uint64 tid) { return static_cast<OffsetNumber>(tid >> 16 & 0xFFFF); }

// NULL for a table whose buffers are not remembered.
static Buffer* heap_buffer(const HeapReader* reader, IndexCache* cache, uint64 tid) {
    const BlockNumber block = block_of(tid);
    return reader->plain ? noted_buffer(&cache->recent.heap, block) : NULL;
}

// tids[i] is read next: asks for the blocks of those after it.
static void ask_for_rows(IndexScanDesc scan, ScanState* state, HeapReader* reader, size_t i) {
    Readahead* ahead = &reader->ahead;
    if (likely(!readahead_wanted(ahead)) || !reader->has_blocks) return;
    const size_t end = std::min(reader->n, i + 1 + static_cast<size_t>(ahead->depth));
    for (ahead->next = std::max(ahead->next, static_cast<uint32>(i + 1)); ahead->next < end; ahead->next++) {
        const uint64 tid = reader->tids[ahead->next];
        if (block_of(tid) == block_of(reader->tids[ahead->next - 1])) continue;
        check_heap_block(scan, state, tid);
        ask_for_page(scan->heapRelation, block_of(tid), heap_buffer(reader, state->search.cache, tid));
    }
}

// ---- any table

static void read_by_table_am(IndexScanDesc scan, ScanState* state, HeapReader* reader,
                             void (*visit)(void* arg, size_t i, const VectorView* view), void* arg) {
    IndexFetchTableData* fetch = table_index_fetch_begin(scan->heapRelation);
    for (size_t i = 0; i < reader->n; i++) {
        if ((i & 255) == 255) CHECK_FOR_INTERRUPTS();
        ItemPointerData pointer;
        bool call_again = false, all_dead = false, isnull[INDEX_MAX_KEYS];
        Datum values[INDEX_MAX_KEYS];
        ask_for_rows(scan, state, reader, i);
        check_heap_block(scan, state, reader->tids[i]);
        unpack_tid(reader->tids[i], &pointer);
        if (!table_index_fetch_tuple(fetch, &pointer, scan->xs_snapshot, reader->slot, &call_again, &all_dead))
            continue;
        state->reading.version = reader->slot->tts_tid;
        ExprContext* econtext = GetPerTupleExprContext(reader->estate);
        ResetExprContext(econtext);
        econtext->ecxt_scantuple = reader->slot;
        FormIndexDatum(reader->info, reader->slot, reader->estate, values, isnull);
        if (!isnull[0]) {
            MemoryContext before = MemoryContextSwitchTo(econtext->ecxt_per_tuple_memory);
            const VectorView view = vector_view_from_datum(values[0], state->search.opclass->element);
            visit(arg, i, &view);
            MemoryContextSwitchTo(before);
        }
        ExecClearTuple(reader->slot);
    }
    table_index_fetch_end(fetch);
}

// ---- an ordinary heap

static char* recent_page(const HeapReader* reader, IndexCache* cache, uint64 tid) {
    const Buffer* recent = heap_buffer(reader, cache, tid);
    return recent == NULL || *recent == InvalidBuffer ? NULL : static_cast<char*>(BufferGetPage(*recent));
}

// The page may hold anything by now, for no pin protects it: nothing is believed, only memory asked for.
static void prefetch_header(const HeapReader* reader, IndexCache* cache, uint64 tid) {
    const char* page = recent_page(reader, cache, tid);
    if (page == NULL) return;
    __builtin_prefetch(GetBufferDescriptor(*heap_buffer(reader, cache, tid) - 1));
    __builtin_prefetch(page);
    __builtin_prefetch(page + SizeOfPageHeaderData + sizeof(ItemIdData) * (offset_of(tid) - 1) % BLCKSZ);
}

static void prefetch_row(const HeapReader* reader, IndexCache* cache, uint64 tid, uint32 bytes) {
    const char* page = recent_page(reader, cache, tid);
    const OffsetNumber offset = offset_of(tid);
    if (page == NULL || offset < 1 || offset > MaxHeapTuplesPerPage) return;
    ItemIdData item;
    memcpy(&item, page + SizeOfPageHeaderData + sizeof(ItemIdData) * (offset - 1), sizeof(item));
    const uint32 begin = ItemIdGetOffset(&item);
    const uint32 end = std::min<uint32>(begin + std::min<uint32>(bytes, ItemIdGetLength(&item)), BLCKSZ);
    for (uint32 at = begin; at < end; at += PG_CACHE_LINE_SIZE / 2) __builtin_prefetch(page + at);
}

static void read_by_buffers(IndexScanDesc scan, ScanState* state, HeapReader* reader,
                            void (*visit)(void* arg, size_t i, const VectorView* view), void* arg) {
    Relation heap = scan->heapRelation;
    IndexCache* cache = state->search.cache;
    const AttrNumber attribute = reader->info->ii_IndexAttrNumbers[0];
    const uint32 row_bytes = 128 + cache->meta.dims * TraitsOf(state->search.opclass->element).bits / 8;
    MemoryContext before = MemoryContextSwitchTo(reader->row_context);
    for (size_t i = 0; i < std::min(reader->n, kHeaderAhead); i++) prefetch_header(reader, cache, reader->tids[i]);
    for (size_t i = 0; i < std::min(reader->n, kRowAhead); i++) prefetch_row(reader, cache, reader->tids[i], row_bytes);
    for (size_t i = 0; i < reader->n; i++) {
        if ((i & 255) == 255) CHECK_FOR_INTERRUPTS();
        if (i + kHeaderAhead < reader->n) prefetch_header(reader, cache, reader->tids[i + kHeaderAhead]);
        if (i + kRowAhead < reader->n) prefetch_row(reader, cache, reader->tids[i + kRowAhead], row_bytes);
        ItemPointerData pointer;
        ask_for_rows(scan, state, reader, i);
        check_heap_block(scan, state, reader->tids[i]);
        unpack_tid(reader->tids[i], &pointer);
        HeapTupleData tuple;
        const Buffer buffer = pin_recent(heap, block_of(reader->tids[i]), heap_buffer(reader, cache, reader->tids[i]),
                                         &cache->recent.turn);
        LockBuffer(buffer, BUFFER_LOCK_SHARE);
        const bool seen = heap_hot_search_buffer(&pointer, heap, buffer, scan->xs_snapshot, &tuple, NULL, true);
        LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
        if (seen) {
            // The pin alone keeps the row where it is.
            bool isnull;
            state->reading.version = pointer;
            const Datum value = heap_getattr(&tuple, attribute, RelationGetDescr(heap), &isnull);
            if (!isnull) {
                const VectorView view = vector_view_from_datum(value, state->search.opclass->element);
                visit(arg, i, &view);
                MemoryContextReset(reader->row_context);
            }
        }
        ReleaseBuffer(buffer);
    }
    MemoryContextSwitchTo(before);
}

void read_heap_vectors(IndexScanDesc scan, ScanState* state, const uint64* tids, size_t n,
                       void (*visit)(void* arg, size_t i, const VectorView* view), void* arg) {
    HeapReader* reader = heap_reader(scan, state);
    reader->tids = tids;
    reader->n = n;
    if (reader->plain) track_heap(state->search.cache, scan->heapRelation);
    readahead_begin(&reader->ahead, scan->heapRelation, &state->search.cache->heap_cold);
    if (reader->plain) read_by_buffers(scan, state, reader, visit, arg);
    else read_by_table_am(scan, state, reader, visit, arg);
    readahead_end(&reader->ahead, &state->search.cache->heap_cold);
}

}  // namespace vectorq
