// Compaction: an index that has much room within it is copied to the front of its file, as another epoch with the same
// centroids and codes. Nothing is trained or coded.
#pragma once
#include "maintain/garbage.h"
#include "pg/pg_headers.h"

namespace vectorq {

// Whether so much is free that a copy is worth its writing.
bool worth_compacting(Relation index, const Garbage* garbage);
// Copies it, into garbage where all of it fits there, else behind the end; then another time will bring it to the
// front. The caller is as for renew_index().
void compact_index(Relation index, Garbage* garbage);

}  // namespace vectorq
