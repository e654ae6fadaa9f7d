// CompressBelow (see topk_filter.h). Few distances pass in a long scan, so the loop is made
// for skipping: one test per four vectors.
#include "core/simd/topk_filter.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/simd/topk_filter.cpp"
#include "hwy/foreach_target.h"
//
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace vectorq {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

size_t CompressBelowImpl(const float* HWY_RESTRICT distances, size_t n, float threshold, uint16_t* HWY_RESTRICT indices) {
    const hn::ScalableTag<float> df;
    const size_t step = 4 * hn::Lanes(df);
    const auto limit = hn::Set(df, threshold);
    size_t count = 0, i = 0;
    for (; i + step <= n; i += step) {
        const size_t N = hn::Lanes(df);
        const auto m01 = hn::Or(hn::Le(hn::LoadU(df, distances + i), limit), hn::Le(hn::LoadU(df, distances + i + N), limit));
        const auto m23 =
            hn::Or(hn::Le(hn::LoadU(df, distances + i + 2 * N), limit), hn::Le(hn::LoadU(df, distances + i + 3 * N), limit));
        if (hn::AllFalse(df, hn::Or(m01, m23))) continue;
        for (size_t j = i; j < i + step; j++) {
            indices[count] = uint16_t(j);  // overwritten unless it passes; count <= j
            count += distances[j] <= threshold;
        }
    }
    for (; i < n; i++) {
        indices[count] = uint16_t(i);
        count += distances[i] <= threshold;
    }
    return count;
}

}  // namespace HWY_NAMESPACE
}  // namespace vectorq
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vectorq {
HWY_EXPORT(CompressBelowImpl);

size_t CompressBelow(const float* distances, size_t n, float threshold, uint16_t* indices) noexcept {
    return HWY_DYNAMIC_DISPATCH(CompressBelowImpl)(distances, n, threshold, indices);
}

size_t reference::CompressBelow(const float* distances, size_t n, float threshold, uint16_t* indices) noexcept {
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        if (distances[i] <= threshold) indices[count++] = uint16_t(i);
    }
    return count;
}
}  // namespace vectorq
#endif
