// Which of many distances are worth offering to a TopK.
#pragma once
#include <cstddef>
#include <cstdint>

namespace vectorq {

// Writes the i < n with distances[i] <= threshold, ascending, and returns how many. n is at
// most 65536; `indices` has room for n. NaN is never written, so that a caller who wants
// NaN rows too must not filter while the threshold is infinite.
size_t CompressBelow(const float* distances, size_t n, float threshold, uint16_t* indices) noexcept;

namespace reference {
size_t CompressBelow(const float* distances, size_t n, float threshold, uint16_t* indices) noexcept;
}  // namespace reference
}  // namespace vectorq
