// Eigenvectors of a covariance matrix.
#pragma once
#include <vector>

#include "core/transform/linear.h"

namespace vectorq {

struct EigenSystem {
    std::vector<double> values;  // decreasing, never negative
    MatrixF64 vectors;           // row i belongs to values[i]; orthonormal
};

// Of a symmetric positive semidefinite matrix, which is consumed. Up to kDirectDims
// dimensions in one call of Eigen; above that by block Jacobi rotations on all threads, polled
// every few milliseconds. The sign of each vector makes its largest component positive.
EigenSystem DecomposeSymmetric(MatrixF64 matrix, const Workers& workers);

inline constexpr size_t kDirectDims = 384;  // 60 ms

}  // namespace vectorq
