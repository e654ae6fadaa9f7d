// See neighbours.h. For L2 the mean of the queries is taken off both sides, because |x|^2 - 2<q,x> cancels where all
// coordinates share a large offset; the constant |q|^2 changes no order and is left away.
#include "core/calibrate/neighbours.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/simd/distance.h"
#include "core/simd/tile.h"
#include "core/simd/topk_filter.h"

namespace vectorq {

// Some tiles at a time: a range takes at most some milliseconds, and threads do not wait for each other.
static constexpr size_t kGrain = 4 * kTileRows;
// What multiples of a row are apart when each is made a row of length one.
static constexpr float kRounding = 1e-6f;

// Bytes of a coded row of bits, and the scalar at their end.
static size_t BitStride(const Codec& bits) noexcept { return (CodeBytes(bits) + 3) / 4 * 4 + sizeof(float); }

NeighbourFinder::NeighbourFinder(Matrix queries, std::vector<uint64_t> own, Metric metric, size_t k, size_t deep,
                                 size_t deep_k, int threads)
    : queries_(std::move(queries)), own_(std::move(own)), metric_(metric), workers_(size_t(threads)) {
    const size_t n = queries_.rows(), dims = queries_.cols();
    mean_.assign(dims, 0.0f);
    const bool bits = TraitsOf(metric).bits;
    const bool squares = TraitsOf(metric).sum == Sum::kSquares && !bits;
    if (squares && n > 0)
        for (size_t d = 0; d < dims; d++) {
            double sum = 0;
            for (size_t q = 0; q < n; q++) sum += queries_.row(q)[d];
            mean_[d] = float(sum / double(n));
        }
    if (bits) {
        bits_.metric = metric;
        bits_.kind = CodeKind::kBits;
        bits_.dims = uint32_t(dims);
        const size_t floats = TableScratchFloats(bits_);
        scratch_.Resize(n * floats);
        for (size_t q = 0; q < n; q++)
            tables_.push_back(PrepareListTable(bits_, queries_.row(q), nullptr, scratch_.data() + q * floats, true));
    } else if (TraitsOf(metric).from_products) {
        const float factor = squares ? -2.0f : -1.0f;
        scaled_ = Matrix(n, dims);
        for (size_t q = 0; q < n; q++)
            for (size_t d = 0; d < dims; d++) scaled_.row(q)[d] = factor * (queries_.row(q)[d] - mean_[d]);
    }
    for (Worker& worker : workers_) {
        if (bits) {
            worker.codes.Resize(kTileRows * BitStride(bits_));
            worker.fits.Resize(kTileRows);
        } else {
            worker.tile.Resize(dims * kTileRows);
        }
        worker.norm.Resize(kTileRows);
        worker.out.Resize(n * kTileRows);
        worker.below.Resize(kTileRows + 64);
        worker.best = std::vector<TopK>(n);
        for (size_t q = 0; q < n; q++) worker.best[q].Reset(q < deep ? deep_k : k);
    }
}

size_t NeighbourFinder::Bytes(size_t queries, size_t dims, size_t k, size_t deep, size_t deep_k, int threads) noexcept {
    deep = std::min(deep, queries);
    const size_t kept = deep * deep_k + (queries - deep) * k;
    const size_t worker = 4 * (dims + queries) * kTileRows + queries * sizeof(TopK) + 2 * kept * sizeof(Candidate);
    return 8 * queries * dims + size_t(threads) * worker + kept * 12;
}

void NeighbourFinder::BitDistances(const float* rows, size_t count, Worker& w) const {
    const size_t stride = BitStride(bits_), scalar_at = stride - sizeof(float);
    float none;
    EncodeRows(bits_, rows, count, nullptr, nullptr, {w.codes.data(), stride, 0, scalar_at, w.fits.data()}, &none);
    for (size_t r = 0; r < count; r++) std::memcpy(&w.norm[r], w.codes.data() + r * stride + scalar_at, sizeof(float));
    const BlockFn kernel = GetBlockKernel(CodecKernel(bits_));
    w.out.Fill(0);
    for (size_t q = 0; q < queries_.rows(); q++) {
        float* out = w.out.data() + q * kTileRows;
        kernel(tables_[q].table, w.codes.data(), stride, count, CodeElements(bits_), out);
        FinishSums(tables_[q], out, w.norm.data(), count);
    }
}

// out[q][r] for row r of the tile.
void NeighbourFinder::Distances(const float* rows, size_t count, Worker& w) const {
    const size_t dims = queries_.cols(), n = queries_.rows();
    if (TraitsOf(metric_).bits) return BitDistances(rows, count, w);
    if (!TraitsOf(metric_).from_products) {
        const BlockFn kernel = GetBlockKernel(KernelOf(TraitsOf(metric_).sum, Stored::kF32));
        w.out.Fill(0);
        for (size_t q = 0; q < n; q++)
            kernel(queries_.row(q), rows, dims * sizeof(float), count, dims, w.out.data() + q * kTileRows);
        return;
    }
    const bool squares = TraitsOf(metric_).sum == Sum::kSquares;
    for (size_t r = 0; r < kTileRows; r++) {
        const float* row = rows + std::min(r, count - 1) * dims;
        float norm = 0;
        for (size_t d = 0; d < dims; d++) {
            const float x = row[d] - mean_[d];
            w.tile[d * kTileRows + r] = x;
            norm += x * x;
        }
        w.norm[r] = squares ? norm : 0;
    }
    MultiplyTile(scaled_.data(), n, dims, w.tile.data(), w.out.data());
    for (size_t q = 0; q < n; q++)
        for (size_t r = 0; r < kTileRows; r++) w.out[q * kTileRows + r] += w.norm[r];
}

bool NeighbourFinder::IsQuery(size_t q, const float* row) const noexcept {
    if (own_[q] == kNoRow) return false;
    const float* query = queries_.row(q);
    for (size_t d = 0; d < queries_.cols(); d++)
        if (!(std::fabs(row[d] - query[d]) <= kRounding * std::fabs(query[d]))) return false;
    return true;
}

void NeighbourFinder::AddTile(const float* rows, const uint64_t* tids, size_t count, Worker& w) const {
    Distances(rows, count, w);
    for (size_t q = 0; q < queries_.rows(); q++) {
        const float* out = w.out.data() + q * kTileRows;
        TopK& best = w.best[q];
        const size_t below = CompressBelow(out, count, best.threshold(), w.below.data());
        for (size_t i = 0; i < below; i++) {
            const size_t r = w.below[i];
            if (!IsQuery(q, rows + r * queries_.cols())) best.Push(out[r], tids[r]);
        }
    }
}

void NeighbourFinder::Add(const float* rows, const uint64_t* tids, size_t count, StopToken& stop) {
    const size_t dims = queries_.cols();
    ParallelFor(count, kGrain, int(workers_.size()), stop, [&](size_t begin, size_t end, int thread) {
        for (size_t r = begin; r < end; r += kTileRows)
            AddTile(rows + r * dims, tids + r, std::min(kTileRows, end - r), workers_[size_t(thread)]);
    });
}

void NeighbourFinder::Finish() {
    found_.resize(queries_.rows());
    distances_.resize(queries_.rows());
    for (size_t q = 0; q < queries_.rows(); q++) {
        TopK& best = workers_[0].best[q];
        size_t count;
        bool overflowed;
        for (size_t w = 1; w < workers_.size(); w++) {
            const Candidate* other = workers_[w].best[q].Finish(&count, &overflowed);
            for (size_t i = 0; i < count; i++) best.Push(other[i].distance, other[i].tid);
        }
        const Candidate* nearest = best.Finish(&count, &overflowed);
        for (size_t i = 0; i < count; i++) {
            found_[q].push_back(RowOf(nearest[i]));
            distances_[q].push_back(nearest[i].distance);
        }
    }
    workers_.clear();
}

}  // namespace vectorq
