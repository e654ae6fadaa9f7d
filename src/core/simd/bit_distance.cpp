// See bit_distance.h.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/simd/bit_distance.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h.
#include "hwy/highway.h"

#include <bit>

#include "core/simd/bit_distance.h"
#include "core/simd/load-inl.h"

HWY_BEFORE_NAMESPACE();
namespace vectorq {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// What is counted of a pair of strings. Jaccard needs two counts: set in both, set in either.
struct Hamming {
    static constexpr bool kTwoCounts = false;
};
struct Jaccard {
    static constexpr bool kTwoCounts = true;
};

#if HWY_TARGET == HWY_SCALAR
template <class Kind>
HWY_INLINE void CountPair(const uint8_t* a, const uint8_t* b, size_t bytes, uint64_t* counts) {
    counts[0] = counts[1] = 0;
    for (size_t i = 0; i < bytes; i++) {
        counts[0] += uint64_t(std::popcount(uint8_t(Kind::kTwoCounts ? a[i] & b[i] : a[i] ^ b[i])));
        if (Kind::kTwoCounts) counts[1] += uint64_t(std::popcount(uint8_t(a[i] | b[i])));
    }
}
#else
using D8 = hn::ScalableTag<uint8_t>;
using D64 = hn::Repartition<uint64_t, D8>;
using V8 = hn::Vec<D8>;
using V64 = hn::Vec<D64>;

// Counts of bytes are added to 64-bit lanes at once: no sum of bytes can overflow.
HWY_INLINE V64 CountBits(V8 v) { return hn::SumsOf8(hn::PopulationCount(v)); }

template <class Kind>
HWY_INLINE void CountVectors(V8 a, V8 b, V64& first, V64& second) {
    if constexpr (Kind::kTwoCounts) {
        first = hn::Add(first, CountBits(hn::And(a, b)));
        second = hn::Add(second, CountBits(hn::Or(a, b)));
    } else {
        first = hn::Add(first, CountBits(hn::Xor(a, b)));
    }
}

template <class Kind>
HWY_INLINE void CountPair(const uint8_t* HWY_RESTRICT a, const uint8_t* HWY_RESTRICT b, size_t bytes,
                          uint64_t* HWY_RESTRICT counts) {
    const D8 d8;
    const D64 d64;
    const size_t N = hn::Lanes(d8);
    V64 first = hn::Zero(d64), second = first, first1 = first, second1 = first;
    size_t i = 0;
    for (; i + 2 * N <= bytes; i += 2 * N) {
        CountVectors<Kind>(hn::LoadU(d8, a + i), hn::LoadU(d8, b + i), first, second);
        CountVectors<Kind>(hn::LoadU(d8, a + i + N), hn::LoadU(d8, b + i + N), first1, second1);
    }
    if (i + N <= bytes) {
        CountVectors<Kind>(hn::LoadU(d8, a + i), hn::LoadU(d8, b + i), first, second);
        i += N;
    }
    if (i < bytes)
        CountVectors<Kind>(LoadFirst(d8, a + i, bytes - i), LoadFirst(d8, b + i, bytes - i), first1, second1);
    counts[0] = hn::GetLane(hn::SumOfLanes(d64, hn::Add(first, first1)));
    counts[1] = Kind::kTwoCounts ? hn::GetLane(hn::SumOfLanes(d64, hn::Add(second, second1))) : 0;
}
#endif

uint64_t HammingBitsImpl(const uint8_t* a, const uint8_t* b, size_t bytes) {
    uint64_t counts[2];
    CountPair<Hamming>(a, b, bytes, counts);
    return counts[0];
}

BitOverlap OverlapBitsImpl(const uint8_t* a, const uint8_t* b, size_t bytes) {
    uint64_t counts[2];
    CountPair<Jaccard>(a, b, bytes, counts);
    return {counts[0], counts[1]};
}

void HammingRowsImpl(const uint8_t* query, const uint8_t* rows, size_t stride, size_t num_rows, size_t bytes,
                     uint32_t* out) {
    for (size_t i = 0; i < num_rows; i++) {
        uint64_t counts[2];
        CountPair<Hamming>(query, rows + i * stride, bytes, counts);
        out[i] = uint32_t(counts[0]);
    }
}

void JaccardRowsImpl(const uint8_t* query, const uint8_t* rows, size_t stride, size_t num_rows, size_t bytes,
                     float* out) {
    for (size_t i = 0; i < num_rows; i++) {
        uint64_t counts[2];
        CountPair<Jaccard>(query, rows + i * stride, bytes, counts);
        out[i] = float(JaccardDistance({counts[0], counts[1]}));
    }
}

}  // namespace HWY_NAMESPACE
}  // namespace vectorq
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vectorq {

HWY_EXPORT(HammingBitsImpl);
HWY_EXPORT(OverlapBitsImpl);
HWY_EXPORT(HammingRowsImpl);
HWY_EXPORT(JaccardRowsImpl);

uint64_t HammingBits(const uint8_t* a, const uint8_t* b, size_t bytes) noexcept {
    return HWY_DYNAMIC_DISPATCH(HammingBitsImpl)(a, b, bytes);
}

BitOverlap OverlapBits(const uint8_t* a, const uint8_t* b, size_t bytes) noexcept {
    return HWY_DYNAMIC_DISPATCH(OverlapBitsImpl)(a, b, bytes);
}

void HammingRows(const uint8_t* query, const uint8_t* rows, size_t stride, size_t num_rows, size_t bytes,
                 uint32_t* out) noexcept {
    HWY_DYNAMIC_DISPATCH(HammingRowsImpl)(query, rows, stride, num_rows, bytes, out);
}

void JaccardRows(const uint8_t* query, const uint8_t* rows, size_t stride, size_t num_rows, size_t bytes,
                 float* out) noexcept {
    HWY_DYNAMIC_DISPATCH(JaccardRowsImpl)(query, rows, stride, num_rows, bytes, out);
}

namespace reference {

uint64_t HammingBits(const uint8_t* a, const uint8_t* b, size_t bytes) noexcept {
    uint64_t count = 0;
    for (size_t i = 0; i < bytes; i++) count += uint64_t(std::popcount(uint8_t(a[i] ^ b[i])));
    return count;
}

BitOverlap OverlapBits(const uint8_t* a, const uint8_t* b, size_t bytes) noexcept {
    BitOverlap overlap = {0, 0};
    for (size_t i = 0; i < bytes; i++) {
        overlap.both += uint64_t(std::popcount(uint8_t(a[i] & b[i])));
        overlap.either += uint64_t(std::popcount(uint8_t(a[i] | b[i])));
    }
    return overlap;
}

void HammingRows(const uint8_t* query, const uint8_t* rows, size_t stride, size_t num_rows, size_t bytes,
                 uint32_t* out) noexcept {
    for (size_t i = 0; i < num_rows; i++) out[i] = uint32_t(HammingBits(query, rows + i * stride, bytes));
}

void JaccardRows(const uint8_t* query, const uint8_t* rows, size_t stride, size_t num_rows, size_t bytes,
                 float* out) noexcept {
    for (size_t i = 0; i < num_rows; i++) out[i] = float(JaccardDistance(OverlapBits(query, rows + i * stride, bytes)));
}

}  // namespace reference
}  // namespace vectorq
#endif
