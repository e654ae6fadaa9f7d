// Casts: to the declared length, from and to arrays, between the two types. Templates over the
// element trait; the SQL entry points are in vector_cast.cpp and halfvec_cast.cpp.
#pragma once
#include "types/number_array.h"
#include "types/vector.h"

namespace vectorq {

template <class E>
Datum vector_to_length(FunctionCallInfo fcinfo) {
    const DenseVector<E>* vector = get_vector<E>(PG_GETARG_DATUM(0));
    check_expected_dims(PG_GETARG_INT32(1), vector->dim);
    return PointerGetDatum(vector);
}

template <class E>
Datum vector_from_array(FunctionCallInfo fcinfo) {
    ArrayType* array = PG_GETARG_ARRAYTYPE_P(0);
    const int dims = check_number_array(array);
    check_dims<E>(dims);
    check_expected_dims(PG_GETARG_INT32(1), dims);
    DenseVector<E>* result = allocate_vector<E>(dims);
    for_each_number(array, dims, [=](int i, float number) { result->x[i] = element_from_float<E>(number); });
    for (int i = 0; i < dims; i++) check_finite<E>(result->x[i]);
    return PointerGetDatum(result);
}

// Ignores the type modifier: arrays have none.
template <class E>
Datum vector_to_float4_array(FunctionCallInfo fcinfo) {
    const DenseVector<E>* vector = get_vector<E>(PG_GETARG_DATUM(0));
    const size_t dims = static_cast<size_t>(vector->dim);
    const Size bytes = ARR_OVERHEAD_NONULLS(1) + sizeof(float4) * dims;
    ArrayType* array = static_cast<ArrayType*>(palloc0(bytes));
    SET_VARSIZE(array, bytes);
    array->ndim = 1;
    array->elemtype = FLOAT4OID;
    ARR_DIMS(array)[0] = vector->dim;
    ARR_LBOUND(array)[0] = 1;
    E::to_floats(vector->x, dims, reinterpret_cast<float*>(ARR_DATA_PTR(array)));
    return PointerGetDatum(array);
}

inline Datum halfvec_to_vector(FunctionCallInfo fcinfo) {
    const HalfVector* from = get_vector<F16>(PG_GETARG_DATUM(0));
    check_expected_dims(PG_GETARG_INT32(1), from->dim);
    Vector* result = allocate_vector<F32>(from->dim);
    F16ToF32(from->x, static_cast<size_t>(from->dim), result->x);
    return PointerGetDatum(result);
}

inline Datum vector_to_halfvec(FunctionCallInfo fcinfo) {
    const Vector* from = get_vector<F32>(PG_GETARG_DATUM(0));
    check_expected_dims(PG_GETARG_INT32(1), from->dim);
    HalfVector* result = allocate_vector<F16>(from->dim);
    F32ToF16(from->x, static_cast<size_t>(from->dim), result->x);
    for (int i = 0; i < from->dim; i++)
        if (unlikely(F16::is_inf(result->x[i]))) raise_value_out_of_range(from->x[i], F16::kTypeName);
    return PointerGetDatum(result);
}

}  // namespace vectorq
