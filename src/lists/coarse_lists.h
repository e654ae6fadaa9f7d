// Lists of a query by the coarse codes of their centroids, where there are very many
// (core/quantize/compact_centroids.h): all of the nearest groups are scored coarsely, and the best of them by 8-bit
// codes. The others are kept in case that they are wanted after all.
#pragma once
#include "core/base/list_score.h"
#include "store/index_cache.h"
#include "pg/pg_headers.h"

namespace vectorq {

// Plain data. All zero at first, but for the context; memory is kept from one query to the next.
struct CoarseLists {
    MemoryContext context;
    CoarseQuery query;
    float* scratch;
    uint16* sums;   // (sums_room)
    float* scores;  // (room), of which `count` are there: of the lists of one group after another
    uint32 count, room, sums_room;
    float error;  // what coarse scores are too small by, in the mean
};

// Begins anew. False if the index, or what a backend keeps of it, has no coarse codes, or they tell nothing of this
// query.
bool begin_coarse(const IndexCache* cache, CoarseLists* c, Metric metric, const float* query);
// Asks for the memory that score_coarse reads.
void prefetch_coarse(const IndexCache* cache, uint32 group);
// Scores the lists of the group, whose center has the score `base`; returns how many.
uint32 score_coarse(const IndexCache* cache, CoarseLists* c, uint32 group, float base);
// The `wanted` nearest, by their 8-bit codes: score and list. groups: those that were scored, in their order. Once,
// after the last of them.
void take_finer(const IndexCache* cache, CoarseLists* c, const ListScore* groups, const CompactQuery& query,
                uint32 wanted, float* score, uint32* list);
// All that were not taken; returns how many. Empties it.
uint32 take_others(const IndexCache* cache, CoarseLists* c, const ListScore* groups, float* score, uint32* list);

}  // namespace vectorq
