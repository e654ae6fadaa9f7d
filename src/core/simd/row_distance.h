// A query against one row: for rows that lie apart, where a block kernel (distance.h) would do a block's work for one.
#pragma once
#include <cstddef>

#include "core/simd/distance.h"

namespace vectorq {

// The sum that the block kernel of the same name adds for a row of `dims` elements, in another order of additions, so
// that the two differ in the last bits. The query is f32. No alignment is required. noexcept.
using RowFn = float (*)(const float* query, const void* row, size_t dims);

// Resolve once a scan.
RowFn GetRowKernel(BlockKernel kernel) noexcept;

}  // namespace vectorq
