// Eigenvectors of a covariance matrix.
#pragma once
#include <vector>

#include "core/linear/linear.h"

namespace vectorq {

struct EigenSystem {
    std::vector<double> values;  // decreasing, never negative
    MatrixF64 vectors;           // row i belongs to values[i]; orthonormal
};

// Up to so many dimensions go to Eigen in one call, which cannot be cancelled: 10 ms.
inline constexpr size_t kDirectDims = 192;

// Of a symmetric positive semidefinite matrix, which is consumed. Above direct_dims by
// tridiagonal.h, polled every few milliseconds. The sign of each vector
// makes its largest component positive.
EigenSystem DecomposeSymmetric(MatrixF64 matrix, const Workers& workers, size_t direct_dims = kDirectDims);

}  // namespace vectorq
