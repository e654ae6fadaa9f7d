// Distances, norms and order of sparsevec; and what an index on it answers.
#include <algorithm>

#include "types/sparsevec.h"
#include "types/vector_ops-inl.h"

using namespace vectorq;

namespace {

struct SparsePair {
    const SparseVector* a;
    const SparseVector* b;
};

SparsePair get_sparse_pair(FunctionCallInfo fcinfo) {
    SparsePair pair = {get_sparsevec(PG_GETARG_DATUM(0)), get_sparsevec(PG_GETARG_DATUM(1))};
    return pair;
}

SparsePair get_same_dims_sparse_pair(FunctionCallInfo fcinfo) {
    const SparsePair pair = get_sparse_pair(fcinfo);
    check_same_dims(pair.a, pair.b);
    return pair;
}

// Distance is one of the functions of core that take two views.
template <float (*Distance)(SparseView, SparseView) noexcept>
float distance_of_arguments(FunctionCallInfo fcinfo) {
    const SparsePair p = get_same_dims_sparse_pair(fcinfo);
    return Distance(sparse_view(p.a), sparse_view(p.b));
}

double sparse_l2_norm(const SparseVector* vector) noexcept {
    const float* values = sparse_values(vector);
    double sum = 0;
    for (int i = 0; i < vector->nnz; i++) sum += static_cast<double>(values[i]) * values[i];
    return std::sqrt(sum);
}

// As the dense vectors compare: by element, then by length. At the first index that the two do not share, one of
// them has zero.
int compare_sparse(const SparseVector* a, const SparseVector* b) noexcept {
    const float* x = sparse_values(a);
    const float* y = sparse_values(b);
    const int dims = std::min(a->dim, b->dim);
    for (int i = 0;; i++) {
        const int32 at_a = i < a->nnz ? a->indices[i] : dims;
        const int32 at_b = i < b->nnz ? b->indices[i] : dims;
        if (std::min(at_a, at_b) >= dims) break;
        const float of_a = at_a <= at_b ? x[i] : 0;
        const float of_b = at_b <= at_a ? y[i] : 0;
        if (of_a != of_b) return of_a < of_b ? -1 : 1;
    }
    return (a->dim > b->dim) - (a->dim < b->dim);
}

// Frees what it detoasted: btree builds and sorts call this in a long-lived context.
int compare_sparse_arguments(FunctionCallInfo fcinfo) {
    const SparsePair p = get_sparse_pair(fcinfo);
    const int order = compare_sparse(p.a, p.b);
    if (PointerGetDatum(p.a) != PG_GETARG_DATUM(0)) pfree(const_cast<SparseVector*>(p.a));
    if (PointerGetDatum(p.b) != PG_GETARG_DATUM(1)) pfree(const_cast<SparseVector*>(p.b));
    return order;
}

}  // namespace

VQ_FUNCTION(vectorq_sparsevec_l2_distance) {
    return Float8GetDatum(std::sqrt(static_cast<double>(distance_of_arguments<SparseL2Squared>(fcinfo))));
}
VQ_FUNCTION(vectorq_sparsevec_l2_squared_distance) {
    return Float8GetDatum(distance_of_arguments<SparseL2Squared>(fcinfo));
}
VQ_FUNCTION(vectorq_sparsevec_inner_product) { return Float8GetDatum(distance_of_arguments<SparseDot>(fcinfo)); }
VQ_FUNCTION(vectorq_sparsevec_negative_inner_product) {
    return Float8GetDatum(-distance_of_arguments<SparseDot>(fcinfo));
}
VQ_FUNCTION(vectorq_sparsevec_l1_distance) { return Float8GetDatum(distance_of_arguments<SparseL1>(fcinfo)); }
VQ_FUNCTION(vectorq_sparsevec_cosine_distance) {
    const SparsePair p = get_same_dims_sparse_pair(fcinfo);
    float dot, aa, bb;
    SparseCosineParts(sparse_view(p.a), sparse_view(p.b), &dot, &aa, &bb);
    return Float8GetDatum(cosine_distance_of(dot, aa, bb));
}

VQ_FUNCTION(vectorq_sparsevec_l2_norm) { return Float8GetDatum(sparse_l2_norm(get_sparsevec(PG_GETARG_DATUM(0)))); }

// Elements that become zero are left out. A vector without elements is returned as it is.
VQ_FUNCTION(vectorq_sparsevec_l2_normalize) {
    const SparseVector* vector = get_sparsevec(PG_GETARG_DATUM(0));
    const float* values = sparse_values(vector);
    const double norm = sparse_l2_norm(vector);
    int count = 0;
    for (int i = 0; i < vector->nnz; i++) count += static_cast<float>(values[i] / norm) != 0;
    SparseVector* result = allocate_sparsevec(vector->dim, count);
    float* scaled = sparse_values(result);
    for (int i = 0, at = 0; i < vector->nnz && at < count; i++) {
        const float value = static_cast<float>(values[i] / norm);
        if (value == 0) continue;
        if (unlikely(__builtin_isinf(value))) float_overflow_error();
        result->indices[at] = vector->indices[i];
        scaled[at] = value;
        at++;
    }
    return PointerGetDatum(result);
}

VQ_FUNCTION(vectorq_sparsevec_lt) { return BoolGetDatum(compare_sparse_arguments(fcinfo) < 0); }
VQ_FUNCTION(vectorq_sparsevec_le) { return BoolGetDatum(compare_sparse_arguments(fcinfo) <= 0); }
VQ_FUNCTION(vectorq_sparsevec_eq) { return BoolGetDatum(compare_sparse_arguments(fcinfo) == 0); }
VQ_FUNCTION(vectorq_sparsevec_ne) { return BoolGetDatum(compare_sparse_arguments(fcinfo) != 0); }
VQ_FUNCTION(vectorq_sparsevec_ge) { return BoolGetDatum(compare_sparse_arguments(fcinfo) >= 0); }
VQ_FUNCTION(vectorq_sparsevec_gt) { return BoolGetDatum(compare_sparse_arguments(fcinfo) > 0); }
VQ_FUNCTION(vectorq_sparsevec_cmp) { return Int32GetDatum(compare_sparse_arguments(fcinfo)); }

// The support function of the operator classes on sparsevec. They exist so that CREATE INDEX says what there is to
// do; it asks for the support function first.
VQ_FUNCTION(vectorq_sparsevec_support) {
    ereport(ERROR,
            (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("sparsevec columns have no vectorq index yet"),
             errhint("Queries without an index are exact. Up to %d dimensions, an index on an expression that casts "
                     "the column to vector(n) or halfvec(n) serves queries that order by the same expression.",
                     kMaxDims)));
    PG_RETURN_NULL();
}
