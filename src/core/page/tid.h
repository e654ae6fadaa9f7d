// Where a row lies in its table, or its record in the index: six bytes, as the server's ItemPointerData has them.
//
//   0          2          4        6
//   +----------+----------+--------+
//   | block_hi | block_lo | offset |
//   +----------+----------+--------+
//
// The tid of a row has an offset of 1 or more. Of a record `block` is the first page of its extent, and `offset` its
// slot, from 0 on.
#pragma once
#include <cstdint>

namespace vectorq {

struct Tid {
    uint16_t block_hi, block_lo, offset;
    bool operator==(const Tid&) const = default;
};
inline constexpr uint32_t kTidBytes = 6;
static_assert(sizeof(Tid) == kTidBytes && alignof(Tid) == 2);

// What a slot holds that was used and is free again; what one holds that was not used yet.
inline constexpr Tid kFreeTid = {0xFFFF, 0xFFFF, 0};
inline constexpr Tid kZeroTid = {0, 0, 0};

constexpr Tid MakeTid(uint32_t block, uint32_t offset) noexcept {
    return {static_cast<uint16_t>(block >> 16), static_cast<uint16_t>(block & 0xFFFF), static_cast<uint16_t>(offset)};
}
constexpr uint32_t BlockOf(const Tid& tid) noexcept { return uint32_t(tid.block_hi) << 16 | tid.block_lo; }
// False: the slot is free, or was never used.
constexpr bool IsRow(const Tid& tid) noexcept { return tid.offset != 0; }

}  // namespace vectorq
