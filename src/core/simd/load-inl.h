// Loads of float, half and byte elements as vectors of float, whole or only the first n
// lanes. Included once per SIMD target inside a kernel file, after hwy/highway.h.
// No pointer needs to be aligned, and no byte beyond the named elements is read: a row may
// end at the last byte of a mapped page.
#if defined(VECTORQ_CORE_SIMD_LOAD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef VECTORQ_CORE_SIMD_LOAD_INL_H_
#undef VECTORQ_CORE_SIMD_LOAD_INL_H_
#else
#define VECTORQ_CORE_SIMD_LOAD_INL_H_
#endif

#include <cstring>

#include "hwy/highway.h"

// Targets whose half conversion is an instruction. Highway's emulation for the others
// ignores infinities and rounds differently, hence our own below.
#undef VECTORQ_NATIVE_F16
#if HWY_TARGET == HWY_EMU128 || HWY_TARGET == HWY_SCALAR || (HWY_ARCH_X86 && HWY_TARGET >= HWY_SSE4)
#define VECTORQ_NATIVE_F16 0
#else
#define VECTORQ_NATIVE_F16 1
#endif

HWY_BEFORE_NAMESPACE();
namespace vectorq {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The first n < Lanes(d) elements, zeros after them.
template <class D, typename T = hn::TFromD<D>>
HWY_INLINE hn::Vec<D> LoadFirst(D d, const void* from, size_t n) {
#if !HWY_MEM_OPS_MIGHT_FAULT
    return hn::MaskedLoad(hn::FirstN(d, n), d, static_cast<const T*>(from));
#else
    HWY_ALIGN T lanes[hn::MaxLanes(D())] = {};
    std::memcpy(lanes, from, n * sizeof(T));
    return hn::Load(d, lanes);
#endif
}

template <class DF>
HWY_INLINE hn::Vec<DF> HalfBitsToFloat(DF df, hn::Vec<hn::Rebind<uint16_t, DF>> bits16) {
#if VECTORQ_NATIVE_F16
    return hn::PromoteTo(df, hn::BitCast(hn::Rebind<hwy::float16_t, DF>(), bits16));
#else
    const hn::RebindToUnsigned<DF> du;
    const auto bits = hn::PromoteTo(du, bits16);
    const auto shifted = hn::ShiftLeft<13>(hn::And(bits, hn::Set(du, 0x7FFFu)));
    // Exponent bias 15 -> 127 by a multiplication, which is exact for subnormals too.
    auto f = hn::Mul(hn::BitCast(df, shifted), hn::BitCast(df, hn::Set(du, 0x77800000u)));
    const auto special = hn::Ge(f, hn::Set(df, 65536.0f));
    f = hn::Or(f, hn::IfThenElseZero(special, hn::BitCast(df, hn::Set(du, 0x7F800000u))));
    const auto sign = hn::ShiftLeft<16>(hn::And(bits, hn::Set(du, 0x8000u)));
    return hn::Or(f, hn::BitCast(df, sign));
#endif
}

template <class DF>
HWY_INLINE hn::Vec<DF> BytesToFloat(DF df, hn::Vec<hn::Rebind<uint8_t, DF>> bytes) {
    return hn::ConvertTo(df, hn::PromoteTo(hn::RebindToSigned<DF>(), bytes));
}

// Element kinds of a row. `row` is the row's first byte, i the element index.
struct RowF32 {
    static constexpr size_t kBytes = 4;
    template <class DF>
    static HWY_INLINE hn::Vec<DF> Load(DF df, const uint8_t* row, size_t i) {
        return hn::LoadU(df, reinterpret_cast<const float*>(row + i * 4));
    }
    template <class DF>
    static HWY_INLINE hn::Vec<DF> LoadTail(DF df, const uint8_t* row, size_t i, size_t n) {
        return LoadFirst(df, row + i * 4, n);
    }
};
struct RowF16 {
    static constexpr size_t kBytes = 2;
    template <class DF>
    static HWY_INLINE hn::Vec<DF> Load(DF df, const uint8_t* row, size_t i) {
        const hn::Rebind<uint16_t, DF> du16;
        return HalfBitsToFloat(df, hn::LoadU(du16, reinterpret_cast<const uint16_t*>(row + i * 2)));
    }
    template <class DF>
    static HWY_INLINE hn::Vec<DF> LoadTail(DF df, const uint8_t* row, size_t i, size_t n) {
        return HalfBitsToFloat(df, LoadFirst(hn::Rebind<uint16_t, DF>(), row + i * 2, n));
    }
};
struct RowU8 {
    static constexpr size_t kBytes = 1;
    template <class DF>
    static HWY_INLINE hn::Vec<DF> Load(DF df, const uint8_t* row, size_t i) {
        return BytesToFloat(df, hn::LoadU(hn::Rebind<uint8_t, DF>(), row + i));
    }
    template <class DF>
    static HWY_INLINE hn::Vec<DF> LoadTail(DF df, const uint8_t* row, size_t i, size_t n) {
        return BytesToFloat(df, LoadFirst(hn::Rebind<uint8_t, DF>(), row + i, n));
    }
};

}  // namespace HWY_NAMESPACE
}  // namespace vectorq
HWY_AFTER_NAMESPACE();
#endif
