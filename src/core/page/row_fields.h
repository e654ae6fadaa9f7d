// What an index keeps of a row beside its code, a field each. A segment has a *column* of each field that the index
// has: of all its rows, one after another. This table is all that pages, sorts, moves and rebalancing know of them.
#pragma once
#include <cstddef>
#include <cstdint>

#include "core/page/tid.h"

namespace vectorq {

struct RowFields {
    Tid tid;       // in every segment
    Tid record;    // where the row's record is: its extent and its slot
    float scalar;  // that the row's distance needs beside its code
};

// Columns, in the order in which they lie in a segment, behind the tids.
inline constexpr uint32_t kRecordColumn = 0, kScalarColumn = 1, kNumColumns = 2;
struct ColumnTraits {
    uint32_t bytes, align;  // of a field
    size_t at;              // of the field in RowFields
};
inline constexpr ColumnTraits kColumns[kNumColumns] = {
    {sizeof(Tid), alignof(Tid), offsetof(RowFields, record)},
    {sizeof(float), alignof(float), offsetof(RowFields, scalar)},
};

// Columns that an index has: bit n is column n.
using ColumnSet = uint32_t;
constexpr ColumnSet ColumnIf(uint32_t column, bool has) noexcept { return has ? 1u << column : 0; }
constexpr bool HasColumn(ColumnSet columns, uint32_t column) noexcept { return (columns >> column & 1) != 0; }
// Bytes that a row takes in all of them.
constexpr uint32_t BytesOfColumns(ColumnSet columns) noexcept {
    uint32_t bytes = 0;
    for (uint32_t column = 0; column < kNumColumns; column++)
        if (HasColumn(columns, column)) bytes += kColumns[column].bytes;
    return bytes;
}

}  // namespace vectorq
