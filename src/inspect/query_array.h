// The queries that a function of SQL is given.
#pragma once
#include "pg/pg_headers.h"

namespace vectorq {

struct QueryArray {
    Datum* values;
    bool* nulls;
    int count;
};

// The elements of `array`. Raises ERRCODE_DATATYPE_MISMATCH unless they are of the type that the index is on.
QueryArray open_query_array(Relation index, ArrayType* array);

// Query i. Raises ERRCODE_NULL_VALUE_NOT_ALLOWED if it is NULL.
Datum query_value(const QueryArray* queries, int i);

}  // namespace vectorq
