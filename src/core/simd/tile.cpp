// Kernels on tiles (see tile.h), one compilation per SIMD target.
//
// A tile of 2 vectors of rows against 4 codewords (or matrix rows) keeps 8 sums in registers. The
// sums start at -|c|^2 / 2, and the nearest so far is a comparison, a maximum and a blend. With
// codewords in the lanes, the search for the best lane would cost more than the products at ksub = 16.
#include "core/simd/tile.h"

#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/simd/tile.cpp"
#include "hwy/foreach_target.h"
//
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace vectorq {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using DF = hn::CappedTag<float, 16>;
using DU = hn::RebindToUnsigned<DF>;
using VF = hn::Vec<DF>;
using VU = hn::Vec<DU>;

HWY_INLINE void Offer(VF score, VU id, VF& best, VU& best_id) {
    const DU du;
    const auto more = hn::Gt(score, best);
    best = hn::IfThenElse(more, score, best);
    best_id = hn::IfThenElse(hn::RebindMask(du, more), id, best_id);
}

// Products of 4 columns of `c` (dims, stride) with 2 vectors of the tile, added to p and q.
HWY_INLINE void MultiplyFour(const float* HWY_RESTRICT c, size_t stride, size_t step, const float* HWY_RESTRICT x,
                             size_t dims, VF& p0, VF& p1, VF& p2, VF& p3, VF& q0, VF& q1, VF& q2, VF& q3) {
    const DF df;
    const size_t N = hn::Lanes(df);
    for (size_t d = 0; d < dims; d++, c += stride, x += kTileRows) {
        const VF x0 = hn::LoadU(df, x), x1 = hn::LoadU(df, x + N);
        const VF c0 = hn::Set(df, c[0]), c1 = hn::Set(df, c[step]), c2 = hn::Set(df, c[2 * step]),
                 c3 = hn::Set(df, c[3 * step]);
        p0 = hn::MulAdd(x0, c0, p0);
        q0 = hn::MulAdd(x1, c0, q0);
        p1 = hn::MulAdd(x0, c1, p1);
        q1 = hn::MulAdd(x1, c1, q1);
        p2 = hn::MulAdd(x0, c2, p2);
        q2 = hn::MulAdd(x1, c2, q2);
        p3 = hn::MulAdd(x0, c3, p3);
        q3 = hn::MulAdd(x1, c3, q3);
    }
}

// Codewords come in ascending order and only a larger score replaces the best one.
void NearestImpl(const TileArgs& a) {
    const DF df;
    const DU du;
    const size_t N = hn::Lanes(df);
    for (size_t r = 0; r < kTileRows; r += 2 * N) {
        VF best0 = hn::Set(df, -std::numeric_limits<float>::infinity()), best1 = best0;
        VU id0 = hn::Zero(du), id1 = id0;
        for (size_t k = 0; k < a.ksub; k += 4) {
            const float* HWY_RESTRICT minus = a.minus_half_norm + k;
            VF p0 = hn::Set(df, minus[0]), p1 = hn::Set(df, minus[1]), p2 = hn::Set(df, minus[2]),
               p3 = hn::Set(df, minus[3]);
            VF q0 = p0, q1 = p1, q2 = p2, q3 = p3;
            MultiplyFour(a.codewords + k, a.ksub, 1, a.tile + r, a.dims, p0, p1, p2, p3, q0, q1, q2, q3);
            const VU k0 = hn::Set(du, uint32_t(k)), k1 = hn::Set(du, uint32_t(k + 1)),
                     k2 = hn::Set(du, uint32_t(k + 2)), k3 = hn::Set(du, uint32_t(k + 3));
            Offer(p0, k0, best0, id0);
            Offer(q0, k0, best1, id1);
            Offer(p1, k1, best0, id0);
            Offer(q1, k1, best1, id1);
            Offer(p2, k2, best0, id0);
            Offer(q2, k2, best1, id1);
            Offer(p3, k3, best0, id0);
            Offer(q3, k3, best1, id1);
        }
        hn::StoreU(id0, du, a.nearest + r);
        hn::StoreU(id1, du, a.nearest + r + N);
        if (a.score == nullptr) continue;
        hn::StoreU(best0, df, a.score + r);
        hn::StoreU(best1, df, a.score + r + N);
    }
}

void MultiplyImpl(const float* matrix, size_t matrix_rows, size_t dims, const float* tile, float* out) {
    const DF df;
    const size_t N = hn::Lanes(df);
    for (size_t j = 0; j < matrix_rows; j += 4) {
        for (size_t r = 0; r < kTileRows; r += 2 * N) {
            VF p0 = hn::Zero(df), p1 = p0, p2 = p0, p3 = p0, q0 = p0, q1 = p0, q2 = p0, q3 = p0;
            float* HWY_RESTRICT to = out + j * kTileRows + r;
            if (j + 4 <= matrix_rows) {
                MultiplyFour(matrix + j * dims, 1, dims, tile + r, dims, p0, p1, p2, p3, q0, q1, q2, q3);
                hn::StoreU(p0, df, to);
                hn::StoreU(q0, df, to + N);
                hn::StoreU(p1, df, to + kTileRows);
                hn::StoreU(q1, df, to + kTileRows + N);
                hn::StoreU(p2, df, to + 2 * kTileRows);
                hn::StoreU(q2, df, to + 2 * kTileRows + N);
                hn::StoreU(p3, df, to + 3 * kTileRows);
                hn::StoreU(q3, df, to + 3 * kTileRows + N);
                continue;
            }
            for (size_t i = j; i < matrix_rows; i++, to += kTileRows) {
                const float* HWY_RESTRICT x = tile + r;
                VF p = hn::Zero(df), q = p;
                for (size_t d = 0; d < dims; d++, x += kTileRows) {
                    const VF c = hn::Set(df, matrix[i * dims + d]);
                    p = hn::MulAdd(hn::LoadU(df, x), c, p);
                    q = hn::MulAdd(hn::LoadU(df, x + N), c, q);
                }
                hn::StoreU(p, df, to);
                hn::StoreU(q, df, to + N);
            }
        }
    }
}

void AddByCodeImpl(const float* HWY_RESTRICT rows, const uint8_t* HWY_RESTRICT codes, size_t count, size_t m,
                   float* HWY_RESTRICT sums) {
    const DF df;
    const size_t N = hn::Lanes(df);
    for (size_t i = 0; i < count; i++, rows += kPanelColumns, codes += m) {
        for (size_t lane = 0; lane < kPanelColumns; lane += N) {
            const VF x = hn::LoadU(df, rows + lane);
            float* HWY_RESTRICT to = sums + lane;
            for (size_t s = 0; s < m; s++, to += 256 * kPanelColumns) {
                float* HWY_RESTRICT at = to + codes[s] * kPanelColumns;
                hn::StoreU(hn::Add(hn::LoadU(df, at), x), df, at);
            }
        }
    }
}

void CombineImpl(const float* HWY_RESTRICT weights, const float* HWY_RESTRICT panel, size_t count,
                 float* HWY_RESTRICT out) {
    const DF df;
    for (size_t lane = 0; lane < kPanelColumns; lane += hn::Lanes(df)) {
        const float* HWY_RESTRICT from = panel + lane;
        VF a = hn::Zero(df), b = a;
        size_t c = 0;
        for (; c + 2 <= count; c += 2, from += 2 * kPanelColumns) {
            a = hn::MulAdd(hn::Set(df, weights[c]), hn::LoadU(df, from), a);
            b = hn::MulAdd(hn::Set(df, weights[c + 1]), hn::LoadU(df, from + kPanelColumns), b);
        }
        if (c < count) a = hn::MulAdd(hn::Set(df, weights[c]), hn::LoadU(df, from), a);
        hn::StoreU(hn::Add(a, b), df, out + lane);
    }
}

}  // namespace HWY_NAMESPACE
}  // namespace vectorq
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vectorq {
HWY_EXPORT(NearestImpl);
HWY_EXPORT(MultiplyImpl);
HWY_EXPORT(AddByCodeImpl);
HWY_EXPORT(CombineImpl);

void NearestInTile(const TileArgs& args) noexcept { HWY_DYNAMIC_DISPATCH(NearestImpl)(args); }

void MultiplyTile(const float* matrix, size_t matrix_rows, size_t dims, const float* tile, float* out) noexcept {
    HWY_DYNAMIC_DISPATCH(MultiplyImpl)(matrix, matrix_rows, dims, tile, out);
}

void AddByCode(const float* rows, const uint8_t* codes, size_t count, size_t m, float* sums) noexcept {
    HWY_DYNAMIC_DISPATCH(AddByCodeImpl)(rows, codes, count, m, sums);
}

void CombineRows(const float* weights, const float* panel, size_t count, float* out) noexcept {
    HWY_DYNAMIC_DISPATCH(CombineImpl)(weights, panel, count, out);
}

namespace reference {

void NearestInTile(const TileArgs& a) noexcept {
    for (size_t r = 0; r < kTileRows; r++) {
        double best = -std::numeric_limits<double>::infinity();
        for (size_t k = 0; k < a.ksub; k++) {
            double score = a.minus_half_norm[k];
            for (size_t d = 0; d < a.dims; d++)
                score += double(a.codewords[d * a.ksub + k]) * a.tile[d * kTileRows + r];
            if (score > best) best = score, a.nearest[r] = uint32_t(k);
        }
        if (a.score != nullptr) a.score[r] = float(best);
    }
}

void MultiplyTile(const float* matrix, size_t matrix_rows, size_t dims, const float* tile, float* out) noexcept {
    for (size_t j = 0; j < matrix_rows; j++) {
        for (size_t r = 0; r < kTileRows; r++) {
            double sum = 0;
            for (size_t d = 0; d < dims; d++) sum += double(matrix[j * dims + d]) * tile[d * kTileRows + r];
            out[j * kTileRows + r] = float(sum);
        }
    }
}

void AddByCode(const float* rows, const uint8_t* codes, size_t count, size_t m, float* sums) noexcept {
    for (size_t i = 0; i < count; i++) {
        for (size_t s = 0; s < m; s++) {
            for (size_t d = 0; d < kPanelColumns; d++)
                sums[(s * 256 + codes[i * m + s]) * kPanelColumns + d] += rows[i * kPanelColumns + d];
        }
    }
}

void CombineRows(const float* weights, const float* panel, size_t count, float* out) noexcept {
    for (size_t d = 0; d < kPanelColumns; d++) {
        double sum = 0;
        for (size_t c = 0; c < count; c++) sum += double(weights[c]) * panel[c * kPanelColumns + d];
        out[d] = float(sum);
    }
}

}  // namespace reference
}  // namespace vectorq
#endif  // HWY_ONCE
