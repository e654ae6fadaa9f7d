// Scan of 4-bit codes in blocks of 32 rows, whose tables of 16 bytes lie in vector registers and
// are looked up by a byte shuffle (André, Kermarrec, Le Scouarnec, "Cache locality is not enough",
// VLDB 2015; ScaNN's LUT16, FAISS's fast scan). The tables are rounded to 8 bits.
//
// A block has m_even = m rounded up to even subspaces of 16 bytes:
//
//              byte 0      byte 1              byte 15
//   subspace 0 [r16|r0 ]   [r17|r1 ]   ...   [r31|r15]     high nibble | low nibble
//   subspace 1 [r16|r0 ]   [r17|r1 ]   ...   [r31|r15]     rN = code of row N
//   ...
//   (m odd)    zeros: the table of the padding is zero as well
//
// Scan path: QuantizeLut16 once a list (or once a query), ScanLut16 once a page, FilterBelowU16
// on its sums. Neither allocates nor throws; no alignment required; nothing is read beyond the
// last block. All integers: every target gives the reference's result bit for bit.
#pragma once
#include <cstddef>
#include <cstdint>

namespace vectorq {

inline constexpr size_t kLut16BlockRows = 32;
// 257 * 255 = 65535: the largest m whose sum always fits 16 bits.
inline constexpr size_t kLut16MaxM = 257;

inline size_t Lut16EvenM(size_t m) noexcept { return (m + 1) / 2 * 2; }
inline size_t Lut16BlockBytes(size_t m) noexcept { return 16 * Lut16EvenM(m); }
// Of the quantized tables.
inline size_t Lut16TableBytes(size_t m) noexcept { return 16 * Lut16EvenM(m); }

// distance = bias + scale * sum. Each entry is rounded to nearest, so the error of a distance is at
// most m * scale / 2.
struct Lut16Query {
    float scale, bias;
};

// lut (m_even, 16) := table (m, 16) less the least entry of each subspace (bias is their sum), in
// steps of scale, the largest range of a subspace / 255. Entries must be finite; where all ranges
// are (nearly) zero, scale is 0 and so is lut.
Lut16Query QuantizeLut16(const float* table, size_t m, uint8_t* lut) noexcept;

// sums (num_blocks * 32) := sum over s of lut[s][code_s] of each row, for m <= kLut16MaxM.
void ScanLut16(const uint8_t* lut, const uint8_t* blocks, size_t num_blocks, size_t m, uint16_t* sums) noexcept;
// The same for any m.
void ScanLut16Wide(const uint8_t* lut, const uint8_t* blocks, size_t num_blocks, size_t m, uint32_t* sums) noexcept;

// The same for several queries at once, whose codes are then taken apart once for some tables: the sums of table
// luts[t] come to sums + t * stride. Any number of tables; stride >= num_blocks * 32. The reference is ScanLut16Wide of
// each.
void ScanLut16Tables(const uint8_t* const* luts, size_t tables, const uint8_t* blocks, size_t num_blocks, size_t m,
                     uint16_t* sums, size_t stride) noexcept;
void ScanLut16TablesWide(const uint8_t* const* luts, size_t tables, const uint8_t* blocks, size_t num_blocks, size_t m,
                         uint32_t* sums, size_t stride) noexcept;

// Writes the i < n (n <= 65536) with sums[i] <= threshold, ascending, and returns how many.
// `indices` needs room for as many as there are, no more.
size_t FilterBelowU16(const uint16_t* sums, size_t n, uint16_t threshold, uint16_t* indices) noexcept;

// Likewise the rows whose distance, base + scale * sum, may be at most `threshold`. One step more than the division
// says: rounding must not lose a row that ties with the last one kept, and whoever keeps rows compares exactly.
inline size_t FilterNearSums(const uint16_t* sums, size_t n, float base, float scale, float threshold,
                             uint16_t* indices) noexcept {
    const float limit = scale > 0 ? (threshold - base) / scale + 1 : 65535.0f;
    if (limit < 0) return 0;
    return FilterBelowU16(sums, n, limit < 65535.0f ? uint16_t(limit) : uint16_t(65535), indices);
}

// Row `row` (< 32) of a block from and to a code as in quantize/pq.h with 4 bits ((m + 1) / 2 bytes).
void PackCode4(uint8_t* block, size_t m, size_t row, const uint8_t* code) noexcept;
void UnpackCode4(const uint8_t* block, size_t m, size_t row, uint8_t* code) noexcept;
// The blocks may be the same one.
void MoveCode4(uint8_t* to_block, size_t to_row, const uint8_t* from_block, size_t from_row, size_t m) noexcept;
// A whole block from `rows` <= 32 codes `stride` bytes apart; absent rows are zero.
void PackBlock4(uint8_t* block, size_t m, const uint8_t* codes, size_t stride, size_t rows) noexcept;

namespace reference {
Lut16Query QuantizeLut16(const float* table, size_t m, uint8_t* lut) noexcept;
void ScanLut16Wide(const uint8_t* lut, const uint8_t* blocks, size_t num_blocks, size_t m, uint32_t* sums) noexcept;
size_t FilterBelowU16(const uint16_t* sums, size_t n, uint16_t threshold, uint16_t* indices) noexcept;
}  // namespace reference

}  // namespace vectorq
