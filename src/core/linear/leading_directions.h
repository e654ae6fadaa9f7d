// The subspace in which most of a sample's variance lies.
#pragma once
#include <cstdint>

#include "core/base/matrix.h"
#include "core/linear/linear.h"

namespace vectorq {

// (count, dims), orthogonal, of length 1 or, beyond what the sample varies in, next to 0; count <= dims: by subspace
// iteration from a random one (Halko, Martinsson, Tropp, "Finding structure with randomness", 2011, algorithm 4.4) on
// up to 4,096 rows of the sample. It is close to that of the first principal components, for a fraction of the time
// of finding those. Deterministic in (sample, count, seed).
Matrix LeadingDirections(const Matrix& sample, size_t count, uint64_t seed, const Workers& workers);
// Bytes that it needs beside the sample, at most.
size_t LeadingDirectionsBytes(size_t sample_rows, size_t dims, size_t count) noexcept;

}  // namespace vectorq
