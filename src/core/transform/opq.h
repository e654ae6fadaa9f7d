// Optimized product quantization, the non-parametric form (Ge et al. 2013).
#pragma once
#include "core/linear/linear.h"

namespace vectorq {

// Learns A (start.rows(), in_dims), orthonormal rows, such that a product quantizer of m
// subspaces with 256 codewords each loses least of A x. `start` has orthonormal rows.
// The scale and the mean of the sample do not matter.
Matrix TrainOpq(const CenteredSample& sample, Matrix start, size_t m, uint64_t seed, const Workers& workers);

// Rows that TrainOpq should get, so that its rounds fit the work limit.
size_t OpqRows(size_t sample_rows, size_t in_dims, size_t out_dims) noexcept;
size_t OpqBytes(size_t rows, size_t in_dims, size_t out_dims, size_t m, int threads) noexcept;

}  // namespace vectorq
