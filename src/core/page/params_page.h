// What training has learned, as the regions of the quantizer, of sq8 records and of the transform keep it: arrays of
// f32, one after another.
//
//   Sq8Page         +---------------+--------------+
//                   | offset (dims) | scale (dims) |
//                   +---------------+--------------+
//   TransformPage   +--------------------------+--------------------+
//                   | matrix (code_dims, dims) | offset (code_dims) |
//                   +--------------------------+--------------------+
//
// The quantizer region of product codes is their codebook (quantize/pq.h).
#pragma once
#include <cstddef>
#include <cstdint>

namespace vectorq {

// Views over floats that belong to the caller.
struct Sq8Page {
    const float *offset, *scale;
};
constexpr uint64_t Sq8PageBytes(uint32_t dims) noexcept { return uint64_t(2) * dims * sizeof(float); }
inline Sq8Page ViewSq8Page(const float* floats, uint32_t dims) noexcept { return {floats, floats + dims}; }

struct TransformPage {
    const float *matrix, *offset;
};
constexpr uint64_t TransformPageBytes(uint32_t dims, uint32_t code_dims) noexcept {
    return (uint64_t(dims) + 1) * code_dims * sizeof(float);
}
inline TransformPage ViewTransformPage(const float* floats, uint32_t dims, uint32_t code_dims) noexcept {
    return {floats, floats + size_t(dims) * code_dims};
}

}  // namespace vectorq
