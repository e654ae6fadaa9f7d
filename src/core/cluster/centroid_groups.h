// Centroids in groups of near ones: the first level of a query's search among many lists (compact_centroids.h).
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/base/matrix.h"
#include "core/base/parallel.h"

namespace vectorq {

// Immutable after construction.
struct CentroidGroups {
    Matrix centers;                 // (groups, dims); no rows: one group of all, in the order of the centroids
    std::vector<uint32_t> members;  // centroids, one group after another, each in the order of the centroids
    std::vector<uint32_t> start;    // (groups + 1): ranges of members

    size_t size() const noexcept { return start.size() - 1; }
    size_t Largest() const noexcept;
};

// `groups` groups by k-means, none of them much larger than the mean; fewer if there are fewer distinct centroids, and
// one, without a center, if groups < 2. dot: centroids are of length 1 and near ones have a large product.
// Deterministic in everything but `threads`, which does not matter. Throws Error(kCancelled), std::bad_alloc.
CentroidGroups GroupCentroids(const Matrix& centroids, size_t groups, bool dot, uint64_t seed, int threads,
                              StopToken& stop);

}  // namespace vectorq
