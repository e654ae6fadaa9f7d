// See lut16_scan.h; the sums of a block are in lut16_scan-inl.h.
#include "core/simd/lut16_scan.h"

#include <algorithm>
#include <cmath>
#include <cstring>

// Highway compiles for Ice Lake and later (VBMI, VNNI) on demand only.
#define HWY_WANT_AVX3_DL
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/simd/lut16_scan.cpp"
#include "hwy/foreach_target.h"
//
#include "hwy/highway.h"
//
#include "core/simd/lut16_scan-inl.h"

#ifndef VECTORQ_CORE_SIMD_LUT16_SCAN_ONCE_
#define VECTORQ_CORE_SIMD_LUT16_SCAN_ONCE_
namespace vectorq {
// Ranges below this would overflow the reciprocal of a step; such a table is flat.
constexpr float kLut16MinRange = 1e-30f;
// Subspaces whose 16-bit sums ScanLut16Wide adds up at a time; even, at most kLut16MaxM.
constexpr size_t kLut16WideM = 256;
}  // namespace vectorq
#endif

HWY_BEFORE_NAMESPACE();
namespace vectorq {
namespace HWY_NAMESPACE {

void ScanImpl(const uint8_t* lut, const uint8_t* blocks, size_t num_blocks, size_t block_bytes, uint16_t* sums) {
    constexpr size_t kBlocks = Lut16Kernel::kBlocks;
    size_t b = 0;
    for (; b + kBlocks <= num_blocks; b += kBlocks) {
        Lut16Kernel::Blocks<kBlocks>(lut, blocks + b * block_bytes, block_bytes, block_bytes, sums + b * 32);
    }
    for (; b < num_blocks; b++) {
        Lut16Kernel::Blocks<1>(lut, blocks + b * block_bytes, block_bytes, block_bytes, sums + b * 32);
    }
}

void ScanWideImpl(const uint8_t* lut, const uint8_t* blocks, size_t num_blocks, size_t block_bytes, uint32_t* sums) {
    constexpr size_t kPart = 16 * kLut16WideM;
    uint16_t part[32];
    for (size_t b = 0; b < num_blocks; b++, blocks += block_bytes, sums += 32) {
        for (size_t i = 0; i < 32; i++) sums[i] = 0;
        for (size_t begin = 0; begin < block_bytes; begin += kPart) {
            const size_t bytes = block_bytes - begin < kPart ? block_bytes - begin : kPart;
            Lut16Kernel::Blocks<1>(lut + begin, blocks + begin, block_bytes, bytes, part);
            for (size_t i = 0; i < 32; i++) sums[i] += part[i];
        }
    }
}

template <size_t kTables>
void SumsOfTables(const uint8_t* const* luts, const uint8_t* blocks, size_t num_blocks, size_t block_bytes, size_t from,
                  size_t bytes, uint16_t* sums, size_t stride) {
    for (size_t b = 0; b < num_blocks; b++)
        Lut16Kernel::Tables<kTables>(luts, from, blocks + b * block_bytes + from, bytes, sums + b * 32, stride);
}

// The sums of all blocks over bytes [from, from + bytes) of each.
void TablesImpl(const uint8_t* const* luts, size_t tables, const uint8_t* blocks, size_t num_blocks, size_t block_bytes,
                size_t from, size_t bytes, uint16_t* sums, size_t stride) {
    constexpr size_t kTables = Lut16Kernel::kTables;
    size_t t = 0;
    for (; t + kTables <= tables; t += kTables)
        SumsOfTables<kTables>(luts + t, blocks, num_blocks, block_bytes, from, bytes, sums + t * stride, stride);
    if (kTables > 3 && tables - t == 3)
        SumsOfTables<std::min<size_t>(kTables, 3)>(luts + t, blocks, num_blocks, block_bytes, from, bytes,
                                                   sums + t * stride, stride);
    else if (kTables > 2 && tables - t == 2)
        SumsOfTables<std::min<size_t>(kTables, 2)>(luts + t, blocks, num_blocks, block_bytes, from, bytes,
                                                   sums + t * stride, stride);
    else if (t < tables)
        SumsOfTables<1>(luts + t, blocks, num_blocks, block_bytes, from, bytes, sums + t * stride, stride);
}

using DF = hn::CappedTag<float, 16>;

// Least entry and range of one subspace's 16. Four vectors of four lanes leave two steps across lanes, not four.
HWY_INLINE void LeastAndRange(const float* HWY_RESTRICT table, float* least, float* range) {
    const hn::CappedTag<float, 4> d4;
    const size_t N = hn::Lanes(d4);
    auto low = hn::LoadU(d4, table), high = low;
    for (size_t k = N; k < 16; k += N) {
        const auto x = hn::LoadU(d4, table + k);
        low = hn::Min(low, x);
        high = hn::Max(high, x);
    }
    *least = hn::GetLane(hn::MinOfLanes(d4, low));
    *range = hn::GetLane(hn::MaxOfLanes(d4, high)) - *least;
}

// Difference, then product: nothing that could be fused, so that all targets round alike.
void QuantizeImpl(const float* HWY_RESTRICT table, size_t m, uint8_t* HWY_RESTRICT lut, Lut16Query* query) {
    const DF df;
    const hn::Rebind<uint8_t, DF> d8;
    const size_t N = hn::Lanes(df);
    float largest = 0, least, range;
    double bias = 0;
    for (size_t s = 0; s < m; s++) {
        LeastAndRange(table + s * 16, &least, &range);
        largest = range > largest ? range : largest;
        bias += least;
        std::memcpy(lut + s * 16, &least, sizeof(least));  // until the steps are known
    }
    const bool flat = !(largest > kLut16MinRange);
    *query = Lut16Query{flat ? 0.0f : largest / 255.0f, float(bias)};
    const auto inverse = hn::Set(df, flat ? 0.0f : 255.0f / largest);
    for (size_t s = 0; s < m; s++, table += 16, lut += 16) {
        std::memcpy(&least, lut, sizeof(least));
        for (size_t k = 0; k < 16; k += N) {
            const auto level = hn::Mul(hn::Sub(hn::LoadU(df, table + k), hn::Set(df, least)), inverse);
            hn::StoreU(hn::DemoteTo(d8, hn::NearestInt(level)), d8, lut + k);
        }
    }
    if (m % 2 == 1) std::memset(lut, 0, 16);
}

// Most vectors of a long scan have no survivor: they are tested as a whole.
size_t FilterImpl(const uint16_t* HWY_RESTRICT sums, size_t n, uint16_t threshold, uint16_t* HWY_RESTRICT indices) {
    const hn::CappedTag<uint16_t, 32> d;
    const size_t N = hn::Lanes(d);
    const auto limit = hn::Set(d, threshold);
    size_t count = 0, i = 0;
    for (; i + N <= n; i += N) {
        const auto v = hn::LoadU(d, sums + i);
        const auto below = hn::Eq(hn::Min(v, limit), v);  // unsigned v <= limit
        if (HWY_LIKELY(hn::AllFalse(d, below))) continue;
        uint8_t bytes[8] = {};
        hn::StoreMaskBits(d, below, bytes);
        uint64_t bits;
        std::memcpy(&bits, bytes, 8);
        for (; bits != 0; bits &= bits - 1) indices[count++] = uint16_t(i + size_t(__builtin_ctzll(bits)));
    }
    for (; i < n; i++) {
        if (sums[i] <= threshold) indices[count++] = uint16_t(i);
    }
    return count;
}

}  // namespace HWY_NAMESPACE
}  // namespace vectorq
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vectorq {
HWY_EXPORT(ScanImpl);
HWY_EXPORT(ScanWideImpl);
HWY_EXPORT(TablesImpl);
HWY_EXPORT(QuantizeImpl);
HWY_EXPORT(FilterImpl);

Lut16Query QuantizeLut16(const float* table, size_t m, uint8_t* lut) noexcept {
    Lut16Query query;
    HWY_DYNAMIC_DISPATCH(QuantizeImpl)(table, m, lut, &query);
    return query;
}

void ScanLut16(const uint8_t* lut, const uint8_t* blocks, size_t num_blocks, size_t m, uint16_t* sums) noexcept {
    HWY_DYNAMIC_DISPATCH(ScanImpl)(lut, blocks, num_blocks, Lut16BlockBytes(m), sums);
}

void ScanLut16Wide(const uint8_t* lut, const uint8_t* blocks, size_t num_blocks, size_t m, uint32_t* sums) noexcept {
    HWY_DYNAMIC_DISPATCH(ScanWideImpl)(lut, blocks, num_blocks, Lut16BlockBytes(m), sums);
}

void ScanLut16Tables(const uint8_t* const* luts, size_t tables, const uint8_t* blocks, size_t num_blocks, size_t m,
                     uint16_t* sums, size_t stride) noexcept {
    HWY_DYNAMIC_DISPATCH(TablesImpl)
    (luts, tables, blocks, num_blocks, Lut16BlockBytes(m), 0, Lut16BlockBytes(m), sums, stride);
}

void ScanLut16TablesWide(const uint8_t* const* luts, size_t tables, const uint8_t* blocks, size_t num_blocks, size_t m,
                         uint32_t* sums, size_t stride) noexcept {
    constexpr size_t kPart = 16 * kLut16WideM, kAtATime = 8;
    uint16_t part[kAtATime * 32];
    const size_t block_bytes = Lut16BlockBytes(m);
    for (size_t first = 0; first < tables; first += kAtATime) {
        const size_t count = std::min(kAtATime, tables - first);
        for (size_t b = 0; b < num_blocks; b++)
            for (size_t from = 0; from < block_bytes; from += kPart) {
                HWY_DYNAMIC_DISPATCH(TablesImpl)
                (luts + first, count, blocks + b * block_bytes, 1, block_bytes, from,
                 std::min(kPart, block_bytes - from), part, 32);
                for (size_t t = 0; t < count; t++) {
                    uint32_t* to = sums + (first + t) * stride + b * 32;
                    for (size_t i = 0; i < 32; i++) to[i] = (from > 0 ? to[i] : 0) + part[t * 32 + i];
                }
            }
    }
}

size_t FilterBelowU16(const uint16_t* sums, size_t n, uint16_t threshold, uint16_t* indices) noexcept {
    return HWY_DYNAMIC_DISPATCH(FilterImpl)(sums, n, threshold, indices);
}

namespace {
// Nibble of `row` in a subspace's 16 bytes.
inline uint32_t GetNibble(const uint8_t* bytes, size_t row) { return (bytes[row & 15] >> (row & 16) / 4) & 15; }
inline void SetNibble(uint8_t* bytes, size_t row, uint32_t value) {
    const uint32_t shift = uint32_t(row & 16) / 4;
    bytes[row & 15] = uint8_t((bytes[row & 15] & ~(15u << shift)) | value << shift);
}
}  // namespace

void PackCode4(uint8_t* block, size_t m, size_t row, const uint8_t* code) noexcept {
    for (size_t s = 0; s < m; s++) SetNibble(block + s * 16, row, (code[s / 2] >> s % 2 * 4) & 15);
    if (m % 2 == 1) SetNibble(block + m * 16, row, 0);
}

void UnpackCode4(const uint8_t* block, size_t m, size_t row, uint8_t* code) noexcept {
    for (size_t s = 0; s < m; s += 2) {
        const uint32_t high = s + 1 < m ? GetNibble(block + (s + 1) * 16, row) : 0;
        code[s / 2] = uint8_t(GetNibble(block + s * 16, row) | high << 4);
    }
}

void MoveCode4(uint8_t* to_block, size_t to_row, const uint8_t* from_block, size_t from_row, size_t m) noexcept {
    for (size_t s = 0; s < Lut16EvenM(m); s++) {
        SetNibble(to_block + s * 16, to_row, GetNibble(from_block + s * 16, from_row));
    }
}

void PackBlock4(uint8_t* block, size_t m, const uint8_t* codes, size_t stride, size_t rows) noexcept {
    std::memset(block, 0, Lut16BlockBytes(m));
    for (size_t row = 0; row < rows; row++) PackCode4(block, m, row, codes + row * stride);
}

namespace reference {

Lut16Query QuantizeLut16(const float* table, size_t m, uint8_t* lut) noexcept {
    std::memset(lut, 0, Lut16TableBytes(m));
    float largest = 0;
    double bias = 0;
    for (size_t s = 0; s < m; s++) {
        const auto [low, high] = std::minmax_element(table + s * 16, table + s * 16 + 16);
        largest = std::max(largest, *high - *low);
        bias += *low;
    }
    if (!(largest > kLut16MinRange)) return {0.0f, float(bias)};
    const float inverse = 255.0f / largest;
    for (size_t s = 0; s < m; s++) {
        const float least = *std::min_element(table + s * 16, table + s * 16 + 16);
        for (size_t k = 0; k < 16; k++) {
            const float difference = table[s * 16 + k] - least;
            lut[s * 16 + k] = uint8_t(std::min(std::nearbyint(difference * inverse), 255.0f));
        }
    }
    return {largest / 255.0f, float(bias)};
}

void ScanLut16Wide(const uint8_t* lut, const uint8_t* blocks, size_t num_blocks, size_t m, uint32_t* sums) noexcept {
    for (size_t b = 0; b < num_blocks; b++) {
        const uint8_t* block = blocks + b * Lut16BlockBytes(m);
        for (size_t row = 0; row < 32; row++) {
            uint32_t sum = 0;
            for (size_t s = 0; s < m; s++) sum += lut[s * 16 + GetNibble(block + s * 16, row)];
            sums[b * 32 + row] = sum;
        }
    }
}

size_t FilterBelowU16(const uint16_t* sums, size_t n, uint16_t threshold, uint16_t* indices) noexcept {
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        if (sums[i] <= threshold) indices[count++] = uint16_t(i);
    }
    return count;
}

}  // namespace reference
}  // namespace vectorq
#endif  // HWY_ONCE
