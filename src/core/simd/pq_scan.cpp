// See pq_scan.h. Scalar loads on purpose: eight codes are cut from one word, and a processor with
// two or three load ports does a lookup in 0.21 ns (m = 8..64 at 8 bits, measured beside gathers on
// a Sapphire Rapids: 0.19..0.21 ns with 16 lanes, 0.20..0.31 ns with 8). Where microcode guards
// gathers against data sampling they cost several times that, so there is no gather path.
#include "core/simd/pq_scan.h"

#include <algorithm>
#include <cstring>

#include "core/simd/merge_pq_tables.h"

namespace vectorq {
namespace {

// From so many rows on, merging 4-bit tables saves more than it costs (measured from 64 rows on, where it
// takes 0.6 of the time; the break-even is extrapolated: 13 rows for m = 64, 21 for m = 16).
constexpr size_t kPairRows = 24;
// Bytes of code whose merged tables lie on the stack at a time: 32 kB, the whole of m = 64.
constexpr size_t kPairsAtOnce = 32;

inline uint64_t Load32(const uint8_t* from) {
    uint32_t word;
    std::memcpy(&word, from, 4);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap32(word);
#endif
    return word;
}
// The kBits bytes that hold 8 codes, as one number. Two loads that may overlap: copying 5, 6 or 7
// bytes into a word waits for its parts on the way through memory (1.1 ns a lookup, not 0.2).
template <uint32_t kBits>
inline uint64_t LoadGroup(const uint8_t* bytes) {
    const uint64_t low = Load32(bytes);
    if constexpr (kBits == 4) return low;
    return low | Load32(bytes + kBits - 4) << 8 * (kBits - 4);
}

// kRows rows at once: their additions, each waiting for the one before, overlap.
template <uint32_t kBits, size_t kRows>
inline void SumRows(const float* table, const uint8_t* codes, size_t stride, size_t m, float* out) {
    constexpr size_t kKsub = size_t(1) << kBits;
    float sum[kRows] = {};
    size_t s = 0;
    for (; s + 8 <= m; s += 8, table += 8 * kKsub) {
        uint64_t word[kRows];
        for (size_t r = 0; r < kRows; r++) word[r] = LoadGroup<kBits>(codes + r * stride + s / 8 * kBits);
#pragma GCC unroll 8
        for (size_t j = 0; j < 8; j++) {
#pragma GCC unroll 4
            for (size_t r = 0; r < kRows; r++) {
                sum[r] += table[j * kKsub + (word[r] & (kKsub - 1))];
                word[r] >>= kBits;
            }
        }
    }
    for (; s < m; s++, table += kKsub) {
        for (size_t r = 0; r < kRows; r++) sum[r] += table[PqGetCode(kBits, codes + r * stride, s)];
    }
    for (size_t r = 0; r < kRows; r++) out[r] += sum[r];
}

template <uint32_t kBits>
void ScanBits(const float* table, const uint8_t* codes, size_t stride, size_t rows, size_t m, float* out) {
    size_t i = 0;
    for (; i + 2 <= rows; i += 2, codes += 2 * stride) SumRows<kBits, 2>(table, codes, stride, m, out + i);
    if (i < rows) SumRows<kBits, 1>(table, codes, stride, m, out + i);
}

// 4 bits by tables of two subspaces.
void ScanPairs(const float* table, const uint8_t* codes, size_t stride, size_t rows, size_t m, float* out) {
    alignas(64) float merged[kPairsAtOnce * 256];
    for (size_t s = 0; s < m; s += 2 * kPairsAtOnce) {
        const size_t part = std::min(2 * kPairsAtOnce, m - s);
        MergePqTables(table + s * 16, part, merged);
        ScanBits<8>(merged, codes + s / 2, stride, rows, (part + 1) / 2, out);
    }
}

}  // namespace

void ScanPqRows(const float* table, const uint8_t* codes, size_t stride, size_t rows, const PqShape& shape,
                float* out) noexcept {
    switch (shape.bits) {
        case 4:
            if (rows >= kPairRows) return ScanPairs(table, codes, stride, rows, shape.m, out);
            return ScanBits<4>(table, codes, stride, rows, shape.m, out);
        case 5: return ScanBits<5>(table, codes, stride, rows, shape.m, out);
        case 6: return ScanBits<6>(table, codes, stride, rows, shape.m, out);
        case 7: return ScanBits<7>(table, codes, stride, rows, shape.m, out);
        case 8: return ScanBits<8>(table, codes, stride, rows, shape.m, out);
    }
}

namespace reference {
void ScanPqRows(const float* table, const uint8_t* codes, size_t stride, size_t rows, const PqShape& shape,
                float* out) noexcept {
    const size_t ksub = PqKsub(shape);
    for (size_t i = 0; i < rows; i++) {
        double sum = 0;
        for (size_t s = 0; s < shape.m; s++) sum += table[s * ksub + PqGetCode(shape.bits, codes + i * stride, s)];
        out[i] = float(out[i] + sum);
    }
}
}  // namespace reference

}  // namespace vectorq
