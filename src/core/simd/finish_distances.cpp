// See finish_distances.h. Written by hand because the server's -O2 leaves the loop scalar: it took as long
// as a sixth of the scoring.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/simd/finish_distances.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h.
#include "hwy/highway.h"

#include <cmath>
#include <cstring>
#include <limits>

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

}  // namespace HWY_NAMESPACE
}  // namespace vectorq
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vectorq {

HWY_EXPORT(FinishDistancesImpl);

void FinishDistances(float* values, const float* scalars, float bias, float factor, size_t n) noexcept {
    HWY_DYNAMIC_DISPATCH(FinishDistancesImpl)(values, scalars, bias, factor, n);
}

namespace reference {
void FinishDistances(float* values, const float* scalars, float bias, float factor, size_t n) noexcept {
    for (size_t i = 0; i < n; i++) {
        const float distance = factor * values[i] + (bias + (scalars == nullptr ? 0.0f : scalars[i]));
        values[i] = std::isnan(distance) ? std::numeric_limits<float>::infinity() : distance;
    }
}
}  // namespace reference
}  // namespace vectorq
#endif
