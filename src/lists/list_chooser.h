// Which lists a query probes, and which lists a new row belongs to, nearest first.
//
// Compact centroids are scored (all, or where there are groups of them those of the nearest groups until there are
// several times as many as are wanted; of very many groups first by coarse codes), the best are refined with exact
// centroids. A scan that goes on wants more: what was scored and not chosen comes next, then the lists of further
// groups. So every list is chosen once in the end, in whatever windows; a list of a group that was taken late may be
// nearer than one of an earlier window.
#pragma once
#include "lists/coarse_lists.h"
#include "store/index_cache.h"
#include "core/calibrate/effort.h"
#include "core/quantize/compact_centroids.h"
#include "pg/pg_headers.h"

namespace vectorq {

// Plain data in a memory context. All zero at first; memory is kept from one query to the next.
struct ListChooser {
    // — set by choose_lists —
    MemoryContext context;
    const float* query;  // (code dims), the caller's
    Metric metric;
    CompactQuery compact;
    float* scratch;   // (2 * code dims)
    float* centroid;  // (code dims): buffer
    // — scored lists: those that were chosen are marked —
    float* flat;        // (room)
    uint32* flat_list;  // (room)
    uint32 scored, room;
    // — groups: the ones whose lists are scored come first —
    ListScore* groups;    // (groups)
    float* group_scores;  // (groups): work space
    uint32 groups_taken;
    uint8* buffer;  // of a group that the cache does not keep
    Size buffer_bytes;
    CoarseLists coarse;
    // — the choice —
    ListScore* scores;  // (scores_room), of which `known` are there
    uint32 known, scores_room;
    // — set by choose_lists_with_effort —
    EffortFeatures features;
    double effort;
};

// How rows are compared with centroids: under L1, too, a row belongs to the list that is nearest by L2, as at build.
inline Metric row_list_metric(Metric metric) { return TraitsOf(metric).from_products ? metric : Metric::kL2; }

// Begins anew: scores[0 .. count) are the lists to probe, nearest first. count <= live lists.
void choose_lists(Relation index, IndexCache* cache, ListChooser* chooser, const float* query, uint32 count);
// Likewise for a query whose mean like takes `mean` lists: returns how many this one takes, by the rule.
uint32 choose_lists_with_effort(Relation index, IndexCache* cache, ListChooser* chooser, const float* query,
                                uint32 mean, const EffortRule* rule);
// What MetricLength needs beside a list's score: the product of the lengths of the query and of a centroid, for inner
// product and cosine the same for all lists: that of `list`.
float centroid_distance_norm(Relation index, IndexCache* cache, const ListChooser* chooser, uint32 list);
// Goes on: scores[from .. from + count) are the next ones; 0 < from, the end of what was chosen before.
void choose_more_lists(Relation index, IndexCache* cache, ListChooser* chooser, uint32 from, uint32 count);

// The lists that a new row belongs to, the nearest first: lists (EntriesOfRow). Returns how many.
uint32 lists_of_row(Relation index, IndexCache* cache, const float* row, uint32* lists);

}  // namespace vectorq
