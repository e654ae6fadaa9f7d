// Scalar reference kernels, see distance_reference.h.
#include "core/simd/distance_reference.h"

#include <bit>
#include <cmath>
#include <cstring>

namespace vectorq::reference {

float HalfToFloat(half h) noexcept {
    const uint32_t sign = uint32_t(h & 0x8000u) << 16, exponent = (h >> 10) & 31, mantissa = h & 1023u;
    if (exponent == 31) return std::bit_cast<float>(sign | 0x7F800000u | mantissa << 13);
    if (exponent == 0) {
        const float f = std::ldexp(float(mantissa), -24);
        return sign ? -f : f;
    }
    return std::bit_cast<float>(sign | (exponent + 112) << 23 | mantissa << 13);
}

half FloatToHalf(float f) noexcept {
    const uint32_t bits = std::bit_cast<uint32_t>(f), magnitude = bits & 0x7FFFFFFFu;
    const half sign = half(bits >> 16 & 0x8000u);
    if (magnitude > 0x7F800000u) return half(sign | 0x7E00u | (magnitude >> 13 & 0x3FFu));
    if (magnitude >= 0x477FF000u) return half(sign | 0x7C00u);  // from 65520 on: infinity
    if (magnitude < 0x38800000u) {
        // Subnormal half: adding 0.5 leaves exactly the bits we want, rounded by the FPU.
        const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
        return half(sign | (std::bit_cast<uint32_t>(shifted) - 0x3F000000u));
    }
    const uint32_t odd = magnitude >> 13 & 1;
    return half(sign | ((magnitude - 0x38000000u + 0xFFFu + odd) >> 13));
}

namespace {

float Identity(float x) { return x; }

// No alignment is required of any pointer, here as in the kernels.
template <class T, float (*kLoad)(T)>
struct Pair {
    static double At(const T* a, size_t i) {
        T x;
        std::memcpy(&x, reinterpret_cast<const char*>(a) + i * sizeof(T), sizeof(T));
        return double(kLoad(x));
    }
    static double L2(const T* a, const T* b, size_t dims) {
        double sum = 0;
        for (size_t i = 0; i < dims; i++) sum += (At(a, i) - At(b, i)) * (At(a, i) - At(b, i));
        return sum;
    }
    static double Dot(const T* a, const T* b, size_t dims) {
        double sum = 0;
        for (size_t i = 0; i < dims; i++) sum += At(a, i) * At(b, i);
        return sum;
    }
    static double L1(const T* a, const T* b, size_t dims) {
        double sum = 0;
        for (size_t i = 0; i < dims; i++) sum += std::fabs(At(a, i) - At(b, i));
        return sum;
    }
};
using F32 = Pair<float, Identity>;
using F16 = Pair<half, HalfToFloat>;

// Element d of an unaligned row as float.
float Element(BlockKernel kernel, const uint8_t* row, size_t d) {
    switch (kernel) {
        case BlockKernel::kL2F32:
        case BlockKernel::kDotF32:
        case BlockKernel::kL1F32: {
            float f;
            std::memcpy(&f, row + d * 4, 4);
            return f;
        }
        case BlockKernel::kL2F16:
        case BlockKernel::kDotF16:
        case BlockKernel::kL1F16: {
            half h;
            std::memcpy(&h, row + d * 2, 2);
            return HalfToFloat(h);
        }
        default: break;
    }
    return row[d];
}

}  // namespace

float L2SquaredF32(const float* a, const float* b, size_t dims) noexcept { return float(F32::L2(a, b, dims)); }
float DotF32(const float* a, const float* b, size_t dims) noexcept { return float(F32::Dot(a, b, dims)); }
float L1F32(const float* a, const float* b, size_t dims) noexcept { return float(F32::L1(a, b, dims)); }
float L2SquaredF16(const half* a, const half* b, size_t dims) noexcept { return float(F16::L2(a, b, dims)); }
float DotF16(const half* a, const half* b, size_t dims) noexcept { return float(F16::Dot(a, b, dims)); }
float L1F16(const half* a, const half* b, size_t dims) noexcept { return float(F16::L1(a, b, dims)); }

void Block(BlockKernel kernel, const float* query, const void* codes, size_t stride_bytes, size_t rows, size_t dims,
           float* out) noexcept {
    const bool l2 = kernel == BlockKernel::kL2F32 || kernel == BlockKernel::kL2F16;
    const bool l1 = kernel == BlockKernel::kL1F32 || kernel == BlockKernel::kL1F16;
    for (size_t r = 0; r < rows; r++) {
        const uint8_t* row = static_cast<const uint8_t*>(codes) + r * stride_bytes;
        double sum = 0;
        for (size_t d = 0; d < dims; d++) {
            const double q = query[d], x = Element(kernel, row, d);
            sum += l2 ? (q - x) * (q - x) : l1 ? std::fabs(q - x) : q * x;
        }
        out[r] += float(sum);
    }
}

void FoldMinMaxF32(const float* rows, size_t count, size_t dims, float* lo, float* hi) noexcept {
    for (size_t r = 0; r < count; r++) {
        for (size_t d = 0; d < dims; d++) {
            const float x = rows[r * dims + d];
            if (x < lo[d]) lo[d] = x;
            if (x > hi[d]) hi[d] = x;
        }
    }
}

}  // namespace vectorq::reference
