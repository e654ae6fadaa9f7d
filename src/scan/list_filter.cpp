// See list_filter.h.
#include "scan/list_filter.h"

#include "core/filter/list_summary.h"
#include "store/directory.h"

namespace vectorq {

void begin_list_filter(const IndexCache* cache, ListFilter* lists) {
    lists->asked = static_cast<uint8*>(palloc0(DirectoryPages(cache->meta)));
    lists->may_match = static_cast<uint8*>(MemoryContextAllocHuge(CurrentMemoryContext, cache->meta.lists));
    lists->skipped = 0;
}

// All lists of the page that has this one's entry.
static void ask_page(Relation index, const ListSearch* search, uint32 list) {
    const MetaPage* meta = &search->cache->meta;
    const RowFilter* filter = search->filter;
    const uint32 per_page = directory_entries_per_page(meta), first = list / per_page * per_page;
    Buffer buffer = lock_directory(index, meta, list, BUFFER_LOCK_SHARE);
    Page page = BufferGetPage(buffer);
    for (uint32 of = first; of < meta->lists && of < first + per_page; of++)
        filter->lists->may_match[of] =
            MayMatch(search->cache->geometry.keys, summary_of_entry(directory_entry(meta, page, of)),
                     filter->conditions, filter->num_conditions);
    UnlockReleaseBuffer(buffer);
    filter->lists->asked[list / per_page] = 1;
}

bool list_may_match(Relation index, const ListSearch* search, uint32 list) {
    const ListFilter* lists = search->filter->lists;
    if (lists == NULL) return true;
    if (lists->asked[list / directory_entries_per_page(&search->cache->meta)] == 0) ask_page(index, search, list);
    return lists->may_match[list] != 0;
}

}  // namespace vectorq
