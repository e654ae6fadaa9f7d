// Arithmetic, comparison, norms, slices. Templates over the element trait; the SQL entry points
// are in vector_ops.cpp and halfvec_ops.cpp.
#pragma once
#include <cmath>

#include "types/vector.h"

namespace vectorq {

template <class E>
struct VectorPair {
    const DenseVector<E>* a;
    const DenseVector<E>* b;
};

template <class E>
inline VectorPair<E> get_vector_pair(FunctionCallInfo fcinfo) {
    VectorPair<E> pair = {get_vector<E>(PG_GETARG_DATUM(0)), get_vector<E>(PG_GETARG_DATUM(1))};
    return pair;
}

template <class E>
inline VectorPair<E> get_same_dims_pair(FunctionCallInfo fcinfo) {
    const VectorPair<E> pair = get_vector_pair<E>(fcinfo);
    check_same_dims(pair.a, pair.b);
    return pair;
}

// ---- distances ----

template <class E>
Datum vector_l2_squared(FunctionCallInfo fcinfo) {
    const VectorPair<E> p = get_same_dims_pair<E>(fcinfo);
    return Float8GetDatum(E::l2_squared(p.a->x, p.b->x, static_cast<size_t>(p.a->dim)));
}

template <class E>
Datum vector_l2(FunctionCallInfo fcinfo) {
    const VectorPair<E> p = get_same_dims_pair<E>(fcinfo);
    return Float8GetDatum(std::sqrt(static_cast<double>(E::l2_squared(p.a->x, p.b->x, static_cast<size_t>(p.a->dim)))));
}

template <class E>
Datum vector_dot(FunctionCallInfo fcinfo) {
    const VectorPair<E> p = get_same_dims_pair<E>(fcinfo);
    return Float8GetDatum(E::dot(p.a->x, p.b->x, static_cast<size_t>(p.a->dim)));
}

template <class E>
Datum vector_negative_dot(FunctionCallInfo fcinfo) {
    const VectorPair<E> p = get_same_dims_pair<E>(fcinfo);
    return Float8GetDatum(-E::dot(p.a->x, p.b->x, static_cast<size_t>(p.a->dim)));
}

template <class E>
Datum vector_l1(FunctionCallInfo fcinfo) {
    const VectorPair<E> p = get_same_dims_pair<E>(fcinfo);
    return Float8GetDatum(E::l1(p.a->x, p.b->x, static_cast<size_t>(p.a->dim)));
}

// NaN stays NaN: the cosine of a zero vector is undefined.
inline double clamp_cosine(double cosine) noexcept { return cosine > 1 ? 1 : cosine < -1 ? -1 : cosine; }

// One root of the product in double: neither it nor the product of two roots can overflow.
inline double cosine_distance_of(float dot, float aa, float bb) noexcept {
    return 1.0 - clamp_cosine(dot / std::sqrt(static_cast<double>(aa) * static_cast<double>(bb)));
}

template <class E>
Datum vector_cosine(FunctionCallInfo fcinfo) {
    const VectorPair<E> p = get_same_dims_pair<E>(fcinfo);
    float dot, aa, bb;
    E::cosine_parts(p.a->x, p.b->x, static_cast<size_t>(p.a->dim), &dot, &aa, &bb);
    return Float8GetDatum(cosine_distance_of(dot, aa, bb));
}

// The angle between unit vectors over pi, in [0, 1]. Does not normalize.
template <class E>
Datum vector_spherical(FunctionCallInfo fcinfo) {
    const VectorPair<E> p = get_same_dims_pair<E>(fcinfo);
    const double cosine = clamp_cosine(E::dot(p.a->x, p.b->x, static_cast<size_t>(p.a->dim)));
    return Float8GetDatum(std::acos(cosine) / M_PI);
}

// ---- norms ----

// In double, so that squares of large floats do not overflow.
template <class E>
inline double l2_norm_of(const DenseVector<E>* vector) noexcept {
    double sum = 0;
    for (int i = 0; i < vector->dim; i++) {
        const double value = E::to_float(vector->x[i]);
        sum += value * value;
    }
    return std::sqrt(sum);
}

template <class E>
Datum vector_l2_norm(FunctionCallInfo fcinfo) {
    return Float8GetDatum(l2_norm_of(get_vector<E>(PG_GETARG_DATUM(0))));
}

// A zero vector is returned as it is.
template <class E>
Datum vector_l2_normalize(FunctionCallInfo fcinfo) {
    const DenseVector<E>* vector = get_vector<E>(PG_GETARG_DATUM(0));
    DenseVector<E>* result = allocate_vector<E>(vector->dim);
    const double norm = l2_norm_of(vector);
    if (norm > 0) {
        for (int i = 0; i < vector->dim; i++) {
            result->x[i] = E::from_float(static_cast<float>(E::to_float(vector->x[i]) / norm));
            if (unlikely(E::is_inf(result->x[i]))) float_overflow_error();
        }
    }
    return PointerGetDatum(result);
}

// ---- element by element ----

struct Plus {
    static constexpr bool kCanUnderflow = false;  // the sum of subnormals is exact
    static float apply(float a, float b) noexcept { return a + b; }
};
struct Minus {
    static constexpr bool kCanUnderflow = false;
    static float apply(float a, float b) noexcept { return a - b; }
};
struct Times {
    static constexpr bool kCanUnderflow = true;
    static float apply(float a, float b) noexcept { return a * b; }
};

template <class E, class Operation>
Datum vector_elementwise(FunctionCallInfo fcinfo) {
    const VectorPair<E> p = get_same_dims_pair<E>(fcinfo);
    const int dims = p.a->dim;
    DenseVector<E>* result = allocate_vector<E>(dims);
    for (int i = 0; i < dims; i++)
        result->x[i] = E::from_float(Operation::apply(E::to_float(p.a->x[i]), E::to_float(p.b->x[i])));
    // A pass of its own, so that the one above can be vectorized.
    for (int i = 0; i < dims; i++) {
        if (unlikely(E::is_inf(result->x[i]))) float_overflow_error();
        if (Operation::kCanUnderflow && unlikely(E::is_zero(result->x[i])) && !E::is_zero(p.a->x[i]) &&
            !E::is_zero(p.b->x[i]))
            float_underflow_error();
    }
    return PointerGetDatum(result);
}

// ---- shape ----

template <class E>
Datum vector_dims(FunctionCallInfo fcinfo) {
    return Int32GetDatum(get_vector<E>(PG_GETARG_DATUM(0))->dim);
}

template <class E>
Datum vector_concat(FunctionCallInfo fcinfo) {
    const VectorPair<E> p = get_vector_pair<E>(fcinfo);
    const int dims = p.a->dim + p.b->dim;
    check_dims<E>(dims);
    DenseVector<E>* result = allocate_vector<E>(dims);
    memcpy(result->x, p.a->x, sizeof(typename E::Element) * static_cast<size_t>(p.a->dim));
    memcpy(result->x + p.a->dim, p.b->x, sizeof(typename E::Element) * static_cast<size_t>(p.b->dim));
    return PointerGetDatum(result);
}

// Counts from 1 and clips to the vector, like substring().
template <class E>
Datum vector_slice(FunctionCallInfo fcinfo) {
    const DenseVector<E>* vector = get_vector<E>(PG_GETARG_DATUM(0));
    const int64 start = PG_GETARG_INT32(1);
    const int64 count = PG_GETARG_INT32(2);
    const int64 first = start > 1 ? start : 1;
    const int64 limit = static_cast<int64>(vector->dim) + 1;
    const int64 end = start + count < limit ? start + count : limit;  // the first one not taken
    if (count < 1 || end <= first) raise_bad_dims(0, E::kTypeName);
    DenseVector<E>* result = allocate_vector<E>(static_cast<int>(end - first));
    memcpy(result->x, vector->x + (first - 1), sizeof(typename E::Element) * static_cast<size_t>(end - first));
    return PointerGetDatum(result);
}

// One bit per element, first element in the highest bit: set if it is above zero.
template <class E>
Datum vector_binary_quantize(FunctionCallInfo fcinfo) {
    const DenseVector<E>* vector = get_vector<E>(PG_GETARG_DATUM(0));
    const Size bytes = VARBITTOTALLEN(static_cast<Size>(vector->dim));
    VarBit* result = static_cast<VarBit*>(palloc0(bytes));
    SET_VARSIZE(result, bytes);
    VARBITLEN(result) = vector->dim;
    bits8* bits = VARBITS(result);
    for (int i = 0; i < vector->dim; i++)
        bits[i / 8] = static_cast<bits8>(bits[i / 8] | (E::to_float(vector->x[i]) > 0) << (7 - i % 8));
    return PointerGetDatum(result);
}

// ---- order ----

// By element, then by length, as arrays are ordered. There is no NaN to order.
template <class E>
inline int compare_vectors(const DenseVector<E>* a, const DenseVector<E>* b) noexcept {
    const int dims = a->dim < b->dim ? a->dim : b->dim;
    for (int i = 0; i < dims; i++) {
        const float x = E::to_float(a->x[i]);
        const float y = E::to_float(b->x[i]);
        if (x != y) return x < y ? -1 : 1;
    }
    return (a->dim > b->dim) - (a->dim < b->dim);
}

// Frees what it detoasted: btree builds and sorts call this in a long-lived context.
template <class E>
int compare_arguments(FunctionCallInfo fcinfo) {
    const VectorPair<E> p = get_vector_pair<E>(fcinfo);
    const int order = compare_vectors(p.a, p.b);
    if (PointerGetDatum(p.a) != PG_GETARG_DATUM(0)) pfree(const_cast<DenseVector<E>*>(p.a));
    if (PointerGetDatum(p.b) != PG_GETARG_DATUM(1)) pfree(const_cast<DenseVector<E>*>(p.b));
    return order;
}

}  // namespace vectorq
