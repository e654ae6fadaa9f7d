// The last step of scoring a block of rows: kernel sums become distances.
#pragma once
#include <cstddef>

namespace vectorq {

// values[i] = bias + factor * values[i] (+ scalars[i] unless scalars is null), NaN becomes
// infinity, so that such a row comes last instead of nowhere. No alignment is required.
void FinishDistances(float* values, const float* scalars, float bias, float factor, size_t n) noexcept;

namespace reference {
void FinishDistances(float* values, const float* scalars, float bias, float factor, size_t n) noexcept;
}  // namespace reference
}  // namespace vectorq
