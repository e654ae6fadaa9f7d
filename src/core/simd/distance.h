// Distance kernels: one vector against one, and one query against a block of rows.
// Highway with run-time dispatch (distance.cpp); each has a scalar ...Reference in
// namespace reference for the tests. No alignment is required of any pointer. noexcept.
#pragma once
#include <cstddef>
#include <cstdint>

#include "core/base/kinds.h"

namespace vectorq {

using half = uint16_t;  // IEEE 754 binary16 bits

float L2SquaredF32(const float* a, const float* b, size_t dims) noexcept;
float DotF32(const float* a, const float* b, size_t dims) noexcept;
float L1F32(const float* a, const float* b, size_t dims) noexcept;
// <a,b>, |a|^2 and |b|^2 in one pass.
void CosinePartsF32(const float* a, const float* b, size_t dims, float* dot, float* sq_norm_a,
                    float* sq_norm_b) noexcept;
float L2SquaredF16(const half* a, const half* b, size_t dims) noexcept;
float DotF16(const half* a, const half* b, size_t dims) noexcept;
float L1F16(const half* a, const half* b, size_t dims) noexcept;
void CosinePartsF16(const half* a, const half* b, size_t dims, float* dot, float* sq_norm_a, float* sq_norm_b) noexcept;

// Round to nearest even, like the hardware; overflow gives infinity (the caller checks).
void F32ToF16(const float* in, size_t n, half* out) noexcept;
void F16ToF32(const half* in, size_t n, float* out) noexcept;

// Block kernels: out[i] += distance(query, row i), i < rows, where row i starts at
// codes + i * stride_bytes and has `dims` elements. They ADD, so that a row that spans
// several pages is scored piece by piece. The query is f32 whatever the rows are.
using BlockFn = void (*)(const float* query, const void* codes, size_t stride_bytes, size_t rows, size_t dims,
                         float* out);

enum class BlockKernel { kL2F32, kDotF32, kL1F32, kL2F16, kDotF16, kL1F16, kDotU8, kHammingBits, kCommonBits };
// kDotU8: sum_d query[d] * float(code[d]), codes u8.
// kHammingBits, kCommonBits: see bit_distance.h. The query is a bit string, too, and `dims` counts bytes.

// The kernel that adds up `sum` over rows so stored; bytes always have products, with a table made for them in the
// query's place. Not for codewords.
inline constexpr BlockKernel KernelOf(Sum sum, Stored stored) noexcept {
    constexpr BlockKernel kKernels[][kNumSums] = {
        {BlockKernel::kL2F32, BlockKernel::kDotF32, BlockKernel::kL1F32, BlockKernel::kDotF32},
        {BlockKernel::kL2F16, BlockKernel::kDotF16, BlockKernel::kL1F16, BlockKernel::kDotF16},
        {BlockKernel::kDotU8, BlockKernel::kDotU8, BlockKernel::kDotU8, BlockKernel::kDotU8},
        {BlockKernel::kHammingBits, BlockKernel::kCommonBits, BlockKernel::kHammingBits, BlockKernel::kCommonBits},
    };
    return kKernels[static_cast<int>(stored)][static_cast<int>(sum)];
}

// The kernel for the CPU this runs on. Resolve once a scan, not once a row.
BlockFn GetBlockKernel(BlockKernel kernel) noexcept;

// min and max per dimension over rows (row-major, dims apart): lo[d], hi[d] are folded in.
void FoldMinMaxF32(const float* rows, size_t count, size_t dims, float* lo, float* hi) noexcept;

// Name of the SIMD target in use ("AVX3_DL", "AVX2", ...), for diagnostics.
const char* SimdTargetName() noexcept;

}  // namespace vectorq
