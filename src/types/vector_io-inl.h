// Text and binary form, type modifier. Templates over the element trait; the SQL entry points are
// in vector_io.cpp and halfvec_io.cpp.
#pragma once
#include "types/number_text.h"
#include "types/vector.h"

namespace vectorq {

// One element at `at`; returns what follows it.
template <class E>
const char* read_element(const char* text, const char* text_end, const char* at, typename E::Element* out) {
    if (*at == '\0') raise_bad_syntax(text, nullptr, E::kTypeName);
    const ParsedFloat parsed = parse_float(at, text_end);
    if (parsed.end == at) raise_bad_syntax(text, nullptr, E::kTypeName);
    const typename E::Element element = E::from_float(parsed.value);
    if (parsed.overflow || (E::is_inf(element) && !__builtin_isinf(parsed.value)))
        raise_number_out_of_range(at, parsed.end, E::kTypeName);
    check_finite<E>(element);
    *out = element;
    return parsed.end;
}

template <class E>
Datum vector_from_text(FunctionCallInfo fcinfo) {
    const char* text = PG_GETARG_CSTRING(0);
    const int32 typmod = PG_GETARG_INT32(2);
    const char* at = skip_space(text);
    if (*at != '[') raise_bad_syntax(text, "Vector contents must start with \"[\".", E::kTypeName);
    at = skip_space(at + 1);
    if (*at == ']') raise_bad_dims(0, E::kTypeName);

    // An element ends at a comma or at the bracket, so there is room for all we can read.
    int room = 1;
    const char* text_end = at;
    for (; *text_end != '\0'; text_end++) room += *text_end == ',' && room < kMaxDims;
    DenseVector<E>* result = allocate_vector<E>(room);

    int dims = 0;
    for (;;) {
        if (dims == kMaxDims) raise_bad_dims(kMaxDims + 1, E::kTypeName);
        Assert(dims < room);
        at = skip_space(read_element<E>(text, text_end, skip_space(at), &result->x[dims]));
        dims++;
        if (*at != ',') break;
        at++;
    }
    if (*at != ']') raise_bad_syntax(text, nullptr, E::kTypeName);
    if (*skip_space(at + 1) != '\0') raise_bad_syntax(text, "Junk after closing right brace.", E::kTypeName);
    check_expected_dims(typmod, dims);

    result->dim = static_cast<int16>(dims);
    SET_VARSIZE(result, kVectorHeaderBytes + sizeof(typename E::Element) * static_cast<Size>(dims));
    return PointerGetDatum(result);
}

// Halves are written as the shortest text of the equal float.
template <class E>
Datum vector_to_text(FunctionCallInfo fcinfo) {
    const DenseVector<E>* vector = get_vector<E>(PG_GETARG_DATUM(0));
    // Per element: at most FLOAT_SHORTEST_DECIMAL_LEN - 1 characters and a separator.
    char* text = static_cast<char*>(palloc(static_cast<Size>(vector->dim) * FLOAT_SHORTEST_DECIMAL_LEN + 3));
    char* at = text;
    *at++ = '[';
    for (int i = 0; i < vector->dim; i++) {
        if (i > 0) *at++ = ',';
        at += float_to_shortest_decimal_bufn(E::to_float(vector->x[i]), at);
    }
    *at++ = ']';
    *at = '\0';
    return CStringGetDatum(text);
}

// The wire has the in-memory layout without the varlena header, big-endian.
inline float element_from_wire(const char* bytes, F32) noexcept {
    uint32 bits;
    memcpy(&bits, bytes, sizeof(bits));
    return std::bit_cast<float>(pg_ntoh32(bits));
}
inline half element_from_wire(const char* bytes, F16) noexcept {
    uint16 bits;
    memcpy(&bits, bytes, sizeof(bits));
    return pg_ntoh16(bits);
}
inline void send_element(StringInfo message, float value) { pq_sendint32(message, std::bit_cast<uint32>(value)); }
inline void send_element(StringInfo message, half value) { pq_sendint16(message, value); }

template <class E>
Datum vector_from_wire(FunctionCallInfo fcinfo) {
    const StringInfo message = reinterpret_cast<StringInfo>(PG_GETARG_POINTER(0));
    const int32 typmod = PG_GETARG_INT32(2);
    const int dims = static_cast<int>(pq_getmsgint(message, sizeof(int16)));
    const int unused = static_cast<int>(pq_getmsgint(message, sizeof(int16)));
    check_dims<E>(dims);
    check_expected_dims(typmod, dims);
    if (unused != 0)
        ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION), errmsg("expected unused to be 0, not %d", unused)));

    constexpr int kElementBytes = static_cast<int>(sizeof(typename E::Element));
    // Checks that the message is long enough before anything is allocated.
    const char* bytes = pq_getmsgbytes(message, dims * kElementBytes);
    DenseVector<E>* result = allocate_vector<E>(dims);
    for (int i = 0; i < dims; i++) {
        result->x[i] = element_from_wire(bytes + i * kElementBytes, E());
        check_finite<E>(result->x[i]);
    }
    return PointerGetDatum(result);
}

template <class E>
Datum vector_to_wire(FunctionCallInfo fcinfo) {
    const DenseVector<E>* vector = get_vector<E>(PG_GETARG_DATUM(0));
    StringInfoData message;
    pq_begintypsend(&message);
    enlargeStringInfo(&message, static_cast<int>(VARSIZE(vector)));
    pq_sendint16(&message, static_cast<uint16>(vector->dim));
    pq_sendint16(&message, static_cast<uint16>(vector->unused));
    for (int i = 0; i < vector->dim; i++) send_element(&message, vector->x[i]);
    return PointerGetDatum(pq_endtypsend(&message));
}

}  // namespace vectorq
