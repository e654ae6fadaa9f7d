// See readahead.h.
#include "scan/readahead.h"

#include <algorithm>

#include "scan/list_filter.h"
#include "pg/entry.h"

extern "C" {
#include "storage/buf_internals.h"
}

namespace vectorq {

// Pages that count as one request: neighbours on disk, which the kernel puts together.
static constexpr uint32 kPagesPerRequest = 32;

// Without a pin the buffer may hold another block the next moment: a wrong answer costs a read that was not asked for,
// or one look-up.
static bool holds(Buffer buffer, Relation relation, BlockNumber block) {
    return tag_names(GetBufferDescriptor(buffer - 1)->tag, relation, block);
}

void ask_for_page(Relation relation, BlockNumber block, Buffer* recent) {
    if (recent != NULL && *recent != InvalidBuffer && holds(*recent, relation, block)) return;
    const PrefetchBufferResult found = PrefetchBuffer(relation, MAIN_FORKNUM, block);
    if (recent != NULL && found.recent_buffer != InvalidBuffer) *recent = found.recent_buffer;
}

void readahead_begin(Readahead* r, Relation relation, const bool* cold) {
    memset(r, 0, sizeof(*r));
    r->depth = get_tablespace_io_concurrency(relation->rd_rel->reltablespace);
    r->misses = buffer_misses();
    r->cold = *cold;
}

void readahead_end(const Readahead* r, bool* cold) { *cold = buffer_misses() != r->misses; }

// What lists added by inserts lie elsewhere is not known before their links are read.
static uint32 pages_of(const DirectoryEntry* entry) {
    return entry->head == kInvalidBlock ? 0 : entry->contiguous_pages;
}

void readahead_lists(Readahead* r, Relation index, ListSearch* search, uint32 at) {
    IndexCache* cache = search->cache;
    const uint32 depth = static_cast<uint32>(r->depth);
    DirectoryEntry entry;
    if (r->next <= at) {
        r->next = at;
        r->pages = 0;
    } else {
        list_head(index, cache, search->lists[at].list, &entry);
        r->pages -= std::min(r->pages, pages_of(&entry));
    }
    while (r->next < search->list_end && r->next <= at + depth && r->pages < kPagesPerRequest * depth) {
        list_head(index, cache, search->lists[r->next].list, &entry);
        const bool skipped = search->filter != NULL && !list_may_match(index, search, search->lists[r->next].list);
        const uint32 pages = skipped ? 0 : std::min(pages_of(&entry), kPagesPerRequest * depth);
        for (uint32 i = r->next == at ? 1 : 0; i < pages && entry.head + i < search->index_blocks; i++)
            ask_for_page(index, entry.head + i, recent_buffer(cache, entry.head + i));
        if (r->next > at) r->pages += pages;
        r->next++;
    }
}

}  // namespace vectorq
