// Opening the index that a user named, with the checks that each function here needs.
#pragma once
#include "store/storage.h"
#include "pg/pg_headers.h"

namespace vectorq {

struct OpenedIndex {
    Relation heap;
    Relation index;
};

// Locks the table and then the index in `lock`. Errors out unless the relation is a vectorq index and the caller may
// SELECT from its table, or the columns that it is on. reveals_rows: the answer tells something of single rows, so it
// also errors out when row-level security would hide some of them from the caller.
OpenedIndex open_index(Oid index_oid, LOCKMODE lock, bool reveals_rows);
void close_index(OpenedIndex* opened, LOCKMODE lock);

}  // namespace vectorq
