// Which rows of a segment satisfy conditions on key columns.
#pragma once
#include <cstdint>

#include "core/filter/key_condition.h"

namespace vectorq {

// A segment's key columns: values aligned to their width, and a bit a row that says whether it is null.
struct SegmentKeys {
    const char* values[kMaxKeyColumns];
    const uint32_t* nulls[kMaxKeyColumns];
};

// words ((count + 31) / 32): bit i % 32 of word i / 32 says whether row i satisfies all conditions; bits from count on
// are 0. Returns how many rows do. Of each column values [0, count) are read, and the words of those rows' null bits.
uint32_t MatchRows(const KeyColumns& keys, const KeyCondition* conditions, uint32_t n, const SegmentKeys& segment,
                   uint32_t count, uint32_t* words) noexcept;

namespace reference {
uint32_t MatchRows(const KeyColumns& keys, const KeyCondition* conditions, uint32_t n, const SegmentKeys& segment,
                   uint32_t count, uint32_t* words) noexcept;
}  // namespace reference

}  // namespace vectorq
