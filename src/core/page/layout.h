// What every page of a vectorq index has in common. No PostgreSQL here: sizes of the server's page
// header come in as constants that src/am/storage.cpp checks against the server's own.
//
//   0        24                                                     P-16        P
//   +--------+--------------------------------------------------------+---------+
//   | header | payload (P - 40 bytes, a multiple of 8)                | PageTail|
//   +--------+--------------------------------------------------------+---------+
//
// A *region* is a run of consecutive pages whose payloads, put end to end, are one byte array.
// A *posting extent* is a run of `geometry.pages` consecutive pages (posting_page.h).
#pragma once
#include <cstddef>
#include <cstdint>

namespace vectorq {

inline constexpr uint32_t kPageHeaderBytes = 24;
inline constexpr uint32_t kInvalidBlock = 0xFFFFFFFFu;
inline constexpr uint16_t kPageMagic = 0x5651;  // "VQ"

enum class PageKind : uint16_t {
    kMeta = 1,
    kCentroids = 2,         // f32 (lists, dims)
    kCompactCentroids = 3,  // see compact_centroids.h
    kQuantizer = 4,         // sq8: f32 offset (dims), f32 scale (dims); pq: codebook (pq.h)
    kTransform = 7,         // f32 matrix (code_dims, dims), f32 offset (code_dims)
    kDirectory = 5,         // DirectoryEntry (lists), whole entries per page
    kPosting = 6,
};

// v1. At the end of every page.
struct PageTail {
    uint32_t next;      // posting, first page of an extent: first block of the list's next extent; else invalid
    uint32_t owner;     // posting: list id; else 0
    uint16_t part;      // posting: number of the page within its extent; else 0
    uint16_t kind;      // PageKind
    uint16_t reserved;  // 0
    uint16_t magic;     // kPageMagic
};
static_assert(sizeof(PageTail) == 16);

constexpr uint32_t PayloadBytes(uint32_t page_bytes) noexcept {
    return page_bytes - kPageHeaderBytes - static_cast<uint32_t>(sizeof(PageTail));
}

// v1. One per list, in the directory region; an entry never straddles pages.
struct DirectoryEntry {
    uint32_t head;              // first block of the first extent; always valid
    uint32_t contiguous_pages;  // pages from head on that follow each other (as built)
    uint32_t insert_hint;       // an extent of this list; inserts walk on from here
    uint32_t rows;              // as of the last build or vacuum
};
static_assert(sizeof(DirectoryEntry) == 16);

constexpr uint32_t DirectoryEntriesPerPage(uint32_t page_bytes) noexcept {
    return PayloadBytes(page_bytes) / static_cast<uint32_t>(sizeof(DirectoryEntry));
}

}  // namespace vectorq
