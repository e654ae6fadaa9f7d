// How many rows a scan will be asked for.
#pragma once
#include "pg/pg_headers.h"

namespace vectorq {

// What the LIMIT right above this scan allows (with OFFSET), or 0 where there is none or where it cannot be seen. With
// a filter between the two so many rows that enough of them should pass, by the planner's estimate.
uint64 rows_asked(IndexScanDesc scan);

}  // namespace vectorq
