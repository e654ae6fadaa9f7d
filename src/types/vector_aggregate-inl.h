// avg() of both types. The state is a float8 array {count, sum of element 1, sum of element 2, ...};
// {0} before the first row. sum() needs nothing of its own: it is the + operator.
#pragma once
#include "types/vector.h"

namespace vectorq {

struct SumState {
    ArrayType* array;
    double* count;
    double* sums;
    int dims;
};

// Users can call the transition functions with any float8[].
inline SumState get_sum_state(Datum value, const char* caller) {
    ArrayType* array = DatumGetArrayTypeP(value);
    if (ARR_NDIM(array) != 1 || ARR_DIMS(array)[0] < 1 || ARR_HASNULL(array) || ARR_ELEMTYPE(array) != FLOAT8OID)
        elog(ERROR, "%s: expected state array", caller);
    double* values = reinterpret_cast<double*>(ARR_DATA_PTR(array));
    SumState state = {array, values, values + 1, ARR_DIMS(array)[0] - 1};
    return state;
}

// Zeroed.
inline SumState make_sum_state(int dims) {
    const Size bytes = ARR_OVERHEAD_NONULLS(1) + sizeof(double) * (static_cast<Size>(dims) + 1);
    ArrayType* array = static_cast<ArrayType*>(palloc0(bytes));
    SET_VARSIZE(array, bytes);
    array->ndim = 1;
    array->elemtype = FLOAT8OID;
    ARR_DIMS(array)[0] = dims + 1;
    ARR_LBOUND(array)[0] = 1;
    double* values = reinterpret_cast<double*>(ARR_DATA_PTR(array));
    SumState state = {array, values, values + 1, dims};
    return state;
}

// A state that may be written: `state` itself in an aggregate, which owns its state, else a copy.
inline SumState writable_sum_state(FunctionCallInfo fcinfo, SumState state) {
    if (AggCheckCallContext(fcinfo, nullptr)) return state;
    const SumState copy = make_sum_state(state.dims);
    memcpy(copy.count, state.count, sizeof(double) * (static_cast<Size>(state.dims) + 1));
    return copy;
}

inline double add_checked(double a, double b) {
    const double sum = a + b;
    if (unlikely(__builtin_isinf(sum))) float_overflow_error();
    return sum;
}

template <class E>
Datum vector_accumulate(FunctionCallInfo fcinfo, const char* caller) {
    SumState state = get_sum_state(PG_GETARG_DATUM(0), caller);
    const DenseVector<E>* vector = get_vector<E>(PG_GETARG_DATUM(1));
    if (state.dims == 0) {
        const double count = *state.count;
        state = make_sum_state(vector->dim);
        *state.count = count + 1.0;
        for (int i = 0; i < vector->dim; i++) state.sums[i] = E::to_float(vector->x[i]);
        return PointerGetDatum(state.array);
    }
    check_expected_dims(state.dims, vector->dim);
    state = writable_sum_state(fcinfo, state);
    *state.count += 1.0;
    for (int i = 0; i < vector->dim; i++) state.sums[i] = add_checked(state.sums[i], E::to_float(vector->x[i]));
    return PointerGetDatum(state.array);
}

// For both types: their states are alike. The messages say vector, as pgvector's do.
inline Datum combine_sums(FunctionCallInfo fcinfo, const char* caller) {
    const SumState a = get_sum_state(PG_GETARG_DATUM(0), caller);
    const SumState b = get_sum_state(PG_GETARG_DATUM(1), caller);
    // The wider one is kept, so that a worker that saw no row adds only its count of zero.
    const SumState result = a.dims == 0 ? make_sum_state(b.dims) : writable_sum_state(fcinfo, a);
    if (a.dims == 0) memcpy(result.sums, b.sums, sizeof(double) * static_cast<Size>(b.dims));
    if (result.dims > 0) check_dims<F32>(result.dims);
    if (a.dims > 0 && b.dims > 0) {
        check_expected_dims(a.dims, b.dims);
        for (int i = 0; i < a.dims; i++) result.sums[i] = add_checked(result.sums[i], b.sums[i]);
    }
    *result.count = *a.count + *b.count;
    return PointerGetDatum(result.array);
}

template <class E>
Datum vector_average(FunctionCallInfo fcinfo, const char* caller) {
    const SumState state = get_sum_state(PG_GETARG_DATUM(0), caller);
    if (*state.count == 0.0) PG_RETURN_NULL();
    check_dims<E>(state.dims);
    DenseVector<E>* result = allocate_vector<E>(state.dims);
    for (int i = 0; i < state.dims; i++) {
        result->x[i] = element_from_float<E>(static_cast<float>(state.sums[i] / *state.count));
        check_finite<E>(result->x[i]);
    }
    return PointerGetDatum(result);
}

}  // namespace vectorq
