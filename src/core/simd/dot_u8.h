// Integer products of one table of 16-bit steps and rows of bytes: scores all compact centroids of an index. With
// floats the conversion of bytes took most of the time.
#pragma once
#include <cstddef>
#include <cstdint>

namespace vectorq {

// Largest |table[d]| for which the sums of so many dimensions stay exact.
int32_t DotU8TableLimit(size_t dims) noexcept;

// out[i] := sum over d of table[d] * codes[i * dims + d], i < rows, rounded to f32. No alignment is required;
// nothing beyond the last code is read. Every target gives the same sums; their rounding too.
void DotU8(const int16_t* table, const uint8_t* codes, size_t rows, size_t dims, float* out) noexcept;

namespace reference {
void DotU8(const int16_t* table, const uint8_t* codes, size_t rows, size_t dims, float* out) noexcept;
}

}  // namespace vectorq
