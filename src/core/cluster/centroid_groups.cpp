// See centroid_groups.h.
#include "core/cluster/centroid_groups.h"

#include <algorithm>
#include <numeric>

#include "core/base/group_sort.h"
#include "core/cluster/assign.h"
#include "core/cluster/kmeans.h"

namespace vectorq {
namespace {

// Groups of more than so many times the mean are split: the largest one is what a search may have to look through.
constexpr double kGroupBalance = 2;
// Groups learn from at most so many centroids each, in few iterations: they need not be the best ones.
constexpr size_t kCentroidsPerGroup = 32;
constexpr int kIterations = 6;

}  // namespace

size_t CentroidGroups::Largest() const noexcept {
    size_t largest = 0;
    for (size_t g = 0; g < size(); g++) largest = std::max<size_t>(largest, start[g + 1] - start[g]);
    return largest;
}

CentroidGroups GroupCentroids(const Matrix& centroids, size_t groups, bool dot, uint64_t seed, int threads,
                              StopToken& stop) {
    const size_t n = centroids.rows();
    CentroidGroups made;
    made.members.resize(n);
    std::iota(made.members.begin(), made.members.end(), 0u);
    made.start = {0, uint32_t(n)};
    if (groups < 2 || n < 2) return made;
    KMeansOptions options;
    options.lists = groups;
    options.seed = seed;
    options.threads = threads;
    options.spherical = dot;
    options.hierarchical_above = 0;
    options.balance = kGroupBalance;
    options.iterations = kIterations;
    made.centers = TrainKMeans(EvenRows(centroids, std::min(n, groups * kCentroidsPerGroup)), options, stop);
    std::vector<uint32_t> group(n);
    Assigner(made.centers, dot ? AssignMetric::kDot : AssignMetric::kL2)
        .Nearest(centroids.data(), n, group.data(), nullptr, threads, stop);
    SortByGroup(group.data(), n, made.centers.rows(), made.start, made.members.data());
    return made;
}

}  // namespace vectorq
