// Compaction: an index that has much room within it is copied to the front of its file, as another epoch with the same
// centroids and codes. Nothing is trained or coded.
#pragma once
#include "maintain/garbage.h"
#include "pg/pg_headers.h"

namespace vectorq {

// Whether the index has so many pages, for what it needs, that a copy is worth its writing: as counted last.
bool has_room_within(Relation index, const MetaPage* meta, bool busy);
// Whether so much is free that it is.
bool worth_compacting(Relation index, const MetaPage* meta, const Garbage* garbage, bool busy);
// Copies it, into garbage where all of it fits there, else behind the end; then another time will bring it to the
// front. The caller is as for renew_index().
void compact_index(Relation index, Relation heap, Garbage* garbage, BufferAccessStrategy strategy);

}  // namespace vectorq
