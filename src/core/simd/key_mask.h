// Which rows of a segment satisfy a condition on a key column: a bit a row, 32 rows a word. Highway with run-time
// dispatch.
//
//   words[i / 32], bit i % 32: row i       (count + 31) / 32 words
//
// Each function clears the bits of rows that do not satisfy its condition, and sets none. So conditions are joined by
// calling one after the other. Words that are 0 already cost nothing. Bits from count on are whatever they please: who
// begins with 0 there has 0 there.
//
// Values lie one behind the other, aligned to their width; those from count on are not read.
#pragma once
#include <cstddef>
#include <cstdint>

namespace vectorq {

// How the values of a column are compared.
enum class KeyLane : uint8_t { kI8, kI16, kI32, kI64, kU32 };

// Least and greatest number of a lane.
struct LaneLimits {
    int64_t least, greatest;
};
inline constexpr LaneLimits kLaneLimits[] = {
    {INT8_MIN, INT8_MAX}, {INT16_MIN, INT16_MAX}, {INT32_MIN, INT32_MAX}, {INT64_MIN, INT64_MAX}, {0, UINT32_MAX}};
constexpr const LaneLimits& LimitsOf(KeyLane lane) noexcept { return kLaneLimits[static_cast<size_t>(lane)]; }

// least <= value <= greatest; both are within the lane's limits.
void MaskRange(KeyLane lane, const void* values, size_t count, int64_t least, int64_t greatest,
               uint32_t* words) noexcept;

// The value is one of set[0 .. set_size), all within the lane's limits. The time grows with set_size: for sets of a few
// elements, at most kMaxFewKeys.
inline constexpr size_t kMaxFewKeys = 16;
void MaskFew(KeyLane lane, const void* values, size_t count, const int64_t* set, size_t set_size,
             uint32_t* words) noexcept;

// The value has a bit in common with `bits`; has all of them.
void MaskOverlaps(const uint64_t* values, size_t count, uint64_t bits, uint32_t* words) noexcept;
void MaskContains(const uint64_t* values, size_t count, uint64_t bits, uint32_t* words) noexcept;

// Bits that are set in words[0 .. n).
size_t CountMaskBits(const uint32_t* words, size_t n) noexcept;

// Value i of a column.
inline int64_t KeyValue(KeyLane lane, const void* values, size_t i) noexcept {
    switch (lane) {
        case KeyLane::kI8: return static_cast<const int8_t*>(values)[i];
        case KeyLane::kI16: return static_cast<const int16_t*>(values)[i];
        case KeyLane::kI32: return static_cast<const int32_t*>(values)[i];
        case KeyLane::kI64: return static_cast<const int64_t*>(values)[i];
        case KeyLane::kU32: return static_cast<const uint32_t*>(values)[i];
    }
    return 0;
}

namespace reference {
void MaskRange(KeyLane lane, const void* values, size_t count, int64_t least, int64_t greatest,
               uint32_t* words) noexcept;
void MaskFew(KeyLane lane, const void* values, size_t count, const int64_t* set, size_t set_size,
             uint32_t* words) noexcept;
void MaskOverlaps(const uint64_t* values, size_t count, uint64_t bits, uint32_t* words) noexcept;
void MaskContains(const uint64_t* values, size_t count, uint64_t bits, uint32_t* words) noexcept;
size_t CountMaskBits(const uint32_t* words, size_t n) noexcept;
}  // namespace reference

}  // namespace vectorq
