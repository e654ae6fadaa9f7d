// See topk_filter.h. Most blocks of a long scan have no survivor, so a vector of lanes is tested at once
// and only one with a survivor is looked at lane by lane.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/simd/topk_filter.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h.
#include "hwy/highway.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <vector>

#include "core/simd/topk_filter.h"

HWY_BEFORE_NAMESPACE();
namespace vectorq {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

size_t CompressBelowKernel(const float* distances, size_t n, float threshold, uint16_t* indices) {
    const hn::ScalableTag<float> d;
    const size_t lanes = hn::Lanes(d);
    const auto limit = hn::Set(d, threshold);
    size_t count = 0, i = 0;
    for (; i + lanes <= n; i += lanes) {
        const auto above = hn::Gt(hn::LoadU(d, distances + i), limit);
        if (HWY_LIKELY(hn::AllTrue(d, above))) continue;
        for (size_t lane = i; lane < i + lanes; lane++) {
            indices[count] = static_cast<uint16_t>(lane);
            count += !(distances[lane] > threshold);
        }
    }
    for (; i < n; i++) {
        indices[count] = static_cast<uint16_t>(i);
        count += !(distances[i] > threshold);
    }
    return count;
}

using DF = hn::ScalableTag<float>;
using DI = hn::RebindToSigned<DF>;

// Integers in the order of the floats.
HWY_INLINE int32_t OrderOf(float value) {
    const int32_t bits = std::bit_cast<int32_t>(value);
    return bits >= 0 ? bits : bits ^ 0x7FFFFFFF;
}
HWY_INLINE float OfOrder(int32_t order) { return std::bit_cast<float>(order >= 0 ? order : order ^ 0x7FFFFFFF); }

size_t CountAtMost(const float* values, size_t n, float limit) {
    const DF df;
    const DI di;
    const size_t lanes = hn::Lanes(df);
    const auto limits = hn::Set(df, limit);
    auto count0 = hn::Zero(di), count1 = count0;
    size_t i = 0;
    for (; i + 2 * lanes <= n; i += 2 * lanes) {
        const auto below0 = hn::Le(hn::LoadU(df, values + i), limits);
        const auto below1 = hn::Le(hn::LoadU(df, values + i + lanes), limits);
        count0 = hn::Sub(count0, hn::VecFromMask(di, hn::RebindMask(di, below0)));
        count1 = hn::Sub(count1, hn::VecFromMask(di, hn::RebindMask(di, below1)));
    }
    size_t count = size_t(hn::GetLane(hn::SumOfLanes(di, hn::Add(count0, count1))));
    for (; i < n; i++) count += values[i] <= limit;
    return count;
}

float LargestAtMost(const float* values, size_t n, float limit) {
    const DF df;
    const size_t lanes = hn::Lanes(df);
    const auto limits = hn::Set(df, limit), none = hn::Set(df, -std::numeric_limits<float>::infinity());
    auto largest = none;
    size_t i = 0;
    for (; i + lanes <= n; i += lanes) {
        const auto value = hn::LoadU(df, values + i);
        largest = hn::Max(largest, hn::IfThenElse(hn::Le(value, limits), value, none));
    }
    float result = hn::GetLane(hn::MaxOfLanes(df, largest));
    for (; i < n; i++)
        if (values[i] <= limit) result = std::max(result, values[i]);
    return result;
}

float KthSmallestKernel(const float* values, size_t n, size_t k) {
    const DF df;
    const size_t lanes = hn::Lanes(df);
    auto smallest = hn::Set(df, values[0]), largest = smallest;
    float least = values[0], most = values[0];
    size_t i = 0;
    for (; i + lanes <= n; i += lanes) {
        const auto value = hn::LoadU(df, values + i);
        smallest = hn::Min(smallest, value);
        largest = hn::Max(largest, value);
    }
    for (; i < n; i++) {
        least = std::min(least, values[i]);
        most = std::max(most, values[i]);
    }
    // The k-th is in [low, high].
    int64_t low = OrderOf(std::min(least, hn::GetLane(hn::MinOfLanes(df, smallest))));
    int64_t high = OrderOf(std::max(most, hn::GetLane(hn::MaxOfLanes(df, largest))));
    while (low < high) {
        const int64_t middle = (low + high) >> 1;
        const float limit = OfOrder(int32_t(middle));
        const size_t count = CountAtMost(values, n, limit);
        if (count == k) return LargestAtMost(values, n, limit);
        if (count > k) high = middle;
        else low = middle + 1;
    }
    return OfOrder(int32_t(low));
}

}  // namespace HWY_NAMESPACE
}  // namespace vectorq
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vectorq {

HWY_EXPORT(CompressBelowKernel);

size_t CompressBelow(const float* distances, size_t n, float threshold, uint16_t* indices) noexcept {
    return HWY_DYNAMIC_DISPATCH(CompressBelowKernel)(distances, n, threshold, indices);
}

HWY_EXPORT(KthSmallestKernel);

float KthSmallest(const float* values, size_t n, size_t k) noexcept {
    return HWY_DYNAMIC_DISPATCH(KthSmallestKernel)(values, n, k);
}

namespace reference {
float KthSmallest(const float* values, size_t n, size_t k) {
    std::vector<float> sorted(values, values + n);
    std::nth_element(sorted.begin(), sorted.begin() + (k - 1), sorted.end());
    return sorted[k - 1];
}
size_t CompressBelow(const float* distances, size_t n, float threshold, uint16_t* indices) noexcept {
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        if (!(distances[i] > threshold)) indices[count++] = static_cast<uint16_t>(i);
    return count;
}
}  // namespace reference

}  // namespace vectorq
#endif
