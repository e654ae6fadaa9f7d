// See scaled_filter.h.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/simd/scaled_filter.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h.
#include "hwy/highway.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "core/simd/row_scale.h"
#include "core/simd/scaled_filter.h"

HWY_BEFORE_NAMESPACE();
namespace vectorq {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using DF = hn::ScalableTag<float>;
using DI = hn::RebindToSigned<DF>;

HWY_INLINE hn::Vec<DF> SumsAsFloats(const uint16_t* sums) {
    return hn::ConvertTo(DF(), hn::PromoteTo(DI(), hn::LoadU(hn::Rebind<uint16_t, DF>(), sums)));
}
HWY_INLINE hn::Vec<DF> SumsAsFloats(const uint32_t* sums) {
    return hn::ConvertTo(DF(), hn::BitCast(DI(), hn::LoadU(hn::RebindToUnsigned<DI>(), sums)));
}

// Most vectors of a long scan have no near row: they are tested as a whole.
template <class T>
HWY_INLINE size_t FilterScaled(const T* sums, const ScaledQuery& query, const float* scales, const float* bases,
                               float threshold, size_t n, uint16_t* indices, float* out) {
    const DF d;
    const size_t lanes = hn::Lanes(d);
    const auto step = hn::Set(d, query.step), offset = hn::Set(d, query.offset), bias = hn::Set(d, query.bias);
    const auto limit = hn::Set(d, threshold), inf = hn::Set(d, std::numeric_limits<float>::infinity());
    size_t count = 0;
    const auto filter = [&](const T* s, const float* scale, const float* base, size_t first, size_t rows) HWY_ATTR {
        const auto sum = hn::MulAdd(SumsAsFloats(s), step, offset);
        const auto distance = hn::MulAdd(hn::LoadU(d, scale), sum, hn::Add(hn::LoadU(d, base), bias));
        const auto above = hn::Gt(distance, limit);
        if (HWY_LIKELY(hn::AllTrue(d, above))) return;
        HWY_ALIGN float values[hn::MaxLanes(d)];
        hn::Store(hn::IfThenElse(hn::Eq(distance, distance), distance, inf), d, values);
        uint8_t bytes[8] = {};
        hn::StoreMaskBits(d, hn::Not(above), bytes);
        uint64_t bits;
        std::memcpy(&bits, bytes, 8);
        for (bits &= (uint64_t(1) << rows) - 1; bits != 0; bits &= bits - 1) {
            const size_t lane = size_t(__builtin_ctzll(bits));
            indices[count] = uint16_t(first + lane);
            out[count++] = values[lane];
        }
    };
    size_t i = 0;
    for (; i + lanes <= n; i += lanes) filter(sums + i, scales + i, bases + i, i, lanes);
    if (i == n) return count;
    T sum[hn::MaxLanes(d)] = {};
    float scale[hn::MaxLanes(d)] = {}, base[hn::MaxLanes(d)] = {};
    std::memcpy(sum, sums + i, (n - i) * sizeof(T));
    std::memcpy(scale, scales + i, (n - i) * sizeof(float));
    std::memcpy(base, bases + i, (n - i) * sizeof(float));
    filter(sum, scale, base, i, n - i);
    return count;
}

size_t FilterScaledU16(const uint16_t* sums, const ScaledQuery& query, const float* scales, const float* bases,
                       float threshold, size_t n, uint16_t* indices, float* distances) {
    return FilterScaled(sums, query, scales, bases, threshold, n, indices, distances);
}
size_t FilterScaledU32(const uint32_t* sums, const ScaledQuery& query, const float* scales, const float* bases,
                       float threshold, size_t n, uint16_t* indices, float* distances) {
    return FilterScaled(sums, query, scales, bases, threshold, n, indices, distances);
}

void MakeScaledRowsImpl(const float* words, const ListSums& list, size_t n, float* scales, float* bases) {
    const DF d;
    const DI di;
    const size_t lanes = hn::Lanes(d);
    const auto mask = hn::Set(di, int32_t(kCorrectionMask));
    const auto unit = hn::Set(d, kCorrectionStep), offset = hn::Set(d, list.offset);
    const auto step0 = hn::Set(d, list.steps[0]), step1 = hn::Set(d, list.steps[1]);
    const auto make = [&](const float* word_at, const uint32_t* sums0, const uint32_t* sums1, float* scale_to,
                          float* base_to) HWY_ATTR {
        const auto word = hn::BitCast(di, hn::LoadU(d, word_at));
        const auto length = hn::BitCast(d, hn::AndNot(mask, word));
        const auto scale = hn::Mul(length, hn::Mul(hn::ConvertTo(d, hn::And(word, mask)), unit));
        const auto sum = hn::MulAdd(SumsAsFloats(sums0), step0, hn::MulAdd(SumsAsFloats(sums1), step1, offset));
        hn::StoreU(scale, d, scale_to);
        hn::StoreU(hn::MulAdd(scale, sum, hn::Mul(length, length)), d, base_to);
    };
    size_t i = 0;
    for (; i + lanes <= n; i += lanes) make(words + i, list.sums[0] + i, list.sums[1] + i, scales + i, bases + i);
    if (i == n) return;
    float word[hn::MaxLanes(d)] = {}, scale[hn::MaxLanes(d)], base[hn::MaxLanes(d)];
    uint32_t sums[2][hn::MaxLanes(d)] = {};
    std::memcpy(word, words + i, (n - i) * sizeof(float));
    for (size_t part = 0; part < 2; part++) std::memcpy(sums[part], list.sums[part] + i, (n - i) * sizeof(uint32_t));
    make(word, sums[0], sums[1], scale, base);
    std::memcpy(scales + i, scale, (n - i) * sizeof(float));
    std::memcpy(bases + i, base, (n - i) * sizeof(float));
}

}  // namespace HWY_NAMESPACE
}  // namespace vectorq
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vectorq {

HWY_EXPORT(FilterScaledU16);
HWY_EXPORT(FilterScaledU32);

size_t FilterScaledSums(const uint16_t* sums, const ScaledQuery& query, const float* scales, const float* bases,
                        float threshold, size_t n, uint16_t* indices, float* distances) noexcept {
    return HWY_DYNAMIC_DISPATCH(FilterScaledU16)(sums, query, scales, bases, threshold, n, indices, distances);
}
size_t FilterScaledSums(const uint32_t* sums, const ScaledQuery& query, const float* scales, const float* bases,
                        float threshold, size_t n, uint16_t* indices, float* distances) noexcept {
    return HWY_DYNAMIC_DISPATCH(FilterScaledU32)(sums, query, scales, bases, threshold, n, indices, distances);
}

HWY_EXPORT(MakeScaledRowsImpl);

void MakeScaledRows(const float* words, const ListSums& list, size_t n, float* scales, float* bases) noexcept {
    HWY_DYNAMIC_DISPATCH(MakeScaledRowsImpl)(words, list, n, scales, bases);
}

namespace reference {
void MakeScaledRows(const float* words, const ListSums& list, size_t n, float* scales, float* bases) noexcept {
    for (size_t i = 0; i < n; i++) {
        const float length = RowLength(words[i]);
        const float sum = list.offset + list.steps[0] * float(list.sums[0][i]) + list.steps[1] * float(list.sums[1][i]);
        scales[i] = RowScale(words[i]);
        bases[i] = length * length + scales[i] * sum;
    }
}
size_t FilterScaledSums(const uint32_t* sums, const ScaledQuery& query, const float* scales, const float* bases,
                        float threshold, size_t n, uint16_t* indices, float* distances) noexcept {
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        float distance = query.bias + bases[i] + scales[i] * (query.offset + query.step * float(sums[i]));
        if (std::isnan(distance)) distance = std::numeric_limits<float>::infinity();
        if (!(distance <= threshold)) continue;
        indices[count] = uint16_t(i);
        distances[count++] = distance;
    }
    return count;
}
}  // namespace reference
}  // namespace vectorq
#endif
