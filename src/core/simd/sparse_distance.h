// Distances of sparse vectors: pairs of index and value, the indices strictly ascending, everything else zero.
// Merging two lists of indices is one decision after the other, so these are scalar; there are no SIMD targets.
//
// Sums are taken in double and rounded to float once. A sum that leaves the range of float is infinite, as it is
// for dense vectors.
#pragma once
#include <cstddef>
#include <cstdint>

namespace vectorq {

struct SparseView {
    const int32_t* indices;
    const float* values;
    size_t count;
};

float SparseL2Squared(SparseView a, SparseView b) noexcept;
// Where one list is much longer than the other, the longer one is searched and not walked.
float SparseDot(SparseView a, SparseView b) noexcept;
float SparseL1(SparseView a, SparseView b) noexcept;
// a . b, a . a and b . b
void SparseCosineParts(SparseView a, SparseView b, float* dot, float* aa, float* bb) noexcept;

}  // namespace vectorq
