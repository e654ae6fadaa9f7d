// Splitting and merging lists under churn, the last part of a vacuum.
#pragma once
#include "core/page/meta_page.h"
#include "pg/pg_headers.h"

namespace vectorq {

// True if the lists of an index with this meta page may be replaced.
bool rebalances(Relation index, const MetaPage* meta);

// Replaces lists that are out of balance by others, after the rows of all lists were counted. maintain/README.md.
void rebalance(Relation index, Relation heap, BufferAccessStrategy strategy);

}  // namespace vectorq
