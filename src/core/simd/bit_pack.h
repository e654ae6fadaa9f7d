// Between bit strings and vectors of 0 and 1. Dimension d is the bit 7 - d % 8 of byte d / 8, as PostgreSQL's bit has
// it. No alignment is required; nothing beyond the last element is read or written.
#pragma once
#include <cstddef>
#include <cstdint>

namespace vectorq {

// Bytes of a string of so many bits.
inline constexpr size_t BitBytes(size_t dims) noexcept { return (dims + 7) / 8; }

// out (dims) := 1 for each bit that is set, 0 for the others.
void UnpackBits(const uint8_t* bits, size_t dims, float* out) noexcept;
// out (BitBytes(dims)): the bits of values above one half; bits beyond the last dimension are 0.
void PackBits(const float* values, size_t dims, uint8_t* out) noexcept;

namespace reference {
void UnpackBits(const uint8_t* bits, size_t dims, float* out) noexcept;
void PackBits(const float* values, size_t dims, uint8_t* out) noexcept;
}  // namespace reference

}  // namespace vectorq
