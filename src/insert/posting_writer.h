// Adding one encoded row to a list.
#pragma once
#include "store/index_cache.h"
#include "core/page/segment_edits.h"
#include "pg/pg_headers.h"

namespace vectorq {

// Puts a row into the list: into a free slot from the insert hint on, else into a new segment at the
// end of the chain. WAL-logged. Locks: see store/README.md, Concurrency.
// False if the list takes no rows any more: another must be chosen.
bool posting_append(Relation index, const IndexCache* cache, uint32 list, const PostingEntry* row);
// Whether some entry of the list is the row's. Walks the chain, one share lock at a time.
bool list_has_row(Relation index, const IndexCache* cache, uint32 list, const Tid& tid);

}  // namespace vectorq
