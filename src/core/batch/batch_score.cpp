// See batch_score.h.
#include "core/batch/batch_score.h"

#include <algorithm>
#include <cstring>

#include "core/batch/list_terms.h"
#include "core/page/posting_codes.h"
#include "core/simd/distance.h"
#include "core/simd/finish_distances.h"
#include "core/simd/pq_scan.h"
#include "core/simd/scaled_filter.h"
#include "core/simd/topk_filter.h"

namespace vectorq {

namespace {
// Tables of 4-bit codes that lie in the first cache at a time; of other codes, queries that a tile of rows is compared
// with before the next one.
constexpr size_t kLutsAtATime = 8, kQueriesAtATime = 32;
// Bytes of rows that stay in the first cache while all these queries pass.
constexpr size_t kTileBytes = 16 * 1024;
// Queries that a thread takes at a time, at least; portions for each thread, so that none waits long for another; bytes
// of collectors that one portion has.
constexpr size_t kLeastQueries = 16, kPortionsOfThread = 4, kPortionBytes = 1024 * 1024;
// TakesTerms.
constexpr float kFarFromOrigin = 9;

bool MayHaveOwnTable(const Codec& codec) noexcept {
    return codec.kind == CodeKind::kPq4 && (!TableDependsOnList(codec) || HasListTerms(codec));
}
size_t TablesAtATime(const Codec& codec) noexcept {
    // Tables of 8-bit codes fill the second cache.
    if (codec.kind == CodeKind::kPq) return 1;
    return codec.kind == CodeKind::kPq4 ? kLutsAtATime : kQueriesAtATime;
}
size_t LutBytes(const Codec& codec) noexcept {
    return codec.kind == CodeKind::kPq4 ? (Lut16TableBytes(codec.pq.m) + 63) / 64 * 64 : 0;
}
}  // namespace

const TidSet BatchScorer::kNoRows;

BatchScorer::BatchScorer(const BatchShape& shape)
    : shape_(shape),
      has_terms_(HasListTerms(shape.codec) && shape.origin != nullptr),
      own_luts_(shape.codec.kind == CodeKind::kPq4 && (has_terms_ || !TableDependsOnList(shape.codec))),
      tables_at_a_time_(TablesAtATime(shape.codec)),
      code_queries_(shape.queries, shape.codec.dims),
      collectors_(shape.queries),
      kept_(shape.queries),
      entries_(shape.queries),
      overflowed_(shape.queries),
      workers_(size_t(shape.threads)) {
    const Codec& codec = shape.codec;
    if (!IsProductCode(codec.kind)) kernel_ = GetBlockKernel(CodecKernel(codec));
    own_.resize(shape.queries);
    nearest_.resize(shape.queries);
    if (own_luts_) {
        query_luts_.Resize(shape.queries * LutBytes(codec));
        query_scales_.resize(shape.queries);
    }
    const size_t capacity = RoundUp(shape.geometry.capacity, kBlockRows);
    for (Worker& worker : workers_) {
        worker.tables.Resize(tables_at_a_time_ * TableScratchFloats(codec));
        worker.luts.Resize(tables_at_a_time_ * LutBytes(codec));
        if (codec.kind == CodeKind::kPq4 && codec.pq.m <= kLut16MaxM) worker.sums.Resize(tables_at_a_time_ * capacity);
        else if (codec.kind == CodeKind::kPq4) worker.wide_sums.Resize(tables_at_a_time_ * capacity);
        worker.distances.Resize(capacity + 64);
        worker.survivors.Resize(capacity + 64);
    }
}

size_t BatchScorer::BytesOfQuery(const BatchShape& shape) noexcept {
    return sizeof(float) * shape.codec.dims + 2 * shape.capacity * (sizeof(Candidate) + sizeof(float)) + sizeof(TopK) +
           2 * sizeof(size_t) + (MayHaveOwnTable(shape.codec) ? LutBytes(shape.codec) + sizeof(Lut16Query) : 0);
}

size_t BatchScorer::BytesOfThread(const BatchShape& shape) noexcept {
    const size_t tables = TablesAtATime(shape.codec);
    return tables * (sizeof(float) * TableScratchFloats(shape.codec) + LutBytes(shape.codec) +
                     sizeof(uint32_t) * shape.geometry.capacity) +
           6 * shape.geometry.capacity + (shape.replicas ? 4 * 16 * shape.capacity : 0);
}

void BatchScorer::Begin() noexcept {
    queries_ = next_list_ = 0;
    luts_ready_ = false;
    probes_.clear();
    first_probe_.clear();
    for (Worker& worker : workers_) worker.entries_scored = 0;
}

size_t BatchScorer::AddQuery(const ListScore* lists, uint32_t count) {
    collectors_[queries_].Reset(shape_.capacity);
    nearest_[queries_] = count > 0 ? lists[0].score : 0;
    first_probe_.push_back(probes_.size());
    for (uint32_t i = 0; i < count; i++) probes_.push_back({lists[i].list, uint32_t(queries_)});
    return queries_++;
}

const std::vector<uint32_t>& BatchScorer::ListsToRead(const uint32_t* position, StopToken& stop) {
    uint32_t most = 0;
    for (const Probe& probe : probes_) most = std::max(most, probe.rank);
    rank_.assign(size_t(most) + 1, 0);
    for (const Probe& probe : probes_) rank_[probe.rank] = 1;
    lists_.clear();
    for (uint32_t list = 0; list <= most && !probes_.empty(); list++)
        if (rank_[list] != 0) lists_.push_back(list);
    std::sort(lists_.begin(), lists_.end(), [position](uint32_t a, uint32_t b) {
        return position[a] != position[b] ? position[a] < position[b] : a < b;
    });
    for (size_t i = 0; i < lists_.size(); i++) rank_[lists_[i]] = uint32_t(i);
    first_probe_.push_back(probes_.size());
    const size_t for_threads =
        (queries_ + kPortionsOfThread * workers_.size() - 1) / (kPortionsOfThread * workers_.size());
    const size_t of_query = 2 * shape_.capacity * sizeof(Candidate) + (own_luts_ ? LutBytes(shape_.codec) : 0);
    const size_t for_cache = kPortionBytes / of_query;
    const size_t grain = std::max(kLeastQueries, std::min(for_threads, for_cache));
    portions_.clear();
    for (size_t from = 0; from < queries_; from += grain) {
        const size_t begin = first_probe_[from];
        portions_.push_back({begin, first_probe_[std::min(queries_, from + grain)], begin});
    }
    ParallelFor(portions_.size(), 1, shape_.threads, stop, [&](size_t begin, size_t end, int) {
        for (size_t i = begin; i < end; i++) {
            Probe* first = probes_.data() + portions_[i].begin;
            Probe* last = probes_.data() + portions_[i].end;
            for (Probe* probe = first; probe < last; probe++) probe->rank = rank_[probe->rank];
            std::sort(first, last, [](const Probe& a, const Probe& b) {
                return a.rank != b.rank ? a.rank < b.rank : a.query < b.query;
            });
        }
    });
    return lists_;
}

uint64_t BatchScorer::entries_scored() const noexcept {
    uint64_t sum = 0;
    for (const Worker& worker : workers_) sum += worker.entries_scored;
    return sum;
}

// ---- tables

// A query that lies much farther from the origin of terms than from its nearest list has a table for each list: tables
// are in 8 bits, and the steps of one for all lists are coarser by that ratio.
bool BatchScorer::TakesTerms(size_t q) noexcept {
    if (!has_terms_) return false;
    if (!TableDependsOnList(shape_.codec)) return true;
    return L2SquaredF32(code_query(q), shape_.origin, shape_.codec.dims) <= kFarFromOrigin * nearest_[q];
}

// Of codes whose tables are the same for all lists.
void BatchScorer::PrepareQueryTables(StopToken& stop) {
    if (!own_luts_ || luts_ready_) return;
    const Codec& codec = shape_.codec;
    const size_t m = codec.pq.m, bytes = LutBytes(codec);
    ParallelFor(queries_, kLeastQueries, shape_.threads, stop, [&](size_t begin, size_t end, int thread) {
        float* table = workers_[size_t(thread)].tables.data();
        for (size_t q = begin; q < end; q++) {
            own_[q] = !TableDependsOnList(codec) || TakesTerms(q);
            if (!own_[q]) continue;
            if (has_terms_)
                BuildTermsTable(codec, shape_.origin, code_query(q), table, table + PqTableFloats(codec.pq));
            // Which list's is all one: only the bias depends on it.
            else PrepareListTable(codec, code_query(q), code_query(q), table, true);
            query_scales_[q] = QuantizeLut16(table, m, query_luts_.data() + q * bytes);
        }
    });
    luts_ready_ = true;
}

void BatchScorer::Prepare(const ListCopy& list, size_t slot, size_t query, Worker& worker,
                          Prepared* prepared) noexcept {
    const Codec& codec = shape_.codec;
    const bool own = own_luts_ && own_[query];
    float* scratch = worker.tables.data() + slot * TableScratchFloats(codec);
    prepared->query = query;
    prepared->by_terms = has_terms_ && own;
    if (prepared->by_terms) prepared->table.bias = TermsBias(codec, code_query(query), list.centroid);
    else prepared->table = PrepareListTable(codec, code_query(query), list.centroid, scratch, !own);
    if (codec.kind != CodeKind::kPq4) return;
    if (own) {
        prepared->lut = query_luts_.data() + query * LutBytes(codec);
        prepared->scale = query_scales_[query];
        return;
    }
    uint8_t* lut = worker.luts.data() + slot * LutBytes(codec);
    prepared->lut = lut;
    prepared->scale = QuantizeLut16(prepared->table.table, codec.pq.m, lut);
}

// ---- collecting

void BatchScorer::Push(const SegmentCopy& segment, const SegmentLayout& layout, size_t query, uint32_t slot,
                       float distance) noexcept {
    Tid tid;
    std::memcpy(&tid, segment.bytes + sizeof(SegmentHeader) + kTidBytes * slot, sizeof(tid));
    if (!IsRow(tid)) return;
    const uint64_t packed = uint64_t(BlockOf(tid)) << 32 | uint64_t(tid.offset) << 16;
    if (!HasColumn(shape_.geometry.columns, kRecordColumn)) return collectors_[query].Push(distance, packed);
    Tid record;
    std::memcpy(&record, segment.bytes + layout.column_offset[kRecordColumn] + kTidBytes * slot, sizeof(record));
    collectors_[query].Push(distance, packed | record.offset, BlockOf(record));
}

// worker.distances: of rows [first, first + count) of the segment.
void BatchScorer::CollectDistances(const SegmentCopy& segment, const SegmentLayout& layout, size_t query,
                                   uint32_t first, uint32_t count, Worker& worker) noexcept {
    const float* distances = worker.distances.data();
    const size_t survivors = CompressBelow(distances, count, collectors_[query].threshold(), worker.survivors.data());
    for (size_t i = 0; i < survivors; i++) {
        const uint32_t slot = worker.survivors[i];
        Push(segment, layout, query, first + slot, distances[slot]);
    }
}

static const float* ScalarsOf(const PostingGeometry& g, const SegmentCopy& segment, const SegmentLayout& layout) {
    if (!HasColumn(g.columns, kScalarColumn)) return nullptr;
    return reinterpret_cast<const float*>(segment.bytes + layout.column_offset[kScalarColumn]);
}

// 4-bit codes whose rows have terms.
template <class Sum>
void BatchScorer::CollectByTerms(const SegmentCopy& segment, const SegmentLayout& layout, const Prepared& prepared,
                                 const Sum* sums, Worker& worker) noexcept {
    const ScaledQuery query = {prepared.scale.scale, prepared.scale.bias, prepared.table.bias};
    const size_t found =
        FilterScaledSums(sums, query, segment.scales, segment.bases, collectors_[prepared.query].threshold(),
                         segment.count, worker.survivors.data(), worker.distances.data());
    for (size_t i = 0; i < found; i++) Push(segment, layout, prepared.query, worker.survivors[i], worker.distances[i]);
}

// Other 4-bit codes.
void BatchScorer::CollectSums(const SegmentCopy& segment, const SegmentLayout& layout, const Prepared& prepared,
                              const uint16_t* sums, Worker& worker) noexcept {
    const Lut16Query& scale = prepared.scale;
    if (prepared.by_terms) return CollectByTerms(segment, layout, prepared, sums, worker);
    if (prepared.table.has_scale) {
        FinishScaledSums(sums, scale.scale, scale.bias, ScalarsOf(shape_.geometry, segment, layout),
                         prepared.table.bias, prepared.table.adds_square, segment.count, worker.distances.data());
        CollectDistances(segment, layout, prepared.query, 0, segment.count, worker);
        return;
    }
    const float base = prepared.table.bias + scale.bias;
    const size_t survivors = FilterNearSums(sums, segment.count, base, scale.scale,
                                            collectors_[prepared.query].threshold(), worker.survivors.data());
    for (size_t i = 0; i < survivors; i++) {
        const uint32_t slot = worker.survivors[i];
        Push(segment, layout, prepared.query, slot, base + scale.scale * float(sums[slot]));
    }
}

// Of many subspaces, whose sums do not fit 16 bits.
void BatchScorer::CollectWideSums(const SegmentCopy& segment, const SegmentLayout& layout, const Prepared& prepared,
                                  const uint32_t* sums, Worker& worker) noexcept {
    if (prepared.by_terms) return CollectByTerms(segment, layout, prepared, sums, worker);
    const Lut16Query& scale = prepared.scale;
    for (uint32_t i = 0; i < segment.count; i++) worker.distances[i] = scale.bias + scale.scale * float(sums[i]);
    FinishSums(prepared.table, worker.distances.data(), ScalarsOf(shape_.geometry, segment, layout), segment.count);
    CollectDistances(segment, layout, prepared.query, 0, segment.count, worker);
}

// ---- scoring

// Codes that lie row after row: a tile of rows stays in the cache while the queries pass.
void BatchScorer::ScoreRows(const SegmentCopy& segment, const SegmentLayout& layout, const Prepared* prepared,
                            size_t count, Worker& worker) noexcept {
    const PostingGeometry& g = shape_.geometry;
    const float* scalars = ScalarsOf(g, segment, layout);
    const uint8_t* codes = reinterpret_cast<const uint8_t*>(segment.bytes) + layout.codes_offset;
    const uint32_t tile = uint32_t(std::max<size_t>(4, kTileBytes / std::max<uint32_t>(g.code_bytes, 1) / 4 * 4));
    float* distances = worker.distances.data();
    for (uint32_t first = 0; first < segment.count; first += tile) {
        const uint32_t rows = std::min(tile, segment.count - first);
        const uint8_t* at = codes + size_t(first) * g.code_bytes;
        for (size_t t = 0; t < count; t++) {
            std::memset(distances, 0, sizeof(float) * rows);
            if (shape_.codec.kind == CodeKind::kPq)
                ScanPqRows(prepared[t].table.table, at, g.code_bytes, rows, shape_.codec.pq, distances);
            else kernel_(prepared[t].table.table, at, g.code_bytes, rows, CodeElements(shape_.codec), distances);
            FinishSums(prepared[t].table, distances, scalars == nullptr ? nullptr : scalars + first, rows);
            CollectDistances(segment, layout, prepared[t].query, first, rows, worker);
        }
    }
}

void BatchScorer::ScoreSegment(const SegmentCopy& segment, const Prepared* prepared, size_t count,
                               Worker& worker) noexcept {
    const PostingGeometry& g = shape_.geometry;
    const SegmentLayout layout = LayoutOf(g, segment.capacity);
    worker.entries_scored += count * segment.count;
    if (shape_.codec.kind != CodeKind::kPq4) return ScoreRows(segment, layout, prepared, count, worker);
    const uint8_t* luts[kLutsAtATime] = {};
    for (size_t t = 0; t < count; t++) luts[t] = prepared[t].lut;
    const uint8_t* codes = reinterpret_cast<const uint8_t*>(segment.bytes) + layout.codes_offset;
    const size_t blocks = CodeBlocks(segment.count), m = shape_.codec.pq.m, stride = blocks * kBlockRows;
    if (m <= kLut16MaxM) {
        ScanLut16Tables(luts, count, codes, blocks, m, worker.sums.data(), stride);
        for (size_t t = 0; t < count; t++)
            CollectSums(segment, layout, prepared[t], worker.sums.data() + t * stride, worker);
        return;
    }
    ScanLut16TablesWide(luts, count, codes, blocks, m, worker.wide_sums.data(), stride);
    for (size_t t = 0; t < count; t++)
        CollectWideSums(segment, layout, prepared[t], worker.wide_sums.data() + t * stride, worker);
}

// probes [begin, end): queries that probe the list.
void BatchScorer::ScoreList(const ListCopy& list, const Probe* begin, const Probe* end, Worker& worker) {
    Prepared prepared[kQueriesAtATime];
    for (const Probe* at = begin; at < end; at += tables_at_a_time_) {
        const size_t count = std::min<size_t>(tables_at_a_time_, size_t(end - at));
        for (size_t t = 0; t < count; t++) Prepare(list, t, at[t].query, worker, &prepared[t]);
        for (size_t s = 0; s < list.count; s++) ScoreSegment(list.segments[s], prepared, count, worker);
    }
}

BatchScorer::Fill BatchScorer::NextFill(const ListCopy* lists, size_t count, bool partial) noexcept {
    const Fill fill = {lists, next_list_, next_list_ + count, partial};
    next_list_ = fill.end - (partial ? 1 : 0);
    return fill;
}

void BatchScorer::ScorePortion(const Fill& fill, Portion* portion, StopToken& stop, int thread) {
    for (size_t at = portion->next; at < portion->end && probes_[at].rank < fill.end;) {
        if (!KeepGoing(stop, thread)) return;
        const size_t rank = probes_[at].rank;
        size_t end = at;
        while (end < portion->end && probes_[end].rank == rank) end++;
        ScoreList(fill.lists[rank - fill.first], probes_.data() + at, probes_.data() + end, workers_[size_t(thread)]);
        // The rest of a list comes with the next call.
        if (!fill.partial || rank + 1 < fill.end) portion->next = end;
        at = end;
    }
}

void BatchScorer::Score(const ListCopy* lists, size_t count, bool partial, StopToken& stop) {
    PrepareQueryTables(stop);
    const Fill fill = NextFill(lists, count, partial);
    ParallelTasks(portions_.size(), shape_.threads, stop,
                  [&](size_t number, int thread) { ScorePortion(fill, &portions_[number], stop, thread); });
}

void BatchScorer::BeginScoring(const ListCopy* lists, size_t count, bool partial, StopToken& stop, Crew* crew) {
    PrepareQueryTables(stop);
    const Fill fill = NextFill(lists, count, partial);
    crew->Begin(portions_.size(), stop, [this, fill, &stop](size_t number, int thread) {
        ScorePortion(fill, &portions_[number], stop, thread);
    });
}

void BatchScorer::EndScoring(StopToken& stop) {
    ParallelFor(queries_, kLeastQueries, shape_.threads, stop, [&](size_t begin, size_t end, int thread) {
        for (size_t q = begin; q < end; q++) {
            bool overflowed;
            collectors_[q].Select(&kept_[q], &overflowed);
            entries_[q] = kept_[q];
            overflowed_[q] = overflowed;
            if (shape_.replicas) kept_[q] = collectors_[q].DropReplicas(&workers_[size_t(thread)].found, kNoRows);
        }
    });
}

}  // namespace vectorq
