// Adding one encoded row to a list.
#pragma once
#include "store/index_cache.h"
#include "core/page/segment_edits.h"
#include "pg/pg_headers.h"

namespace vectorq {

// Which entry it is, where an index is renewed meanwhile (maintain/README.md, Renewal).
enum class AppendMode : uint8 {
    kFirst,    // the row's first: refused if there is another epoch
    kFurther,  // of a row whose first entry says where it goes
    kLate,     // of a row that goes into both epochs: here into the present one
};
enum class Appended : uint8 {
    kDone,
    kClosed,    // the list takes no rows any more: another must be chosen
    kRenewing,  // kFirst only: there is another epoch, nothing was done
};

// Puts a row into the list: into a free slot from the insert hint on, else into a new segment at the
// end of the chain. WAL-logged. Locks: see store/README.md, Concurrency.
Appended posting_append(Relation index, IndexCache* cache, uint32 list, const PostingEntry* row, AppendMode mode);
// Whether some entry of the list is the row's. Walks the chain, one share lock at a time.
bool list_has_row(Relation index, const IndexCache* cache, uint32 list, const Tid& tid);

}  // namespace vectorq
