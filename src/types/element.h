// The element types, f32 (SQL type vector), f16 (SQL type halfvec) and the bit (PostgreSQL's type bit), as traits. All
// the logic of our SQL types is written once, as templates over these (the -inl.h files).
#pragma once
#include <bit>
#include <cstdint>
#include <cstring>

#include "core/base/kinds.h"
#include "core/simd/bit_pack.h"
#include "core/simd/distance.h"

namespace vectorq {

enum class ElementType : uint8_t { kF32 = 0, kF16 = 1, kBit = 2 };
inline constexpr int kNumElements = 3;
inline constexpr int kMaxDims = 16000;     // of a column
inline constexpr int kMaxBitDims = 64000;  // of an indexed column of bit, as pgvector has it

// Exact, for subnormals too: the bits are read as a float whose exponent is 112 too small.
inline float half_to_float(half value) noexcept {
    const uint32_t magnitude = value & 0x7FFFu;
    uint32_t bits = std::bit_cast<uint32_t>(std::bit_cast<float>(magnitude << 13) * 0x1p112f);
    if (magnitude >= 0x7C00u) bits = 0x7F800000u | (magnitude & 0x03FFu) << 13;
    return std::bit_cast<float>(bits | (value & 0x8000u) << 16);
}

// Round to nearest even, as the F32ToF16 kernel does; overflow gives infinity.
inline half float_to_half(float value) noexcept {
    const uint32_t bits = std::bit_cast<uint32_t>(value);
    const uint32_t sign = bits >> 16 & 0x8000u;
    const uint32_t magnitude = bits & 0x7FFFFFFFu;
    if (magnitude >= std::bit_cast<uint32_t>(65536.0f))
        return static_cast<half>(sign | (magnitude > 0x7F800000u ? 0x7E00u : 0x7C00u));
    if (magnitude < std::bit_cast<uint32_t>(0x1p-14f)) {
        // A unit in the last place of 0.5 is 2^-24, the step of half's subnormals: the addition rounds.
        const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
        return static_cast<half>(sign | (std::bit_cast<uint32_t>(shifted) - std::bit_cast<uint32_t>(0.5f)));
    }
    const uint32_t rounded = magnitude + 0x0FFFu + (magnitude >> 13 & 1u) - (112u << 23);
    return static_cast<half>(sign | rounded >> 13);
}

struct F32 {
    using Element = float;
    static constexpr ElementType kType = ElementType::kF32;
    static constexpr const char* kTypeName = "vector";

    static float to_float(float value) noexcept { return value; }
    static float from_float(float value) noexcept { return value; }
    static void to_floats(const float* in, size_t n, float* out) noexcept { memcpy(out, in, n * sizeof(float)); }
    static void from_floats(const float* in, size_t n, float* out) noexcept { memcpy(out, in, n * sizeof(float)); }
    static bool is_nan(float value) noexcept { return __builtin_isnan(value); }
    static bool is_inf(float value) noexcept { return __builtin_isinf(value); }
    static bool is_zero(float value) noexcept { return value == 0; }

    static float l2_squared(const float* a, const float* b, size_t n) noexcept { return L2SquaredF32(a, b, n); }
    static float dot(const float* a, const float* b, size_t n) noexcept { return DotF32(a, b, n); }
    static float l1(const float* a, const float* b, size_t n) noexcept { return L1F32(a, b, n); }
    static void cosine_parts(const float* a, const float* b, size_t n, float* dot, float* aa, float* bb) noexcept {
        CosinePartsF32(a, b, n, dot, aa, bb);
    }
};

struct F16 {
    using Element = half;
    static constexpr ElementType kType = ElementType::kF16;
    static constexpr const char* kTypeName = "halfvec";

    static float to_float(half value) noexcept { return half_to_float(value); }
    static half from_float(float value) noexcept { return float_to_half(value); }
    static void to_floats(const half* in, size_t n, float* out) noexcept { F16ToF32(in, n, out); }
    static void from_floats(const float* in, size_t n, half* out) noexcept { F32ToF16(in, n, out); }
    static bool is_nan(half value) noexcept { return (value & 0x7FFFu) > 0x7C00u; }
    static bool is_inf(half value) noexcept { return (value & 0x7FFFu) == 0x7C00u; }
    static bool is_zero(half value) noexcept { return (value & 0x7FFFu) == 0; }

    static float l2_squared(const half* a, const half* b, size_t n) noexcept { return L2SquaredF16(a, b, n); }
    static float dot(const half* a, const half* b, size_t n) noexcept { return DotF16(a, b, n); }
    static float l1(const half* a, const half* b, size_t n) noexcept { return L1F16(a, b, n); }
    static void cosine_parts(const half* a, const half* b, size_t n, float* dot, float* aa, float* bb) noexcept {
        CosinePartsF16(a, b, n, dot, aa, bb);
    }
};

// What the index needs of a type: one row each, in the order of the numbers, which are on disk.
struct ElementTraits {
    ElementType number;
    const char* type_name;  // of SQL
    uint32_t bits;          // of one element
    int max_dims;
    CodeKind code;  // that keeps values as they are: quantizer = flat
    void (*to_f32)(const void* in, size_t n, float* out) noexcept;
};
template <class E>
inline void elements_to_f32(const void* in, size_t n, float* out) noexcept {
    E::to_floats(static_cast<const typename E::Element*>(in), n, out);
}
template <class E>
inline constexpr ElementTraits element_traits(CodeKind code) noexcept {
    return {E::kType, E::kTypeName, 8 * sizeof(typename E::Element), kMaxDims, code, &elements_to_f32<E>};
}
inline void bits_to_f32(const void* in, size_t n, float* out) noexcept {
    UnpackBits(static_cast<const uint8_t*>(in), n, out);
}
inline constexpr ElementTraits kElements[kNumElements] = {
    element_traits<F32>(CodeKind::kF32),
    element_traits<F16>(CodeKind::kF16),
    {ElementType::kBit, "bit", 1, kMaxBitDims, CodeKind::kBits, &bits_to_f32},
};
static_assert(InOrder(kElements));
inline constexpr const ElementTraits& TraitsOf(ElementType type) noexcept { return kElements[static_cast<int>(type)]; }

}  // namespace vectorq
