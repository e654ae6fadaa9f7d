// See sq8.h.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/quantize/sq8.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h.
#include "hwy/highway.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/quantize/sq8.h"
#include "core/simd/distance.h"

HWY_BEFORE_NAMESPACE();
namespace vectorq {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// One level of one value; the tail of the vector loop below, and the same arithmetic.
inline float Level(float offset, float scale, float x, float centroid) {
    const float level = ((x - centroid) - offset) / scale;
    return level > 0.0f ? (level < 255.0f ? __builtin_nearbyintf(level) : 255.0f) : 0.0f;
}

void EncodeKernel(const float* offset, const float* scale, const float* x, const float* centroid, size_t dims,
                  uint8_t* code, float* sq_norm) {
    const hn::ScalableTag<float> d;
    const hn::Rebind<int32_t, decltype(d)> di;
    const hn::Rebind<uint8_t, decltype(d)> du8;
    const size_t lanes = hn::Lanes(d);
    auto sum = hn::Zero(d);
    size_t i = 0;
    for (; i + lanes <= dims; i += lanes) {
        const auto m = hn::LoadU(d, offset + i), s = hn::LoadU(d, scale + i);
        const auto r = hn::Sub(hn::LoadU(d, x + i), hn::LoadU(d, centroid + i));
        auto level = hn::Div(hn::Sub(r, m), s);
        level = hn::Min(hn::Max(level, hn::Zero(d)), hn::Set(d, 255.0f));
        const auto rounded = hn::NearestInt(level);
        hn::StoreU(hn::DemoteTo(du8, rounded), du8, code + i);
        const auto decoded = hn::MulAdd(hn::ConvertTo(d, rounded), s, m);
        sum = hn::MulAdd(decoded, decoded, sum);
    }
    float total = hn::GetLane(hn::SumOfLanes(d, sum));
    for (; i < dims; i++) {
        const float level = Level(offset[i], scale[i], x[i], centroid[i]);
        code[i] = static_cast<uint8_t>(level);
        const float decoded = level * scale[i] + offset[i];
        total += decoded * decoded;
    }
    *sq_norm = total;
    (void)di;
}

float TableKernel(const float* offset, const float* scale, const float* query, size_t dims, float* table) {
    const hn::ScalableTag<float> d;
    const size_t lanes = hn::Lanes(d);
    auto sum = hn::Zero(d);
    size_t i = 0;
    for (; i + lanes <= dims; i += lanes) {
        const auto q = hn::LoadU(d, query + i);
        hn::StoreU(hn::Mul(q, hn::LoadU(d, scale + i)), d, table + i);
        sum = hn::MulAdd(q, hn::LoadU(d, offset + i), sum);
    }
    float bias = hn::GetLane(hn::SumOfLanes(d, sum));
    for (; i < dims; i++) {
        table[i] = query[i] * scale[i];
        bias += query[i] * offset[i];
    }
    return bias;
}

}  // namespace HWY_NAMESPACE
}  // namespace vectorq
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vectorq {

HWY_EXPORT(EncodeKernel);
HWY_EXPORT(TableKernel);

void EncodeSq8(const float* offset, const float* scale, const float* x, const float* centroid, size_t dims,
               uint8_t* code, float* sq_norm) noexcept {
    HWY_DYNAMIC_DISPATCH(EncodeKernel)(offset, scale, x, centroid, dims, code, sq_norm);
}

float BuildSq8Table(const float* offset, const float* scale, const float* query, size_t dims, float* table) noexcept {
    return HWY_DYNAMIC_DISPATCH(TableKernel)(offset, scale, query, dims, table);
}

void DecodeSq8(const float* offset, const float* scale, const float* centroid, size_t dims, const uint8_t* code,
               float* x) noexcept {
    for (size_t i = 0; i < dims; i++) {
        const float residual = offset[i] + scale[i] * static_cast<float>(code[i]);
        x[i] = centroid == nullptr ? residual : centroid[i] + residual;
    }
}

// Rows that the range of a dimension is fitted on.
static constexpr size_t kFitRows = 2048;

// Narrows [*lo, *hi] about its middle to what gives the least squared error over a part of the sample:
// step^2 / 12 for a value within, the distance to the end for one beyond. Residuals have long tails, and
// a finer step may be worth more than the few values that are clamped.
static void FitRange(const Matrix& sample, size_t dim, float* lo, float* hi) {
    const double middle = (static_cast<double>(*lo) + *hi) / 2, half_range = (static_cast<double>(*hi) - *lo) / 2;
    if (!(half_range > 0)) return;
    const size_t stride = sample.rows() / kFitRows + 1;
    double best_error = std::numeric_limits<double>::infinity(), best = half_range;
    for (double part = 1.0; part > 0.2; part -= 0.1) {
        const double half = half_range * part;
        double error = 0;
        for (size_t row = 0; row < sample.rows(); row += stride) {
            const double beyond = std::fabs(sample.row(row)[dim] - middle) - half;
            error += beyond > 0 ? beyond * beyond : (2 * half / 255) * (2 * half / 255) / 12;
        }
        if (error < best_error) {
            best_error = error;
            best = half;
        }
    }
    *lo = static_cast<float>(middle - best);
    *hi = static_cast<float>(middle + best);
}

Sq8Params TrainSq8(const Matrix& residuals) {
    const size_t dims = residuals.cols();
    Sq8Params params;
    params.offset.Resize(dims);
    params.scale.Resize(dims);
    AlignedArray<float> lo(dims), hi(dims);
    lo.Fill(std::numeric_limits<float>::max());
    hi.Fill(std::numeric_limits<float>::lowest());
    FoldMinMaxF32(residuals.data(), residuals.rows(), dims, lo.data(), hi.data());
    for (size_t i = 0; i < dims; i++) {
        FitRange(residuals, i, &lo[i], &hi[i]);
        // In double and bounded: the range of huge values must not overflow, nor a constant give scale 0.
        const double widen = 0.02 * (static_cast<double>(hi[i]) - lo[i]);
        const double range = static_cast<double>(hi[i]) - lo[i] + 2 * widen;
        params.offset[i] = static_cast<float>(std::max(lo[i] - widen, -3.0e38));
        params.scale[i] = std::max(static_cast<float>(range / 255), std::numeric_limits<float>::min());
    }
    return params;
}

namespace reference {

void EncodeSq8(const float* offset, const float* scale, const float* x, const float* centroid, size_t dims,
               uint8_t* code, float* sq_norm) noexcept {
    float total = 0;
    for (size_t i = 0; i < dims; i++) {
        const float level = std::clamp(((x[i] - centroid[i]) - offset[i]) / scale[i], 0.0f, 255.0f);
        code[i] = static_cast<uint8_t>(std::nearbyint(level));
        const float decoded = offset[i] + scale[i] * code[i];
        total += decoded * decoded;
    }
    *sq_norm = total;
}

float BuildSq8Table(const float* offset, const float* scale, const float* query, size_t dims, float* table) noexcept {
    float bias = 0;
    for (size_t i = 0; i < dims; i++) {
        table[i] = query[i] * scale[i];
        bias += query[i] * offset[i];
    }
    return bias;
}

}  // namespace reference
}  // namespace vectorq
#endif
