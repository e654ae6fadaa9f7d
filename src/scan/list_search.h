// What it takes to score the entries of lists for one query: the scan's own lists (scan.cpp), and those that
// measure/measure_recall.cpp follows. Plain data in a memory context; holds no buffer and no lock between calls.
#pragma once
#include "scan/scan_filter.h"
#include "store/index_cache.h"
#include "store/tid.h"
#include "am/opclass.h"
#include "core/base/list_score.h"
#include "core/search/topk.h"
#include "core/simd/lut16_scan.h"
#include "pg/pg_headers.h"

namespace vectorq {

struct ListSearch {
    // — set by prepare_search, then constant —
    MemoryContext context;
    const OpclassInfo* opclass;
    IndexCache* cache;
    BlockFn kernel;
    TopK* collector;  // the caller's: where the entries go
    // — of the query: set by begin_query; query, null_query and codec.symmetric by the caller before —
    Codec codec;        // the cache's, with this session's distance
    bool null_query;    // every distance is the same
    bool table_ready;   // table and lut are of this query; those that depend on the list are of the last one
    float* query;       // (dims), normalised for cosine
    float* code_query;  // (code dims), transformed
    // — the lists to search: set by the caller —
    const ListScore* lists;  // searched as [list_begin, list_end)
    uint32 list_begin, list_end;
    RowFilter* filter;  // NULL: all rows are collected
    // — buffers —
    float* table;          // scratch of list tables
    float* centroid;       // (code dims)
    uint8* lut;            // pq4: table of 8-bit entries
    Lut16Query lut_scale;  // and what their sums mean
    uint16* sums;          // pq4: (segment capacity); NULL where sums may need more than 16 bits, then
    uint32* wide_sums;     // likewise
    float* distances;      // (segment capacity)
    uint16* survivors;     // (segment capacity)
    char* front;           // of a segment of several pages: what lies before its codes
    uint32* mask;          // (segment capacity / 32, rounded up): the rows of a segment that the filter lets pass
    // — counted —
    BlockNumber index_blocks;  // as many as are known to be there
    uint64 entries_read, entries_scored, pages_read;
};

// Memory and constants that stay for all queries; they live as long as `context`. cache: of what is searched, pinned as
// long.
void prepare_search(Relation index, IndexCache* cache, ListSearch* search, MemoryContext context, TopK* collector);

// Makes search->code_query of search->query: choosing lists comes next.
void begin_query(ListSearch* search);

// Collects the best entries of the lists to search.
void scan_lists(Relation index, ListSearch* search);

}  // namespace vectorq
