// Sorting rows by a number: (key bigint, bytea, …).
#pragma once
#include "pg/pg_headers.h"

namespace vectorq {

// A key, and `columns - 1` bytea columns behind it.
TupleDesc keyed_rows(int columns);
// By the key, to be read once. bytes: of memory; 64 kB at least.
Tuplesortstate* begin_keyed_sort(TupleDesc rows, Size bytes);

}  // namespace vectorq
