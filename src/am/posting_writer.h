// Adding one encoded row to a list.
#pragma once
#include "am/index_cache.h"
#include "pg/pg_headers.h"

namespace vectorq {

// Puts a row into the list: into a free slot from the insert hint on, else into a new extent at the
// end of the chain. WAL-logged. Locks: the first page of one extent at a time, other pages of the
// same extent while it is held, the relation extension lock while the last extent is held; the
// directory page only when nothing else is.
void posting_append(Relation index, const IndexCache* cache, uint32 list, ItemPointer heap_tid, const uint8* code,
                    float scalar);

}  // namespace vectorq
