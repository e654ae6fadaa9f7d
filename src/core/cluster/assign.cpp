// Nearest centroid by a tiled matrix product with the argmin fused in (see assign.h).
//
// Packed centroids: panels of kPanel centroids, k-major, whatever the vector width is:
//   packed[panel][dimension][kPanel]
// A block of kBlockRows rows is packed likewise, [group][dimension][kMr], minus the mean of
// the centroids. The micro-kernel multiplies one group by two vectors of a panel with all
// sums in registers and compares |c|^2/2 - <x,c> with the best of each lane so far.
// Dimensions are cut into slices of kSlice, so that a slice of rows stays in the L2 cache;
// only where there are several slices, partial sums rest in a tile of
// kBlockRows x kTileColumns. The mean is subtracted because |x|^2 - 2<x,c> + |c|^2 cancels
// where all coordinates share a large offset.
#include "core/cluster/assign.h"

#include <algorithm>
#include <limits>
#include <vector>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/cluster/assign.cpp"
#include "hwy/foreach_target.h"
//
#include "hwy/highway.h"

#ifndef VECTORQ_CORE_CLUSTER_ASSIGN_ONCE_
#define VECTORQ_CORE_CLUSTER_ASSIGN_ONCE_
namespace vectorq {
constexpr size_t kPanel = 32;         // a multiple of twice the lanes of every target
constexpr size_t kBlockRows = 48;     // a multiple of every kMr
constexpr size_t kSlice = 512;        // 48 rows x 512 x 4 B = 96 kB, beside a 64 kB panel slice in L2
constexpr size_t kPackDims = 32;      // of a panel that are packed together
constexpr size_t kTileColumns = 512;  // 96 kB of partial sums; a smaller tile packs the rows more often
struct NearestArgs {
    const float* packed;
    const float* half_sq_norm;
    const float* mean;  // null: do not subtract
    size_t dims, padded_centroids;
    const float* rows;
    size_t count;
    uint32_t* id;
    float* distance;  // may be null
};
}  // namespace vectorq
#endif

HWY_BEFORE_NAMESPACE();
namespace vectorq {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using DF = hn::CappedTag<float, 16>;
using DU = hn::RebindToUnsigned<DF>;
using VF = hn::Vec<DF>;
constexpr size_t kN = hn::MaxLanes(DF());
// Rows per group: 12 x 2 accumulators of 32 registers, or 6 x 2 of 16.
#if HWY_TARGET <= HWY_AVX3 && HWY_ARCH_X86
constexpr size_t kMr = 12;
#else
constexpr size_t kMr = 6;
#endif

// Best (value, id) per lane of each row of the block, and the slices in work.
struct Scratch {
    alignas(64) float x[kBlockRows * kSlice];
    alignas(64) float partial[kBlockRows * kTileColumns];
    alignas(64) float best[kBlockRows * kN];
    alignas(64) uint32_t best_id[kBlockRows * kN];
    double sq_norm[kBlockRows];
};

// Where one micro-kernel call starts and ends.
struct Step {
    bool first, last;        // slice of the dimensions
    float* partial;          // kMr x 2 vectors, contiguous
    const float* half_norm;  // of the two vectors' centroids
    float* best;
    uint32_t* best_id;
    uint32_t first_id;
};

HWY_INLINE void Offer(VF sum, const float* half_norm, uint32_t first_id, VF& best, hn::Vec<DU>& best_id) {
    const DF df;
    const DU du;
    const VF score = hn::Sub(hn::LoadU(df, half_norm), sum);
    const auto less = hn::Lt(score, best);
    best = hn::IfThenElse(less, score, best);
    best_id = hn::IfThenElse(hn::RebindMask(du, less), hn::Iota(du, first_id), best_id);
}

HWY_NOINLINE void MicroKernel(const float* HWY_RESTRICT x, const float* HWY_RESTRICT panel, size_t dims,
                              const Step& step) {
    const DF df;
    const DU du;
    VF acc0[kMr], acc1[kMr];
#pragma GCC unroll 12
    for (size_t r = 0; r < kMr; r++) {
        acc0[r] = step.first ? hn::Zero(df) : hn::LoadU(df, step.partial + r * 2 * kN);
        acc1[r] = step.first ? hn::Zero(df) : hn::LoadU(df, step.partial + r * 2 * kN + kN);
    }
    for (size_t d = 0; d < dims; d++, x += kMr, panel += kPanel) {
        const VF c0 = hn::LoadU(df, panel), c1 = hn::LoadU(df, panel + kN);
#pragma GCC unroll 12
        for (size_t r = 0; r < kMr; r++) {
            const VF xr = hn::Set(df, x[r]);
            acc0[r] = hn::MulAdd(xr, c0, acc0[r]);
            acc1[r] = hn::MulAdd(xr, c1, acc1[r]);
        }
    }
    if (!step.last) {
#pragma GCC unroll 12
        for (size_t r = 0; r < kMr; r++) {
            hn::StoreU(acc0[r], df, step.partial + r * 2 * kN);
            hn::StoreU(acc1[r], df, step.partial + r * 2 * kN + kN);
        }
        return;
    }
#pragma GCC unroll 12
    for (size_t r = 0; r < kMr; r++) {
        VF best = hn::LoadU(df, step.best + r * kN);
        auto best_id = hn::LoadU(du, step.best_id + r * kN);
        Offer(acc0[r], step.half_norm, step.first_id, best, best_id);
        Offer(acc1[r], step.half_norm + kN, step.first_id + uint32_t(kN), best, best_id);
        hn::StoreU(best, df, step.best + r * kN);
        hn::StoreU(best_id, du, step.best_id + r * kN);
    }
}

// Slice [begin, begin + length) of `count` rows, as [group][dimension][kMr]; rows beyond
// count are zero. With add_norms also adds to sq_norm.
void PackRows(const NearestArgs& a, const float* rows, size_t count, size_t begin, size_t length, bool add_norms,
              Scratch& s) {
    for (size_t r = 0; r < kBlockRows; r++) {
        float* HWY_RESTRICT to = s.x + (r / kMr) * kMr * kSlice + r % kMr;
        if (r >= count) {
            if (r / kMr * kMr >= count) return;  // groups without rows are not worked on
            for (size_t d = 0; d < length; d++) to[d * kMr] = 0;
            continue;
        }
        const float* HWY_RESTRICT from = rows + r * a.dims + begin;
        if (a.mean == nullptr) {
            for (size_t d = 0; d < length; d++) to[d * kMr] = from[d];
            continue;
        }
        const float* HWY_RESTRICT mean = a.mean + begin;
        float sums[8] = {};
        size_t d = 0;
        for (; d + 8 <= length; d += 8) {
            for (size_t j = 0; j < 8; j++) {
                const float x = from[d + j] - mean[d + j];
                to[(d + j) * kMr] = x;
                sums[j] += x * x;
            }
        }
        for (; d < length; d++) {
            const float x = from[d] - mean[d];
            to[d * kMr] = x;
            sums[0] += x * x;
        }
        if (add_norms) {
            for (const float sum : sums) s.sq_norm[r] += sum;
        }
    }
}

void FinishBlock(const NearestArgs& a, const Scratch& s, size_t first_row, size_t count) {
    for (size_t r = 0; r < count; r++) {
        float best = s.best[r * kN];
        uint32_t id = s.best_id[r * kN];
        for (size_t lane = 1; lane < kN; lane++) {
            const float value = s.best[r * kN + lane];
            const uint32_t other = s.best_id[r * kN + lane];
            if (value < best || (value == best && other < id)) {
                best = value;
                id = other;
            }
        }
        a.id[first_row + r] = id;
        if (a.distance == nullptr) continue;
        const float l2 = float(s.sq_norm[r] + 2.0 * best);
        a.distance[first_row + r] = a.mean == nullptr ? best : l2 < 0 ? 0 : l2;
    }
}

void NearestBlock(const NearestArgs& a, size_t first_row, size_t count, Scratch& s) {
    for (size_t r = 0; r < kBlockRows; r++) s.sq_norm[r] = 0;
    for (size_t i = 0; i < kBlockRows * kN; i++) {
        s.best[i] = std::numeric_limits<float>::infinity();
        s.best_id[i] = 0;
    }
    const float* rows = a.rows + first_row * a.dims;
    const size_t groups = (count + kMr - 1) / kMr, slices = (a.dims + kSlice - 1) / kSlice;
    for (size_t column = 0; column < a.padded_centroids; column += kTileColumns) {
        const size_t end = std::min(column + kTileColumns, a.padded_centroids);
        for (size_t slice = 0; slice < slices; slice++) {
            const size_t begin = slice * kSlice, length = std::min(kSlice, a.dims - begin);
            if (column == 0 || slices > 1) PackRows(a, rows, count, begin, length, column == 0, s);
            for (size_t c = column; c < end; c += 2 * kN) {
                const float* panel = a.packed + c / kPanel * kPanel * a.dims + begin * kPanel + c % kPanel;
                for (size_t g = 0; g < groups; g++) {
                    float* partial = s.partial + (c - column) * kBlockRows + g * kMr * 2 * kN;
                    const Step step{slice == 0,         slice + 1 == slices,   partial,
                                    a.half_sq_norm + c, s.best + g * kMr * kN, s.best_id + g * kMr * kN,
                                    uint32_t(c)};
                    MicroKernel(s.x + g * kMr * kSlice, panel, length, step);
                }
            }
        }
    }
    FinishBlock(a, s, first_row, count);
}

// The scratch, about 200 kB, lies on the stack: the function must not allocate.
void NearestImpl(const NearestArgs& a) {
    Scratch scratch;
    for (size_t first = 0; first < a.count; first += kBlockRows) {
        NearestBlock(a, first, std::min(kBlockRows, a.count - first), scratch);
    }
}

}  // namespace HWY_NAMESPACE
}  // namespace vectorq
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vectorq {
HWY_EXPORT(NearestImpl);

namespace {
size_t Padded(size_t num_centroids) { return (num_centroids + kPanel - 1) / kPanel * kPanel; }
}  // namespace

CentroidFrame::CentroidFrame(const Matrix& centroids, AssignMetric metric) : metric(metric) {
    const size_t count = centroids.rows(), dims = centroids.cols();
    half_sq_norm.Resize(count);
    half_sq_norm.Fill(0);
    if (metric == AssignMetric::kDot) return;
    mean.Resize(std::max<size_t>(dims, 1));
    mean.Fill(0);
    std::vector<double> sum(dims, 0.0);
    for (size_t c = 0; c < count; c++)
        for (size_t d = 0; d < dims; d++) sum[d] += centroids.row(c)[d];
    for (size_t d = 0; d < dims; d++) mean[d] = float(sum[d] / double(count));
    for (size_t c = 0; c < count; c++) {
        const float* row = centroids.row(c);
        double sq_norm = 0;
        for (size_t d = 0; d < dims; d++) {
            const float x = row[d] - mean[d];
            sq_norm += double(x) * x;
        }
        half_sq_norm[c] = float(sq_norm / 2);
    }
}

Assigner::Assigner(const Matrix& centroids, AssignMetric metric)
    : num_centroids_(centroids.rows()),
      dims_(centroids.cols()),
      own_(std::make_unique<CentroidFrame>(centroids, metric)) {
    Pack(centroids, *own_, nullptr);
}

Assigner::Assigner(const Matrix& centroids, const CentroidFrame& frame, const uint32_t* rows, size_t count)
    : num_centroids_(count), dims_(centroids.cols()) {
    Pack(centroids, frame, rows);
}

void Assigner::Pack(const Matrix& centroids, const CentroidFrame& frame, const uint32_t* rows) {
    const auto place = [&](size_t c) { return rows == nullptr ? c : rows[c]; };
    const size_t padded = Padded(num_centroids_);
    mean_ = frame.metric == AssignMetric::kL2 ? frame.mean.data() : nullptr;
    packed_.Resize(padded * dims_);
    half_sq_norm_.Resize(padded);
    half_sq_norm_.Fill(std::numeric_limits<float>::infinity());  // padding never wins
    for (size_t c = 0; c < num_centroids_; c++) half_sq_norm_[c] = frame.half_sq_norm[place(c)];
    for (size_t begin = 0; begin < num_centroids_; begin += kPanel) {
        const size_t n = std::min(kPanel, num_centroids_ - begin);
        float* panel = packed_.data() + begin * dims_;
        if (n < kPanel) std::fill_n(panel, kPanel * dims_, 0.0f);
        // So many dimensions of a panel lie in the L1 cache; one centroid after the other writes each line of it.
        for (size_t first = 0; first < dims_; first += kPackDims) {
            const size_t last = std::min(first + kPackDims, dims_);
            for (size_t c = 0; c < n; c++) {
                const float* HWY_RESTRICT from = centroids.row(place(begin + c));
                float* HWY_RESTRICT to = panel + c;
                for (size_t d = first; d < last; d++) to[d * kPanel] = mean_ == nullptr ? from[d] : from[d] - mean_[d];
            }
        }
    }
}

void Assigner::Nearest(const float* rows, size_t count, uint32_t* id, float* distance) const noexcept {
    HWY_DYNAMIC_DISPATCH(NearestImpl)
    (NearestArgs{packed_.data(), half_sq_norm_.data(), mean_, dims_, Padded(num_centroids_), rows, count, id,
                 distance});
}

void Assigner::Nearest(const float* rows, size_t count, uint32_t* id, float* distance, int threads,
                       StopToken& stop) const {
    // About 2 ms a range at 50 GFLOP/s, but at least one register group of rows.
    const double row_flops = 2.0 * double(Padded(num_centroids_)) * double(std::max<size_t>(dims_, 1));
    const size_t fit = size_t(std::min(1e8 / row_flops, 4096.0));
    const size_t grain = fit >= kBlockRows ? fit / kBlockRows * kBlockRows : std::max<size_t>(fit / 12, 1) * 12;
    ParallelFor(count, grain, threads, stop, [&](size_t begin, size_t end, int) {
        Nearest(rows + begin * dims_, end - begin, id + begin, distance == nullptr ? nullptr : distance + begin);
    });
}

size_t Assigner::PackedBytes(size_t num_centroids, size_t dims) noexcept {
    return Padded(num_centroids) * (dims + 1) * sizeof(float) + 64 + dims * 16;
}

}  // namespace vectorq
#endif  // HWY_ONCE
