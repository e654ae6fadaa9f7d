// Scalar versions of the kernels of distance.h: what the tests compare with. They sum in
// double, so they are also the more exact ones. Not for use on a hot path.
#pragma once
#include <cstddef>
#include <cstdint>

#include "core/simd/distance.h"

namespace vectorq::reference {

float HalfToFloat(half h) noexcept;
half FloatToHalf(float f) noexcept;  // round to nearest even, overflow to infinity, NaN stays NaN

float L2SquaredF32(const float* a, const float* b, size_t dims) noexcept;
float DotF32(const float* a, const float* b, size_t dims) noexcept;
float L1F32(const float* a, const float* b, size_t dims) noexcept;
float L2SquaredF16(const half* a, const half* b, size_t dims) noexcept;
float DotF16(const half* a, const half* b, size_t dims) noexcept;
float L1F16(const half* a, const half* b, size_t dims) noexcept;

// The block kernel of that name, see BlockFn.
void Block(BlockKernel kernel, const float* query, const void* codes, size_t stride_bytes, size_t rows, size_t dims,
           float* out) noexcept;

void FoldMinMaxF32(const float* rows, size_t count, size_t dims, float* lo, float* hi) noexcept;

}  // namespace vectorq::reference
