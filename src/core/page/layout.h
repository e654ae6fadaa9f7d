// What every page of a vectorq index has in common. No PostgreSQL here: sizes of the server's page
// header come in as constants that src/store/pages.cpp checks against the server's own.
//
//   0        24                                                     P-16        P
//   +--------+--------------------------------------------------------+---------+
//   | header | payload (P - 40 bytes, a multiple of 8)                | PageTail|
//   +--------+--------------------------------------------------------+---------+
//
// A *region* is a run of consecutive pages whose payloads, put end to end, are one byte array.
// A *segment* of a list lies in a posting page, or in a run of consecutive ones (posting_page.h).
#pragma once
#include <cstddef>
#include <cstdint>

#include "core/page/key_columns.h"

namespace vectorq {

inline constexpr uint32_t kPageHeaderBytes = 24;
// PostgreSQL can be built with pages of 1, 2, 4, 8, 16 and 32 KB.
inline constexpr uint32_t kLeastPageBytes = 1024, kMostPageBytes = 32768;
inline constexpr uint32_t kInvalidBlock = 0xFFFFFFFFu;
inline constexpr uint16_t kPageMagic = 0x5651;  // "VQ"

enum class PageKind : uint16_t {
    kMeta = 1,
    kCentroids = 2,         // f32 (lists, dims)
    kCompactCentroids = 3,  // see compact_page.h
    kQuantizer = 4,         // sq8: Sq8Page; pq: codebook (quantize/pq.h)
    kDirectory = 5,         // DirectoryEntry and summaries of key columns (lists), whole entries per page
    kPosting = 6,           // see posting_page.h
    kTransform = 7,         // TransformPage
    kReorder = 8,           // records of the rows' vectors, see reorder_page.h
    kReorderParams = 9,     // of sq8 records: Sq8Page
    kListUses = 10,         // u32 (lists): how often scans searched each, roughly; hints, not logged
    kCalibration = 11,      // see calibration_page.h
    kFree = 12,             // a posting page once; PageTail.owner is the next free one
};

// v2. At the end of every page.
struct PageTail {
    uint32_t used;   // posting page that segments share: bytes of the payload in use; else 0
    uint32_t owner;  // see below
    uint16_t part;   // number of the page within an extent of several pages; else 0
    uint16_t kind;   // PageKind
    uint16_t epoch;  // of a page of postings or records or a free one: the low bits of MetaPage.epoch; else 0
    uint16_t magic;  // kPageMagic
};
static_assert(sizeof(PageTail) == 16);
// PageTail.owner says what a page belongs to:
//   posting page with part > 0     the list
//   centroids, compact centroids   MetaPage.generation
//   free page                      the next free one, or kInvalidBlock
//   any other                      0

constexpr uint32_t PayloadBytes(uint32_t page_bytes) noexcept {
    return page_bytes - kPageHeaderBytes - static_cast<uint32_t>(sizeof(PageTail));
}

// Pages of a region of so many bytes.
constexpr uint64_t RegionPages(uint64_t bytes, uint32_t page_bytes) noexcept {
    return (bytes + PayloadBytes(page_bytes) - 1) / PayloadBytes(page_bytes);
}

// What has become of a list since the build: maintain/README.md, Rebalancing.
enum class ListState : uint8_t {
    kLive = 0,
    kSealed = 1,   // takes no rows any more: about to be replaced, or replaced and still known to older scans
    kDropped = 2,  // no chain; segments that say they are its are free
    kUnused = 3,   // no such segments any more: the number may be given to another list
};

// v2. One per list, in the directory region; an entry never straddles pages. In an index with key columns a
// KeySummaryHead and their summaries follow it.
struct DirectoryEntry {
    uint32_t head;              // block of the first segment; kInvalidBlock: the list has none
    uint32_t hint;              // block of a segment of this list; inserts walk on from there
    uint16_t head_offset;       // of the first segment within the payload
    uint16_t hint_offset;       // likewise
    uint32_t contiguous_pages;  // pages from head on that the list as built covers
    uint32_t rows;              // as of the last build or vacuum
    uint8_t state;              // ListState
    uint8_t odd;                // 1: from the start larger or smaller than others: rows alike, or far away
    uint16_t segments;          // as of the last build or vacuum, or 65,535
};
static_assert(sizeof(DirectoryEntry) == 24);
inline constexpr DirectoryEntry kNoEntry = {kInvalidBlock, kInvalidBlock, 0, 0, 0, 0, 0, 0, 0};

// From one entry to the next.
constexpr uint32_t DirectoryStride(uint32_t key_columns) noexcept {
    return static_cast<uint32_t>(sizeof(DirectoryEntry)) + KeySummaryBytes(key_columns);
}
static_assert(DirectoryStride(kMaxKeyColumns) % 8 == 0 &&
              DirectoryStride(kMaxKeyColumns) <= PayloadBytes(kLeastPageBytes));
constexpr uint32_t DirectoryEntriesPerPage(uint32_t page_bytes, uint32_t key_columns) noexcept {
    return PayloadBytes(page_bytes) / DirectoryStride(key_columns);
}

}  // namespace vectorq
