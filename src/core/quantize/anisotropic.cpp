// Encoder for the score-aware loss (see anisotropic.h; training is in anisotropic_train.cpp).
// Long because the step is written twice, with rows and with codewords in the lanes, to be read side by side.
//
// With the other subspaces' part of <e, u> fixed, codeword k of subspace s costs, up to a constant,
//   |c_k|^2 / 2 - <x_s, c_k> + (eta - 1) / 2 * (P - t_k)^2,  t_k = <c_k, u_s>,
// where P = <e, u> + t_now is <e, u> as if the subspace decoded to zero. So a step needs two products
// a codeword, and no gather: t of the best codeword is carried along with its number.
//
// Rows lie in the lanes, as in pq.cpp: a group of two vectors of rows goes through all passes, until
// no row of it changes. A row that is done takes the same step again with the same numbers,
// so it stays as it is, whatever its neighbours do.
//
// One row, or the few entries of an inserted one, would leave most lanes empty: there the codewords lie in the lanes,
// and the two products a codeword are kept for all passes. Every sum has the same terms in the same order, so the codes
// are the same, bit for bit. 4,000 inserts of 384 dimensions into two lists each took 1.1 to 1.4 s instead of 2.0
// to 3.9 (before and after in turns, other load).
//
// Scratch: codewords minus their mean (as the codebook) | |c|^2 / 2 (m, ksub) | mean (dims) |
//   rows (dims, kRows), centred | directions (dims, kRows), unit length | t (m, kRows) | codeword numbers (m, kRows)
#include "core/quantize/anisotropic.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/quantize/anisotropic.cpp"
#include "hwy/foreach_target.h"
//
#include "hwy/highway.h"

#ifndef VECTORQ_CORE_QUANTIZE_ANISOTROPIC_ONCE_
#define VECTORQ_CORE_QUANTIZE_ANISOTROPIC_ONCE_
namespace vectorq {
constexpr size_t kRows = 32;  // a multiple of twice the lanes of every target
struct AnisotropicTile {
    PqShape shape;
    const float* codewords;     // centred
    const float* half_sq_norm;  // (m, ksub)
    const float* rows;          // (dims, kRows), centred
    const float* directions;    // (dims, kRows)
    float* along;               // (m, kRows): t of the present codewords; work space
    uint32_t* numbers;          // (m, kRows): in (when from_codes) and out
    float half_weight;          // (eta - 1) / 2
    bool from_codes;
    size_t used;  // rows that matter
};

constexpr size_t kFewRows = 4;
struct AnisotropicFew {
    PqShape shape;
    const float* codewords;     // centred
    const float* half_sq_norm;  // (m, ksub)
    const float* rows;          // (count, dims), centred
    const float* directions;    // (count, dims), unit length
    float* plain;               // (count, m, ksub): |c|^2 / 2 - <x, c>; work space, like the next two
    float* along;               // (count, m, ksub): t
    uint32_t* numbers;          // (count, m): out
    float half_weight;          // (eta - 1) / 2
    size_t count;
};
}  // namespace vectorq
#endif

HWY_BEFORE_NAMESPACE();
namespace vectorq {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// ksub is at least 16: never more lanes than that, and kRows has no remainder.
using DF = hn::CappedTag<float, 16>;
using DU = hn::RebindToUnsigned<DF>;
using VF = hn::Vec<DF>;
using VU = hn::Vec<DU>;

// Least score so far of one vector of rows.
struct Best {
    VF score, along;
    VU number;
};
HWY_INLINE Best NoBest() {
    return {hn::Set(DF(), std::numeric_limits<float>::infinity()), hn::Zero(DF()), hn::Zero(DU())};
}
HWY_INLINE void Offer(VF score, VF along, size_t k, Best& best) {
    const auto less = hn::Lt(score, best.score);
    best.score = hn::IfThenElse(less, score, best.score);
    best.along = hn::IfThenElse(less, along, best.along);
    best.number = hn::IfThenElse(hn::RebindMask(DU(), less), hn::Set(DU(), uint32_t(k)), best.number);
}
HWY_INLINE VF Score(float half_sq_norm, VF product, VF along, VF target, VF half_weight) {
    const VF rest = hn::Sub(target, along);
    return hn::MulAdd(hn::Mul(half_weight, rest), rest, hn::Sub(hn::Set(DF(), half_sq_norm), product));
}

// Codeword of least score for two vectors of rows in one subspace. Numbers ascend and only a smaller
// score replaces the best one: ties go to the lowest. kDsub 0 = any size (then `dsub` says which).
template <size_t kDsub>
HWY_INLINE void BestCodewords(const float* HWY_RESTRICT codewords, const float* HWY_RESTRICT half, size_t any_dsub,
                              size_t ksub, const float* HWY_RESTRICT x, const float* HWY_RESTRICT u, VF target0,
                              VF target1, VF half_weight, Best& best0, Best& best1) {
    const DF df;
    const size_t N = hn::Lanes(df), dsub = kDsub == 0 ? any_dsub : kDsub;
    for (size_t k = 0; k < ksub; k += 2) {
        VF p00 = hn::Zero(df), p01 = p00, p10 = p00, p11 = p00, t00 = p00, t01 = p00, t10 = p00, t11 = p00;
        for (size_t d = 0; d < dsub; d++) {
            const VF c0 = hn::Set(df, codewords[d * ksub + k]), c1 = hn::Set(df, codewords[d * ksub + k + 1]);
            const VF x0 = hn::LoadU(df, x + d * kRows), x1 = hn::LoadU(df, x + d * kRows + N);
            const VF u0 = hn::LoadU(df, u + d * kRows), u1 = hn::LoadU(df, u + d * kRows + N);
            p00 = hn::MulAdd(x0, c0, p00);
            p01 = hn::MulAdd(x1, c0, p01);
            p10 = hn::MulAdd(x0, c1, p10);
            p11 = hn::MulAdd(x1, c1, p11);
            t00 = hn::MulAdd(u0, c0, t00);
            t01 = hn::MulAdd(u1, c0, t01);
            t10 = hn::MulAdd(u0, c1, t10);
            t11 = hn::MulAdd(u1, c1, t11);
        }
        Offer(Score(half[k], p00, t00, target0, half_weight), t00, k, best0);
        Offer(Score(half[k], p01, t01, target1, half_weight), t01, k, best1);
        Offer(Score(half[k + 1], p10, t10, target0, half_weight), t10, k + 1, best0);
        Offer(Score(half[k + 1], p11, t11, target1, half_weight), t11, k + 1, best1);
    }
}

// <c, u> of the codewords that the rows have now.
HWY_INLINE void AlongOfCodes(const AnisotropicTile& a, size_t s, size_t begin, size_t end, size_t r, size_t count) {
    const size_t ksub = PqKsub(a.shape);
    for (size_t i = r; i < r + count; i++) {
        float sum = 0;
        const uint32_t k = a.numbers[s * kRows + i];
        for (size_t d = begin; d < end; d++) sum += a.codewords[d * ksub + k] * a.directions[d * kRows + i];
        a.along[s * kRows + i] = sum;
    }
}

// The two vectors of rows from r on. `<e, u>` of them is kept in along0, along1.
template <size_t kDsub>
HWY_INLINE void DescendGroup(const AnisotropicTile& a, size_t r) {
    const DF df;
    const DU du;
    const size_t N = hn::Lanes(df), ksub = PqKsub(a.shape), m = a.shape.m;
    VF error0 = hn::Zero(df), error1 = error0;
    for (size_t s = 0, begin = 0; s < m; s++) {
        const size_t end = PqDimBegin(a.shape, s + 1), at = s * kRows + r;
        if (a.from_codes) {
            AlongOfCodes(a, s, begin, end, r, 2 * N);
        } else {
            Best best0 = NoBest(), best1 = NoBest();
            BestCodewords<kDsub>(a.codewords + begin * ksub, a.half_sq_norm + s * ksub, end - begin, ksub,
                                 a.rows + begin * kRows + r, a.directions + begin * kRows + r, hn::Zero(df),
                                 hn::Zero(df), hn::Zero(df), best0, best1);
            hn::StoreU(best0.along, df, a.along + at);
            hn::StoreU(best1.along, df, a.along + at + N);
            hn::StoreU(best0.number, du, a.numbers + at);
            hn::StoreU(best1.number, du, a.numbers + at + N);
        }
        for (size_t d = begin; d < end; d++) {
            const size_t lane = d * kRows + r;
            error0 = hn::MulAdd(hn::LoadU(df, a.rows + lane), hn::LoadU(df, a.directions + lane), error0);
            error1 = hn::MulAdd(hn::LoadU(df, a.rows + lane + N), hn::LoadU(df, a.directions + lane + N), error1);
        }
        error0 = hn::Sub(error0, hn::LoadU(df, a.along + at));
        error1 = hn::Sub(error1, hn::LoadU(df, a.along + at + N));
        begin = end;
    }
    const VF half_weight = hn::Set(df, a.half_weight);
    for (int pass = 0; pass < kAnisotropicPasses; pass++) {
        auto changed = hn::FirstN(du, 0);
        for (size_t s = 0, begin = 0; s < m; s++) {
            const size_t end = PqDimBegin(a.shape, s + 1), at = s * kRows + r;
            const VU now0 = hn::LoadU(du, a.numbers + at), now1 = hn::LoadU(du, a.numbers + at + N);
            const VF target0 = hn::Add(error0, hn::LoadU(df, a.along + at));
            const VF target1 = hn::Add(error1, hn::LoadU(df, a.along + at + N));
            Best best0 = NoBest(), best1 = NoBest();
            BestCodewords<kDsub>(a.codewords + begin * ksub, a.half_sq_norm + s * ksub, end - begin, ksub,
                                 a.rows + begin * kRows + r, a.directions + begin * kRows + r, target0, target1,
                                 half_weight, best0, best1);
            // Rows that keep their codeword keep every bit of their state: see the head comment.
            const auto moves0 = hn::Ne(best0.number, now0), moves1 = hn::Ne(best1.number, now1);
            changed = hn::Or(changed, hn::Or(moves0, moves1));
            error0 = hn::IfThenElse(hn::RebindMask(df, moves0), hn::Sub(target0, best0.along), error0);
            error1 = hn::IfThenElse(hn::RebindMask(df, moves1), hn::Sub(target1, best1.along), error1);
            hn::StoreU(best0.along, df, a.along + at);
            hn::StoreU(best1.along, df, a.along + at + N);
            hn::StoreU(best0.number, du, a.numbers + at);
            hn::StoreU(best1.number, du, a.numbers + at + N);
            begin = end;
        }
        if (hn::AllFalse(du, changed)) break;
    }
}

void DescendTile(const AnisotropicTile& a) {
    const size_t step = 2 * hn::Lanes(DF());
    const bool even = a.shape.dims % a.shape.m == 0;
    const size_t dsub = even ? a.shape.dims / a.shape.m : 0;
    for (size_t r = 0; r < a.used; r += step) {
        if (dsub == 2) {
            DescendGroup<2>(a, r);
        } else {
            DescendGroup<0>(a, r);
        }
    }
}

// The lowest number of the codewords of least score; 0 if there is no number among the scores.
HWY_INLINE uint32_t Least(const float* HWY_RESTRICT plain, const float* HWY_RESTRICT along, size_t ksub, VF target,
                          VF half_weight) {
    const DF df;
    const DU du;
    const size_t N = hn::Lanes(df);
    const auto score = [&](size_t k) HWY_ATTR {
        const VF rest = hn::Sub(target, hn::LoadU(df, along + k));
        return hn::MulAdd(hn::Mul(half_weight, rest), rest, hn::LoadU(df, plain + k));
    };
    const VF infinity = hn::Set(df, std::numeric_limits<float>::infinity());
    if (ksub == N) {
        const VF only = score(0);
        const VF least = hn::MinOfLanes(df, hn::IfThenElse(hn::Lt(only, infinity), only, infinity));
        return uint32_t(std::max<intptr_t>(hn::FindFirstTrue(df, hn::Eq(only, least)), 0));
    }
    VF best = infinity;
    VU number = hn::Zero(du);
    for (size_t k = 0; k < ksub; k += N) {
        const VF next = score(k);
        const auto less = hn::Lt(next, best);
        best = hn::IfThenElse(less, next, best);
        number = hn::IfThenElse(hn::RebindMask(du, less), hn::Iota(du, uint32_t(k)), number);
    }
    const auto least = hn::RebindMask(du, hn::Eq(best, hn::MinOfLanes(df, best)));
    return hn::GetLane(hn::MinOfLanes(du, hn::IfThenElse(least, number, hn::Set(du, 0xFFFFFFFFu))));
}

// plain and along of a subspace of one row.
HWY_INLINE void Products(const AnisotropicFew& a, size_t s, size_t begin, size_t end, size_t row) {
    const DF df;
    const size_t N = hn::Lanes(df), ksub = PqKsub(a.shape), at = (row * a.shape.m + s) * ksub;
    const float *x = a.rows + row * a.shape.dims, *u = a.directions + row * a.shape.dims;
    for (size_t k = 0; k < ksub; k += N) {
        VF product = hn::Zero(df), along = product;
        for (size_t d = begin; d < end; d++) {
            const VF c = hn::LoadU(df, a.codewords + d * ksub + k);
            product = hn::MulAdd(hn::Set(df, x[d]), c, product);
            along = hn::MulAdd(hn::Set(df, u[d]), c, along);
        }
        hn::StoreU(hn::Sub(hn::LoadU(df, a.half_sq_norm + s * ksub + k), product), df, a.plain + at + k);
        hn::StoreU(along, df, a.along + at + k);
    }
}

// All lanes of an error are alike. Rows take turns, so that their chains of operations overlap.
void DescendFew(const AnisotropicFew& a) {
    const DF df;
    const size_t ksub = PqKsub(a.shape), m = a.shape.m, dims = a.shape.dims;
    HWY_ALIGN float error[kFewRows * hn::MaxLanes(DF())];
    const size_t N = hn::Lanes(df);
    for (size_t r = 0; r < a.count; r++) hn::Store(hn::Zero(df), df, error + r * N);
    for (size_t s = 0, begin = 0; s < m; s++) {
        const size_t end = PqDimBegin(a.shape, s + 1);
        for (size_t r = 0; r < a.count; r++) {
            Products(a, s, begin, end, r);
            const size_t at = (r * m + s) * ksub;
            const uint32_t k = Least(a.plain + at, a.along + at, ksub, hn::Zero(df), hn::Zero(df));
            a.numbers[r * m + s] = k;
            VF sum = hn::Load(df, error + r * N);
            for (size_t d = begin; d < end; d++)
                sum = hn::MulAdd(hn::Set(df, a.rows[r * dims + d]), hn::Set(df, a.directions[r * dims + d]), sum);
            hn::Store(hn::Sub(sum, hn::Set(df, a.along[at + k])), df, error + r * N);
        }
        begin = end;
    }
    const VF half_weight = hn::Set(df, a.half_weight);
    bool changed = true;
    for (int pass = 0; pass < kAnisotropicPasses && changed; pass++) {
        changed = false;
        for (size_t s = 0; s < m; s++) {
            for (size_t r = 0; r < a.count; r++) {
                const size_t at = (r * m + s) * ksub;
                const uint32_t now = a.numbers[r * m + s];
                const VF target = hn::Add(hn::Load(df, error + r * N), hn::Set(df, a.along[at + now]));
                const uint32_t k = Least(a.plain + at, a.along + at, ksub, target, half_weight);
                if (k == now) continue;
                changed = true;
                a.numbers[r * m + s] = k;
                hn::Store(hn::Sub(target, hn::Set(df, a.along[at + k])), df, error + r * N);
            }
        }
    }
}

}  // namespace HWY_NAMESPACE
}  // namespace vectorq
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vectorq {
HWY_EXPORT(DescendTile);
HWY_EXPORT(DescendFew);

namespace {

struct Parts {
    Parts(const PqShape& shape, float* scratch)
        : codewords(scratch),
          half_sq_norm(codewords + PqCodebookFloats(shape)),
          mean(half_sq_norm + PqTableFloats(shape)),
          rows(mean + shape.dims),
          directions(rows + size_t(shape.dims) * kRows),
          along(directions + size_t(shape.dims) * kRows),
          numbers(reinterpret_cast<uint32_t*>(along + size_t(shape.m) * kRows)) {}
    float* codewords;
    float* half_sq_norm;
    float* mean;
    float* rows;
    float* directions;
    float* along;
    uint32_t* numbers;
};

// Centring keeps |c|^2 / 2 - <x, c> from cancelling where all components share a large offset.
void PrepareCodebook(const PqShape& shape, const float* codebook, const Parts& p) noexcept {
    const size_t ksub = PqKsub(shape);
    std::fill(p.half_sq_norm, p.half_sq_norm + PqTableFloats(shape), 0.0f);
    for (size_t s = 0; s < shape.m; s++) {
        float* half = p.half_sq_norm + s * ksub;
        for (size_t d = PqDimBegin(shape, s); d < PqDimBegin(shape, s + 1); d++) {
            double sum[4] = {};
            for (size_t k = 0; k < ksub; k += 4)
                for (size_t j = 0; j < 4; j++) sum[j] += codebook[d * ksub + k + j];
            const float mean = float((sum[0] + sum[1] + sum[2] + sum[3]) / double(ksub));
            p.mean[d] = mean;
            for (size_t k = 0; k < ksub; k++) {
                const float x = codebook[d * ksub + k] - mean;
                p.codewords[d * ksub + k] = x;
                half[k] += 0.5f * x * x;
            }
        }
    }
}

// 1 / |x|; 0 for the zero vector, which makes its loss the plain one.
double InverseNorm(const float* x, size_t dims) noexcept {
    double sum[4] = {};
    size_t d = 0;
    for (; d + 4 <= dims; d += 4) {
        for (size_t j = 0; j < 4; j++) sum[j] += double(x[d + j]) * x[d + j];
    }
    for (; d < dims; d++) sum[0] += double(x[d]) * x[d];
    const double sq_norm = sum[0] + sum[1] + sum[2] + sum[3];
    return sq_norm > 0 ? 1 / std::sqrt(sq_norm) : 0;
}

// A few rows, one after the other, with their work space behind them.
void EncodeFew(const PqShape& shape, const Parts& p, float half_weight, const float* rows, const float* directions,
               size_t count, uint8_t* codes) noexcept {
    const size_t dims = shape.dims, stride = PqCodeBytes(shape);
    float* unit = p.rows + count * dims;
    float* plain = unit + count * dims;
    float* along = plain + count * PqTableFloats(shape);
    uint32_t* numbers = reinterpret_cast<uint32_t*>(along + count * PqTableFloats(shape));
    for (size_t r = 0; r < count; r++) {
        const double inverse = InverseNorm(directions + r * dims, dims);
        for (size_t d = 0; d < dims; d++) {
            p.rows[r * dims + d] = rows[r * dims + d] - p.mean[d];
            unit[r * dims + d] = float(directions[r * dims + d] * inverse);
        }
    }
    const AnisotropicFew few{shape, p.codewords, p.half_sq_norm, p.rows,      unit,
                             plain, along,       numbers,        half_weight, count};
    HWY_DYNAMIC_DISPATCH(DescendFew)(few);
    std::memset(codes, 0, count * stride);
    for (size_t r = 0; r < count; r++) {
        for (size_t s = 0; s < shape.m; s++) PqOrCode(shape.bits, codes + r * stride, s, numbers[r * shape.m + s]);
    }
}

// Puts `count` <= kRows rows into the lanes; missing rows repeat the last one. A few dimensions at a time: their lanes
// stay in the nearest cache, where 384 dimensions of all rows would not.
void FillTile(const PqShape& shape, const float* rows, const float* directions, size_t count, const Parts& p) noexcept {
    constexpr size_t kDimsAtATime = 16;
    const size_t dims = shape.dims;
    double inverse[kRows];
    for (size_t r = 0; r < kRows; r++)
        inverse[r] = r < count ? InverseNorm(directions + r * dims, dims) : inverse[count - 1];
    for (size_t begin = 0; begin < dims; begin += kDimsAtATime) {
        const size_t end = std::min(begin + kDimsAtATime, dims);
        for (size_t r = 0; r < kRows; r++) {
            const float* x = rows + std::min(r, count - 1) * dims;
            const float* u = directions + std::min(r, count - 1) * dims;
            for (size_t d = begin; d < end; d++) {
                p.rows[d * kRows + r] = x[d] - p.mean[d];
                p.directions[d * kRows + r] = float(u[d] * inverse[r]);
            }
        }
    }
}

// Codes of `count` rows from (m, kRows) numbers.
void PackNumbers(const PqShape& shape, const uint32_t* numbers, size_t count, uint8_t* codes) noexcept {
    const size_t stride = PqCodeBytes(shape);
    std::memset(codes, 0, count * stride);
    size_t s = 0;
    for (; shape.bits == 4 && s + 2 <= shape.m; s += 2) {
        const uint32_t *even = numbers + s * kRows, *odd = even + kRows;
        for (size_t i = 0; i < count; i++) codes[i * stride + s / 2] = uint8_t(even[i] | odd[i] << 4);
    }
    for (; s < shape.m; s++) {
        for (size_t i = 0; i < count; i++) PqOrCode(shape.bits, codes + i * stride, s, numbers[s * kRows + i]);
    }
}

}  // namespace

float AnisotropicEta(float threshold, size_t dims) noexcept {
    if (!(threshold > 0 && threshold < 1) || dims < 2) return 1.0f;
    const double square = double(threshold) * threshold;
    return float(std::max(1.0, double(dims - 1) * square / (1 - square)));
}

size_t AnisotropicEncodeScratchFloats(const PqShape& shape) noexcept {
    const size_t lanes = 2 * size_t(shape.dims + shape.m) * kRows;
    const size_t few = kFewRows * (2 * size_t(shape.dims) + 2 * PqTableFloats(shape) + shape.m);
    const size_t tile = std::max(lanes, few);
    return std::max(PqCodebookFloats(shape) + PqTableFloats(shape) + shape.dims + tile, PqEncodeScratchFloats(shape));
}

void EncodeAnisotropicPq(const PqShape& shape, const float* codebook, float eta, const float* rows,
                         const float* directions, size_t count, uint8_t* codes, float* scratch,
                         AnisotropicStart start) noexcept {
    if (!IsAnisotropic(eta) || directions == nullptr) {
        EncodePq(shape, codebook, rows, count, codes, scratch);
        return;
    }
    const Parts p(shape, scratch);
    PrepareCodebook(shape, codebook, p);
    const size_t stride = PqCodeBytes(shape);
    const bool from_codes = start == AnisotropicStart::kCodes;
    if (count <= kFewRows && !from_codes) return EncodeFew(shape, p, (eta - 1) / 2, rows, directions, count, codes);
    AnisotropicTile tile{shape,   p.codewords, p.half_sq_norm, p.rows,     p.directions,
                         p.along, p.numbers,   (eta - 1) / 2,  from_codes, 0};
    for (size_t r = 0; r < count; r += kRows) {
        tile.used = std::min(kRows, count - r);
        uint8_t* tile_codes = codes + r * stride;
        FillTile(shape, rows + r * shape.dims, directions + r * shape.dims, tile.used, p);
        for (size_t i = 0; i < kRows && tile.from_codes; i++) {
            const uint8_t* code = tile_codes + std::min(i, tile.used - 1) * stride;
            for (size_t s = 0; s < shape.m; s++) p.numbers[s * kRows + i] = PqGetCode(shape.bits, code, s);
        }
        HWY_DYNAMIC_DISPATCH(DescendTile)(tile);
        PackNumbers(shape, p.numbers, tile.used, tile_codes);
    }
}

double AnisotropicPqLoss(const PqShape& shape, const float* codebook, float eta, const float* rows,
                         const float* directions, size_t count, const uint8_t* codes) noexcept {
    const size_t ksub = PqKsub(shape), dims = shape.dims;
    const double weight = IsAnisotropic(eta) && directions != nullptr ? double(eta) - 1 : 0.0;
    double loss = 0;
    for (size_t i = 0; i < count; i++) {
        const uint8_t* code = codes + i * PqCodeBytes(shape);
        const double inverse = weight > 0 ? InverseNorm(directions + i * dims, dims) : 0.0;
        double plain = 0, along = 0;
        for (size_t s = 0; s < shape.m; s++) {
            const uint32_t k = PqGetCode(shape.bits, code, s);
            for (size_t d = PqDimBegin(shape, s); d < PqDimBegin(shape, s + 1); d++) {
                const double e = double(rows[i * dims + d]) - codebook[d * ksub + k];
                plain += e * e;
                if (weight > 0) along += e * (directions[i * dims + d] * inverse);
            }
        }
        loss += plain + weight * along * along;
    }
    return loss;
}

namespace reference {

void EncodeAnisotropicPq(const PqShape& shape, const float* codebook, float eta, const float* rows,
                         const float* directions, size_t count, uint8_t* codes) {
    EncodePq(shape, codebook, rows, count, codes);
    if (!IsAnisotropic(eta) || directions == nullptr) return;
    const size_t ksub = PqKsub(shape), stride = PqCodeBytes(shape), dims = shape.dims;
    std::vector<uint32_t> numbers(shape.m);
    for (size_t i = 0; i < count; i++) {
        const float *x = rows + i * dims, *direction = directions + i * dims;
        uint8_t* code = codes + i * stride;
        const double inverse = InverseNorm(direction, dims);
        // Part of subspace s, decoded to codeword k, in <e, u> and in |e|^2.
        const auto along = [&](size_t s, uint32_t k, double* plain) {
            double sum = 0, square = 0;
            for (size_t d = PqDimBegin(shape, s); d < PqDimBegin(shape, s + 1); d++) {
                const double e = double(x[d]) - codebook[d * ksub + k];
                sum += e * (direction[d] * inverse);
                square += e * e;
            }
            if (plain != nullptr) *plain = square;
            return sum;
        };
        double error = 0;
        for (size_t s = 0; s < shape.m; s++) {
            numbers[s] = PqGetCode(shape.bits, code, s);
            error += along(s, numbers[s], nullptr);
        }
        bool changed = true;
        for (int pass = 0; pass < kAnisotropicPasses && changed; pass++) {
            changed = false;
            for (size_t s = 0; s < shape.m; s++) {
                const double rest = error - along(s, numbers[s], nullptr);
                double best = std::numeric_limits<double>::infinity();
                uint32_t best_k = 0;
                for (uint32_t k = 0; k < ksub; k++) {
                    double plain = 0;
                    const double sum = rest + along(s, k, &plain);
                    const double loss = plain + (double(eta) - 1) * sum * sum;
                    if (loss < best) best = loss, best_k = k;
                }
                if (best_k == numbers[s]) continue;
                changed = true;
                error = rest + along(s, best_k, nullptr);
                numbers[s] = best_k;
            }
        }
        std::memset(code, 0, stride);
        for (size_t s = 0; s < shape.m; s++) PqOrCode(shape.bits, code, s, numbers[s]);
    }
}

}  // namespace reference
}  // namespace vectorq
#endif  // HWY_ONCE
