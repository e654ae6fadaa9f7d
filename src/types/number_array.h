// Arrays that become vectors: integer[], real[], double precision[] and numeric[].
#pragma once
#include "pg/entry.h"

namespace vectorq {

// Number of elements. Errors out if the array has several dimensions or a null.
inline int check_number_array(ArrayType* array) {
    if (ARR_NDIM(array) > 1) ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION), errmsg("array must be 1-D")));
    if (array_contains_nulls(array))
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("array must not contain nulls")));
    return ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
}

// Fixed-width array elements without nulls lie one after the other.
template <class Number, class Take>
void for_each_fixed(ArrayType* array, int count, Take take) {
    const Number* numbers = reinterpret_cast<const Number*>(ARR_DATA_PTR(array));
    for (int i = 0; i < count; i++) take(i, static_cast<float>(numbers[i]));
}

template <class Take>
void for_each_numeric(ArrayType* array, int count, Take take) {
    Datum* numerics;
    int found;
    deconstruct_array(array, NUMERICOID, -1, false, TYPALIGN_INT, &numerics, nullptr, &found);
    Assert(found == count);
    for (int i = 0; i < count; i++) take(i, DatumGetFloat4(DirectFunctionCall1(numeric_float4, numerics[i])));
    pfree(numerics);
}

// Calls take(i, float) for each of the `count` elements, which check_number_array counted. `take` may ereport, so
// it must capture plain values only. A double too large for float comes as infinity.
template <class Take>
void for_each_number(ArrayType* array, int count, Take take) {
    switch (ARR_ELEMTYPE(array)) {
        case INT4OID: for_each_fixed<int32>(array, count, take); break;
        case FLOAT4OID: for_each_fixed<float4>(array, count, take); break;
        case FLOAT8OID: for_each_fixed<float8>(array, count, take); break;
        case NUMERICOID: for_each_numeric(array, count, take); break;
        default: ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION), errmsg("unsupported array type")));
    }
}

}  // namespace vectorq
