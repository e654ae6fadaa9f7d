// Lists that cannot have a match: no page of them is read.
#pragma once
#include "scan/list_search.h"

namespace vectorq {

// What a scan has learnt of the lists' summaries. Those of a page of the directory are asked together.
//
// Summaries are read while the scan runs, never kept from one scan to the next. Whoever puts a row into a list widens
// the list's summary first. So the summary covers every row that the scan's snapshot, which is older, can see.
struct ListFilter {
    uint8* asked;      // (pages of the directory) whether their lists were asked
    uint8* may_match;  // (lists)
    uint64 skipped;    // counted, once for each time that a list was to be searched
};

// For conditions on key columns, in the current context; nothing is known yet.
void begin_list_filter(const IndexCache* cache, ListFilter* lists);
// Whether the list may have a row that satisfies the conditions of search->filter.
bool list_may_match(Relation index, const ListSearch* search, uint32 list);

}  // namespace vectorq
