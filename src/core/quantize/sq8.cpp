// Scalar quantizer kernels (see sq8.h).
#include "core/quantize/sq8.h"

#include <limits>

#include "core/simd/distance.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/quantize/sq8.cpp"
#include "hwy/foreach_target.h"
//
#include "hwy/highway.h"
//
#include "core/simd/load-inl.h"

HWY_BEFORE_NAMESPACE();
namespace vectorq {
namespace HWY_NAMESPACE {

using DF = hn::ScalableTag<float>;
using VF = hn::Vec<DF>;
using DU8 = hn::Rebind<uint8_t, DF>;

// Codes of one vector; adds the decoded squares to `sum`.
HWY_INLINE hn::Vec<DU8> EncodeVector(VF x, VF centroid, VF offset, VF scale, VF& sum) {
    const DF df;
    const VF zero = hn::Zero(df);
    // Below 1e-30 the reciprocal could overflow; such a dimension is a constant.
    const auto flat = hn::Lt(scale, hn::Set(df, 1e-30f));
    const VF inverse = hn::IfThenZeroElse(flat, hn::Div(hn::Set(df, 1.0f), scale));
    const VF position = hn::Mul(hn::Sub(hn::Sub(x, centroid), offset), inverse);
    const VF clamped = hn::Min(hn::Max(position, zero), hn::Set(df, 255.0f));
    const auto level = hn::NearestInt(clamped);
    const VF decoded = hn::MulAdd(scale, hn::ConvertTo(df, level), offset);
    sum = hn::MulAdd(decoded, decoded, sum);
    return hn::DemoteTo(DU8(), level);
}

float EncodeImpl(const float* offset, const float* scale, const float* x, const float* centroid, size_t dims, uint8_t* code) {
    const DF df;
    const DU8 du8;
    const size_t N = hn::Lanes(df);
    VF sum = hn::Zero(df);
    size_t i = 0;
    for (; i + N <= dims; i += N) {
        hn::StoreU(EncodeVector(hn::LoadU(df, x + i), hn::LoadU(df, centroid + i), hn::LoadU(df, offset + i),
                                hn::LoadU(df, scale + i), sum),
                   du8, code + i);
    }
    if (i < dims) {
        const size_t n = dims - i;
        HWY_ALIGN uint8_t lanes[hn::MaxLanes(DF())];
        hn::StoreU(EncodeVector(LoadFirst(df, x + i, n), LoadFirst(df, centroid + i, n), LoadFirst(df, offset + i, n),
                                LoadFirst(df, scale + i, n), sum),
                   du8, lanes);
        std::memcpy(code + i, lanes, n);
    }
    return hn::GetLane(hn::SumOfLanes(df, sum));
}

float BuildTableImpl(const float* offset, const float* scale, const float* query, size_t dims, float* HWY_RESTRICT table) {
    const DF df;
    const size_t N = hn::Lanes(df);
    VF bias = hn::Zero(df);
    size_t i = 0;
    for (; i + N <= dims; i += N) {
        const VF q = hn::LoadU(df, query + i);
        hn::StoreU(hn::Mul(q, hn::LoadU(df, scale + i)), df, table + i);
        bias = hn::MulAdd(q, hn::LoadU(df, offset + i), bias);
    }
    float rest = 0;
    for (; i < dims; i++) {
        table[i] = query[i] * scale[i];
        rest += query[i] * offset[i];
    }
    return hn::GetLane(hn::SumOfLanes(df, bias)) + rest;
}

}  // namespace HWY_NAMESPACE
}  // namespace vectorq
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vectorq {
HWY_EXPORT(EncodeImpl);
HWY_EXPORT(BuildTableImpl);

Sq8Params TrainSq8(const Matrix& residuals_sample) {
    const size_t dims = residuals_sample.cols();
    Sq8Params params{AlignedArray<float>(dims), AlignedArray<float>(dims)};
    params.offset.Fill(0);
    params.scale.Fill(0);
    if (residuals_sample.rows() == 0 || dims == 0) return params;
    AlignedArray<float> high(dims);
    std::memcpy(params.offset.data(), residuals_sample.row(0), dims * sizeof(float));
    std::memcpy(high.data(), residuals_sample.row(0), dims * sizeof(float));
    FoldMinMaxF32(residuals_sample.data(), residuals_sample.rows(), dims, params.offset.data(), high.data());
    for (size_t d = 0; d < dims; d++) params.scale[d] = high[d] / 255.0f - params.offset[d] / 255.0f;
    return params;
}

void EncodeSq8(const float* offset, const float* scale, const float* x, const float* centroid, size_t dims, uint8_t* code,
               float* sq_norm) noexcept {
    const float sum = HWY_DYNAMIC_DISPATCH(EncodeImpl)(offset, scale, x, centroid, dims, code);
    if (sq_norm != nullptr) *sq_norm = sum;
}

void DecodeSq8(const float* offset, const float* scale, const float* centroid, size_t dims, const uint8_t* code,
               float* x) noexcept {
    for (size_t d = 0; d < dims; d++) {
        const float residual = offset[d] + scale[d] * float(code[d]);
        x[d] = centroid == nullptr ? residual : centroid[d] + residual;
    }
}

float BuildSq8Table(const float* offset, const float* scale, const float* query_minus_centroid, size_t dims,
                    float* table) noexcept {
    return HWY_DYNAMIC_DISPATCH(BuildTableImpl)(offset, scale, query_minus_centroid, dims, table);
}

}  // namespace vectorq
#endif
