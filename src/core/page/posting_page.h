// Where the rows of a list lie. A *segment* holds up to `capacity` rows of one list, a list is a chain of
// segments, and the directory knows the first.
//
//   segment, a byte stream                                        LayoutOf(geometry, capacity).bytes
//   +---------------+------------+-----------------------------+--------------+-----------------------+
//   | SegmentHeader | tids       | columns that the index has: | key columns  | codes                 |
//   | 16 bytes      | 6*capacity | records, scalars            | segment_keys | code_bytes * capacity |
//   +---------------+------------+-----------------------------+--------------+-----------------------+
//
// row_fields.h has the table of columns. key_columns.h says what key columns are. That of records leads to what
// reordering reads (reorder_page.h): block of the extent, 4 bytes as in a tid, and slot, 2 bytes.
//
// Short codes (geometry.pages = 1): segments of several lists stand one after another in a page, up to
// PageTail.used, so that lists of any length waste next to nothing; each is as large as it needs to be.
// Long codes: a segment is an *extent* of `pages` consecutive pages, whose payloads put end to end are
// the stream; capacity is the geometry's. Header, tids and columns lie on the first page. A code may run
// over the end of a page, between two elements (two pairs of subspaces in blocks); so 1,536 and 3,072
// dimensions waste nothing like half a page. pieces.h walks what lies where, segment_edits.h changes it.
//
// Slots [0, count) are in use; one whose tid is {0xFFFFFFFF, 0} is dead and may be reused.
// Invariant: a code is complete on its pages before its tid and the count say so on the first.
// Invariant: tids beyond the count are 0, whatever was there before. So a damaged count is noticed: with too small a
// one a row follows behind it (segment_problem), with too large a one rows of tid 0 are in use.
// Invariant: beyond the count values of key columns and their null bits are 0.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "core/page/key_columns.h"
#include "core/page/layout.h"
#include "core/page/row_fields.h"
#include "core/page/tid.h"
#include "core/simd/lut16_scan.h"

namespace vectorq {

struct SegmentHeader {
    uint32_t list;
    uint16_t count;        // slots in use, dead ones too
    uint16_t dead;         // of these, dead
    uint16_t capacity;     // slots
    uint16_t next_offset;  // of the list's next segment within its page's payload, and kSegmentMarks
    uint32_t next_block;   // its (first) block; kInvalidBlock at the end of the list
};
static_assert(sizeof(SegmentHeader) == 16);

// Offsets are multiples of 8: the lowest bit says that the segment takes no rows any more, the next one that its rows
// came while the index was renewed, and are in both epochs.
inline constexpr uint16_t kSegmentSealed = 1, kSegmentLate = 2;
inline constexpr uint16_t kSegmentMarks = kSegmentSealed | kSegmentLate;
// The list of a segment that has none any more.
inline constexpr uint32_t kNoList = 0xFFFFFFFFu;

inline constexpr uint32_t kMaxExtentPages = 16;
inline constexpr uint32_t kBlockRows = kLut16BlockRows;  // of codes in blocks

struct PostingGeometry {
    uint32_t payload;   // bytes a page that segments use
    uint32_t pages;     // pages a segment: 1 = shared pages
    uint32_t capacity;  // rows a segment: at most, and exactly when pages > 1
    uint32_t code_bytes;
    uint32_t block_bytes;  // of 32 rows, when the codes lie in blocks (lut16_scan.h); else 0
    ColumnSet columns;
    KeyColumns keys = {};
    KeyPlaces key_places = {};  // PlacesOf(keys)
};

// Whether a slot's tid is 0: that of one which is not in use. The slot is below the capacity.
inline bool TidIsZero(const char* segment, uint32_t slot) noexcept {
    Tid tid;
    std::memcpy(&tid, segment + sizeof(SegmentHeader) + kTidBytes * slot, sizeof(tid));
    return tid == kZeroTid;
}

// Offsets from the start of a segment.
struct SegmentLayout {
    uint32_t column_offset[kNumColumns];  // of those that the index has
    uint32_t keys_offset;                 // of key columns, if there are any
    uint32_t codes_offset;
    uint32_t bytes;  // a multiple of 8
};

constexpr uint32_t RoundUp(uint32_t value, uint32_t to) noexcept { return (value + to - 1) / to * to; }

// Bytes that key columns take of a segment.
constexpr uint32_t KeyBytesOfRows(const PostingGeometry& g, uint32_t capacity) noexcept {
    return g.key_places.row_bytes * capacity + g.keys.count * NullBitsBytes(capacity);
}

constexpr SegmentLayout LayoutOf(const PostingGeometry& g, uint32_t capacity) noexcept {
    SegmentLayout layout{};
    uint32_t at = static_cast<uint32_t>(sizeof(SegmentHeader)) + kTidBytes * capacity;
    for (uint32_t column = 0; column < kNumColumns; column++) {
        if (!HasColumn(g.columns, column)) continue;
        layout.column_offset[column] = at = RoundUp(at, kColumns[column].align);
        at += kColumns[column].bytes * capacity;
    }
    if (g.keys.count > 0) {
        layout.keys_offset = at = RoundUp(at, g.key_places.align);
        at += KeyBytesOfRows(g, capacity);
    }
    // Blocks that run over a page's end are cut between pairs of subspaces, 32 bytes.
    layout.codes_offset = RoundUp(at, g.block_bytes > 0 && g.pages > 1 ? 32 : 8);
    const uint32_t code_bytes = g.block_bytes > 0 ? capacity / kBlockRows * g.block_bytes : capacity * g.code_bytes;
    layout.bytes = RoundUp(layout.codes_offset + code_bytes, 8);
    return layout;
}

// Bytes that so many rows take of a segment, which has a header and rounding beside them; for blocks a multiple of 32
// rows.
constexpr uint32_t BytesOfRows(const PostingGeometry& g, uint32_t rows) noexcept {
    const uint32_t codes = g.block_bytes > 0 ? rows / kBlockRows * g.block_bytes : rows * g.code_bytes;
    return codes + rows * (kTidBytes + BytesOfColumns(g.columns) + g.key_places.row_bytes) + rows * g.keys.count / 8;
}

// The largest capacity of a segment in so many bytes; a multiple of 32 for blocks. 0: none.
constexpr uint32_t RowsThatFit(const PostingGeometry& g, uint32_t bytes) noexcept {
    const uint32_t step = g.block_bytes > 0 ? kBlockRows : 1;
    if (bytes < sizeof(SegmentHeader)) return 0;
    uint32_t steps = (bytes - static_cast<uint32_t>(sizeof(SegmentHeader))) / BytesOfRows(g, step);
    while (steps > 0 && LayoutOf(g, steps * step).bytes > bytes) steps--;
    return steps * step;
}

// What a segment keeps of a row. block_bytes 0: codes row after row.
struct PostingRow {
    uint32_t code_bytes;
    uint32_t block_bytes = 0;
    ColumnSet columns = 0;
    KeyColumns keys = {};
};

// Segments of `pages` pages. Capacity 0: impossible.
constexpr PostingGeometry GeometryOfPages(uint32_t page_bytes, const PostingRow& row, uint32_t pages) noexcept {
    // Blocks of several pages: each page ends between two pairs of subspaces.
    const uint32_t unit = pages > 1 && row.block_bytes > 0 ? 32 : 1;
    const uint32_t payload = PayloadBytes(page_bytes) / unit * unit;
    PostingGeometry g{payload, pages, 0, row.code_bytes, row.block_bytes, row.columns, row.keys, PlacesOf(row.keys)};
    g.capacity = RowsThatFit(g, payload * pages);
    const uint32_t step = row.block_bytes > 0 ? kBlockRows : 1;
    while (g.capacity > 0 && LayoutOf(g, g.capacity).codes_offset > payload) g.capacity -= step;
    return g;
}

// Bytes of 1024 that may stay unused: of lists, which end within a segment anyway, and of a single long list, where
// seven pages hold 110 rows of 128 floats and one page 15.
inline constexpr uint32_t kWasteOfLists = 64;
inline constexpr uint32_t kWasteOfOneList = 1;

// The smallest extent that leaves at most max_waste unused, else the one that leaves least.
constexpr PostingGeometry ChooseGeometry(uint32_t page_bytes, const PostingRow& row,
                                         uint32_t max_pages = kMaxExtentPages,
                                         uint32_t max_waste = kWasteOfLists) noexcept {
    PostingGeometry best{};
    uint32_t best_waste = 0xFFFFFFFFu;  // per 1024 bytes: what is not a row's, headers too
    for (uint32_t pages = 1; pages <= max_pages; pages++) {
        const PostingGeometry g = GeometryOfPages(page_bytes, row, pages);
        if (g.capacity == 0) continue;
        const uint32_t bytes = g.payload * pages;
        const uint32_t waste = static_cast<uint32_t>(1024ull * (bytes - BytesOfRows(g, g.capacity)) / bytes);
        if (waste < best_waste) {
            best_waste = waste;
            best = g;
        }
        // Shared pages: a block of 32 rows is as small as a segment gets, and fills what others leave.
        if (waste <= max_waste || (pages == 1 && row.block_bytes > 0)) break;
    }
    return best;
}

// Counts, capacities and offsets are 16 bits, whatever pages a server has: the tids of a segment lie on its first page,
// and so does the next segment of a shared one.
static_assert(PayloadBytes(kMostPageBytes) / kTidBytes <= UINT16_MAX && PayloadBytes(kMostPageBytes) <= UINT16_MAX);

// 16,000 dimensions fit as f32 and as 4-bit codes of two each, and everyday sizes leave little unused.
static_assert(ChooseGeometry(8192, {512}).pages == 1 && ChooseGeometry(8192, {512}).capacity == 15);
static_assert(ChooseGeometry(8192, {512}, kMaxExtentPages, kWasteOfOneList).pages == 7);
static_assert(ChooseGeometry(8192, {256}, kMaxExtentPages, kWasteOfOneList).capacity == 311);
static_assert(ChooseGeometry(8192, {64000}).capacity >= 1);
static_assert(ChooseGeometry(8192, {4000, 128000}).capacity == 32);
static_assert(ChooseGeometry(8192, {6144}).capacity * 6150 > ChooseGeometry(8192, {6144}).pages * 7500);

}  // namespace vectorq
