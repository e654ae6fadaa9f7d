// Asking the kernel for pages before a scan needs them, so that the disk works on several at once. Only scans that find
// pages missing from the buffers do it: in warm caches each question would cost a look-up.
#pragma once
#include "scan/list_search.h"
#include "pg/pg_headers.h"

namespace vectorq {

// Pages that this backend did not find in the buffers, so far.
inline int64 buffer_misses() { return pgBufferUsage.shared_blks_read + pgBufferUsage.local_blks_read; }

// Asks for a block, unless the buffer that last held it (*recent, kept up to date; NULL: not known) still does.
void ask_for_page(Relation relation, BlockNumber block, Buffer* recent);

// A window of so many requests that runs ahead of the reader: of lists, each a run of pages, or of single pages.
struct Readahead {
    int depth;     // effective_io_concurrency of the tablespace; 0 = never
    int64 misses;  // when it began
    bool cold;     // pages are, or were in the last scan, missing
    uint32 next;   // what to ask for next
    uint32 pages;  // asked for and not yet read; of lists only
};

// `*cold` is what the last scan found out; readahead_end says what this one did.
void readahead_begin(Readahead* r, Relation relation, const bool* cold);
void readahead_end(const Readahead* r, bool* cold);

// True if there is anything to ask for.
inline bool readahead_wanted(Readahead* r) {
    if (likely(!r->cold)) r->cold = buffer_misses() != r->misses;
    return r->cold && r->depth > 0;
}

// search->lists[at] is read next: asks for what it has beyond the first page and for the lists after it, as built.
void readahead_lists(Readahead* r, Relation index, ListSearch* search, uint32 at);

}  // namespace vectorq
