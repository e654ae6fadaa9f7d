// Text and binary form of sparsevec, type modifier. Text: {index:value,...}/dimensions, indices from 1 in any order.
#include <algorithm>
#include <bit>

#include "types/number_text.h"
#include "types/sparsevec.h"

using namespace vectorq;

namespace {

struct SparseElement {
    int32 index;  // from 0
    float value;
};

struct ParsedInteger {
    const char* end;
    int32 value;
};

// The nearest int32 of a whole number, which may be far out of range.
ParsedInteger read_integer(const char* text, const char* at) {
    char* end;
    const long value = strtol(at, &end, 10);
    if (end == at) raise_bad_syntax(text, nullptr, kSparseTypeName);
    const long nearest = std::clamp<long>(value, PG_INT32_MIN, PG_INT32_MAX);
    return {end, static_cast<int32>(nearest)};
}

// One `index:value` at `at`; returns what follows it.
const char* read_sparse_element(const char* text, const char* text_end, const char* at, SparseElement* out) {
    const ParsedInteger index = read_integer(text, at);
    at = skip_space(index.end);
    if (*at != ':') raise_bad_syntax(text, nullptr, kSparseTypeName);
    at = skip_space(at + 1);
    const ParsedFloat parsed = parse_float(at, text_end);
    if (parsed.end == at) raise_bad_syntax(text, nullptr, kSparseTypeName);
    if (parsed.overflow || parsed.underflow) raise_number_out_of_range(at, parsed.end, kSparseTypeName);
    check_sparse_value(parsed.value);
    // An index that has no predecessor is out of bounds too; check_sparse_index sees it.
    out->index = index.value > PG_INT32_MIN ? index.value - 1 : index.value;
    out->value = parsed.value;
    return parsed.end;
}

// The elements between the braces, zeros left out. `at` is behind the opening brace; *after will be behind the
// closing one.
int read_sparse_elements(const char* text, const char* text_end, const char* at, SparseElement* elements,
                         const char** after) {
    int count = 0;
    at = skip_space(at);
    for (bool more = *at != '}'; more;) {
        at = skip_space(read_sparse_element(text, text_end, skip_space(at), &elements[count]));
        count += elements[count].value != 0;
        more = *at == ',';
        at += more;
    }
    if (*at != '}') raise_bad_syntax(text, nullptr, kSparseTypeName);
    *after = at + 1;
    return count;
}

// `/dimensions` up to the end of the text.
int read_sparse_dims(const char* text, const char* at) {
    at = skip_space(at);
    if (*at != '/') raise_bad_syntax(text, "Unexpected end of input.", kSparseTypeName);
    const ParsedInteger dims = read_integer(text, skip_space(at + 1));
    if (*skip_space(dims.end) != '\0') raise_bad_syntax(text, "Junk after closing.", kSparseTypeName);
    check_sparse_dims(dims.value);
    return dims.value;
}

SparseVector* sparsevec_from_elements(SparseElement* elements, int count, int dims) {
    const auto by_index = [](const SparseElement& a, const SparseElement& b) { return a.index < b.index; };
    if (!std::is_sorted(elements, elements + count, by_index)) std::sort(elements, elements + count, by_index);
    SparseVector* result = allocate_sparsevec(dims, count);
    float* values = sparse_values(result);
    for (int i = 0; i < count; i++) {
        result->indices[i] = elements[i].index;
        values[i] = elements[i].value;
        check_sparse_index(result->indices, i, dims);
    }
    return result;
}

}  // namespace

VQ_FUNCTION(vectorq_sparsevec_in) {
    const char* text = PG_GETARG_CSTRING(0);
    const int32 typmod = PG_GETARG_INT32(2);
    // An element ends at a comma or at the brace, so there is room for all we can read.
    int room = 1;
    const char* text_end = text;
    for (; *text_end != '\0'; text_end++) room += *text_end == ',' && room <= kMaxSparseElements;
    if (room > kMaxSparseElements) raise_too_many_elements();

    const char* at = skip_space(text);
    if (*at != '{') raise_bad_syntax(text, "Vector contents must start with \"{\".", kSparseTypeName);
    SparseElement* elements = static_cast<SparseElement*>(palloc(sizeof(SparseElement) * static_cast<Size>(room)));
    const int count = read_sparse_elements(text, text_end, at + 1, elements, &at);
    const int dims = read_sparse_dims(text, at);
    check_expected_dims(typmod, dims);
    SparseVector* result = sparsevec_from_elements(elements, count, dims);
    pfree(elements);
    return PointerGetDatum(result);
}

VQ_FUNCTION(vectorq_sparsevec_out) {
    const SparseVector* vector = get_sparsevec(PG_GETARG_DATUM(0));
    const float* values = sparse_values(vector);
    // Per element: an index of at most 11 characters, a colon, a value, a comma. Around them: braces, slash, dim.
    char* text = static_cast<char*>(palloc(static_cast<Size>(vector->nnz) * (FLOAT_SHORTEST_DECIMAL_LEN + 12) + 15));
    char* at = text;
    *at++ = '{';
    for (int i = 0; i < vector->nnz; i++) {
        if (i > 0) *at++ = ',';
        at += pg_ltoa(static_cast<int32>(static_cast<uint32>(vector->indices[i]) + 1), at);
        *at++ = ':';
        at += float_to_shortest_decimal_bufn(values[i], at);
    }
    *at++ = '}';
    *at++ = '/';
    at += pg_ltoa(vector->dim, at);
    *at = '\0';
    return CStringGetDatum(text);
}

VQ_FUNCTION(vectorq_sparsevec_typmod_in) { return typmod_from_text(fcinfo, kSparseTypeName, kMaxSparseDims); }

// The wire has the in-memory layout without the varlena header, big-endian.
VQ_FUNCTION(vectorq_sparsevec_recv) {
    const StringInfo message = reinterpret_cast<StringInfo>(PG_GETARG_POINTER(0));
    const int32 typmod = PG_GETARG_INT32(2);
    const int32 dims = static_cast<int32>(pq_getmsgint(message, sizeof(int32)));
    const int32 count = static_cast<int32>(pq_getmsgint(message, sizeof(int32)));
    const int32 unused = static_cast<int32>(pq_getmsgint(message, sizeof(int32)));
    check_sparse_dims(dims);
    if (count < 0)
        ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION), errmsg("sparsevec cannot have negative number of elements")));
    if (count > kMaxSparseElements) raise_too_many_elements();
    if (count > dims)
        ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                        errmsg("sparsevec cannot have more elements than dimensions")));
    check_expected_dims(typmod, dims);
    if (unused != 0)
        ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION), errmsg("expected unused to be 0, not %d", unused)));

    SparseVector* result = allocate_sparsevec(dims, count);
    float* values = sparse_values(result);
    for (int i = 0; i < count; i++) {
        result->indices[i] = static_cast<int32>(pq_getmsgint(message, sizeof(int32)));
        check_sparse_index(result->indices, i, dims);
    }
    for (int i = 0; i < count; i++) {
        values[i] = pq_getmsgfloat4(message);
        check_sparse_value(values[i]);
        if (values[i] == 0)
            ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
                            errmsg("binary representation of sparsevec cannot contain zero values")));
    }
    return PointerGetDatum(result);
}

VQ_FUNCTION(vectorq_sparsevec_send) {
    const SparseVector* vector = get_sparsevec(PG_GETARG_DATUM(0));
    const float* values = sparse_values(vector);
    StringInfoData message;
    pq_begintypsend(&message);
    enlargeStringInfo(&message, static_cast<int>(VARSIZE(vector)));
    pq_sendint32(&message, static_cast<uint32>(vector->dim));
    pq_sendint32(&message, static_cast<uint32>(vector->nnz));
    pq_sendint32(&message, static_cast<uint32>(vector->unused));
    for (int i = 0; i < vector->nnz; i++) pq_sendint32(&message, static_cast<uint32>(vector->indices[i]));
    for (int i = 0; i < vector->nnz; i++) pq_sendint32(&message, std::bit_cast<uint32>(values[i]));
    return PointerGetDatum(pq_endtypsend(&message));
}
