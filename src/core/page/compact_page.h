// Bytes of the compact centroids (PageKind::kCompactCentroids): a region of centroids in 8 bits a dimension, and in
// 4-bit codes where there are many. quantize/compact_centroids.h says what the numbers mean.
//
//   front   0    CompactHeader
//           16   f32 middle (dims), scale (dims)
//                f32 scalar (groups), u32 start (groups + 1)   only if there are groups: of their centers
//                u8 code (groups, dims), padding to 4          likewise
//                f32 codebook (16, dims)                       only if there are coarse codes
//   members      of each group, or one of all, CompactGroupOffset:
//                u32 list (n), f32 scalar (n), u8 code (n, dims), padding to 4
//   coarse       padding to 64, of each group, CoarseOffset:
//                blocks of codes of 4 bits (simd/lut16_scan.h)
//           then f32 scalar (entries), CoarseScalarOffset
//
// start[g] counts the lists before group g. Those of a group lie in one piece, so that a search reads what it needs and
// no more.
#pragma once
#include <cstddef>
#include <cstdint>

namespace vectorq {

// v3.
struct CompactHeader {
    uint32_t entries;      // lists that are searched
    uint32_t groups;       // 0: one, of all
    uint32_t reserved[2];  // 0
};
static_assert(sizeof(CompactHeader) == 16);

// Bits and codewords of coarse codes.
inline constexpr uint32_t kCoarseBits = 4, kCoarseCodewords = 16;

// Of codes and the like, with what follows aligned.
constexpr size_t CompactPadded(size_t bytes) noexcept { return (bytes + 3) / 4 * 4; }

size_t CompactFrontBytes(size_t groups, size_t dims) noexcept;
size_t CompactBytes(size_t entries, size_t groups, size_t dims) noexcept;
// Where the members of a group begin, entries `start` .. of it; and its bytes.
size_t CompactGroupOffset(size_t groups, size_t dims, size_t group, size_t start) noexcept;
size_t CompactGroupBytes(size_t entries, size_t dims) noexcept;

// Subspaces of coarse codes where there are so many groups; 0: there are none, nor of few dimensions, where 8-bit codes
// are short.
size_t CoarseSubspaces(size_t groups, size_t dims) noexcept;
// Where the blocks of a group begin, entries `start` .. of it, `entries` in all.
size_t CoarseOffset(size_t entries, size_t groups, size_t dims, size_t group, size_t start) noexcept;
// Of that many entries of a group.
size_t CoarseBytes(size_t entries, size_t groups, size_t dims) noexcept;
// Where the scalars of all entries begin.
size_t CoarseScalarOffset(size_t entries, size_t groups, size_t dims) noexcept;

}  // namespace vectorq
