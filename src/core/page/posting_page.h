// A posting extent: `pages` consecutive pages that hold up to `capacity` rows of one list.
// Their payloads, put end to end, are one byte stream:
//
//   page 0 of the extent                                    pages 1 ..
//   +---------------+------------+-------------+-----------+----------------
//   | PostingHeader | tids       | scalars     | codes ... | ... codes
//   | 8 bytes       | 6*capacity | 4*cap or 0  | code_bytes * capacity
//   +---------------+------------+-------------+-----------+----------------
//
// Header, tids and scalars lie on page 0. A code may run over the end of a page, between two
// elements. One page for codes up to a few hundred bytes; for longer ones as many as keep the
// unused rest small, so that 1,536 and 3,072 dimensions waste nothing like half a page.
//
// Slots [0, count) are in use; one whose tid is {0xFFFFFFFF, 0} is dead and may be reused.
// Invariant: a code is complete on its pages before its tid and the count say so on page 0.
#pragma once
#include <cstddef>
#include <cstdint>

#include "core/page/layout.h"

namespace vectorq {

struct PostingHeader {
    uint16_t count;     // slots in use, dead ones too
    uint16_t dead;      // of these, dead
    uint32_t reserved;  // 0
};
static_assert(sizeof(PostingHeader) == 8);

inline constexpr uint32_t kTidBytes = 6;
inline constexpr uint32_t kMaxExtentPages = 16;

struct ExtentGeometry {
    uint32_t payload;          // bytes a page
    uint32_t pages;            // pages an extent
    uint32_t capacity;         // rows an extent
    uint32_t code_bytes;
    uint32_t scalar_bytes;     // 4 or 0, per row
    uint32_t scalars_offset;   // in the stream
    uint32_t codes_offset;     // in the stream, a multiple of 8
    uint32_t block_bytes;      // of 32 rows, when the codes lie in blocks (lut16_scan.h); else 0
};

constexpr uint32_t RoundUp(uint32_t value, uint32_t to) noexcept { return (value + to - 1) / to * to; }

constexpr ExtentGeometry GeometryFor(uint32_t payload, uint32_t code_bytes, bool has_scalar, uint32_t pages,
                                     uint32_t capacity) noexcept {
    ExtentGeometry g{payload, pages, capacity, code_bytes, has_scalar ? 4u : 0u, 0, 0, 0};
    g.scalars_offset = RoundUp(static_cast<uint32_t>(sizeof(PostingHeader)) + kTidBytes * capacity, 4);
    g.codes_offset = RoundUp(g.scalars_offset + g.scalar_bytes * capacity, 8);
    return g;
}

// The smallest extent that leaves at most a sixteenth unused, else the one that leaves least.
constexpr ExtentGeometry ChooseGeometry(uint32_t page_bytes, uint32_t code_bytes, bool has_scalar,
                                        uint32_t max_pages = kMaxExtentPages) noexcept {
    const uint32_t payload = PayloadBytes(page_bytes);
    const uint32_t row_bytes = code_bytes + kTidBytes + (has_scalar ? 4 : 0);
    ExtentGeometry best{};
    uint32_t best_waste = 0xFFFFFFFFu;  // per 1024 bytes
    for (uint32_t pages = 1; pages <= max_pages; pages++) {
        const uint32_t bytes = payload * pages;
        if (bytes < row_bytes + 24) continue;
        uint32_t capacity = (bytes - 8) / row_bytes;
        ExtentGeometry g = GeometryFor(payload, code_bytes, has_scalar, pages, capacity);
        while (capacity > 1 && (g.codes_offset + capacity * code_bytes > bytes || g.codes_offset > payload)) {
            capacity--;
            g = GeometryFor(payload, code_bytes, has_scalar, pages, capacity);
        }
        if (g.codes_offset > payload || g.codes_offset + capacity * code_bytes > bytes) continue;
        const uint32_t waste = static_cast<uint32_t>(1024ull * (bytes - capacity * row_bytes) / bytes);
        if (waste < best_waste) {
            best_waste = waste;
            best = g;
        }
        if (waste <= 64) break;
    }
    return best;  // capacity 0: impossible
}

// Codes of 4 bits in blocks of 32 rows, one page an extent. Capacity 0: a block does not fit a page.
constexpr ExtentGeometry ChooseBlockGeometry(uint32_t page_bytes, uint32_t code_bytes, uint32_t block_bytes) noexcept {
    const uint32_t payload = PayloadBytes(page_bytes);
    const uint32_t blocks = (payload - 16) / (block_bytes + 32 * kTidBytes);
    ExtentGeometry g = GeometryFor(payload, code_bytes, false, 1, 32 * blocks);
    g.block_bytes = block_bytes;
    return g;
}

// 16,000 dimensions of f32 fit, and everyday sizes leave little unused.
static_assert(ChooseGeometry(8192, 512, false).pages == 1 && ChooseGeometry(8192, 512, false).capacity == 15);
static_assert(ChooseGeometry(8192, 64000, false).capacity >= 1);
static_assert(ChooseGeometry(8192, 6144, false).capacity * 6150 > ChooseGeometry(8192, 6144, false).pages * 7500);

}  // namespace vectorq
