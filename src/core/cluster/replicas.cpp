// See replicas.h.
#include "core/cluster/replicas.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

#include "core/base/group_sort.h"
#include "core/cluster/assign.h"
#include "core/cluster/kmeans.h"
#include "core/simd/distance.h"
#include "core/simd/residual_dots.h"
#include "core/simd/topk_filter.h"

namespace vectorq {
namespace {

// Lists compared with one tile of centroids, which then comes out of the L2 cache for all but the first.
constexpr size_t kBlockLists = 32;
constexpr size_t kTileBytes = 512 * 1024;
// Multiplications a range of lists may take: some milliseconds.
constexpr double kRangeWork = 2e8;
// Beyond kExactLists: the candidates of a list are the members of its group's nearest groups, until there are so many.
constexpr size_t kGroupCandidates = 4096;
constexpr size_t kCandidatesPerNeighbour = 32;
// Rows sorted by first list at a time: enough to meet a list again, few enough that sorting takes under 10 ms.
constexpr size_t kSortedRows = 65536;
// Rows of one list that are multiplied together; a multiple of the kernel's tile.
constexpr size_t kTileRows = 8;

using Neighbour = std::pair<float, uint32_t>;  // squared distance, list

// The k nearest of a stream of distances; ties go to the lowest id.
class NearestLists {
public:
    explicit NearestLists(size_t k) : k_(k), index_(kChunk + 64) { kept_.reserve(4 * k + kChunk); }
    void Clear() {
        kept_.clear();
        bound_ = std::numeric_limits<float>::infinity();
    }
    // `ids` null: the id of distance[i] is first_id + i. `self` is left out.
    void Add(const float* distance, size_t n, const uint32_t* ids, uint32_t first_id, uint32_t self) {
        for (size_t begin = 0; begin < n; begin += kChunk) {
            const size_t found = CompressBelow(distance + begin, std::min(kChunk, n - begin), bound_, index_.data());
            for (size_t f = 0; f < found; f++) {
                const size_t at = begin + index_[f];
                const uint32_t id = ids == nullptr ? uint32_t(first_id + at) : ids[at];
                // NaN, of an overflow, comes last.
                const float d = distance[at] == distance[at] ? distance[at] : std::numeric_limits<float>::infinity();
                if (id != self) kept_.emplace_back(d, id);
            }
            if (kept_.size() >= 4 * k_) Cut();
        }
    }
    void Finish(uint32_t* ids, float* sq_distance) {
        Cut();
        std::sort(kept_.begin(), kept_.end());
        for (size_t i = 0; i < k_; i++) {
            sq_distance[i] = kept_[i].first;
            ids[i] = kept_[i].second;
        }
    }

private:
    static constexpr size_t kChunk = 1024;
    void Cut() {
        if (kept_.size() <= k_) return;
        std::nth_element(kept_.begin(), kept_.begin() + (k_ - 1), kept_.end());
        kept_.resize(k_);
        bound_ = kept_[k_ - 1].first;
    }
    size_t k_;
    float bound_ = 0;
    std::vector<Neighbour> kept_;
    std::vector<uint16_t> index_;
};

// distance[l * n + j] = |lists[l] - candidate j|^2, tile by tile.
void SquaredDistances(const Matrix& centroids, const uint32_t* lists, size_t count, const float* candidates, size_t n,
                      float* distance) {
    const size_t dims = centroids.cols(), stride = dims * sizeof(float);
    const BlockFn l2 = GetBlockKernel(BlockKernel::kL2F32);
    const size_t tile = std::max<size_t>(kTileBytes / std::max<size_t>(stride, 1), 16);
    std::fill_n(distance, count * n, 0.0f);
    for (size_t begin = 0; begin < n; begin += tile) {
        for (size_t l = 0; l < count; l++) {
            l2(centroids.row(lists[l]), candidates + begin * dims, stride, std::min(tile, n - begin), dims,
               distance + l * n + begin);
        }
    }
}

// x - c_first to `residual`; its squared length. Spherical: the row counts as long as the centroid.
float Residual(const float* row, const float* centroid, size_t dims, bool spherical, float* residual) noexcept {
    float scale = 1;
    if (spherical) {
        scale = std::sqrt(DotF32(centroid, centroid, dims) / DotF32(row, row, dims));
        if (!std::isfinite(scale)) scale = 0.0f;  // the zero vector has no direction
    }
    for (size_t d = 0; d < dims; d++) residual[d] = row[d] * scale - centroid[d];
    return DotF32(residual, residual, dims);
}

// lambda / |r|^2; 0, which leaves the plain distance, where there is no direction.
float SoarWeight(float lambda, float sq_norm) noexcept {
    return sq_norm >= std::numeric_limits<float>::min() && std::isfinite(lambda / sq_norm) ? lambda / sq_norm : 0.0f;
}

}  // namespace

ReplicaAssigner::ReplicaAssigner(const Matrix& centroids, bool spherical, size_t neighbours, int threads,
                                 StopToken& stop)
    : centroids_(centroids),
      spherical_(spherical),
      neighbours_(centroids.rows() < 2 ? 0 : std::clamp<size_t>(neighbours, 1, centroids.rows() - 1)) {
    if (neighbours_ == 0) return;
    ids_.Resize(centroids.rows() * neighbours_);
    sq_distance_.Resize(centroids.rows() * neighbours_);
    if (centroids.rows() <= kExactLists) FindExact(threads, stop);
    else FindInGroups(threads, stop);
}

void ReplicaAssigner::FindExact(int threads, StopToken& stop) {
    const size_t lists = centroids_.rows(), work = lists * std::max<size_t>(centroids_.cols(), 1);
    const size_t grain = std::clamp<size_t>(size_t(kRangeWork / double(work)), 8, kBlockLists);
    ParallelFor(lists, grain, threads, stop, [&](size_t begin, size_t end, int) {
        AlignedArray<float> distance((end - begin) * lists);
        std::vector<uint32_t> block(end - begin);
        std::iota(block.begin(), block.end(), uint32_t(begin));
        SquaredDistances(centroids_, block.data(), block.size(), centroids_.data(), lists, distance.data());
        NearestLists nearest(neighbours_);
        for (size_t l = begin; l < end; l++) {
            nearest.Clear();
            nearest.Add(distance.data() + (l - begin) * lists, lists, nullptr, 0, uint32_t(l));
            nearest.Finish(ids_.data() + l * neighbours_, sq_distance_.data() + l * neighbours_);
        }
    });
}

// Lists in order of their group: members[start[g]..start[g + 1]).
struct ListGroups {
    Matrix centers;
    std::vector<uint32_t> members;
    std::vector<size_t> start;

    ListGroups(const Matrix& centroids, int threads, StopToken& stop) {
        KMeansOptions options;
        options.lists = size_t(std::lround(std::sqrt(double(centroids.rows()))));
        options.threads = threads;
        options.hierarchical_above = 0;
        centers = TrainKMeans(centroids, options, stop);
        std::vector<uint32_t> group(centroids.rows());
        Assigner(centers, AssignMetric::kL2)
            .Nearest(centroids.data(), centroids.rows(), group.data(), nullptr, threads, stop);
        members.resize(centroids.rows());
        SortByGroup(group.data(), group.size(), centers.rows(), start, members.data());
    }
    // Members of the groups nearest to group g, itself first, until there are `wanted`.
    std::vector<uint32_t> Candidates(size_t g, size_t wanted) const {
        std::vector<Neighbour> order(centers.rows());
        for (size_t h = 0; h < order.size(); h++) {
            order[h] = {h == g ? -1.0f : L2SquaredF32(centers.row(g), centers.row(h), centers.cols()), uint32_t(h)};
        }
        std::sort(order.begin(), order.end());
        std::vector<uint32_t> found;
        for (size_t i = 0; i < order.size() && found.size() < wanted; i++) {
            const size_t h = order[i].second;
            found.insert(found.end(), members.begin() + start[h], members.begin() + start[h + 1]);
        }
        return found;
    }
};

void ReplicaAssigner::FindInGroups(int threads, StopToken& stop) {
    const size_t dims = centroids_.cols();
    const size_t wanted = std::max(kGroupCandidates, kCandidatesPerNeighbour * neighbours_);
    const ListGroups groups(centroids_, threads, stop);
    ParallelFor(groups.centers.rows(), 1, threads, stop, [&](size_t g, size_t, int) {
        const std::vector<uint32_t> candidates = groups.Candidates(g, wanted);
        const size_t n = candidates.size();
        AlignedArray<float> gathered(n * dims), distance(kBlockLists * n);
        for (size_t j = 0; j < n; j++) std::copy_n(centroids_.row(candidates[j]), dims, gathered.data() + j * dims);
        NearestLists nearest(neighbours_);
        for (size_t begin = groups.start[g]; begin < groups.start[g + 1] && !stop.Stopped(); begin += kBlockLists) {
            const size_t count = std::min(kBlockLists, groups.start[g + 1] - begin);
            const uint32_t* block = groups.members.data() + begin;
            SquaredDistances(centroids_, block, count, gathered.data(), n, distance.data());
            for (size_t l = 0; l < count; l++) {
                nearest.Clear();
                nearest.Add(distance.data() + l * n, n, candidates.data(), 0, block[l]);
                nearest.Finish(ids_.data() + block[l] * neighbours_, sq_distance_.data() + block[l] * neighbours_);
            }
        }
    });
}

// Calls use(i, dot, sq_norm) for each row: <r, c_j - c_first> of the neighbours of its first list, and |r|^2. Rows are
// taken in order of their first list: some share a tile, and all find the centroids of a list and of its neighbours
// in the cache.
template <class Use>
void ReplicaAssigner::ForEachRow(const float* rows, size_t count, const uint32_t* first, int threads, StopToken& stop,
                                 const Use& use) const {
    const size_t dims = centroids_.cols();
    std::vector<uint64_t> order;
    const auto tiles = [&](size_t begin, size_t end, int) {
        AlignedArray<float> residual(kTileRows * dims), dot(kTileRows * neighbours_);
        float sq_norm[kTileRows];
        for (size_t i = begin; i < end;) {
            const uint32_t list = uint32_t(order[i] >> 32);
            const float* origin = centroids_.row(list);
            size_t n = 0;
            for (; n < kTileRows && i + n < end && order[i + n] >> 32 == list; n++) {
                const float* row = rows + size_t(uint32_t(order[i + n])) * dims;
                sq_norm[n] = Residual(row, origin, dims, spherical_, residual.data() + n * dims);
            }
            ResidualDots(residual.data(), n, origin, centroids_.data(), neighbour_ids(list), neighbours_, dims,
                         dot.data());
            for (size_t t = 0; t < n; t++)
                use(size_t(uint32_t(order[i + t])), dot.data() + t * neighbours_, sq_norm[t]);
            i += n;
        }
    };
    const double row_work = double(neighbours_) * double(std::max<size_t>(dims, 1));
    const size_t grain = std::clamp<size_t>(size_t(kRangeWork / 4 / row_work), 16, 1024);
    for (size_t block = 0; block < count; block += kSortedRows) {
        const size_t in_block = std::min(kSortedRows, count - block);
        order.resize(in_block);
        for (size_t i = 0; i < in_block; i++) order[i] = uint64_t(first[block + i]) << 32 | i;
        std::sort(order.begin(), order.end());
        for (uint64_t& key : order) key += block;
        ParallelFor(in_block, grain, threads, stop, tiles);
    }
}

void ReplicaAssigner::SoarSecond(const float* rows, size_t count, const uint32_t* first, float lambda, uint32_t* second,
                                 int threads, StopToken& stop) const {
    if (neighbours_ == 0) {
        std::copy_n(first, count, second);
        return;
    }
    ForEachRow(rows, count, first, threads, stop, [&](size_t i, const float* dot, float sq_norm) {
        const size_t best =
            LeastSoarLoss(dot, neighbour_distances(first[i]), neighbours_, sq_norm, SoarWeight(lambda, sq_norm));
        second[i] = neighbour_ids(first[i])[best];
    });
}

void ReplicaAssigner::ClosureLists(const float* rows, size_t count, const uint32_t* first, float epsilon,
                                   size_t max_lists, uint32_t* lists, uint8_t* counts, int threads,
                                   StopToken& stop) const {
    max_lists = std::clamp<size_t>(max_lists, 1, kMaxClosureLists);
    for (size_t i = 0; i < count; i++) {
        lists[i * max_lists] = first[i];
        counts[i] = 1;
    }
    if (neighbours_ == 0 || max_lists == 1) return;
    const size_t dims = centroids_.cols();
    const float reach = (1 + epsilon) * (1 + epsilon);
    ForEachRow(rows, count, first, threads, stop, [&](size_t i, const float* dot, float sq_norm) {
        const uint32_t* ids = neighbour_ids(first[i]);
        const float* from_first = neighbour_distances(first[i]);
        Neighbour near[256];
        size_t n = 0;
        for (size_t j = 0; j < neighbours_ && n < 256; j++) {
            const float sq_distance = std::max(sq_norm - 2 * dot[j] + from_first[j], 0.0f);
            // The RNG rule with the first list, whose distances are at hand, leaves few.
            if (sq_distance <= reach * sq_norm && !(from_first[j] < sq_distance)) near[n++] = {sq_distance, ids[j]};
        }
        std::sort(near, near + n);
        uint32_t* chosen = lists + i * max_lists;
        size_t taken = 1;
        for (size_t j = 0; j < n && taken < max_lists; j++) {
            const float* c = centroids_.row(near[j].second);
            bool behind = false;
            for (size_t k = 1; k < taken && !behind; k++)
                behind = L2SquaredF32(c, centroids_.row(chosen[k]), dims) < near[j].first;
            if (!behind) chosen[taken++] = near[j].second;
        }
        counts[i] = uint8_t(taken);
    });
}

size_t ReplicaAssigner::Bytes(size_t lists, size_t neighbours) noexcept {
    return lists < 2 ? 0 : lists * std::clamp<size_t>(neighbours, 1, lists - 1) * (sizeof(uint32_t) + sizeof(float));
}

size_t ReplicaAssigner::BuildBytes(size_t lists, size_t dims, size_t neighbours, int threads) noexcept {
    if (lists < 2) return 0;
    const size_t team = size_t(std::max(threads, 1)), k = std::clamp<size_t>(neighbours, 1, lists - 1);
    const size_t nearest = (4 * k + 2048) * sizeof(Neighbour);
    if (lists <= kExactLists) {
        return Bytes(lists, neighbours) + team * (kBlockLists * (lists + 1) * sizeof(float) + nearest);
    }
    // The last group to be added may bring the candidates above what is wanted; twice that is a guess at most.
    const size_t candidates = std::min(lists, 2 * std::max(kGroupCandidates, kCandidatesPerNeighbour * k));
    KMeansOptions options;
    options.lists = size_t(std::lround(std::sqrt(double(lists))));
    options.threads = threads;
    options.hierarchical_above = 0;
    const size_t finding = team * (candidates * (dims + kBlockLists + 2) * sizeof(float) + nearest);
    return Bytes(lists, neighbours) + lists * 16 + std::max(KMeansBytes(lists, dims, options), finding);
}

uint32_t SoarSecondOfOne(const float* centroids, size_t lists, size_t dims, bool spherical, const float* row,
                         uint32_t first, float lambda, float* scratch) noexcept {
    if (lists < 2) return first;
    float *dot = scratch, *sq_distance = dot + lists, *residual = sq_distance + lists;
    const float* origin = centroids + first * dims;
    const float sq_norm = Residual(row, origin, dims, spherical, residual);
    std::fill_n(sq_distance, lists, 0.0f);
    GetBlockKernel(BlockKernel::kL2F32)(origin, centroids, dims * sizeof(float), lists, dims, sq_distance);
    sq_distance[first] = std::numeric_limits<float>::infinity();
    ResidualDots(residual, 1, origin, centroids, nullptr, lists, dims, dot);
    const size_t best = LeastSoarLoss(dot, sq_distance, lists, sq_norm, SoarWeight(lambda, sq_norm));
    // Only where every loss is NaN or infinite.
    return best == first ? uint32_t(first == 0) : uint32_t(best);
}

size_t ClosureListsOfOne(const float* centroids, size_t lists, size_t dims, bool spherical, const float* row,
                         float epsilon, size_t max_lists, uint32_t* chosen, float* scratch) noexcept {
    const float reach = (1 + epsilon) * (1 + epsilon);
    const float nearest = Residual(row, centroids, dims, spherical, scratch);
    chosen[0] = 0;
    size_t taken = 1;
    for (size_t j = 1; j < lists && taken < max_lists; j++) {
        const float* c = centroids + j * dims;
        const float sq_distance = Residual(row, c, dims, spherical, scratch);
        bool fits = sq_distance <= reach * nearest;
        for (size_t k = 0; k < taken && fits; k++)
            fits = !(L2SquaredF32(c, centroids + chosen[k] * dims, dims) < sq_distance);
        if (fits) chosen[taken++] = uint32_t(j);
    }
    return taken;
}

}  // namespace vectorq
