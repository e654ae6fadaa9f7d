// Hamming and Jaccard distances of bit strings, packed eight to a byte. The order of bits inside a byte does not
// matter. Bits beyond the end of a string must be zero in its last byte, as PostgreSQL's bit keeps them.
#pragma once
#include <cstddef>
#include <cstdint>

#include "core/simd/distance.h"

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

// Block kernels (distance.h), of kHammingBits and kCommonBits: the query is a bit string behind a pointer of another
// type, and so are the rows; `dims` counts bytes.
//
//   rows     |<- dims ->|   |<- dims ->|   |<- dims ->|
//            |<-- stride -->|<-- stride -->|
//
// out[i] += the number of places where query and row i differ, or of those that are set in both. A row has fewer than
// 2^31 bits; sums below 2^24 are exact. No alignment is required of query and rows.
BlockFn HammingRowsKernel() noexcept;
BlockFn CommonRowsKernel() noexcept;

namespace reference {
uint64_t HammingBits(const uint8_t* a, const uint8_t* b, size_t bytes) noexcept;
BitOverlap OverlapBits(const uint8_t* a, const uint8_t* b, size_t bytes) noexcept;
void HammingRows(const float* query, const void* rows, size_t stride, size_t num_rows, size_t bytes,
                 float* out) noexcept;
void CommonRows(const float* query, const void* rows, size_t stride, size_t num_rows, size_t bytes,
                float* out) noexcept;
}  // namespace reference

}  // namespace vectorq
