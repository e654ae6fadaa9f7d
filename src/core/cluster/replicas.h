// The second list of a row. A row near the border of its list is missed by queries that look just across; a replica
// in another list catches it. Two ways to choose the lists of the replicas, both from a table of each list's nearest
// other lists. Build path; the functions of one row are for inserts. docs/measurements/replicas.md has the figures.
//
// SOAR: Sun, Simcha, Dopson, Guo, Kumar, "SOAR: Improved Indexing for Approximate Nearest Neighbor Search", NeurIPS
// 2023. With r = x - c_first, r^ = r / |r| and r' = x - c', the second list minimises
//
//   loss(r', r) = |r'|^2 + lambda * <r^, r'>^2        (Paper: the loss for the weight |cos(q, r)|^lambda)
//
// A query misses x in its first list where <q, r> is large; r' that is orthogonal to r is then no larger than usual.
// With y = c' - c_first and p = <r, y>: |r'|^2 = |r|^2 - 2 p + |y|^2 and <r^, r'> = (|r|^2 - p) / |r|, so that one
// product for each candidate is enough. The loss is the same for every metric: the paper derives it for inner
// products, where a list is judged by <q, c> = <q, x> - <q, r>; and for L2, |q - c|^2 = |q - x|^2 + 2 <q - x, r> +
// |r|^2 has the same error term, with q - x for q.
//
// Closure: Chen et al., "SPANN: Highly-efficient Billion-scale Approximate Nearest Neighbor Search", NeurIPS 2021,
// section 3.2: every list that is nearly as near as the first, without those that lie behind a chosen one (RNG rule).
#pragma once
#include <cstddef>
#include <cstdint>

#include "core/base/kinds.h"
#include "core/base/matrix.h"
#include "core/base/parallel.h"

namespace vectorq {

// Of 32 neighbours the best is the best of all lists for 43 % of rows with 1,000 lists and 30 % with 4,000; of 64 for
// 61 and 45 %; of 128 for 79 and 61 %; of 256 for 93 and 78 %, where the loss is 0.6 and 2.2 % above the least on
// average (SIFT, 128 dimensions, lambda 1.5). What a query scans for 99 % recall is 2 % more than with all lists;
// with 128 it is 6 %, with 64 13 %. A row costs 1.4 to 2.5 us, less than its first assignment.
inline constexpr size_t kReplicaNeighbours = 256;
// 1 to 2 are hardly different; docs/measurements/replicas.md has the table.
inline constexpr float kSoarLambda = 1.5f;
inline constexpr size_t kMaxClosureLists = kMaxEntriesOfRow;

// Immutable after construction; may be used by any number of threads.
class ReplicaAssigner {
public:
    // `centroids` (lists, dims) are read, not copied: they must live, unchanged, as long as this. `spherical`: they
    // are all of one length and rows were assigned by inner product, so that a row counts by its direction: its
    // residual is that of x, made as long as they. The table is exact up to kExactLists lists, beyond that it looks
    // among the lists of the nearest groups only. The same for any number of threads. Throws Error(kCancelled),
    // std::bad_alloc.
    ReplicaAssigner(const Matrix& centroids, bool spherical, size_t neighbours, int threads, StopToken& stop);

    // second[i] = the list with the least SOAR loss among the neighbours of first[i], never first[i] itself, unless
    // there is but one list. Ties go to the one nearest to first[i]. A row that equals its centroid gets the list
    // second nearest to it. Depends on nothing but the row. Rows in any order. Throws Error(kCancelled),
    // std::bad_alloc.
    void SoarSecond(const float* rows, size_t count, const uint32_t* first, float lambda, uint32_t* second, int threads,
                    StopToken& stop) const;

    // lists (count, max_lists), of which counts[i] are set: first[i], then in order of distance every neighbour c of
    // it with |x - c| <= (1 + epsilon) |x - c_first| that is not nearer to a list chosen before it than to x.
    // 1 <= max_lists <= kMaxClosureLists counts first[i] too. Throws Error(kCancelled), std::bad_alloc.
    void ClosureLists(const float* rows, size_t count, const uint32_t* first, float epsilon, size_t max_lists,
                      uint32_t* lists, uint8_t* counts, int threads, StopToken& stop) const;

    size_t neighbours() const noexcept { return neighbours_; }
    const uint32_t* neighbour_ids(size_t list) const noexcept { return ids_.data() + list * neighbours_; }
    // Squared distances of the centroids, ascending.
    const float* neighbour_distances(size_t list) const noexcept { return sq_distance_.data() + list * neighbours_; }

    static constexpr size_t kExactLists = 16384;
    // Bytes that the table takes; and with what its construction needs for the time, at most.
    static size_t Bytes(size_t lists, size_t neighbours) noexcept;
    static size_t BuildBytes(size_t lists, size_t dims, size_t neighbours, int threads) noexcept;

private:
    void FindExact(int threads, StopToken& stop);
    void FindInGroups(int threads, StopToken& stop);
    template <class Use>
    void ForEachRow(const float* rows, size_t count, const uint32_t* first, int threads, StopToken& stop,
                    const Use& use) const;

    const Matrix& centroids_;
    bool spherical_;
    size_t neighbours_;                // at most lists - 1; 0 with one list
    AlignedArray<uint32_t> ids_;       // (lists, neighbours), nearest first
    AlignedArray<float> sq_distance_;  // (lists, neighbours)
};

// SoarSecond of a single row, over all lists and without a table: as much work as two exact assignments.
// scratch: 2 * lists + dims floats.
uint32_t SoarSecondOfOne(const float* centroids, size_t lists, size_t dims, bool spherical, const float* row,
                         uint32_t first, float lambda, float* scratch) noexcept;

// ClosureLists of a single row, without a table. `centroids` (lists, dims) are the nearest to the row, the nearest
// first. chosen: (max_lists) their numbers, beginning with 0. Returns how many. scratch: dims floats.
size_t ClosureListsOfOne(const float* centroids, size_t lists, size_t dims, bool spherical, const float* row,
                         float epsilon, size_t max_lists, uint32_t* chosen, float* scratch) noexcept;

namespace reference {
// Over all lists, or over those in `among` (n of them) unless it is null; in double.
uint32_t SoarSecond(const Matrix& centroids, bool spherical, const float* row, uint32_t first, float lambda,
                    const uint32_t* among, size_t n);
double SoarLoss(const Matrix& centroids, bool spherical, const float* row, uint32_t first, uint32_t second,
                float lambda);
// Returns how many of lists[0..max_lists) it set.
size_t ClosureLists(const Matrix& centroids, bool spherical, const float* row, uint32_t first, float epsilon,
                    size_t max_lists, const uint32_t* among, size_t n, uint32_t* lists);
}  // namespace reference

}  // namespace vectorq
