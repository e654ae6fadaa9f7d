// All entries of an index, in the order of its blocks: reads that follow each other.
#pragma once
#include "core/page/row_fields.h"
#include "maintain/list_table.h"
#include "store/index_cache.h"
#include "pg/pg_headers.h"

namespace vectorq {

struct EntryPass {
    // — set by the caller —
    Relation index;
    const IndexCache* cache;
    const AllLists* lists;  // of which only those that are searched are read
    bool with_rows;         // whose codes are exact
    BufferAccessStrategy strategy;
    // Each entry that is not dead. keys: packed; nobody's without key columns. row (code dims): its vector, or NULL.
    void (*take)(void* arg, const RowFields* fields, const char* keys, const float* row);
    void* arg;
};

// Entries that came while another epoch was made are left out: they are in both. Keeps to vacuum's cost limit.
void pass_entries(const EntryPass* pass);

}  // namespace vectorq
