// See rebalance_state.h: the rows of lists that are replaced.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "store/posting_builder.h"
#include "maintain/rebalance_state.h"
#include "maintain/table_rows.h"
#include "store/tid.h"
#include "core/base/group_sort.h"
#include "core/cluster/assign.h"
#include "core/cluster/kmeans.h"
#include "core/cluster/replicas.h"
#include "core/simd/distance.h"
#include "core/transform/transform.h"
#include "pg/entry.h"
#include "pg/fault.h"
#include "pg/memory.h"

namespace vectorq {

static bool codes_are_rows(const Rebalance* r) { return TraitsOf(r->cache->codec.kind).exact; }
static Size key_bytes(const Rebalance* r) { return r->cache->geometry.key_places.packed_bytes; }

// ---- reading

static void take_rows(Rebalance* r, char* segment, uint8* codes) {
    const Size room = r->objects->rows.rows();
    const PostingGeometry* g = &r->cache->geometry;
    const SegmentHeader* header = reinterpret_cast<const SegmentHeader*>(segment);
    const SegmentLayout layout = LayoutOf(*g, header->capacity);
    for (uint32 slot = 0; slot < header->count && r->num_rows < room; slot++) {
        const RowFields fields = TakeFields(*g, layout, segment, slot);
        if (!IsRow(fields.tid)) continue;
        const Size row = r->num_rows++;
        r->fields[row] = fields;
        TakeKeys(*g, layout, segment, header->capacity, slot, r->keys + row * key_bytes(r));
        if (!codes_are_rows(r)) continue;
        const uint8* code = codes + static_cast<Size>(slot) * g->code_bytes;
        DecodeExact(r->cache->codec, code, r->objects->rows.row(row));
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
        Buffer buffer = read_segment(r->index, g, at, list, BUFFER_LOCK_SHARE, r->strategy);
        memcpy(first_page, BufferGetPage(buffer), BLCKSZ);
        UnlockReleaseBuffer(buffer);
        char* segment = segment_at(first_page, at.offset);
        if (codes_are_rows(r)) take_segment_codes(r->index, g, at.block, segment, codes, r->strategy);
        take_rows(r, segment, codes);
        at = next_segment(HeaderOf(segment));
    }
}

// Rows that are dead to everybody are left out.
static void read_from_table(Rebalance* r) {
    const IndexCache* cache = r->cache;
    TableRows* rows = open_table_rows(r->heap, r->index, r->opclass, static_cast<int>(cache->meta.dims), r->strategy);
    float* vector = static_cast<float*>(palloc(sizeof(float) * cache->meta.dims));
    Size kept = 0;
    for (Size i = 0; i < r->num_rows; i++) {
        VQ_FAULT("rebalance.row");
        vacuum_delay();
        ItemPointerData tid = from_tid(r->fields[i].tid);
        if (!read_table_row(rows, &tid, vector)) continue;
        float* x = r->objects->rows.row(kept);
        const float* made = to_code_space(cache, vector, x);
        if (made != x) memcpy(x, made, sizeof(float) * cache->meta.code_dims);
        r->fields[kept] = r->fields[i];
        if (kept < i) memcpy(r->keys + kept * key_bytes(r), r->keys + i * key_bytes(r), key_bytes(r));
        kept++;
    }
    r->num_rows = kept;
    pfree(vector);
    close_table_rows(rows);
}

bool read_victims(Rebalance* r) {
    const PostingGeometry* g = &r->cache->geometry;
    // Inserts may have added rows since they were counted.
    const Size room = std::min(r->room, r->batch->rows + r->batch->rows / (kRoomForInserts - 1) + 1024);
    r->num_rows = 0;
    r->fields = static_cast<RowFields*>(palloc_extended(sizeof(RowFields) * room, MCXT_ALLOC_HUGE));
    r->keys = static_cast<char*>(palloc_extended(key_bytes(r) * room + 1, MCXT_ALLOC_HUGE));
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

// So many lists, or fewer if rows are alike.
static Matrix train(Rebalance* r, const Matrix& rows, uint32 lists) {
    KMeansOptions options;
    options.lists = lists;
    options.spherical = IsDotMetric(r->cache->codec.metric);
    options.seed = r->meta.seed;
    options.balance = kUsualBalance;
    Matrix made = TrainKMeans(rows, options, r->objects->stop);
    if (!options.spherical) return made;
    // As long as the others are.
    const Matrix& all = r->objects->all;
    const float* one = all.row(r->victims[r->batch->first].list);
    const float length = std::sqrt(DotF32(one, one, all.cols()));
    for (size_t i = 0; i < made.rows() * made.cols(); i++) made.data()[i] *= length;
    return made;
}

namespace {
// Rows of which the batch has several entries.
struct Twins {
    std::vector<uint32_t> order;  // entries in order of their rows
    std::vector<uint32_t> start;  // of such a row: in order
    std::vector<uint32_t> count;  // and how many
    Matrix rows;
    std::vector<uint32_t> first;  // the nearest of the new lists
};
}  // namespace

static Twins find_twins(const Rebalance* r) {
    const RebalanceObjects* o = r->objects;
    Twins t;
    t.order.resize(r->num_rows);
    std::iota(t.order.begin(), t.order.end(), 0u);
    const auto row_of = [&](uint32_t entry) { return pack_tid(r->fields[entry].tid); };
    std::sort(t.order.begin(), t.order.end(), [&](uint32_t a, uint32_t b) { return row_of(a) < row_of(b); });
    for (uint32_t i = 0, end; i < r->num_rows; i = end) {
        for (end = i + 1; end < r->num_rows && row_of(t.order[end]) == row_of(t.order[i]);) end++;
        if (end - i == 1) continue;
        t.start.push_back(i);
        t.count.push_back(end - i);
    }
    t.rows = Matrix(t.start.size(), r->cache->meta.code_dims);
    for (size_t i = 0; i < t.start.size(); i++) {
        std::copy_n(o->rows.row(t.order[t.start[i]]), t.rows.cols(), t.rows.row(i));
        t.first.push_back(o->target[t.order[t.start[i]]]);
    }
    return t;
}

// The lists of each row of `t`: lists (rows, most), of which counts are set, as the build chooses them.
static void choose_lists_of_twins(const Rebalance* r, const ReplicaAssigner& replicas, const Twins& t,
                                  std::vector<uint32_t>& lists, std::vector<uint32_t>& counts) {
    const size_t rows = t.rows.rows(), most = EntriesOfRow(r->meta);
    lists.resize(rows * most);
    if (EntriesVary(r->meta)) {
        std::vector<uint8_t> found(rows);
        replicas.ClosureLists(t.rows.data(), rows, t.first.data(), r->meta.closure_epsilon, most, lists.data(),
                              found.data(), 1, r->objects->stop);
        counts.assign(found.begin(), found.end());
        return;
    }
    std::vector<uint32_t> second(rows);
    replicas.SoarSecond(t.rows.data(), rows, t.first.data(), kSoarLambda, second.data(), 1, r->objects->stop);
    counts.assign(rows, 2);
    for (size_t i = 0; i < rows; i++) {
        lists[i * most] = t.first[i];
        lists[i * most + 1] = second[i];
    }
}

// So many lists for a row as it has entries: further ones are those nearest to its first.
static uint32 add_neighbours(const ReplicaAssigner& replicas, uint32_t* lists, uint32 count, uint32 wanted) {
    const uint32_t* ids = replicas.neighbour_ids(lists[0]);
    for (size_t i = 0; i < replicas.neighbours() && count < wanted; i++)
        if (std::find(lists, lists + count, ids[i]) == lists + count) lists[count++] = ids[i];
    return count;
}

// Several entries of a row go to as many lists. An entry whose twins lie in lists that stay has gone to the nearest new
// one, where they cannot be. False if there are too few lists and each row has to have all of its entries.
static bool part_twins(Rebalance* r) {
    RebalanceObjects* o = r->objects;
    const Twins t = find_twins(r);
    if (t.start.empty()) return true;
    const uint32 none = static_cast<uint32>(o->centroids.rows());
    if (none < 2 && !EntriesVary(r->meta)) return false;
    const ReplicaAssigner replicas(o->centroids, IsDotMetric(r->cache->codec.metric), kReplicaNeighbours, 1, o->stop);
    std::vector<uint32_t> lists, counts;
    choose_lists_of_twins(r, replicas, t, lists, counts);
    const size_t most = EntriesOfRow(r->meta);
    for (size_t i = 0; i < t.start.size(); i++) {
        uint32_t* own = lists.data() + i * most;
        const uint32 wanted = std::min<uint32>(t.count[i], static_cast<uint32>(most));
        const uint32 count = add_neighbours(replicas, own, counts[i], wanted);
        for (uint32 entry = 0; entry < t.count[i]; entry++)
            o->target[t.order[t.start[i] + entry]] = entry < count ? own[entry] : none;
    }
    return true;
}

bool train_new_lists(Rebalance* r) {
    RebalanceObjects* o = r->objects;
    if (r->num_rows > 0) {
        o->centroids = train(r, o->rows, std::min<uint32>(r->batch->pieces, static_cast<uint32>(r->num_rows)));
    } else {
        o->centroids = Matrix(1, r->cache->meta.code_dims);
        std::copy_n(o->all.row(r->victims[r->batch->first].list), r->cache->meta.code_dims, o->centroids.data());
    }
    r->num_lists = static_cast<uint32>(o->centroids.rows());
    o->target.resize(r->num_rows);
    if (r->num_rows == 0) return true;
    Assigner(o->centroids, IsDotMetric(r->cache->codec.metric) ? AssignMetric::kDot : AssignMetric::kL2)
        .Nearest(o->rows.data(), r->num_rows, o->target.data(), nullptr, 1, o->stop);
    return EntriesOfRow(r->meta) == 1 || part_twins(r);
}

// ---- writing

// Rows that are encoded at a time.
static constexpr Size kEncodeRows = 1024;

// order: rows by new list.
static void write_rows(Rebalance* r, PostingBuilder* w, const uint32* order) {
    RebalanceObjects* o = r->objects;
    const IndexCache* cache = r->cache;
    const Codec* codec = codec_to_encode(r->index, r->cache);
    const uint32 dims = cache->meta.code_dims;
    const StagedShape shape = StagedShapeOf(cache->geometry);
    const Size stride = MAXALIGN(StagedBytes(shape));
    char* staged = static_cast<char*>(palloc_extended(stride * kEncodeRows, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO));
    float* rows = static_cast<float*>(palloc_extended(sizeof(float) * dims * kEncodeRows, MCXT_ALLOC_HUGE));
    uint32* lists = static_cast<uint32*>(palloc(sizeof(uint32) * kEncodeRows));
    uint8* fits = static_cast<uint8*>(palloc(kEncodeRows));
    float* scratch =
        static_cast<float*>(palloc_extended(sizeof(float) * EncodeScratchFloats(*codec, kEncodeRows), MCXT_ALLOC_HUGE));
    for (Size begin = 0; begin < r->num_rows; begin += kEncodeRows) {
        vacuum_delay();
        const Size count = std::min(kEncodeRows, r->num_rows - begin);
        for (Size i = 0; i < count; i++) {
            const uint32 row = order[begin + i];
            memcpy(rows + i * dims, o->rows.row(row), sizeof(float) * dims);
            SetStagedFields(staged + i * stride, r->fields[row]);
            SetStagedKeys(staged + i * stride, shape, r->keys + row * key_bytes(r));
            lists[i] = o->target[row];
        }
        const RowSink sink = {reinterpret_cast<uint8*>(staged), stride, StagedCodeAt(shape), kStagedScalarAt, fits};
        EncodeRows(*codec, rows, count, o->centroids.data(), lists, sink, scratch);
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
        SortByGroup(r->objects->target.data(), r->num_rows, r->num_lists + 1, start, order);
        r->num_rows = start[r->num_lists];  // those that go to none come last
    });
    PostingBuilder w;
    PageSink sink = live_pages(r->index, r->meta.epoch);
    take_free_pages(&sink, &r->cache->geometry);
    posting_builder_begin(&w, &sink, &r->cache->geometry, r->entries, r->num_lists, r->numbers);
    write_rows(r, &w, order);
    posting_builder_end(&w);
    r->summaries = w.summaries;
    for (uint32 list = 0; list < r->num_lists; list++)
        r->entries[list].odd = r->entries[list].rows > r->limit || r->entries[list].rows < kDissolveBelow * r->mean;
    pfree(order);
}

}  // namespace vectorq
