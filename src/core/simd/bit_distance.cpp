// See bit_distance.h.
// The only target whose instructions count bits, compiled for where counting is the hot loop.
#define HWY_WANT_AVX3_DL
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

// ---- rows

#if HWY_TARGET == HWY_SCALAR || HWY_HAVE_SCALABLE
template <class Kind>
void Rows(const float* query, const void* rows, size_t stride, size_t num_rows, size_t bytes, float* out) {
    const uint8_t* row = static_cast<const uint8_t*>(rows);
    for (size_t i = 0; i < num_rows; i++, row += stride) {
        uint64_t counts[2];
        CountPair<Kind>(reinterpret_cast<const uint8_t*>(query), row, bytes, counts);
        out[i] += float(counts[0]);
    }
}
#else
using D32 = hn::Repartition<uint32_t, D8>;

template <class Kind>
HWY_INLINE V64 CountWords(V8 q, V8 row) {
    const D64 d64;
    return hn::PopulationCount(hn::BitCast(d64, Kind::kTwoCounts ? hn::And(q, row) : hn::Xor(q, row)));
}

// Four sums from vectors of which each block of 16 bytes has a part of each sum.
template <class D>
HWY_INLINE void AddFoldedCounts(D d, hn::Vec<D> v, float* HWY_RESTRICT out) {
    if constexpr (hn::MaxLanes(D()) == 4) {
        const hn::RebindToFloat<D> df;
        const hn::RebindToSigned<D> di;
        hn::StoreU(hn::Add(hn::LoadU(df, out), hn::ConvertTo(df, hn::BitCast(di, v))), df, out);
    } else {
        const hn::Half<D> half;
        AddFoldedCounts(half, hn::Add(hn::LowerHalf(half, v), hn::UpperHalf(half, v)), out);
    }
}

// out[0..3] += the four lane sums, each below 2^31.
HWY_INLINE void AddCounts(V64 a, V64 b, V64 c, V64 d, float* HWY_RESTRICT out) {
    const D64 d64;
    const V64 ab = hn::Or(a, hn::ShiftLeft<32>(b)), cd = hn::Or(c, hn::ShiftLeft<32>(d));
    const auto lower = hn::BitCast(D32(), hn::InterleaveLower(d64, ab, cd));
    const auto upper = hn::BitCast(D32(), hn::InterleaveUpper(d64, ab, cd));
    AddFoldedCounts(D32(), hn::Add(lower, upper), out);
}

// Four rows against the query, whose loads they share.
template <class Kind>
HWY_INLINE void FourRows(const uint8_t* HWY_RESTRICT query, const uint8_t* r0, const uint8_t* r1, const uint8_t* r2,
                         const uint8_t* r3, size_t bytes, float* HWY_RESTRICT out) {
    const D8 d8;
    const size_t N = hn::Lanes(d8);
    V64 a = hn::Zero(D64()), b = a, c = a, d = a;
    size_t i = 0;
    for (; i + N <= bytes; i += N) {
        const V8 q = hn::LoadU(d8, query + i);
        a = hn::Add(a, CountWords<Kind>(q, hn::LoadU(d8, r0 + i)));
        b = hn::Add(b, CountWords<Kind>(q, hn::LoadU(d8, r1 + i)));
        c = hn::Add(c, CountWords<Kind>(q, hn::LoadU(d8, r2 + i)));
        d = hn::Add(d, CountWords<Kind>(q, hn::LoadU(d8, r3 + i)));
    }
    if (i < bytes) {
        const size_t n = bytes - i;
        const V8 q = LoadFirst(d8, query + i, n);
        a = hn::Add(a, CountWords<Kind>(q, LoadFirst(d8, r0 + i, n)));
        b = hn::Add(b, CountWords<Kind>(q, LoadFirst(d8, r1 + i, n)));
        c = hn::Add(c, CountWords<Kind>(q, LoadFirst(d8, r2 + i, n)));
        d = hn::Add(d, CountWords<Kind>(q, LoadFirst(d8, r3 + i, n)));
    }
    AddCounts(a, b, c, d, out);
}

template <class Kind>
void Rows(const float* query, const void* rows, size_t stride, size_t num_rows, size_t bytes, float* out) {
    const uint8_t* q = reinterpret_cast<const uint8_t*>(query);
    const uint8_t* row = static_cast<const uint8_t*>(rows);
    size_t i = 0;
    for (; i + 4 <= num_rows; i += 4, row += 4 * stride)
        FourRows<Kind>(q, row, row + stride, row + 2 * stride, row + 3 * stride, bytes, out + i);
    if (i == num_rows) return;
    const size_t left = num_rows - i;
    float sums[4] = {};
    FourRows<Kind>(q, row, row + (left > 1 ? stride : 0), row + (left > 2 ? 2 * stride : 0), row, bytes, sums);
    for (size_t r = 0; r < left; r++) out[i + r] += sums[r];
}
#endif

BlockFn HammingRowsImpl() { return &Rows<Hamming>; }
BlockFn CommonRowsImpl() { return &Rows<Jaccard>; }

}  // namespace HWY_NAMESPACE
}  // namespace vectorq
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vectorq {

HWY_EXPORT(HammingBitsImpl);
HWY_EXPORT(OverlapBitsImpl);
HWY_EXPORT(HammingRowsImpl);
HWY_EXPORT(CommonRowsImpl);

uint64_t HammingBits(const uint8_t* a, const uint8_t* b, size_t bytes) noexcept {
    return HWY_DYNAMIC_DISPATCH(HammingBitsImpl)(a, b, bytes);
}

BitOverlap OverlapBits(const uint8_t* a, const uint8_t* b, size_t bytes) noexcept {
    return HWY_DYNAMIC_DISPATCH(OverlapBitsImpl)(a, b, bytes);
}

BlockFn HammingRowsKernel() noexcept { return HWY_DYNAMIC_DISPATCH(HammingRowsImpl)(); }
BlockFn CommonRowsKernel() noexcept { return HWY_DYNAMIC_DISPATCH(CommonRowsImpl)(); }

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

void HammingRows(const float* query, const void* rows, size_t stride, size_t num_rows, size_t bytes,
                 float* out) noexcept {
    const uint8_t* row = static_cast<const uint8_t*>(rows);
    for (size_t i = 0; i < num_rows; i++)
        out[i] += float(HammingBits(reinterpret_cast<const uint8_t*>(query), row + i * stride, bytes));
}

void CommonRows(const float* query, const void* rows, size_t stride, size_t num_rows, size_t bytes,
                float* out) noexcept {
    const uint8_t* row = static_cast<const uint8_t*>(rows);
    for (size_t i = 0; i < num_rows; i++)
        out[i] += float(OverlapBits(reinterpret_cast<const uint8_t*>(query), row + i * stride, bytes).both);
}

}  // namespace reference
}  // namespace vectorq
#endif
