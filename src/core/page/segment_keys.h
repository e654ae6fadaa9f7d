// The key columns (key_columns.h) of a segment: where they lie, and edits of them. A slot that was never used, or is
// beyond the count again, has values of 0 and no null bits.
//
//   key columns of a segment, from SegmentLayout.keys_offset on
//   +--------------------+--------------------+--------------------------+--------------------+-----------------+
//   | columns of 8 bytes | columns of 4 bytes | null bits of column 0, … | columns of 2 bytes | columns of 1    |
//   | 8 * capacity each  | 4 * capacity each  | NullBitsBytes(capacity)  | 2 * capacity each  | capacity each   |
//   +--------------------+--------------------+--------------------------+--------------------+-----------------+
//
// All of it lies on the segment's first page. Bit i % 32 of word i / 32 belongs to slot i.
#pragma once
#include <cstdint>

#include "core/page/posting_page.h"

namespace vectorq {

// From the start of the segment.
constexpr uint32_t KeyNullsOffset(const PostingGeometry& g, const SegmentLayout& layout, uint32_t capacity,
                                  uint32_t column) noexcept {
    return layout.keys_offset + g.key_places.before_nulls * capacity + column * NullBitsBytes(capacity);
}
constexpr uint32_t KeyValuesOffset(const PostingGeometry& g, const SegmentLayout& layout, uint32_t capacity,
                                   uint32_t column) noexcept {
    const uint32_t nulls = KeyBytes(g.keys.kinds[column]) < 4 ? g.keys.count * NullBitsBytes(capacity) : 0;
    return layout.keys_offset + g.key_places.before[column] * capacity + nulls;
}

// The values of a column, aligned to their width, and its null bits.
inline const char* KeyValuesOf(const PostingGeometry& g, const SegmentLayout& layout, const char* segment,
                               uint32_t capacity, uint32_t column) noexcept {
    return segment + KeyValuesOffset(g, layout, capacity, column);
}
inline const uint32_t* KeyNullsOf(const PostingGeometry& g, const SegmentLayout& layout, const char* segment,
                                  uint32_t capacity, uint32_t column) noexcept {
    return reinterpret_cast<const uint32_t*>(segment + KeyNullsOffset(g, layout, capacity, column));
}

// Puts, or takes, what a row has in all key columns: packed. Of a segment of that capacity; nothing without key
// columns.
void PutKeys(const PostingGeometry& g, const SegmentLayout& layout, char* segment, uint32_t capacity, uint32_t slot,
             const char* packed) noexcept;
void TakeKeys(const PostingGeometry& g, const SegmentLayout& layout, const char* segment, uint32_t capacity,
              uint32_t slot, char* packed) noexcept;
// The row in `from` is in `to`, too.
void CopyKeys(const PostingGeometry& g, const SegmentLayout& layout, char* segment, uint32_t capacity, uint32_t from,
              uint32_t to) noexcept;
// Slots [first, end) have none.
void ClearKeys(const PostingGeometry& g, const SegmentLayout& layout, char* segment, uint32_t capacity, uint32_t first,
               uint32_t end) noexcept;
// Whether slots [first, capacity) have none.
bool KeysAreClear(const PostingGeometry& g, const SegmentLayout& layout, const char* segment, uint32_t capacity,
                  uint32_t first) noexcept;

}  // namespace vectorq
