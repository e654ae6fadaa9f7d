// Codes within an extent of one page that lie in blocks of 32 rows (simd/lut16_scan.h): put and moved.
#pragma once
#include <cstdint>

#include "core/page/posting_page.h"
#include "core/simd/lut16_scan.h"

namespace vectorq {

// Blocks in use with so many rows.
inline uint32_t CodeBlocks(uint32_t rows) noexcept { return (rows + 31) / 32; }

inline uint8_t* CodeBlock(const ExtentGeometry& g, char* payload, uint32_t slot) noexcept {
    return reinterpret_cast<uint8_t*>(payload) + g.codes_offset + slot / 32 * g.block_bytes;
}

// m, the subspaces, follows from the block's bytes; an odd m has a padded one, which stays zero.
inline void PutBlockCode(const ExtentGeometry& g, char* payload, uint32_t slot, const uint8_t* code) noexcept {
    PackCode4(CodeBlock(g, payload, slot), 2 * g.code_bytes, slot % 32, code);
}

inline void MoveBlockCode(const ExtentGeometry& g, char* payload, uint32_t from, uint32_t to) noexcept {
    MoveCode4(CodeBlock(g, payload, to), to % 32, CodeBlock(g, payload, from), from % 32, 2 * g.code_bytes);
}

}  // namespace vectorq
