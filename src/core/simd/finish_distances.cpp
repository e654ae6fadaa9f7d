// See finish_distances.h. Written by hand because the server's -O2 leaves the loop scalar: it took as long
// as a sixth of the scoring.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/simd/finish_distances.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h.
#include "hwy/highway.h"

#include <cmath>
#include <limits>

#include "core/simd/finish_distances.h"

HWY_BEFORE_NAMESPACE();
namespace vectorq {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

inline float FinishOne(float value, float scalar, float bias, float factor) {
    const float distance = factor * value + (bias + scalar);
    return distance == distance ? distance : std::numeric_limits<float>::infinity();
}

void FinishDistancesImpl(float* HWY_RESTRICT values, const float* HWY_RESTRICT scalars, float bias, float factor,
                         size_t n) {
    const hn::ScalableTag<float> d;
    const size_t lanes = hn::Lanes(d);
    const auto b = hn::Set(d, bias), f = hn::Set(d, factor), inf = hn::Set(d, std::numeric_limits<float>::infinity());
    size_t i = 0;
    for (; i + lanes <= n; i += lanes) {
        const auto offset = scalars == nullptr ? b : hn::Add(b, hn::LoadU(d, scalars + i));
        const auto distance = hn::MulAdd(hn::LoadU(d, values + i), f, offset);
        hn::StoreU(hn::IfThenElse(hn::Eq(distance, distance), distance, inf), d, values + i);
    }
    for (; i < n; i++) values[i] = FinishOne(values[i], scalars == nullptr ? 0.0f : scalars[i], bias, factor);
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
