// Codes of a segment that lie in blocks of 32 rows, subspace after subspace (simd/lut16_scan.h): put and moved.
#pragma once
#include <algorithm>
#include <cstdint>

#include "core/page/posting_page.h"
#include "core/simd/lut16_scan.h"

namespace vectorq {

// Bytes of a block that two subspaces take: blocks are cut between such pairs only.
inline constexpr uint32_t kBlockPairBytes = 32;

// Blocks in use with so many rows.
inline uint32_t CodeBlocks(uint32_t rows) noexcept { return (rows + kBlockRows - 1) / kBlockRows; }

// Puts what lies on page `part` of a segment of the code in `slot`. first: that page's payload, from the
// segment's start on for part 0. Subspaces follow from the bytes; an odd number of them has a padded one.
inline void PutBlockCode(const PostingGeometry& g, const SegmentLayout& layout, char* first, uint32_t part,
                         uint32_t slot, const uint8_t* code) noexcept {
    const uint64_t block = layout.codes_offset + uint64_t(slot / kBlockRows) * g.block_bytes;
    const uint64_t page = uint64_t(part) * g.payload;
    const uint64_t from = std::max(block, page);
    const uint64_t to = g.pages == 1 ? block + g.block_bytes : std::min(block + g.block_bytes, page + g.payload);
    if (from >= to) return;
    PackCode4(reinterpret_cast<uint8_t*>(first) + (from - page), (to - from) / 16, slot % kBlockRows,
              code + (from - block) / kBlockPairBytes);
}

// Moves a row's code within a segment of one page.
inline void MoveBlockCode(const PostingGeometry& g, const SegmentLayout& layout, char* segment, uint32_t from,
                          uint32_t to) noexcept {
    uint8_t* codes = reinterpret_cast<uint8_t*>(segment) + layout.codes_offset;
    MoveCode4(codes + to / kBlockRows * g.block_bytes, to % kBlockRows, codes + from / kBlockRows * g.block_bytes,
              from % kBlockRows, 2 * g.code_bytes);
}

}  // namespace vectorq
