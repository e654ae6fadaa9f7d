// The few directions that carry most of the variance of rows that pass by once and are not kept.
#pragma once
#include <cstdint>
#include <vector>

#include "core/base/matrix.h"
#include "core/linear/linear.h"

namespace vectorq {

// Mean and covariance of rows that come in blocks. Floats: dims * dims of them are all the memory that it takes, beside
// a block twice. Deterministic in the rows and how they are cut into blocks, whatever the number of threads.
class CovarianceSum {
public:
    // Rows of a block: enough to keep the matrix kernel busy.
    static constexpr size_t kBlockRows = 256;

    explicit CovarianceSum(size_t dims);
    // rows (count, dims), finite; count <= kBlockRows. Throws Error(kCancelled).
    void Add(const float* rows, size_t count, const Workers& workers);
    size_t rows() const noexcept { return rows_; }
    // The mean, and the covariance around it; at least one row has come. Leaves nothing behind.
    Matrix Finish(std::vector<float>& mean);

    static size_t Bytes(size_t dims) noexcept;

private:
    size_t dims_, rows_ = 0;
    double scale_ = 0;           // of the first block: 1 / its largest difference from its mean
    std::vector<float> shift_;   // the first block's mean: what is added up is small beside it
    std::vector<double> sum_;    // of shifted rows
    Matrix products_;            // sum of their products, j >= i
    AlignedArray<float> block_;  // shifted, transposed
};

// An orthonormal basis (count, dims) of a subspace that carries `share` of the variance, by subspace iteration (Halko,
// Martinsson, Tropp, "Finding structure with randomness", 2011): `least` directions, then `step` more at a time until
// that is so, the part that is found already taken off the covariance. Close to as few as principal components need,
// for a fraction of their time and memory. Empty if `most` are not enough. Deterministic in (covariance, seed).
// Throws Error(kCancelled).
Matrix LeadingSubspace(Matrix covariance, double share, size_t least, size_t step, size_t most, uint64_t seed,
                       const Workers& workers);
// Bytes that it takes beside the covariance, at most.
size_t LeadingSubspaceBytes(size_t dims, size_t least, size_t step, size_t most) noexcept;

// Rows of m become an orthonormal basis of what they span, by the Cholesky factor of their products. What is left of a
// row that (nearly) depends on those before it becomes next to nothing: nothing is lost with it.
void Orthonormalize(Matrix& m, const Workers& workers);

}  // namespace vectorq
