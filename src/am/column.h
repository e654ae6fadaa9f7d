// The vector column of an index.
#pragma once
#include "pg/pg_headers.h"

namespace vectorq {

// Dimensions that the indexed column declares; an error if it declares none.
int vector_column_dims(Relation index);
// The error for a row that the index's code cannot hold.
[[noreturn]] void report_unfit_row(Relation index);

}  // namespace vectorq
