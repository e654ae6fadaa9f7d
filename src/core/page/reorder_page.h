// Where the vectors lie that reordering reads (reorder = f32, f16 or sq8). A *record* is the vector of one
// row; its posting entries point to it by the first block of its extent and its slot.
//
//   extent, a byte stream: payloads of `pages` consecutive pages put end to end
//   +---------------+--------------------------+--------------------------+---
//   | ReorderHeader | record 0, record_bytes   | record 1                 | …
//   | 16 bytes      | tid | 2 | scalar | vector|                          |
//   +---------------+--------------------------+--------------------------+---
//                     6     0   4 or 0   as the codec of records makes it
//
// A vector may run over the end of a page, between two elements; tid and scalar never do, so a reader needs
// the pages of the vector only. As with postings, vectors of any length leave little unused.
//
// Slots [0, count) are or were in use; one whose tid is {0xFFFFFFFF, 0} is free again.
// Invariant: a record is complete before a posting entry points to it. A record that none points to is what an
// insert cut short leaves; its row is dead, and vacuum frees it.
#pragma once
#include <cstdint>

#include "core/page/layout.h"
#include "core/page/posting_page.h"

namespace vectorq {

// v1. At the start of an extent.
struct ReorderHeader {
    uint16_t count;        // slots in use, free ones among them too
    uint16_t free;         // of these, free: a hint where an extent has several pages
    uint32_t reserved[3];  // 0
};
static_assert(sizeof(ReorderHeader) == 16);

inline constexpr uint32_t kRecordTidAt = 0, kRecordScalarAt = 8;

struct ReorderGeometry {
    uint32_t payload;   // bytes a page that records use
    uint32_t pages;     // pages an extent
    uint32_t capacity;  // records an extent; 0: none fits
    uint32_t record_bytes;
    uint32_t vector_at;  // within a record
    uint32_t vector_bytes;
};

// Of slots below the capacity, and where the last record ends.
constexpr uint32_t RecordOffset(const ReorderGeometry& g, uint32_t slot) noexcept {
    return static_cast<uint32_t>(sizeof(ReorderHeader)) + slot * g.record_bytes;
}
// The page of the extent where the record's tid lies.
constexpr uint32_t RecordPart(const ReorderGeometry& g, uint32_t slot) noexcept {
    return RecordOffset(g, slot) / g.payload;
}
constexpr uint32_t RecordLastPart(const ReorderGeometry& g, uint32_t slot) noexcept {
    return (RecordOffset(g, slot) + g.vector_at + g.vector_bytes - 1) / g.payload;
}
// Within the payload of that page.
constexpr uint32_t RecordOffsetInPart(const ReorderGeometry& g, uint32_t slot) noexcept {
    return RecordOffset(g, slot) % g.payload;
}

// The smallest extent that leaves at most a sixteenth unused, else the one that leaves least.
constexpr ReorderGeometry ChooseReorderGeometry(uint32_t page_bytes, uint32_t vector_bytes, bool has_scalar) noexcept {
    const uint32_t align = has_scalar ? 16 : 8;  // so that a page never ends within tid and scalar
    const uint32_t vector_at = has_scalar ? 12 : 8;
    ReorderGeometry best{};
    uint32_t best_waste = 0xFFFFFFFFu;  // per 1024 bytes
    for (uint32_t pages = 1; pages <= kMaxExtentPages; pages++) {
        ReorderGeometry g{PayloadBytes(page_bytes) / align * align, pages,     0,
                          RoundUp(vector_at + vector_bytes, align), vector_at, vector_bytes};
        g.capacity = (g.payload * pages - static_cast<uint32_t>(sizeof(ReorderHeader))) / g.record_bytes;
        if (g.capacity == 0) continue;
        const uint32_t bytes = g.payload * pages;
        const uint32_t waste = static_cast<uint32_t>(1024ull * (bytes - RecordOffset(g, g.capacity)) / bytes);
        if (waste < best_waste) {
            best_waste = waste;
            best = g;
        }
        if (waste <= 64) break;
    }
    return best;
}

static_assert(ChooseReorderGeometry(8192, 64000, false).capacity >= 1);
static_assert(ChooseReorderGeometry(8192, 512, false).pages == 1 &&
              ChooseReorderGeometry(8192, 512, false).capacity == 15);
static_assert(ChooseReorderGeometry(8192, 6144, false).pages == 4 &&
              ChooseReorderGeometry(8192, 6144, false).capacity == 5);
static_assert(ChooseReorderGeometry(8192, 128, true).capacity == 56);
// Counts and slots are 16 bits, whatever pages a server has: a record takes 16 bytes and more.
static_assert(kMaxExtentPages * PayloadBytes(kMostPageBytes) / 16 <= UINT16_MAX);

}  // namespace vectorq
