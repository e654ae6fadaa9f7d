// Which of a block of distances are small enough to look at. Highway with run-time dispatch.
#pragma once
#include <cstddef>
#include <cstdint>

namespace vectorq {

// Writes the indices i < n (n <= 65536) with !(distances[i] > threshold), ascending, to `indices`
// (room for n + 64), and returns how many. A NaN distance passes: the collector puts it last.
size_t CompressBelow(const float* distances, size_t n, float threshold, uint16_t* indices) noexcept;

namespace reference {
size_t CompressBelow(const float* distances, size_t n, float threshold, uint16_t* indices) noexcept;
}

}  // namespace vectorq
