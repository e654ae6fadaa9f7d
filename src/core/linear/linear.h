// Dense linear algebra that the transforms need, on all threads and under cancellation:
// products, covariance, orthonormal matrices. Results do not depend on the thread count.
// Everything here may throw Error(kCancelled) and std::bad_alloc.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/base/matrix.h"
#include "core/base/parallel.h"

namespace vectorq {

struct Workers {
    int threads;
    StopToken& stop;
};

// Square or not, row-major, double.
struct MatrixF64 {
    MatrixF64() = default;
    MatrixF64(size_t rows_in, size_t cols_in) : rows(rows_in), cols(cols_in), data(rows_in * cols_in) { data.Fill(0); }
    double* row(size_t i) noexcept { return data.data() + i * cols; }
    const double* row(size_t i) const noexcept { return data.data() + i * cols; }
    size_t rows = 0, cols = 0;
    AlignedArray<double> data;
};

// The sample as learning sees it: `rows` rows spread evenly over the given ones, as
// (x - mean) * scale, so that no common offset and no unit costs precision.
// scale = 1 / the largest |x - mean|, or 1 where all rows are equal.
struct CenteredSample {
    const Matrix* source = nullptr;
    size_t rows = 0;
    std::vector<double> mean;
    double scale = 1;
    const float* row(size_t i) const noexcept { return source->row(i * source->rows() / rows); }
    // Writes row i, centred and scaled.
    void Copy(size_t i, float* to) const noexcept;
};
CenteredSample CenterSample(const Matrix& sample, size_t max_rows, const Workers& workers);

// a * b^T, (a.rows, b.rows).
Matrix MultiplyTransposed(const Matrix& a, const Matrix& b, const Workers& workers);
Matrix Transposed(const Matrix& a);

// Covariance of the scaled sample: sum of (x - mean)(x - mean)^T scale^2 / rows.
MatrixF64 Covariance(const CenteredSample& sample, const Workers& workers);

// (rows, cols), rows <= cols: orthonormal rows, uniformly distributed: the Gram-Schmidt
// factor of a Gaussian matrix.
Matrix RandomOrthonormal(size_t rows, size_t cols, uint64_t seed, const Workers& workers);

// Replaces a, rows <= cols, by the nearest matrix with orthonormal rows: U V^T where
// a = U S V^T. `smallest` is a lower estimate of the least singular value over the largest;
// a wrong one costs iterations, not correctness.
void MakePolarFactor(Matrix& a, double smallest, const Workers& workers);

}  // namespace vectorq
