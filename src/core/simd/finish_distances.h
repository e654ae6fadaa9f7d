// The last step of scoring a block of rows: kernel sums become distances.
#pragma once
#include <cstddef>
#include <cstdint>

namespace vectorq {

// values[i] = bias + factor * values[i] (+ scalars[i] unless scalars is null), NaN becomes
// infinity, so that such a row comes last instead of nowhere. No alignment is required.
void FinishDistances(float* values, const float* scalars, float bias, float factor, size_t n) noexcept;

// Jaccard's distance of bit strings: values[i] bits are common to the query, which has `query_bits`, and to row i,
// which has row_bits[i]. values[i] = 1 - values[i] / (query_bits + row_bits[i] - values[i]), 1 where nothing is common.
// No alignment is required. Every target gives the same to the bit.
void FinishJaccard(float* values, const float* row_bits, float query_bits, size_t n) noexcept;

// For codes of directions (simd/row_scale.h has the words):
// out[i] = bias + RowScale(words[i]) * (offset + step * sums[i]) (+ RowLength(words[i])^2 if squares), NaN becomes
// infinity. Every target rounds alike but for fused products.
void FinishScaledSums(const uint16_t* sums, float step, float offset, const float* words, float bias, bool squares,
                      size_t n, float* out) noexcept;
void FinishScaledSums(const float* sums, float step, float offset, const float* words, float bias, bool squares,
                      size_t n, float* out) noexcept;  // out may be sums

namespace reference {
void FinishDistances(float* values, const float* scalars, float bias, float factor, size_t n) noexcept;
void FinishJaccard(float* values, const float* row_bits, float query_bits, size_t n) noexcept;
void FinishScaledSums(const float* sums, float step, float offset, const float* words, float bias, bool squares,
                      size_t n, float* out) noexcept;
}  // namespace reference
}  // namespace vectorq
