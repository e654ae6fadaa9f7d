// Codes of a segment that lie in blocks of 32 rows, subspace after subspace (simd/lut16_scan.h).
#pragma once
#include <cstdint>

#include "core/page/posting_page.h"
#include "core/simd/lut16_scan.h"

namespace vectorq {

// Bytes of a block that two subspaces take: blocks are cut between such pairs only.
inline constexpr uint32_t kBlockPairBytes = 32;

// Blocks in use with so many rows.
inline uint32_t CodeBlocks(uint32_t rows) noexcept { return (rows + kBlockRows - 1) / kBlockRows; }

// Where the codes of so many rows end, in bytes from the segment's beginning.
inline uint64_t EndOfCodes(const PostingGeometry& g, const SegmentLayout& layout, uint32_t rows) noexcept {
    return layout.codes_offset +
           (g.block_bytes > 0 ? uint64_t(CodeBlocks(rows)) * g.block_bytes : uint64_t(rows) * g.code_bytes);
}

// Moves a row's code within a segment of one page.
inline void MoveBlockCode(const PostingGeometry& g, const SegmentLayout& layout, char* segment, uint32_t from,
                          uint32_t to) noexcept {
    uint8_t* codes = reinterpret_cast<uint8_t*>(segment) + layout.codes_offset;
    MoveCode4(codes + to / kBlockRows * g.block_bytes, to % kBlockRows, codes + from / kBlockRows * g.block_bytes,
              from % kBlockRows, 2 * g.code_bytes);
}

}  // namespace vectorq
