// A row on its way into a list, before it has a place on a page: what PostingBuilder gathers, and what a build sorts.
// Never on disk but in the sort's own files.
//
//   +---------------------------+-------------------------------+---------------------+
//   | RowFields (row_fields.h)  | packed keys (key_columns.h),  | code, code_bytes    |
//   |                           | padding to 8                  |                     |
//   +---------------------------+-------------------------------+---------------------+
//
// Fields whose columns the index has not are 0. Without key columns the code follows the fields.
//
// A build sorts *entries*: a staged row behind a head of four bytes. Without records a sort tuple has one entry, and
// the head is the length word that the server wants before any bytes. With records a tuple has all entries of one row,
// until the place of its record is known; the first head is the length word of them all, each further one is the list
// of its entry:
//
//   +--------+-----------+---------+--------+-----------+---------+---
//   | length | row 0     | padding | list 1 | row 1     | padding | list 2 …      the list of the first entry is
//   +--------+-----------+---------+--------+-----------+---------+---             the key of the sort
//   0        4                     stride   stride + 4
//
// Entries are `stride` apart. The server may hand them back without the first head and not aligned.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "core/page/row_fields.h"
#include "core/page/segment_edits.h"

namespace vectorq {

// What the staged rows of an index have.
struct StagedShape {
    size_t code_bytes, key_bytes = 0;  // of packed keys, without padding
};
constexpr StagedShape StagedShapeOf(const PostingGeometry& g) noexcept {
    return {g.code_bytes, g.key_places.packed_bytes};
}

inline constexpr size_t kStagedScalarAt = offsetof(RowFields, scalar), kStagedKeysAt = sizeof(RowFields);
constexpr size_t StagedCodeAt(const StagedShape& shape) noexcept {
    return kStagedKeysAt + (shape.key_bytes + 7) / 8 * 8;
}
constexpr size_t StagedBytes(const StagedShape& shape) noexcept { return StagedCodeAt(shape) + shape.code_bytes; }

// The row's bytes need not be aligned. What belongs to the code, the scalar, is set with it, afterwards.
inline void SetStagedFields(char* row, const RowFields& fields) noexcept { std::memcpy(row, &fields, sizeof(fields)); }
inline void SetStagedRecord(char* row, const Tid& record) noexcept {
    std::memcpy(row + offsetof(RowFields, record), &record, kTidBytes);
}
// packed: of the row, or nobody's without key columns.
inline void SetStagedKeys(char* row, const StagedShape& shape, const char* packed) noexcept {
    if (shape.key_bytes == 0) return;
    std::memcpy(row + kStagedKeysAt, packed, shape.key_bytes);
    std::memset(row + kStagedKeysAt + shape.key_bytes, 0, StagedCodeAt(shape) - kStagedKeysAt - shape.key_bytes);
}
inline PostingEntry StagedEntry(const char* row, const StagedShape& shape) noexcept {
    PostingEntry entry;
    std::memcpy(&entry.fields, row, sizeof(entry.fields));
    entry.code = reinterpret_cast<const uint8_t*>(row + StagedCodeAt(shape));
    entry.keys = row + kStagedKeysAt;
    return entry;
}

inline constexpr size_t kEntryHeadBytes = 4;
inline constexpr size_t kEntryScalarAt = kEntryHeadBytes + kStagedScalarAt;
constexpr size_t EntryCodeAt(const StagedShape& shape) noexcept { return kEntryHeadBytes + StagedCodeAt(shape); }
constexpr size_t EntryBytes(const StagedShape& shape) noexcept { return kEntryHeadBytes + StagedBytes(shape); }
// The multiple of 8 that is enough.
constexpr size_t EntryStride(const StagedShape& shape) noexcept { return (EntryBytes(shape) + 7) / 8 * 8; }

// An entry's staged row, and the list in its head: of any but the first of a tuple.
inline char* RowOfEntry(uint8_t* entry) noexcept { return reinterpret_cast<char*>(entry) + kEntryHeadBytes; }
inline void SetListOfEntry(uint8_t* entry, uint32_t list) noexcept { std::memcpy(entry, &list, sizeof(list)); }

// The entries of a sort tuple from the first one's row on, as the server hands them back: `bytes` of them.
class StagedEntries {
public:
    StagedEntries(const char* first_row, size_t bytes, size_t stride) noexcept
        : first_row_(first_row), stride_(stride), count_((bytes + kEntryHeadBytes) / stride) {}
    size_t count() const noexcept { return count_; }
    const char* row(size_t i) const noexcept { return first_row_ + i * stride_; }
    // i > 0.
    uint32_t list(size_t i) const noexcept {
        uint32_t list;
        std::memcpy(&list, row(i) - kEntryHeadBytes, sizeof(list));
        return list;
    }

private:
    const char* first_row_;
    size_t stride_, count_;
};

}  // namespace vectorq
