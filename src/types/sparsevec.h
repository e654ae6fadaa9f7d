// Values of the SQL type sparsevec: layout, limits, and the checks every function shares.
// Everything here may ereport, so callers keep POD locals only.
//
// Layout (the same as pgvector's):
//
//   offset 0   4 bytes  varlena header
//   offset 4   int32    dim, 1..kMaxSparseDims
//   offset 8   int32    nnz, number of elements that are not zero, 0..kMaxSparseElements
//   offset 12  int32    unused, zero
//   offset 16           nnz indices: int32, from 0, strictly ascending, below dim
//   then                nnz values: float, finite, not zero
//
// In text indices count from 1; on the wire, as here, from 0.
#pragma once
#include <cstddef>

#include "core/simd/sparse_distance.h"
#include "types/vector.h"

namespace vectorq {

constexpr int kMaxSparseDims = 1000000000;
constexpr int kMaxSparseElements = 16000;
constexpr const char* kSparseTypeName = "sparsevec";

struct SparseVector {
    int32 vl_len_;
    int32 dim;
    int32 nnz;
    int32 unused;
    int32 indices[FLEXIBLE_ARRAY_MEMBER];
};

constexpr size_t kSparseHeaderBytes = 16;
constexpr size_t kSparseElementBytes = sizeof(int32) + sizeof(float);
static_assert(offsetof(SparseVector, dim) == 4 && offsetof(SparseVector, nnz) == 8 &&
              offsetof(SparseVector, unused) == 12 && offsetof(SparseVector, indices) == kSparseHeaderBytes);

inline const float* sparse_values(const SparseVector* vector) noexcept {
    return reinterpret_cast<const float*>(vector->indices + vector->nnz);
}
inline float* sparse_values(SparseVector* vector) noexcept {
    return reinterpret_cast<float*>(vector->indices + vector->nnz);
}
inline SparseView sparse_view(const SparseVector* vector) noexcept {
    return {vector->indices, sparse_values(vector), static_cast<size_t>(vector->nnz)};
}

inline void check_sparse_dims(int dims) {
    if (unlikely(dims < 1 || dims > kMaxSparseDims)) raise_bad_dims(dims, kSparseTypeName, kMaxSparseDims);
}

inline void check_same_dims(const SparseVector* a, const SparseVector* b) {
    if (unlikely(a->dim != b->dim)) raise_different_dims(a->dim, b->dim, kSparseTypeName);
}

inline void check_sparse_value(float value) {
    if (unlikely(!__builtin_isfinite(value))) raise_not_finite(__builtin_isnan(value), kSparseTypeName);
}

[[noreturn]] void raise_too_many_elements();
// Of a value that has been read: indices[i] lies below dim and above indices[i - 1].
void check_sparse_index(const int32* indices, int i, int dim);

// The detoasted value, its header checked against its size (ERRCODE_DATA_CORRUPTED otherwise).
const SparseVector* get_sparsevec(Datum value);

// Zeroed, in the current memory context. The caller has checked both numbers.
SparseVector* allocate_sparsevec(int dims, int elements);

}  // namespace vectorq
