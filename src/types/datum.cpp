// See datum.h and vector.h: detoasting, and the errors about a value as a whole.
#include "types/datum.h"

namespace vectorq {

void raise_bad_dims(int dims, const char* type_name, int max_dims) {
    if (dims < 1)
        ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION), errmsg("%s must have at least 1 dimension", type_name)));
    ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                    errmsg("%s cannot have more than %d dimensions", type_name, max_dims)));
    pg_unreachable();
}

void raise_different_dims(int a, int b, const char* type_name) {
    ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION), errmsg("different %s dimensions %d and %d", type_name, a, b)));
    pg_unreachable();
}

void raise_unexpected_dims(int expected, int dims) {
    ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION), errmsg("expected %d dimensions, not %d", expected, dims)));
    pg_unreachable();
}

void raise_not_finite(bool is_nan, const char* type_name) {
    if (is_nan) ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION), errmsg("NaN not allowed in %s", type_name)));
    ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION), errmsg("infinite value not allowed in %s", type_name)));
    pg_unreachable();
}

void raise_value_out_of_range(float value, const char* type_name) {
    char text[FLOAT_SHORTEST_DECIMAL_LEN];
    float_to_shortest_decimal_buf(value, text);
    ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
                    errmsg("\"%s\" is out of range for type %s", text, type_name)));
    pg_unreachable();
}

const void* detoast_vector(Datum value, size_t element_bytes, const char* type_name) {
    const struct varlena* raw = PG_DETOAST_DATUM(value);
    const size_t bytes = VARSIZE(raw);
    const int dims = bytes < kVectorHeaderBytes ? -1 : reinterpret_cast<const Vector*>(raw)->dim;
    if (unlikely(dims < 1 || dims > kMaxDims ||
                 bytes != kVectorHeaderBytes + element_bytes * static_cast<size_t>(dims)))
        ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
                        errmsg("invalid %s value: %d dimensions in %zu bytes", type_name, dims, bytes)));
    return raw;
}

static VectorView bit_view_from_datum(Datum value) {
    const VarBit* bits = DatumGetVarBitP(value);
    const int dims = VARBITLEN(bits);
    if (unlikely(dims < 0 || VARBITBYTES(bits) != BitBytes(static_cast<size_t>(dims))))
        ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
                        errmsg("invalid bit value: %d bits in %d bytes", dims, static_cast<int>(VARBITBYTES(bits)))));
    return {VARBITS(bits), dims};
}

VectorView vector_view_from_datum(Datum value, ElementType type) {
    if (type == ElementType::kBit) return bit_view_from_datum(value);
    const ElementTraits& traits = TraitsOf(type);
    const Vector* vector = static_cast<const Vector*>(detoast_vector(value, traits.bits / 8, traits.type_name));
    return {reinterpret_cast<const char*>(vector) + kVectorHeaderBytes, vector->dim};
}

void vector_view_to_f32(VectorView view, ElementType type, float* out) {
    TraitsOf(type).to_f32(view.data, static_cast<size_t>(view.dims), out);
}

}  // namespace vectorq
