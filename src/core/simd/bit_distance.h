// Hamming and Jaccard distances of bit strings, packed eight to a byte. The order of bits inside a byte does not
// matter. Bits beyond the end of a string must be zero in its last byte, as PostgreSQL's bit keeps them.
#pragma once
#include <cstddef>
#include <cstdint>

namespace vectorq {

// Number of places where a and b differ. No alignment is required; no byte beyond the last is read.
uint64_t HammingBits(const uint8_t* a, const uint8_t* b, size_t bytes) noexcept;

// Number of places that are set in both strings, and in at least one of them.
struct BitOverlap {
    uint64_t both;
    uint64_t either;
};
BitOverlap OverlapBits(const uint8_t* a, const uint8_t* b, size_t bytes) noexcept;

// 1 - both / either. Strings with nothing in common, empty ones too, have distance 1.
inline double JaccardDistance(BitOverlap overlap) noexcept {
    if (overlap.both == 0) return 1;
    return 1 - static_cast<double>(overlap.both) / static_cast<double>(overlap.either);
}

// One query against many rows: row i is the `bytes` bytes from rows + i * stride, stride >= bytes.
//
//   rows     |<- bytes ->|   |<- bytes ->|   |<- bytes ->|
//            |<-- stride --->|<-- stride --->|
//
// out[i] := the distance to row i, i < num_rows. A row has fewer than 2^32 bits. The Jaccard distance is rounded
// to f32. Every target gives the same results to the bit.
void HammingRows(const uint8_t* query, const uint8_t* rows, size_t stride, size_t num_rows, size_t bytes,
                 uint32_t* out) noexcept;
void JaccardRows(const uint8_t* query, const uint8_t* rows, size_t stride, size_t num_rows, size_t bytes,
                 float* out) noexcept;

namespace reference {
uint64_t HammingBits(const uint8_t* a, const uint8_t* b, size_t bytes) noexcept;
BitOverlap OverlapBits(const uint8_t* a, const uint8_t* b, size_t bytes) noexcept;
void HammingRows(const uint8_t* query, const uint8_t* rows, size_t stride, size_t num_rows, size_t bytes,
                 uint32_t* out) noexcept;
void JaccardRows(const uint8_t* query, const uint8_t* rows, size_t stride, size_t num_rows, size_t bytes,
                 float* out) noexcept;
}  // namespace reference

}  // namespace vectorq
