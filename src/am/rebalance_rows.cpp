// See rebalance_state.h: the rows of lists that are replaced.
#include <algorithm>
#include <limits>

#include "am/posting_builder.h"
#include "am/rebalance_state.h"
#include "core/base/group_sort.h"
#include "core/cluster/assign.h"
#include "core/cluster/kmeans.h"
#include "core/simd/distance.h"
#include "core/transform/transform.h"
#include "pg/entry.h"
#include "pg/fault.h"
#include "pg/memory.h"

extern "C" {
#include "access/heapam.h"
#include "access/htup_details.h"
}

namespace vectorq {

static bool codes_are_rows(const Rebalance* r) {
    return r->cache->codec.kind == CodeKind::kF32 || r->cache->codec.kind == CodeKind::kF16;
}

// ---- reading

// A piece of codes that lie on page `part` of a segment: into the rows from `first` on.
static void take_code_part(Rebalance* r, const SegmentLayout* layout, const char* payload, uint32 part, uint32 count,
                           uint8* codes) {
    const PostingGeometry* g = &r->cache->geometry;
    const uint64 begin = static_cast<uint64>(part) * g->payload;
    const uint64 first = layout->codes_offset, last = first + static_cast<uint64>(count) * g->code_bytes;
    const uint64 from = std::max(begin, first), to = g->pages == 1 ? last : std::min(begin + g->payload, last);
    if (from < to) memcpy(codes + (from - first), payload + (from - begin), to - from);
}

static void take_rows(Rebalance* r, uint32 victim, char* segment, uint8* codes) {
    const Size room = r->objects->rows.rows();
    const PostingGeometry* g = &r->cache->geometry;
    const SegmentHeader* header = reinterpret_cast<const SegmentHeader*>(segment);
    const SegmentLayout layout = LayoutOf(*g, header->capacity);
    const ItemPointerData* tids = segment_tids(segment);
    const ItemPointerData* pointers = segment_pointers(g, &layout, segment);
    const uint32 dims = r->cache->meta.code_dims;
    for (uint32 slot = 0; slot < header->count && r->num_rows < room; slot++) {
        if (!ItemPointerIsValid(&tids[slot])) continue;
        const Size row = r->num_rows++;
        r->tids[row] = tids[slot];
        if (pointers != NULL) r->pointers[row] = pointers[slot];
        r->victim_of[row] = victim;
        if (!codes_are_rows(r)) continue;
        const uint8* code = codes + static_cast<Size>(slot) * g->code_bytes;
        if (r->cache->codec.kind == CodeKind::kF32) memcpy(r->objects->rows.row(row), code, sizeof(float) * dims);
        else F16ToF32(reinterpret_cast<const half*>(code), dims, r->objects->rows.row(row));
    }
}

// The list is sealed: nothing changes on its pages.
static void read_chain(Rebalance* r, uint32 victim, char* first_page, uint8* codes) {
    const PostingGeometry* g = &r->cache->geometry;
    const uint32 list = r->victims[r->batch->first + victim].list;
    DirectoryEntry entry;
    read_directory(r->index, &r->meta, list, &entry);
    uint64 steps = 0;
    for (SegmentRef at = {entry.head, entry.head_offset}; has_segment(at);) {
        vacuum_delay();
        count_step(r->index, at, &steps);
        Buffer buffer = read_segment(r->index, g, at, list, BUFFER_LOCK_SHARE);
        memcpy(first_page, BufferGetPage(buffer), BLCKSZ);
        UnlockReleaseBuffer(buffer);
        char* segment = segment_at(first_page, at.offset);
        const SegmentHeader* header = reinterpret_cast<const SegmentHeader*>(segment);
        const SegmentLayout layout = LayoutOf(*g, header->capacity);
        if (codes_are_rows(r)) take_code_part(r, &layout, segment, 0, header->count, codes);
        for (uint32 part = 1; part < g->pages && codes_are_rows(r); part++) {
            buffer = read_page(r->index, at.block + part, PageKind::kPosting, list, static_cast<uint16>(part),
                               BUFFER_LOCK_SHARE);
            take_code_part(r, &layout, page_payload(BufferGetPage(buffer)), part, header->count, codes);
            UnlockReleaseBuffer(buffer);
        }
        take_rows(r, victim, segment, codes);
        at = next_segment(header);
    }
}

namespace {
// How rows are read from the table.
struct TableReader {
    IndexFetchTableData* fetch;
    SnapshotData snapshot;
    TupleTableSlot* slot;
    EState* estate;
    IndexInfo* info;
    float* row;  // (dims)
};
}  // namespace

static bool vector_of_slot(Rebalance* r, TableReader* t, float* x) {
    bool isnull[INDEX_MAX_KEYS];
    Datum values[INDEX_MAX_KEYS];
    ExprContext* econtext = GetPerTupleExprContext(t->estate);
    ResetExprContext(econtext);
    econtext->ecxt_scantuple = t->slot;
    MemoryContext before = MemoryContextSwitchTo(econtext->ecxt_per_tuple_memory);
    FormIndexDatum(t->info, t->slot, t->estate, values, isnull);
    const IndexCache* cache = r->cache;
    const bool kept = !isnull[0] && load_vector(r->opclass, values[0], static_cast<int>(cache->meta.dims), t->row);
    if (kept) {
        const float* made = to_code_space(cache, t->row, x);
        if (made != x) memcpy(x, made, sizeof(float) * cache->meta.code_dims);
    }
    MemoryContextSwitchTo(before);
    return kept;
}

// Whether the row is deleted and a part of it lies out of line. Others do not wait for a vacuum's snapshot: that part
// may be gone by now.
static bool may_lack_parts(TupleTableSlot* slot) {
    if (!TTS_IS_BUFFERTUPLE(slot)) return false;
    HeapTuple tuple = ExecFetchSlotHeapTuple(slot, false, NULL);
    if (!HeapTupleHasExternal(tuple)) return false;
    const Buffer buffer = reinterpret_cast<BufferHeapTupleTableSlot*>(slot)->buffer;
    LockBuffer(buffer, BUFFER_LOCK_SHARE);
    const HTSV_Result state = HeapTupleSatisfiesVacuum(tuple, FirstNormalTransactionId, buffer);
    LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
    return state == HEAPTUPLE_DEAD || state == HEAPTUPLE_RECENTLY_DEAD;
}

// The vector of a row, whatever transaction it belongs to, unless it is dead to everybody. The versions of a HOT chain
// that were made since the index was built share the indexed value, so the last one has it; the first may be older than
// the index. The centroid of its list stands for what cannot be read: only snapshots from before the row was deleted
// look for it still.
static bool read_row(Rebalance* r, TableReader* t, ItemPointer tid, uint32 victim, float* x) {
    bool call_again = false, all_dead = false, kept = false;
    ItemPointerData at = *tid;
    do {
        if (!table_index_fetch_tuple(t->fetch, &at, &t->snapshot, t->slot, &call_again, &all_dead)) break;
        kept = may_lack_parts(t->slot);
        if (kept)
            std::copy_n(r->objects->all.row(r->victims[r->batch->first + victim].list), r->cache->meta.code_dims, x);
        else kept = vector_of_slot(r, t, x);
    } while (call_again);
    ExecClearTuple(t->slot);
    return kept;
}

static void read_from_table(Rebalance* r) {
    TableReader t;
    memset(&t, 0, sizeof(t));
    t.info = BuildIndexInfo(r->index);
    t.estate = CreateExecutorState();
    t.slot = table_slot_create(r->heap, NULL);
    t.row = static_cast<float*>(palloc(sizeof(float) * r->cache->meta.dims));
    InitNonVacuumableSnapshot(t.snapshot, GlobalVisTestFor(r->heap));
    t.fetch = table_index_fetch_begin(r->heap);
    Size kept = 0;
    for (Size i = 0; i < r->num_rows; i++) {
        vacuum_delay();
        if (!read_row(r, &t, &r->tids[i], r->victim_of[i], r->objects->rows.row(kept))) continue;
        r->tids[kept] = r->tids[i];
        r->pointers[kept] = r->pointers[i];
        r->victim_of[kept] = r->victim_of[i];
        kept++;
    }
    r->num_rows = kept;
    table_index_fetch_end(t.fetch);
    ExecDropSingleTupleTableSlot(t.slot);
    FreeExecutorState(t.estate);
}

bool read_victims(Rebalance* r) {
    const PostingGeometry* g = &r->cache->geometry;
    // Inserts may have added rows since they were counted.
    const Size room = std::min(r->room, 2 * r->batch->rows + 1024);
    r->num_rows = 0;
    r->tids = static_cast<ItemPointerData*>(palloc_extended(sizeof(ItemPointerData) * room, MCXT_ALLOC_HUGE));
    r->pointers = static_cast<ItemPointerData*>(
        palloc_extended(sizeof(ItemPointerData) * room, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO));
    r->victim_of = static_cast<uint32*>(palloc_extended(sizeof(uint32) * room, MCXT_ALLOC_HUGE));
    core_call([&] { r->objects->rows = Matrix(room, r->cache->meta.code_dims); });
    char* page = static_cast<char*>(palloc(BLCKSZ));
    uint8* codes = static_cast<uint8*>(palloc(static_cast<Size>(g->capacity) * g->code_bytes));
    for (uint32 victim = 0; victim < r->batch->count; victim++) read_chain(r, victim, page, codes);
    if (r->num_rows == room) return false;
    if (!codes_are_rows(r)) read_from_table(r);
    r->objects->rows.TruncateRows(r->num_rows);
    return true;
}

// ---- new lists

// Lists of so many means at most, as far as training can tell.
static constexpr double kTrainBalance = 1.5;

// So many lists, or fewer if rows are alike.
static Matrix train(Rebalance* r, const Matrix& rows, uint32 lists) {
    KMeansOptions options;
    options.lists = lists;
    options.spherical = IsDotMetric(r->cache->codec.metric);
    options.seed = r->meta.seed;
    options.balance = kTrainBalance;
    return TrainKMeans(rows, options, r->objects->stop);
}

// Centroids of a victim's pieces, appended to `made`. One that is whole keeps its own.
static void train_pieces(Rebalance* r, uint32 victim, const uint32_t* rows, size_t count, std::vector<float>& made) {
    RebalanceObjects* o = r->objects;
    const Victim* v = &r->victims[r->batch->first + victim];
    const size_t dims = r->cache->meta.code_dims;
    if (v->pieces > 1 && count > 1) {
        Matrix part(count, dims);
        for (size_t i = 0; i < count; i++) std::copy_n(o->rows.row(rows[i]), dims, part.row(i));
        const Matrix found = train(r, part, v->pieces);
        if (found.rows() > 1) {
            made.insert(made.end(), found.data(), found.data() + found.rows() * dims);
            return;
        }
    }
    if (v->pieces > 0) made.insert(made.end(), o->all.row(v->list), o->all.row(v->list) + dims);
}

static void train_each_victim(Rebalance* r) {
    RebalanceObjects* o = r->objects;
    const size_t dims = r->cache->meta.code_dims;
    std::vector<uint32_t> start, rows(r->num_rows);
    SortByGroup(r->victim_of, r->num_rows, r->batch->count, start, rows.data());
    std::vector<float> made;
    o->first_of.clear();
    for (uint32 victim = 0; victim < r->batch->count; victim++) {
        o->first_of.push_back(uint32_t(made.size() / dims));
        train_pieces(r, victim, rows.data() + start[victim], start[victim + 1] - start[victim], made);
    }
    o->first_of.push_back(uint32_t(made.size() / dims));
    o->centroids = Matrix(made.size() / dims, dims);
    std::copy(made.begin(), made.end(), o->centroids.data());
}

static void assign_rows(Rebalance* r) {
    RebalanceObjects* o = r->objects;
    const size_t dims = r->cache->meta.code_dims;
    const AssignMetric metric = IsDotMetric(r->cache->codec.metric) ? AssignMetric::kDot : AssignMetric::kL2;
    o->target.resize(r->num_rows);
    if (r->num_rows == 0) return;
    if (r->pooled) {
        Assigner(o->centroids, metric).Nearest(o->rows.data(), r->num_rows, o->target.data(), nullptr, 1, o->stop);
        return;
    }
    // Second entries are where they are because of the first: they stay among the pieces of their list.
    for (size_t i = 0; i < r->num_rows; i++) {
        if ((i & 255) == 0) o->stop.ThrowIfStopped();
        const uint32 first = o->first_of[r->victim_of[i]], last = o->first_of[r->victim_of[i] + 1];
        float least = std::numeric_limits<float>::infinity();
        o->target[i] = first;
        for (uint32 list = first; list < last; list++) {
            const float distance = metric == AssignMetric::kDot
                                       ? -DotF32(o->rows.row(i), o->centroids.row(list), dims)
                                       : L2SquaredF32(o->rows.row(i), o->centroids.row(list), dims);
            if (distance < least) {
                least = distance;
                o->target[i] = list;
            }
        }
    }
}

void train_new_lists(Rebalance* r) {
    RebalanceObjects* o = r->objects;
    if (!r->pooled) {
        train_each_victim(r);
    } else if (r->num_rows > 0) {
        o->centroids = train(r, o->rows, r->batch->pieces);
    } else {
        o->centroids = Matrix(1, r->cache->meta.code_dims);
        std::copy_n(o->all.row(r->victims[r->batch->first].list), r->cache->meta.code_dims, o->centroids.data());
    }
    r->num_lists = static_cast<uint32>(o->centroids.rows());
    assign_rows(r);
}

// ---- writing

// Rows that are encoded at a time.
static constexpr Size kEncodeRows = 1024;

// order: rows by new list.
static void write_rows(Rebalance* r, PostingBuilder* w, const uint32* order) {
    RebalanceObjects* o = r->objects;
    const IndexCache* cache = r->cache;
    const uint32 dims = cache->meta.code_dims;
    const Size stride = MAXALIGN(kRowCodeAt + cache->geometry.code_bytes);
    char* staged = static_cast<char*>(palloc_extended(stride * kEncodeRows, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO));
    float* rows = static_cast<float*>(palloc_extended(sizeof(float) * dims * kEncodeRows, MCXT_ALLOC_HUGE));
    uint32* lists = static_cast<uint32*>(palloc(sizeof(uint32) * kEncodeRows));
    uint8* fits = static_cast<uint8*>(palloc(kEncodeRows));
    float* scratch = static_cast<float*>(
        palloc_extended(sizeof(float) * EncodeScratchFloats(cache->codec, kEncodeRows), MCXT_ALLOC_HUGE));
    for (Size begin = 0; begin < r->num_rows; begin += kEncodeRows) {
        vacuum_delay();
        const Size count = std::min(kEncodeRows, r->num_rows - begin);
        for (Size i = 0; i < count; i++) {
            const uint32 row = order[begin + i];
            memcpy(rows + i * dims, o->rows.row(row), sizeof(float) * dims);
            memcpy(staged + i * stride + kRowTidAt, &r->tids[row], kTidBytes);
            memcpy(staged + i * stride + kRowPointerAt, &r->pointers[row], kPointerBytes);
            lists[i] = o->target[row];
        }
        const RowSink sink = {reinterpret_cast<uint8*>(staged), stride, kRowCodeAt, kRowScalarAt, fits};
        EncodeRows(cache->codec, rows, count, o->centroids.data(), lists, sink, scratch);
        for (Size i = 0; i < count; i++) posting_builder_add(w, lists[i], staged + i * stride);
    }
    pfree(staged);
    pfree(rows);
    pfree(scratch);
}

void write_new_lists(Rebalance* r) {
    r->entries = static_cast<DirectoryEntry*>(palloc_extended(sizeof(DirectoryEntry) * r->num_lists, MCXT_ALLOC_HUGE));
    uint32* order =
        static_cast<uint32*>(palloc_extended(sizeof(uint32) * std::max<Size>(r->num_rows, 1), MCXT_ALLOC_HUGE));
    core_call([&] {
        std::vector<uint32_t> start;
        SortByGroup(r->objects->target.data(), r->num_rows, r->num_lists, start, order);
    });
    PostingBuilder w;
    posting_builder_begin_live(&w, r->index, &r->cache->geometry, r->entries, r->numbers, r->num_lists);
    write_rows(r, &w, order);
    posting_builder_end(&w);
    for (uint32 list = 0; list < r->num_lists; list++)
        r->entries[list].odd = r->entries[list].rows > r->limit || r->entries[list].rows < kDissolveBelow * r->mean;
    pfree(order);
}

}  // namespace vectorq
