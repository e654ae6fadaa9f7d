// Rows of 4-bit codes of directions (simd/row_scale.h), each with a scale and a base of its own that serve many
// queries: how these are made, and which rows are near a query, from sums to a comparison in one pass. Highway with
// run-time dispatch.
#pragma once
#include <cstddef>
#include <cstdint>

namespace vectorq {

// What a query adds to the rows of one list: the distance of row i is
//   bias + bases[i] + scales[i] * (offset + step * sums[i]),
// and NaN becomes infinity.
struct ScaledQuery {
    float step, offset, bias;
};

// Writes the i < n (n <= 65536) whose distance is <= threshold, ascending, to `indices`, and their distances to
// `distances` (room for n + 64 each); returns how many. No alignment is required. Every target rounds alike but for
// fused products; a row's distance does not depend on its place.
size_t FilterScaledSums(const uint16_t* sums, const ScaledQuery& query, const float* scales, const float* bases,
                        float threshold, size_t n, uint16_t* indices, float* distances) noexcept;
size_t FilterScaledSums(const uint32_t* sums, const ScaledQuery& query, const float* scales, const float* bases,
                        float threshold, size_t n, uint16_t* indices, float* distances) noexcept;

// What a list adds to its rows: sum = offset + steps[0] * sums[0][i] + steps[1] * sums[1][i].
struct ListSums {
    const uint32_t* sums[2];
    float steps[2], offset;
};

// scales[i] = RowScale(words[i]), bases[i] = RowLength(words[i])^2 + scales[i] * sum. No alignment is required.
void MakeScaledRows(const float* words, const ListSums& list, size_t n, float* scales, float* bases) noexcept;

namespace reference {
void MakeScaledRows(const float* words, const ListSums& list, size_t n, float* scales, float* bases) noexcept;
size_t FilterScaledSums(const uint32_t* sums, const ScaledQuery& query, const float* scales, const float* bases,
                        float threshold, size_t n, uint16_t* indices, float* distances) noexcept;
}  // namespace reference

}  // namespace vectorq
