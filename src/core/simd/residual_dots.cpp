// See residual_dots.h. Build and insert path.
//
// Centroids are read where they lie: a tile of rows by four centroids keeps its sums in registers, each centroid's
// difference from the origin is shared by the rows of the tile, and the sums of four centroids are folded together.
// Rows of one list make tiles of kMaxRows; a row alone takes eight centroids, to keep as many sums in flight.
#include "core/simd/residual_dots.h"

#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/simd/residual_dots.cpp"
#include "hwy/foreach_target.h"
//
#include "hwy/highway.h"
//
#include "core/simd/load-inl.h"
#include "core/simd/totals-inl.h"

HWY_BEFORE_NAMESPACE();
namespace vectorq {
namespace HWY_NAMESPACE {

// 4 x 4 sums, 4 differences and a load of 32 registers; 2 x 4 of 16.
#if HWY_TARGET <= HWY_AVX3 && HWY_ARCH_X86
constexpr size_t kMaxRows = 4;
#else
constexpr size_t kMaxRows = 2;
#endif

// Where the tile's operands lie.
struct Tile {
    const float* residuals;
    const float* origin;
    size_t dims;
};

template <size_t kRows, size_t kCentroids, class LoadFn>
HWY_INLINE void Accumulate(const Tile& t, const float* const* c, size_t d, const LoadFn& load,
                           VF (&sum)[kRows][kCentroids]) {
    const VF origin = load(t.origin + d);
    VF difference[kCentroids];
#pragma GCC unroll 8
    for (size_t j = 0; j < kCentroids; j++) difference[j] = hn::Sub(load(c[j] + d), origin);
#pragma GCC unroll 4
    for (size_t r = 0; r < kRows; r++) {
        const VF x = load(t.residuals + r * t.dims + d);
#pragma GCC unroll 8
        for (size_t j = 0; j < kCentroids; j++) sum[r][j] = hn::MulAdd(x, difference[j], sum[r][j]);
    }
}

// out[r * stride + j], j < kCentroids, of the centroids at c.
template <size_t kRows, size_t kCentroids>
HWY_INLINE void DotTile(const Tile& t, const float* const* c, float* out, size_t stride) {
    const DF df;
    const size_t N = hn::Lanes(df);
    VF sum[kRows][kCentroids];
#pragma GCC unroll 4
    for (size_t r = 0; r < kRows; r++) {
#pragma GCC unroll 8
        for (size_t j = 0; j < kCentroids; j++) sum[r][j] = hn::Zero(df);
    }
    size_t d = 0;
    for (; d + N <= t.dims; d += N) {
        Accumulate(
            t, c, d, [df](const float* from) HWY_ATTR { return hn::LoadU(df, from); }, sum);
    }
    if (d < t.dims) {
        const size_t left = t.dims - d;
        Accumulate(
            t, c, d, [df, left](const float* from) HWY_ATTR { return LoadFirst(df, from, left); }, sum);
    }
#pragma GCC unroll 4
    for (size_t r = 0; r < kRows; r++) {
#pragma GCC unroll 2
        for (size_t j = 0; j < kCentroids; j += 4) {
            float* to = out + r * stride + j;
            for (size_t k = 0; k < 4; k++) to[k] = 0;
            AddTotals(sum[r][j], sum[r][j + 1], sum[r][j + 2], sum[r][j + 3], to);
        }
    }
}

template <size_t kRows>
HWY_INLINE void DotRows(const Tile& t, const float* base, const uint32_t* ids, size_t count, float* out) {
    constexpr size_t kCentroids = kRows == 1 ? 8 : 4;
    const auto at = [&](size_t j) { return base + (ids == nullptr ? j : size_t(ids[j])) * t.dims; };
    const float* c[kCentroids];
    size_t j = 0;
    for (; j + kCentroids <= count; j += kCentroids) {
        for (size_t k = 0; k < kCentroids; k++) c[k] = at(j + k);
        DotTile<kRows, kCentroids>(t, c, out + j, count);
    }
    if (j == count) return;
    // The last ones, with the last centroid in the empty places.
    for (size_t k = 0; k < kCentroids; k++) c[k] = at(j + k < count ? j + k : count - 1);
    float last[kRows * kCentroids];
    DotTile<kRows, kCentroids>(t, c, last, kCentroids);
    for (size_t r = 0; r < kRows; r++) {
        for (size_t k = 0; j + k < count; k++) out[r * count + j + k] = last[r * kCentroids + k];
    }
}

void ResidualDotsImpl(const float* residuals, size_t rows, const float* origin, const float* base, const uint32_t* ids,
                      size_t count, size_t dims, float* out) {
    size_t r = 0;
    for (; r + kMaxRows <= rows; r += kMaxRows) {
        DotRows<kMaxRows>({residuals + r * dims, origin, dims}, base, ids, count, out + r * count);
    }
    for (; r < rows; r++) DotRows<1>({residuals + r * dims, origin, dims}, base, ids, count, out + r * count);
}

size_t LeastSoarLossImpl(const float* HWY_RESTRICT dot, const float* HWY_RESTRICT sq_distance, size_t count,
                         float sq_norm, float weight) {
    const hn::CappedTag<float, 16> df;
    const hn::RebindToUnsigned<decltype(df)> du;
    const size_t N = hn::Lanes(df);
    const auto norm = hn::Set(df, sq_norm), w = hn::Set(df, weight), minus_two = hn::Set(df, -2.0f);
    auto best = hn::Set(df, std::numeric_limits<float>::infinity());
    auto best_at = hn::Zero(du);
    const auto offer = [&](auto p, auto y, size_t j) HWY_ATTR {
        const auto along = hn::Sub(norm, p);
        const auto loss = hn::MulAdd(hn::Mul(along, along), w, hn::MulAdd(p, minus_two, y));
        const auto less = hn::Lt(loss, best);
        best = hn::IfThenElse(less, loss, best);
        best_at = hn::IfThenElse(hn::RebindMask(du, less), hn::Iota(du, uint32_t(j)), best_at);
    };
    size_t j = 0;
    for (; j + N <= count; j += N) offer(hn::LoadU(df, dot + j), hn::LoadU(df, sq_distance + j), j);
    if (j < count) {
        const auto infinity = hn::Set(df, std::numeric_limits<float>::infinity());
        const auto y = hn::IfThenElse(hn::FirstN(df, count - j), LoadFirst(df, sq_distance + j, count - j), infinity);
        offer(LoadFirst(df, dot + j, count - j), y, j);
    }
    HWY_ALIGN float value[16];
    HWY_ALIGN uint32_t at[16];
    hn::Store(best, df, value);
    hn::Store(best_at, du, at);
    size_t lane = 0;
    for (size_t k = 1; k < N; k++) {
        if (value[k] < value[lane] || (value[k] == value[lane] && at[k] < at[lane])) lane = k;
    }
    return at[lane];
}

}  // namespace HWY_NAMESPACE
}  // namespace vectorq
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vectorq {
HWY_EXPORT(ResidualDotsImpl);
HWY_EXPORT(LeastSoarLossImpl);

void ResidualDots(const float* residuals, size_t rows, const float* origin, const float* base, const uint32_t* ids,
                  size_t count, size_t dims, float* out) noexcept {
    HWY_DYNAMIC_DISPATCH(ResidualDotsImpl)(residuals, rows, origin, base, ids, count, dims, out);
}
size_t LeastSoarLoss(const float* dot, const float* sq_distance, size_t count, float sq_norm, float weight) noexcept {
    return HWY_DYNAMIC_DISPATCH(LeastSoarLossImpl)(dot, sq_distance, count, sq_norm, weight);
}

namespace reference {
void ResidualDots(const float* residuals, size_t rows, const float* origin, const float* base, const uint32_t* ids,
                  size_t count, size_t dims, float* out) noexcept {
    for (size_t r = 0; r < rows; r++) {
        for (size_t j = 0; j < count; j++) {
            const float* c = base + (ids == nullptr ? j : size_t(ids[j])) * dims;
            double sum = 0;
            for (size_t d = 0; d < dims; d++) sum += double(residuals[r * dims + d]) * (double(c[d]) - origin[d]);
            out[r * count + j] = float(sum);
        }
    }
}
size_t LeastSoarLoss(const float* dot, const float* sq_distance, size_t count, float sq_norm, float weight) noexcept {
    size_t best_at = 0;
    double best = std::numeric_limits<double>::infinity();
    for (size_t j = 0; j < count; j++) {
        const double along = double(sq_norm) - dot[j];
        const double loss = double(sq_distance[j]) - 2.0 * dot[j] + weight * along * along;
        if (loss < best) {
            best = loss;
            best_at = j;
        }
    }
    return best_at;
}
}  // namespace reference
}  // namespace vectorq
#endif  // HWY_ONCE
