// Adding one encoded row to a list.
#pragma once
#include "store/index_cache.h"
#include "pg/pg_headers.h"

namespace vectorq {

// Puts a row into the list: into a free slot from the insert hint on, else into a new segment at the
// end of the chain. WAL-logged. Locks: see store/README.md, Concurrency. record: where the
// row's record lies, NULL without records.
// False if the list takes no rows any more: another must be chosen.
bool posting_append(Relation index, const IndexCache* cache, uint32 list, ItemPointer heap_tid, ItemPointer record,
                    const uint8* code, float scalar);
// Whether some entry of the list is the row's. Walks the chain, one share lock at a time.
bool list_has_row(Relation index, const IndexCache* cache, uint32 list, ItemPointer heap_tid);

}  // namespace vectorq
