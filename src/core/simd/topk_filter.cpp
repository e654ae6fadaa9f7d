// See topk_filter.h. Most blocks of a long scan have no survivor, so a vector of lanes is tested at once
// and only one with a survivor is looked at lane by lane.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/simd/topk_filter.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h.
#include "hwy/highway.h"

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

}  // namespace HWY_NAMESPACE
}  // namespace vectorq
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vectorq {

HWY_EXPORT(CompressBelowKernel);

size_t CompressBelow(const float* distances, size_t n, float threshold, uint16_t* indices) noexcept {
    return HWY_DYNAMIC_DISPATCH(CompressBelowKernel)(distances, n, threshold, indices);
}

namespace reference {
size_t CompressBelow(const float* distances, size_t n, float threshold, uint16_t* indices) noexcept {
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        if (!(distances[i] > threshold)) indices[count++] = static_cast<uint16_t>(i);
    return count;
}
}  // namespace reference

}  // namespace vectorq
#endif
