// Values of the SQL types vector and halfvec: layout, limits, and the checks every function shares.
// Everything here may ereport, so callers keep POD locals only.
//
// Layout (the same as pgvector's, so that binary upgrades and dumps of raw values stay readable):
//
//   offset 0  4 bytes  varlena header
//   offset 4  int16    dim, 1..kMaxDims
//   offset 6  int16    unused, zero
//   offset 8           dim elements: float or IEEE binary16
//
// The types have int alignment, so an element is aligned to its size in detoasted memory.
#pragma once
#include <cstddef>

#include "types/element.h"

#include "pg/entry.h"

namespace vectorq {

constexpr int kMaxDims = 16000;

template <class E>
struct DenseVector {
    int32 vl_len_;
    int16 dim;
    int16 unused;
    typename E::Element x[FLEXIBLE_ARRAY_MEMBER];
};

using Vector = DenseVector<F32>;
using HalfVector = DenseVector<F16>;

constexpr size_t kVectorHeaderBytes = 8;
static_assert(offsetof(Vector, x) == kVectorHeaderBytes && offsetof(HalfVector, x) == kVectorHeaderBytes);
static_assert(offsetof(Vector, dim) == 4 && offsetof(Vector, unused) == 6);

// Errors. type_name is "vector", "halfvec" or "sparsevec".
[[noreturn]] void raise_bad_dims(int dims, const char* type_name, int max_dims = kMaxDims);
[[noreturn]] void raise_different_dims(int a, int b, const char* type_name);
[[noreturn]] void raise_unexpected_dims(int expected, int dims);
[[noreturn]] void raise_not_finite(bool is_nan, const char* type_name);
[[noreturn]] void raise_value_out_of_range(float value, const char* type_name);

// The detoasted value, its header checked against its size (ERRCODE_DATA_CORRUPTED otherwise).
const void* detoast_vector(Datum value, size_t element_bytes, const char* type_name);

template <class E>
inline const DenseVector<E>* get_vector(Datum value) {
    return static_cast<const DenseVector<E>*>(detoast_vector(value, sizeof(typename E::Element), E::kTypeName));
}

template <class E>
inline void check_dims(int dims) {
    if (unlikely(dims < 1 || dims > kMaxDims)) raise_bad_dims(dims, E::kTypeName);
}

template <class E>
inline void check_same_dims(const DenseVector<E>* a, const DenseVector<E>* b) {
    if (unlikely(a->dim != b->dim)) raise_different_dims(a->dim, b->dim, E::kTypeName);
}

// typmod -1 = the column has no declared length.
inline void check_expected_dims(int32 typmod, int dims) {
    if (unlikely(typmod != -1 && typmod != dims)) raise_unexpected_dims(typmod, dims);
}

template <class E>
inline void check_finite(typename E::Element value) {
    if (unlikely(E::is_nan(value) || E::is_inf(value))) raise_not_finite(E::is_nan(value), E::kTypeName);
}

// Rounds to the element type. A finite value that does not fit is an error; an infinite one is
// left for check_finite, which has its own message.
template <class E>
inline typename E::Element element_from_float(float value) {
    const typename E::Element element = E::from_float(value);
    if (unlikely(E::is_inf(element) && !__builtin_isinf(value))) raise_value_out_of_range(value, E::kTypeName);
    return element;
}

// Zeroed, in the current memory context. The caller has checked dims.
template <class E>
inline DenseVector<E>* allocate_vector(int dims) {
    const Size bytes = kVectorHeaderBytes + sizeof(typename E::Element) * static_cast<Size>(dims);
    DenseVector<E>* result = static_cast<DenseVector<E>*>(palloc0(bytes));
    SET_VARSIZE(result, bytes);
    result->dim = static_cast<int16>(dims);
    return result;
}

}  // namespace vectorq
