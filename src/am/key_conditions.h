// A scan's conditions on key columns: from the scan keys of SQL to numbers (core/filter/key_condition.h).
#pragma once
#include "core/filter/key_condition.h"
#include "pg/pg_headers.h"

namespace vectorq {

// Translates the keys; `out` has room for nkeys. Returns how many conditions there are: a row of the index satisfies
// the keys only if it satisfies all of them, and, unless one is lossy, exactly then. No row does if one is kNever: its
// column says nothing. Sets live in `context`, which this call may also leave other memory in.
int key_conditions(Relation index, ScanKey keys, int nkeys, MemoryContext context, KeyCondition* out);

}  // namespace vectorq
