// See sparsevec.h.
#include "types/sparsevec.h"

namespace vectorq {

void raise_too_many_elements() {
    ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                    errmsg("sparsevec cannot have more than %d non-zero elements", kMaxSparseElements)));
    pg_unreachable();
}

static const char* problem_of_index(const int32* indices, int i, int dim) noexcept {
    if (indices[i] < 0 || indices[i] >= dim) return "sparsevec index out of bounds";
    if (i > 0 && indices[i] < indices[i - 1]) return "sparsevec indices must be in ascending order";
    if (i > 0 && indices[i] == indices[i - 1]) return "sparsevec indices must not contain duplicates";
    return nullptr;
}

void check_sparse_index(const int32* indices, int i, int dim) {
    const char* problem = problem_of_index(indices, i, dim);
    if (unlikely(problem != nullptr)) ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION), errmsg("%s", problem)));
}

const SparseVector* get_sparsevec(Datum value) {
    const struct varlena* raw = PG_DETOAST_DATUM(value);
    const size_t bytes = VARSIZE(raw);
    const SparseVector* vector = reinterpret_cast<const SparseVector*>(raw);
    const bool whole = bytes >= kSparseHeaderBytes;
    const int dims = whole ? vector->dim : -1;
    const int elements = whole ? vector->nnz : -1;
    if (unlikely(dims < 1 || dims > kMaxSparseDims || elements < 0 || elements > kMaxSparseElements ||
                 bytes != kSparseHeaderBytes + kSparseElementBytes * static_cast<size_t>(elements)))
        ereport(ERROR,
                (errcode(ERRCODE_DATA_CORRUPTED),
                 errmsg("invalid sparsevec value: %d dimensions and %d elements in %zu bytes", dims, elements, bytes)));
    return vector;
}

SparseVector* allocate_sparsevec(int dims, int elements) {
    const Size bytes = kSparseHeaderBytes + kSparseElementBytes * static_cast<Size>(elements);
    SparseVector* result = static_cast<SparseVector*>(palloc0(bytes));
    SET_VARSIZE(result, bytes);
    result->dim = dims;
    result->nnz = elements;
    return result;
}

}  // namespace vectorq
