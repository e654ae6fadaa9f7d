// Casts of sparsevec: to the declared length, from arrays, from and to the dense types.
#include "types/number_array.h"
#include "types/sparsevec.h"

using namespace vectorq;

VQ_FUNCTION(vectorq_sparsevec) {
    const SparseVector* vector = get_sparsevec(PG_GETARG_DATUM(0));
    check_expected_dims(PG_GETARG_INT32(1), vector->dim);
    return PointerGetDatum(vector);
}

namespace {

// kMaxDims elements are never too many: no check of their number.
static_assert(kMaxDims <= kMaxSparseElements);

template <class E>
Datum sparsevec_from_dense(FunctionCallInfo fcinfo) {
    const DenseVector<E>* from = get_vector<E>(PG_GETARG_DATUM(0));
    check_expected_dims(PG_GETARG_INT32(1), from->dim);
    int count = 0;
    for (int i = 0; i < from->dim; i++) count += !E::is_zero(from->x[i]);
    SparseVector* result = allocate_sparsevec(from->dim, count);
    float* values = sparse_values(result);
    int at = 0;
    for (int i = 0; i < from->dim; i++) {
        if (E::is_zero(from->x[i])) continue;
        result->indices[at] = i;
        values[at] = E::to_float(from->x[i]);
        at++;
    }
    return PointerGetDatum(result);
}

template <class E>
Datum dense_from_sparsevec(FunctionCallInfo fcinfo) {
    const SparseVector* from = get_sparsevec(PG_GETARG_DATUM(0));
    check_dims<E>(from->dim);
    check_expected_dims(PG_GETARG_INT32(1), from->dim);
    const float* values = sparse_values(from);
    DenseVector<E>* result = allocate_vector<E>(from->dim);
    for (int i = 0; i < from->nnz; i++) {
        const int32 index = from->indices[i];
        // A damaged value must not be written through.
        if (unlikely(index < 0 || index >= from->dim))
            ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
                            errmsg("invalid sparsevec value: index %d of %d dimensions", index, from->dim)));
        result->x[index] = element_from_float<E>(values[i]);
    }
    return PointerGetDatum(result);
}

}  // namespace

VQ_FUNCTION(vectorq_array_to_sparsevec) {
    ArrayType* array = PG_GETARG_ARRAYTYPE_P(0);
    const int dims = check_number_array(array);
    check_sparse_dims(dims);
    check_expected_dims(PG_GETARG_INT32(1), dims);
    // An array may have far more zeros than a sparsevec has elements: they are counted before anything is allocated.
    int count = 0;
    int* counted = &count;
    for_each_number(array, dims, [=](int, float number) { *counted += number != 0; });
    if (count > kMaxSparseElements) raise_too_many_elements();
    SparseVector* result = allocate_sparsevec(dims, count);
    float* values = sparse_values(result);
    count = 0;
    for_each_number(array, dims, [=](int i, float number) {
        if (number == 0) return;
        result->indices[*counted] = i;
        values[*counted] = number;
        (*counted)++;
    });
    for (int i = 0; i < count; i++) check_sparse_value(values[i]);
    return PointerGetDatum(result);
}

VQ_FUNCTION(vectorq_vector_to_sparsevec) { return sparsevec_from_dense<F32>(fcinfo); }
VQ_FUNCTION(vectorq_halfvec_to_sparsevec) { return sparsevec_from_dense<F16>(fcinfo); }
VQ_FUNCTION(vectorq_sparsevec_to_vector) { return dense_from_sparsevec<F32>(fcinfo); }
VQ_FUNCTION(vectorq_sparsevec_to_halfvec) { return dense_from_sparsevec<F16>(fcinfo); }
