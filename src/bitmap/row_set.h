// The rows that another index finds, as a set that a scan can ask for single ones.
#pragma once
#include "core/search/tid_blocks.h"
#include "pg/pg_headers.h"

namespace vectorq {

// `rows` becomes what the plan below finds: of table_blocks blocks, most_bytes at most, as far as it can be held to
// that: a bitmap forgets single rows to keep within work_mem, and what it has left goes into the set.
void fill_row_set(PlanState* below, BlockNumber table_blocks, Size most_bytes, TidBlocks* rows);

}  // namespace vectorq
