// Key columns: the columns of an index behind the vector's, whose values lie beside the codes, so that a scan can tell
// which rows match a condition before it scores them.
//
// A value is a number of a few bytes that keeps what the conditions of its type need (KeyKind). A row's values on their
// way to a page are *packed*:
//
//   +----------------------+---------------------------------------------+
//   | nulls, 4 bytes       | values, KeyBytes each, one behind the other |      of a null the value is 0
//   +----------------------+---------------------------------------------+
//   bit c: column c is null
//
// In a segment (segment_keys.h) each column has its values of all rows, and a bit for each row: whether it is null.
// In the directory each list has a summary of the values in it (KeySummary).
#pragma once
#include <cstdint>
#include <type_traits>

namespace vectorq {

inline constexpr uint32_t kMaxKeyColumns = 31;

// What is kept of a value, in the order of its own numbers, signed, where it is exact.
enum class KeyKind : uint8_t {
    kNone = 0,
    kInt8 = 1,       // bool
    kInt16 = 2,      // int2
    kInt32 = 3,      // int4, date; oid and enum less 2^31; float4 as a number of the same order
    kInt64 = 4,      // int8, time, timestamp; float8 as a number of the same order
    kHash = 5,       // 32 bits that equal values have in common
    kSignature = 6,  // 64 bits: one for each element of an array
};
inline constexpr uint32_t kNumKeyKinds = 7;

struct KeyTraits {
    uint8_t bytes;
    bool ordered;  // a condition on it is an interval or a set of numbers, and no row has to be looked at again
};
inline constexpr KeyTraits kKeyTraits[kNumKeyKinds] = {{0, false}, {1, true},  {2, true}, {4, true},
                                                       {8, true},  {4, false}, {8, false}};
constexpr const KeyTraits& TraitsOf(KeyKind kind) noexcept { return kKeyTraits[static_cast<uint32_t>(kind)]; }
constexpr uint32_t KeyBytes(KeyKind kind) noexcept { return TraitsOf(kind).bytes; }

// The key columns of an index, in the order of the index's own.
struct KeyColumns {
    uint8_t count = 0;
    KeyKind kinds[kMaxKeyColumns] = {};
};
static_assert(sizeof(KeyColumns) == 32);

inline constexpr uint32_t kPackedNullsBytes = 4;
// Bytes of a row's packed values; 0 without key columns.
constexpr uint32_t PackedKeyBytes(const KeyColumns& keys) noexcept {
    if (keys.count == 0) return 0;
    uint32_t bytes = kPackedNullsBytes;
    for (uint32_t column = 0; column < keys.count; column++) bytes += KeyBytes(keys.kinds[column]);
    return bytes;
}
// How the values of a row lie in its segment: columns of 8 and 4 bytes, then the null bits of all columns, then columns
// of 2 bytes and of 1. In this order none needs padding before it. Within a width columns are in the index's order.
struct KeyPlaces {
    uint8_t row_bytes = 0;                // of a row's values
    uint8_t before_nulls = 0;             // of these, in columns of 8 and 4 bytes
    uint8_t align = 1;                    // of the widest column and of null bits
    uint8_t packed_bytes = 0;             // PackedKeyBytes
    uint8_t before[kMaxKeyColumns] = {};  // bytes of a row's values in the columns that lie before this one
};
static_assert(kPackedNullsBytes + kMaxKeyColumns * 8 <= UINT8_MAX);
constexpr KeyPlaces PlacesOf(const KeyColumns& keys) noexcept {
    KeyPlaces places;
    for (uint32_t bytes = 8; bytes > 0; bytes /= 2) {
        for (uint32_t column = 0; column < keys.count; column++) {
            if (KeyBytes(keys.kinds[column]) != bytes) continue;
            if (places.row_bytes == 0) places.align = static_cast<uint8_t>(bytes < 4 ? 4 : bytes);
            places.before[column] = places.row_bytes;
            places.row_bytes = static_cast<uint8_t>(places.row_bytes + bytes);
        }
        if (bytes == 4) places.before_nulls = places.row_bytes;
    }
    places.packed_bytes = static_cast<uint8_t>(PackedKeyBytes(keys));
    return places;
}

// Bytes of a segment's bits that say which rows are null: whole words of 32 rows.
constexpr uint32_t NullBitsBytes(uint32_t capacity) noexcept { return (capacity + 31) / 32 * 4; }

// v9. What a list's values of a column have in common: of ordered ones the least and the greatest, of hashes a Bloom
// filter (Bloom 1970) of 128 bits, of signatures their union in the first half. It may be wider than the rows are,
// never narrower: who adds a row widens it first.
struct KeySummary {
    union {
        struct {
            int64_t least, greatest;
        };
        uint64_t bits[2];
    };
};
static_assert(sizeof(KeySummary) == 16 && std::is_trivially_copyable_v<KeySummary>);

// Behind a list's directory entry, in indexes with key columns: this, and a KeySummary for each column.
struct KeySummaryHead {
    uint32_t nulls;   // bit c: some row has a null in column c
    uint32_t values;  // bit c: some row has a value in column c; without it the column's summary says nothing
};
static_assert(sizeof(KeySummaryHead) == 8);
constexpr uint32_t KeySummaryBytes(const KeyColumns& keys) noexcept {
    return keys.count == 0 ? 0 : static_cast<uint32_t>(sizeof(KeySummaryHead) + keys.count * sizeof(KeySummary));
}

}  // namespace vectorq
