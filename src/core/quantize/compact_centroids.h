// Centroids in 8 bits a dimension, for choosing the lists to probe: a quarter of the bytes of f32, scored
// in integers (simd/dot_u8.h). The best are refined with the exact centroids. Where there are many lists, near ones
// stand together in groups (centroid_groups.h), and a search scores the groups' centers first.
//
//   c^ = middle + scale * (code - 127.5);  middle, scale per dimension over all centroids
//   L2:  |q-c|^2 - |q-middle|^2 = |c-middle|^2 - 2 <q-middle, c-middle>   (the list's scalar: exact norm)
//   dot: -<q,c> + <q,middle>    = -<q, c-middle>
// The term that is the same for all lists is added, so scores are distances.
//
// page/compact_page.h says where the bytes lie.
//
// Coarse codes, of two dimensions a subspace, are there where groups are many: among 100,000 lists a search scores
// thousands, and 8 bits of each dimension took a tenth of a query at recall 0.95. By a quarter of the bytes, and a
// sixth of the instructions, it finds those that are worth their 8-bit codes. They are of what is left of a centroid
// less its group's center g, so narrow groups are told apart as well as wide ones:
//   L2:  |q-c|^2 = |q-g|^2 - 2 <q-middle, r> + (|r|^2 + 2 <g-middle, r>)   (the scalar, of the decoded r)
//   dot: -<q,c> = -<q,g> - <q,r>
#pragma once
#include <cstddef>
#include <cstdint>

#include "core/base/kinds.h"
#include "core/base/list_score.h"
#include "core/base/matrix.h"
#include "core/base/stop_token.h"
#include "core/cluster/centroid_groups.h"
#include "core/page/compact_page.h"

namespace vectorq {

// Views over bytes that belong to the caller.
struct CompactFront {
    uint32_t entries, groups;
    size_t dims;
    const float *middle, *scale;  // (dims)
    const float* scalar;          // (groups), with code: the centers
    const uint32_t* start;        // (groups + 1): entries before each group's first
    const uint8_t* code;          // (groups, dims)
    const float* codebook;        // of coarse codes; null if there are none
};
struct CompactGroup {
    const uint32_t* list;  // (n)
    const float* scalar;   // (n)
    const uint8_t* code;   // (n, dims)
};

// Where a group's lists stand among all: entries [start, start + count). Without groups one has all.
struct GroupRange {
    uint32_t start, count;
};
inline GroupRange RangeOfGroup(const CompactFront& front, uint32_t group) noexcept {
    if (front.groups == 0) return {0, front.entries};
    return {front.start[group], front.start[group + 1] - front.start[group]};
}

// Groups that a search among so many lists goes through; 0: none, all lists are scored.
size_t SearchGroups(size_t lists) noexcept;
// Of so many lists, those that a search for `wanted` scores, at least: so many that hardly one of the nearest is
// missed.
size_t ListsToScore(size_t lists, size_t wanted) noexcept;
// Lists beyond the nearest `count` that are looked at exactly to find these: eight bits misplace neighbours in the
// ranking, hardly more.
inline constexpr uint32_t RefinedBeyond(uint32_t count) noexcept { return count / 4 + 8; }

// Writes the compact form of centroids (entries, dims) to `bytes` (CompactBytes long, aligned to 4). list[i] is the
// number of centroid i, i if null. Throws std::bad_alloc, Error(kCancelled).
void BuildCompactCentroids(const Matrix& centroids, const uint32_t* list, const CentroidGroups& groups, int threads,
                           StopToken& stop, uint8_t* bytes);

// Whether bytes, of the front at least, say what the caller knows, and groups that lie within the bytes: what follows
// may be viewed then.
bool CompactFrontIsSound(const uint8_t* bytes, size_t entries, size_t groups, size_t dims) noexcept;
CompactFront ViewCompactFront(const uint8_t* bytes, size_t dims) noexcept;
CompactGroup ViewCompactGroup(const uint8_t* bytes, size_t entries, size_t dims) noexcept;

// A query prepared for scoring; `table` is the caller's.
struct CompactQuery {
    const int16_t* table;
    float bias, factor;
    bool has_scalar;
};
// scratch: 2 * dims floats, which the result points into.
CompactQuery PrepareCompactQuery(const CompactFront& front, Metric metric, const float* query, float* scratch) noexcept;

// score[i], i < n: squared L2 distance, or negative inner product. L1 ranks by L2 here. Never NaN.
void ScoreCompact(const CompactQuery& query, const float* scalar, const uint8_t* code, size_t n, size_t dims,
                  float* score) noexcept;

// Moves the nearest of groups[taken .. front.groups) to the front of these, as many as should have `more` lists;
// returns their end. In no order: to sort them took 3 % of a query, and all of them are scored. work: (groups).
uint32_t TakeNearestGroups(const CompactFront& front, ListScore* groups, uint32_t taken, uint32_t more,
                           float* work) noexcept;

// A query prepared for coarse codes; `lut` is the caller's.
struct CoarseQuery {
    const uint8_t* lut;
    float scale, bias;
    bool has_scalar;
};
// Floats of scratch for PrepareCoarseQuery.
size_t CoarseScratchFloats(const CompactFront& front) noexcept;
// False if there are no coarse codes, or none of use to this query: infinite distances. The result points into scratch.
bool PrepareCoarseQuery(const CompactFront& front, Metric metric, const float* query, float* scratch,
                        CoarseQuery* out) noexcept;
// score[i], i < n: as of ScoreCompact, but coarser; never NaN either. base: the score of the group's center. blocks,
// scalar: of the group's entries. sums: n rounded up to kLut16BlockRows.
void ScoreCoarse(const CoarseQuery& query, const CompactFront& front, float base, const uint8_t* blocks,
                 const float* scalar, size_t n, uint16_t* sums, float* score) noexcept;

}  // namespace vectorq
