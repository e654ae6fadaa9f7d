// Reading numbers of the text forms: vector, halfvec and sparsevec share these.
#pragma once
#include <charconv>
#include <cstdlib>

#include "pg/entry.h"

namespace vectorq {

inline bool is_vector_space(char c) noexcept { return c == ' ' || (c >= '\t' && c <= '\r'); }

inline const char* skip_space(const char* at) noexcept {
    while (is_vector_space(*at)) at++;
    return at;
}

[[noreturn]] inline void raise_bad_syntax(const char* text, const char* detail, const char* type_name) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
                    errmsg("invalid input syntax for type %s: \"%s\"", type_name, text),
                    detail != nullptr ? errdetail("%s", detail) : 0));
    pg_unreachable();
}

// The number is the text from `start` to `end`.
[[noreturn]] inline void raise_number_out_of_range(const char* start, const char* end, const char* type_name) {
    ereport(ERROR,
            (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
             errmsg("\"%s\" is out of range for type %s", pnstrdup(start, static_cast<Size>(end - start)), type_name)));
    pg_unreachable();
}

struct ParsedFloat {
    const char* end;  // first character after the number; == start if there is no number
    float value;
    bool overflow;   // a finite number too large for float
    bool underflow;  // a number other than zero, too small for float: value is zero
};

// strtof decides what a number is, as for PostgreSQL's real: hexadecimal, signs, inf and nan
// included. from_chars gives the same value for plain decimals in a fraction of the time, so it
// goes first; whatever it does not take up to a delimiter is left to strtof.
inline ParsedFloat parse_float(const char* start, const char* text_end) noexcept {
    ParsedFloat parsed = {start, 0, false, false};
    const std::from_chars_result fast = std::from_chars(start, text_end, parsed.value);
    const char next = *fast.ptr;
    if (fast.ec == std::errc() && (next == ',' || next == ']' || next == '}' || is_vector_space(next))) {
        parsed.end = fast.ptr;
        return parsed;
    }
    char* end;
    errno = 0;
    parsed.value = strtof(start, &end);
    parsed.end = end;
    parsed.overflow = errno == ERANGE && __builtin_isinf(parsed.value);
    parsed.underflow = errno == ERANGE && parsed.value == 0;
    return parsed;
}

// The one number in the parentheses of a declared type: its dimensions.
inline Datum typmod_from_text(FunctionCallInfo fcinfo, const char* type_name, int max_dims) {
    int count;
    const int32* modifiers = ArrayGetIntegerTypmods(PG_GETARG_ARRAYTYPE_P(0), &count);
    if (count != 1) ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("invalid type modifier")));
    if (modifiers[0] < 1)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("dimensions for type %s must be at least 1", type_name)));
    if (modifiers[0] > max_dims)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("dimensions for type %s cannot exceed %d", type_name, max_dims)));
    return Int32GetDatum(modifiers[0]);
}

}  // namespace vectorq
