// See key_mask.h. A word at a time: its 32 values are compared, and the lanes' answers become its bits.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/simd/key_mask.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h.
#include "hwy/highway.h"

#include <algorithm>
#include <cstring>

#include "core/simd/key_mask.h"

HWY_BEFORE_NAMESPACE();
namespace vectorq {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class T>
using LanesOf = hn::CappedTag<T, 32>;

template <class T>
struct InRange {
    hn::Vec<LanesOf<T>> least, greatest;
    HWY_INLINE auto operator()(LanesOf<T>, hn::Vec<LanesOf<T>> value) const {
        return hn::Not(hn::Or(hn::Lt(value, least), hn::Gt(value, greatest)));
    }
};

template <class T>
struct IsEqual {
    hn::Vec<LanesOf<T>> wanted;
    HWY_INLINE auto operator()(LanesOf<T>, hn::Vec<LanesOf<T>> value) const { return hn::Eq(value, wanted); }
};

template <class T>
struct IsOneOf {
    const T* set;
    size_t set_size;
    HWY_INLINE auto operator()(LanesOf<T> d, hn::Vec<LanesOf<T>> value) const {
        auto any = hn::Eq(value, hn::Set(d, set[0]));
        for (size_t k = 1; k < set_size; k++) any = hn::Or(any, hn::Eq(value, hn::Set(d, set[k])));
        return any;
    }
};

struct Overlaps {
    hn::Vec<LanesOf<uint64_t>> bits;
    HWY_INLINE auto operator()(LanesOf<uint64_t> d, hn::Vec<LanesOf<uint64_t>> value) const {
        return hn::Not(hn::Eq(hn::And(value, bits), hn::Zero(d)));
    }
};

struct Contains {
    hn::Vec<LanesOf<uint64_t>> bits;
    HWY_INLINE auto operator()(LanesOf<uint64_t>, hn::Vec<LanesOf<uint64_t>> value) const {
        return hn::Eq(hn::And(value, bits), bits);
    }
};

// As many bits as there are lanes. They are read as they were written, at once, so that they need not go by memory.
template <class D, class M>
HWY_INLINE uint32_t BitsOf(D d, M mask) {
    constexpr size_t kBytes = (hn::MaxLanes(D()) + 7) / 8;
    uint8_t bytes[8];
    hn::StoreMaskBits(d, mask, bytes);
    if constexpr (kBytes == 1) return bytes[0];
    if constexpr (kBytes == 2) {
        uint16_t bits;
        std::memcpy(&bits, bytes, sizeof(bits));
        return bits;
    }
    uint32_t bits = 0;
    std::memcpy(&bits, bytes, kBytes);
    return bits;
}

template <class T, class Test>
HWY_INLINE uint32_t WordOf(const T* HWY_RESTRICT values, const Test& test) {
    const LanesOf<T> d;
    const size_t N = hn::Lanes(d);
    uint32_t word = 0;
    for (size_t i = 0; i < 32; i += N) word |= BitsOf(d, test(d, hn::LoadU(d, values + i))) << i;
    return word;
}

template <class T, class Test>
HWY_INLINE void MaskRows(const void* values, size_t count, const Test& test, uint32_t* HWY_RESTRICT words) {
    const T* HWY_RESTRICT from = static_cast<const T*>(values);
    size_t i = 0;
    for (; i + 32 <= count; i += 32)
        if (words[i / 32] != 0) words[i / 32] &= WordOf(from + i, test);
    if (i == count) return;
    T last[32] = {};
    std::memcpy(last, from + i, (count - i) * sizeof(T));
    words[i / 32] &= WordOf(last, test);
}

template <class T>
HWY_INLINE void RangeOf(const void* values, size_t count, int64_t least, int64_t greatest, uint32_t* words) {
    const LanesOf<T> d;
    if (least == greatest) MaskRows<T>(values, count, IsEqual<T>{hn::Set(d, T(least))}, words);
    else MaskRows<T>(values, count, InRange<T>{hn::Set(d, T(least)), hn::Set(d, T(greatest))}, words);
}

void RangeKernel(KeyLane lane, const void* values, size_t count, int64_t least, int64_t greatest, uint32_t* words) {
    switch (lane) {
        case KeyLane::kI8: return RangeOf<int8_t>(values, count, least, greatest, words);
        case KeyLane::kI16: return RangeOf<int16_t>(values, count, least, greatest, words);
        case KeyLane::kI32: return RangeOf<int32_t>(values, count, least, greatest, words);
        case KeyLane::kI64: return RangeOf<int64_t>(values, count, least, greatest, words);
        case KeyLane::kU32: return RangeOf<uint32_t>(values, count, least, greatest, words);
    }
}

template <class T>
HWY_INLINE void FewOf(const void* values, size_t count, const int64_t* set, size_t set_size, uint32_t* words) {
    T wanted[kMaxFewKeys];
    for (size_t k = 0; k < set_size; k++) wanted[k] = T(set[k]);
    MaskRows<T>(values, count, IsOneOf<T>{wanted, set_size}, words);
}

void FewKernel(KeyLane lane, const void* values, size_t count, const int64_t* set, size_t set_size, uint32_t* words) {
    switch (lane) {
        case KeyLane::kI8: return FewOf<int8_t>(values, count, set, set_size, words);
        case KeyLane::kI16: return FewOf<int16_t>(values, count, set, set_size, words);
        case KeyLane::kI64: return FewOf<int64_t>(values, count, set, set_size, words);
        case KeyLane::kI32:
        case KeyLane::kU32: return FewOf<uint32_t>(values, count, set, set_size, words);
    }
}

void OverlapsKernel(const uint64_t* values, size_t count, uint64_t bits, uint32_t* words) {
    MaskRows<uint64_t>(values, count, Overlaps{hn::Set(LanesOf<uint64_t>(), bits)}, words);
}

void ContainsKernel(const uint64_t* values, size_t count, uint64_t bits, uint32_t* words) {
    MaskRows<uint64_t>(values, count, Contains{hn::Set(LanesOf<uint64_t>(), bits)}, words);
}

// Targets from SSE4 on count the bits of a word in one instruction.
size_t CountKernel(const uint32_t* words, size_t n) {
    size_t bits = 0;
    for (size_t w = 0; w < n; w++) bits += size_t(__builtin_popcount(words[w]));
    return bits;
}

}  // namespace HWY_NAMESPACE
}  // namespace vectorq
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vectorq {

HWY_EXPORT(RangeKernel);
HWY_EXPORT(FewKernel);
HWY_EXPORT(OverlapsKernel);
HWY_EXPORT(ContainsKernel);
HWY_EXPORT(CountKernel);

// An empty set: no row.
static void ClearWords(size_t count, uint32_t* words) noexcept { std::fill(words, words + (count + 31) / 32, 0u); }

void MaskRange(KeyLane lane, const void* values, size_t count, int64_t least, int64_t greatest,
               uint32_t* words) noexcept {
    HWY_DYNAMIC_DISPATCH(RangeKernel)(lane, values, count, least, greatest, words);
}
void MaskFew(KeyLane lane, const void* values, size_t count, const int64_t* set, size_t set_size,
             uint32_t* words) noexcept {
    if (set_size == 0) ClearWords(count, words);
    else HWY_DYNAMIC_DISPATCH(FewKernel)(lane, values, count, set, set_size, words);
}
void MaskOverlaps(const uint64_t* values, size_t count, uint64_t bits, uint32_t* words) noexcept {
    HWY_DYNAMIC_DISPATCH(OverlapsKernel)(values, count, bits, words);
}
void MaskContains(const uint64_t* values, size_t count, uint64_t bits, uint32_t* words) noexcept {
    HWY_DYNAMIC_DISPATCH(ContainsKernel)(values, count, bits, words);
}

size_t CountMaskBits(const uint32_t* words, size_t n) noexcept { return HWY_DYNAMIC_DISPATCH(CountKernel)(words, n); }

namespace reference {

static void ClearIf(bool clear, size_t i, uint32_t* words) noexcept {
    if (clear) words[i / 32] &= ~(1u << i % 32);
}

void MaskRange(KeyLane lane, const void* values, size_t count, int64_t least, int64_t greatest,
               uint32_t* words) noexcept {
    for (size_t i = 0; i < count; i++) {
        const int64_t value = KeyValue(lane, values, i);
        ClearIf(value < least || value > greatest, i, words);
    }
}

void MaskFew(KeyLane lane, const void* values, size_t count, const int64_t* set, size_t set_size,
             uint32_t* words) noexcept {
    for (size_t i = 0; i < count; i++)
        ClearIf(std::find(set, set + set_size, KeyValue(lane, values, i)) == set + set_size, i, words);
}

void MaskOverlaps(const uint64_t* values, size_t count, uint64_t bits, uint32_t* words) noexcept {
    for (size_t i = 0; i < count; i++) ClearIf((values[i] & bits) == 0, i, words);
}

void MaskContains(const uint64_t* values, size_t count, uint64_t bits, uint32_t* words) noexcept {
    for (size_t i = 0; i < count; i++) ClearIf((values[i] & bits) != bits, i, words);
}

size_t CountMaskBits(const uint32_t* words, size_t n) noexcept {
    size_t bits = 0;
    for (size_t i = 0; i < 32 * n; i++) bits += words[i / 32] >> i % 32 & 1;
    return bits;
}

}  // namespace reference
}  // namespace vectorq
#endif
