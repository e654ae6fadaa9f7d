// See finish_distances.h. Written by hand because the server's -O2 leaves the loop scalar: it took as long
// as a sixth of the scoring.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/simd/finish_distances.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h.
#include "hwy/highway.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/simd/row_scale.h"
#include "core/simd/finish_distances.h"

HWY_BEFORE_NAMESPACE();
namespace vectorq {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

void FinishDistancesImpl(float* HWY_RESTRICT values, const float* HWY_RESTRICT scalars, float bias, float factor,
                         size_t n) {
    const hn::ScalableTag<float> d;
    const size_t lanes = hn::Lanes(d);
    const auto b = hn::Set(d, bias), f = hn::Set(d, factor), inf = hn::Set(d, std::numeric_limits<float>::infinity());
    const auto finish = [=](auto sum, auto offset) HWY_ATTR {
        const auto distance = hn::MulAdd(sum, f, offset);
        return hn::IfThenElse(hn::Eq(distance, distance), distance, inf);
    };
    size_t i = 0;
    for (; i + lanes <= n; i += lanes) {
        const auto offset = scalars == nullptr ? b : hn::Add(b, hn::LoadU(d, scalars + i));
        hn::StoreU(finish(hn::LoadU(d, values + i), offset), d, values + i);
    }
    // The rest with the same rounding: a row's distance must not depend on its place.
    if (i == n) return;
    HWY_ALIGN float value[hn::MaxLanes(d)] = {}, scalar[hn::MaxLanes(d)] = {};
    std::memcpy(value, values + i, (n - i) * sizeof(float));
    if (scalars != nullptr) std::memcpy(scalar, scalars + i, (n - i) * sizeof(float));
    hn::Store(finish(hn::Load(d, value), hn::Add(b, hn::Load(d, scalar))), d, value);
    std::memcpy(values + i, value, (n - i) * sizeof(float));
}

void FinishJaccardImpl(float* HWY_RESTRICT values, const float* HWY_RESTRICT row_bits, float query_bits, size_t n) {
    const hn::ScalableTag<float> d;
    const size_t lanes = hn::Lanes(d);
    const auto query = hn::Set(d, query_bits), one = hn::Set(d, 1.0f);
    const auto inf = hn::Set(d, std::numeric_limits<float>::infinity());
    const auto finish = [=](auto both, auto row) HWY_ATTR {
        // Where there are no bits at all, nothing is common.
        const auto either = hn::Max(hn::Sub(hn::Add(query, row), both), one);
        const auto distance = hn::Sub(one, hn::Div(both, either));
        return hn::IfThenElse(hn::Eq(distance, distance), distance, inf);
    };
    size_t i = 0;
    for (; i + lanes <= n; i += lanes)
        hn::StoreU(finish(hn::LoadU(d, values + i), hn::LoadU(d, row_bits + i)), d, values + i);
    if (i == n) return;
    HWY_ALIGN float value[hn::MaxLanes(d)] = {}, row[hn::MaxLanes(d)] = {};
    std::memcpy(value, values + i, (n - i) * sizeof(float));
    std::memcpy(row, row_bits + i, (n - i) * sizeof(float));
    hn::Store(finish(hn::Load(d, value), hn::Load(d, row)), d, value);
    std::memcpy(values + i, value, (n - i) * sizeof(float));
}

using DF = hn::ScalableTag<float>;
using DI = hn::RebindToSigned<DF>;
using D16 = hn::Rebind<uint16_t, DF>;

HWY_INLINE hn::Vec<DF> LoadSums(const float* sums) { return hn::LoadU(DF(), sums); }
HWY_INLINE hn::Vec<DF> LoadSums(const uint16_t* sums) {
    return hn::ConvertTo(DF(), hn::PromoteTo(DI(), hn::LoadU(D16(), sums)));
}

template <class T>
HWY_INLINE void FinishScaled(const T* sums, float step, float offset, const float* words, float bias, bool squares,
                             size_t n, float* out) {
    const DF df;
    const DI di;
    const size_t lanes = hn::Lanes(df);
    const auto mask = hn::Set(di, int32_t(kCorrectionMask));
    const auto unit = hn::Set(df, kCorrectionStep), square = hn::Set(df, squares ? 1.0f : 0.0f);
    const auto inf = hn::Set(df, std::numeric_limits<float>::infinity());
    const auto steps = hn::Set(df, step), offsets = hn::Set(df, offset), biases = hn::Set(df, bias);
    const auto finish = [=](auto sums_of_rows, auto words_of_rows) HWY_ATTR {
        const auto word = hn::BitCast(di, words_of_rows);
        const auto length = hn::BitCast(df, hn::AndNot(mask, word));
        const auto correction = hn::Mul(hn::ConvertTo(df, hn::And(word, mask)), unit);
        const auto sum = hn::MulAdd(sums_of_rows, steps, offsets);
        const auto base = hn::MulAdd(hn::Mul(length, square), length, biases);
        const auto distance = hn::MulAdd(hn::Mul(length, correction), sum, base);
        return hn::IfThenElse(hn::Eq(distance, distance), distance, inf);
    };
    size_t i = 0;
    for (; i + lanes <= n; i += lanes) hn::StoreU(finish(LoadSums(sums + i), hn::LoadU(df, words + i)), df, out + i);
    if (i == n) return;
    T sum[hn::MaxLanes(df)] = {};
    float word[hn::MaxLanes(df)] = {};
    std::memcpy(sum, sums + i, (n - i) * sizeof(T));
    std::memcpy(word, words + i, (n - i) * sizeof(float));
    hn::StoreU(finish(LoadSums(sum), hn::LoadU(df, word)), df, word);
    std::memcpy(out + i, word, (n - i) * sizeof(float));
}

void FinishScaledU16(const uint16_t* sums, float step, float offset, const float* words, float bias, bool squares,
                     size_t n, float* out) {
    FinishScaled(sums, step, offset, words, bias, squares, n, out);
}
void FinishScaledF32(const float* sums, float step, float offset, const float* words, float bias, bool squares,
                     size_t n, float* out) {
    FinishScaled(sums, step, offset, words, bias, squares, n, out);
}

}  // namespace HWY_NAMESPACE
}  // namespace vectorq
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vectorq {

HWY_EXPORT(FinishDistancesImpl);

void FinishDistances(float* values, const float* scalars, float bias, float factor, size_t n) noexcept {
    HWY_DYNAMIC_DISPATCH(FinishDistancesImpl)(values, scalars, bias, factor, n);
}

HWY_EXPORT(FinishJaccardImpl);

void FinishJaccard(float* values, const float* row_bits, float query_bits, size_t n) noexcept {
    HWY_DYNAMIC_DISPATCH(FinishJaccardImpl)(values, row_bits, query_bits, n);
}

HWY_EXPORT(FinishScaledU16);
HWY_EXPORT(FinishScaledF32);

void FinishScaledSums(const uint16_t* sums, float step, float offset, const float* words, float bias, bool squares,
                      size_t n, float* out) noexcept {
    HWY_DYNAMIC_DISPATCH(FinishScaledU16)(sums, step, offset, words, bias, squares, n, out);
}
void FinishScaledSums(const float* sums, float step, float offset, const float* words, float bias, bool squares,
                      size_t n, float* out) noexcept {
    HWY_DYNAMIC_DISPATCH(FinishScaledF32)(sums, step, offset, words, bias, squares, n, out);
}

namespace reference {
void FinishScaledSums(const float* sums, float step, float offset, const float* words, float bias, bool squares,
                      size_t n, float* out) noexcept {
    for (size_t i = 0; i < n; i++) {
        const float length = RowLength(words[i]);
        const float distance =
            bias + (squares ? length * length : 0.0f) + RowScale(words[i]) * (offset + step * sums[i]);
        out[i] = std::isnan(distance) ? std::numeric_limits<float>::infinity() : distance;
    }
}
void FinishJaccard(float* values, const float* row_bits, float query_bits, size_t n) noexcept {
    for (size_t i = 0; i < n; i++) {
        const float distance = 1 - values[i] / std::max(query_bits + row_bits[i] - values[i], 1.0f);
        values[i] = std::isnan(distance) ? std::numeric_limits<float>::infinity() : distance;
    }
}
void FinishDistances(float* values, const float* scalars, float bias, float factor, size_t n) noexcept {
    for (size_t i = 0; i < n; i++) {
        const float distance = factor * values[i] + (bias + (scalars == nullptr ? 0.0f : scalars[i]));
        values[i] = std::isnan(distance) ? std::numeric_limits<float>::infinity() : distance;
    }
}
}  // namespace reference
}  // namespace vectorq
#endif
