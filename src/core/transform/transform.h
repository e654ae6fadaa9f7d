// Learned linear maps before an index's other stages: y = A x + b. Learned once at build
// from the sample, stored in the index, applied to each row and query (product.h).
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/base/matrix.h"
#include "core/base/parallel.h"
#include "core/base/subspace.h"
#include "core/linear/leading_subspace.h"
#include "core/linear/product.h"
#include "core/transform/transform_spec.h"

namespace vectorq {

// Immutable once trained. An empty matrix stands for the identity (none, center); the
// offset always has out_dims elements and is zero unless the kind subtracts the mean
// (center and pca*): b = -A mean.
struct Transform {
    uint32_t in_dims = 0, out_dims = 0;
    Matrix matrix;  // (out_dims, in_dims) or empty
    AlignedArray<float> offset;
};

// Learns `spec` (ResolveTransform is applied) from sample (n, in_dims), n >= 1 finite rows in
// random order; takes as many of them, evenly spread, as its work limit allows. Every such
// sample works: matrices stay finite and, up to the whitening factors, orthonormal.
// Deterministic in (sample, spec, seed), whatever the number of threads.
// Throws Error(kInvalidArgument), Error(kCancelled), std::bad_alloc.
Transform TrainTransform(const TransformSpec& spec, const Matrix& sample, uint64_t seed, int threads, StopToken& stop);

// What LearnLeading looks for.
struct LeadingShape {
    double share;              // of the variance
    size_t least, step, most;  // directions: the least, and as many more at a time, up to so many
};

// The directions that carry most of the variance of the rows of `sum` around their mean, rotated: what pcar makes of
// them, of as many as carry `share`. out_dims is 0 if `most` do not. Takes less memory and time than TrainTransform,
// and no sample. Deterministic likewise.
Transform LearnLeading(CovarianceSum sum, const LeadingShape& shape, uint64_t seed, int threads, StopToken& stop);
// Bytes of that, those of the sum included, at most.
size_t LearnLeadingBytes(size_t dims, const LeadingShape& shape) noexcept;

// Bytes that TrainTransform needs beside the sample, its result included, at most.
size_t TransformTrainBytes(const TransformSpec& spec, size_t sample_rows, size_t in_dims, int threads) noexcept;

// ApplyTransform with the numbers of `transform`.
void ApplyTransform(const Transform& transform, const float* rows, size_t count, float* out) noexcept;

// Which dimensions go together so that all m subspaces carry about the same product of
// variances ("eigenvalue allocation", Ge et al. 2013, section 3.2): result[j] is the old
// number of new dimension j. For dimensions that are hardly correlated (principal
// components), else use OPQ.
std::vector<uint32_t> BalanceVariance(const std::vector<double>& variance, size_t m);

// Which dimensions go together so that the ones of each subspace are correlated, as then fewer
// codewords tell them apart (Jegou et al. 2011, section V-C, on the order of components). Greedy:
// a subspace begins with the dimension of the most variance left and takes those that have
// the largest sum of |correlation| with it. covariance (dims, dims); result as above.
struct MatrixF64;
std::vector<uint32_t> GroupCorrelated(const MatrixF64& covariance, size_t m);

}  // namespace vectorq
