// Eigenvectors of a large symmetric matrix, under cancellation (tridiagonal.cpp says how).
#pragma once
#include <vector>

#include "core/linear/linear.h"

namespace vectorq {

// values (n), in no order, and vectors (n, n), row i of which belongs to values[i]. `matrix` is
// consumed; only its lower triangle is read. Takes two n * n arrays of double beside `matrix`.
void DecomposeTridiagonal(MatrixF64& matrix, const Workers& workers, std::vector<double>& values, MatrixF64& vectors);

}  // namespace vectorq
