// How many rows a scan will be asked for.
#pragma once
#include "pg/pg_headers.h"

namespace vectorq {

// What the LIMIT right above this scan allows (with OFFSET), or 0 where there is none, where it cannot be seen, or
// where a filter between the two takes an unknown part of the rows.
uint64 rows_asked(IndexScanDesc scan);

}  // namespace vectorq
