// Adding one row's record: its vector, which reordering reads.
#pragma once
#include "store/index_cache.h"
#include "pg/pg_headers.h"

namespace vectorq {

// A record's bytes (record_bytes of them, the caller's) for EncodeRows to fill in vector and scalar.
void begin_record(const ReorderGeometry* g, ItemPointer heap_tid, char* record);

// Puts the record into a free slot, else into a new extent, and returns where. WAL-logged. Nobody reads it until a
// posting entry points to it. No lock is held before or after.
ItemPointerData record_append(Relation index, IndexCache* cache, const char* record);

}  // namespace vectorq
