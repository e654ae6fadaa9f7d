// Matrix kernels of the transforms: out = rows * matrix^T + offset. Highway with run-time
// dispatch (product.cpp); noexcept, no allocation, no alignment required of any pointer.
//
// Each element of `out` is one dot product, summed in an order that depends on nothing but
// its length: a row gives the same bits alone, in a block, and on any number of threads.
#pragma once
#include <cstddef>

namespace vectorq {

// What to do with the old contents of `out`.
enum class ProductMode { kSet, kAdd };

// out[i][j] (+)= <row i, matrix row j> + offset[j], i < count, j < matrix_rows. Row i
// starts at rows + i * row_stride and has `dims` elements; strides count elements.
// offset may be null. `out` must not overlap the inputs.
void MultiplyRows(const float* rows, size_t row_stride, size_t count, const float* matrix, size_t matrix_stride,
                  size_t matrix_rows, size_t dims, const float* offset, float* out, size_t out_stride,
                  ProductMode mode) noexcept;
void MultiplyRows(const double* rows, size_t row_stride, size_t count, const double* matrix, size_t matrix_stride,
                  size_t matrix_rows, size_t dims, const double* offset, double* out, size_t out_stride,
                  ProductMode mode) noexcept;

// y = A x + b for `count` rows: matrix (out_dims, in_dims), offset (out_dims). A null matrix
// is the identity (in_dims == out_dims), a null offset is zero. One row (a query) costs about
// one read of the matrix; blocks of rows reuse it from the cache. `out` (count, out_dims)
// must not overlap `rows`.
void ApplyTransform(const float* matrix, const float* offset, size_t in_dims, size_t out_dims, const float* rows,
                    size_t count, float* out) noexcept;

}  // namespace vectorq
