// Bytes that run over the ends of pages. An extent is a stream: the payloads of its pages put end to end. What lies of
// a run of bytes on one page is a *piece* of it.
//
//   page 0            page 1            page 2
//   +-----------------+-----------------+-----------------+
//   |        [piece 0 | piece 1         | piece 2]        |
//   +-----------------+-----------------+-----------------+
//            ^ begin of the run
//
// An extent has at most 16 pages of 32 KB, so 32 bits do. Inlined everywhere: scans walk pieces in their inner loop.
#pragma once
#include <algorithm>
#include <cstdint>

namespace vectorq {

struct Piece {
    uint32_t page;    // of the extent
    uint32_t at;      // within that page's payload
    uint32_t within;  // the run: bytes before the piece
    uint32_t length;
};

// The pages that a run of at least one byte lies on.
struct PageRange {
    uint32_t first, last;
};
constexpr PageRange PagesOfRun(uint32_t payload, uint32_t begin, uint32_t length) noexcept {
    return {begin / payload, (begin + length - 1) / payload};
}

// The piece of run [begin, begin + length) that lies on a page. Its length is 0 if there is none.
constexpr Piece PieceOnPage(uint32_t payload, uint32_t begin, uint32_t length, uint32_t page) noexcept {
    const uint32_t page_begin = page * payload;
    const uint32_t from = std::max(begin, page_begin), to = std::min(begin + length, page_begin + payload);
    if (from >= to) return {page, 0, 0, 0};
    return {page, from - page_begin, from - begin, to - from};
}

// see(Piece) for each piece of a run, in their order. What see() does with the last page may be done before the next
// piece comes: a reader holds one page at a time.
template <class See>
inline void ForEachPiece(uint32_t payload, uint32_t begin, uint32_t length, See&& see) {
    uint32_t page = begin / payload, at = begin % payload;
    for (uint32_t within = 0; within < length; page++, at = 0) {
        const uint32_t piece = std::min(length - within, payload - at);
        see(Piece{page, at, within, piece});
        within += piece;
    }
}

// Of items that lie one after another (codes, blocks of codes): what lies on one page. `items` whole ones from `first`
// on, or a piece of the one.
struct ItemPiece {
    uint32_t first, items;
    uint32_t at;      // within the page's payload
    uint32_t within;  // the item: bytes before the piece; 0 if it is whole
    uint32_t length;  // of each: item_bytes if it is whole
};

// see(ItemPiece) for what lies on a page of items [0, count), the first of which begins at `begin` of the stream. At
// most three: the end of an item, whole ones, the beginning of another.
template <class See>
inline void ForEachItemPiece(uint32_t payload, uint32_t begin, uint32_t item_bytes, uint32_t count, uint32_t page,
                             See&& see) {
    const uint32_t page_begin = page * payload, end = std::min(page_begin + payload, begin + count * item_bytes);
    for (uint32_t at = std::max(page_begin, begin); at < end;) {
        const uint32_t first = (at - begin) / item_bytes, within = (at - begin) % item_bytes;
        const uint32_t length = std::min(item_bytes - within, end - at);
        const uint32_t items = length == item_bytes ? (end - at) / item_bytes : 1;
        see(ItemPiece{first, items, at - page_begin, within, length});
        at += length * items;
    }
}

}  // namespace vectorq
