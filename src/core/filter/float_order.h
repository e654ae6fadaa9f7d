// Floats as integers of the same order, by PostgreSQL's rules: a NaN is equal to each other and greater than all other
// numbers; -0 is 0.
#pragma once
#include <bit>
#include <cstdint>
#include <limits>

namespace vectorq {

constexpr int32_t FloatOrder(float value) noexcept {
    if (value != value) return std::numeric_limits<int32_t>::max();
    if (value == 0) return 0;
    const int32_t bits = std::bit_cast<int32_t>(value);
    return bits >= 0 ? bits : bits ^ 0x7FFFFFFF;
}

constexpr int64_t DoubleOrder(double value) noexcept {
    if (value != value) return std::numeric_limits<int64_t>::max();
    if (value == 0) return 0;
    const int64_t bits = std::bit_cast<int64_t>(value);
    return bits >= 0 ? bits : bits ^ 0x7FFFFFFFFFFFFFFF;
}

}  // namespace vectorq
