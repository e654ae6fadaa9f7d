// TwoLevelAssigner (see kmeans.h): the nearest of very many centroids through groups of
// them. Build and insert path. Immutable after construction.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <vector>

#include "core/cluster/assign.h"
#include "core/cluster/kmeans.h"
#include "core/simd/distance.h"

namespace vectorq {
namespace {
// Groups looked at per row. XXX a first guess; measure the share of rows that miss their
// nearest centroid on real data.
constexpr size_t kGroupsProbed = 12;
}  // namespace

struct TwoLevelAssigner::Impl {
    bool dot = false;
    Assigner* exact = nullptr;     // owned; instead of everything below
    Matrix groups;                 // (groups, dims): mean of the group's centroids
    Matrix members;                // centroids sorted by group
    std::vector<uint32_t> id;      // of each member
    std::vector<size_t> start;     // groups + 1: ranges of members

    ~Impl() { delete exact; }
    void Build(const Matrix& centroids, uint64_t seed, int threads, StopToken& stop);
    void NearestOne(const float* row, BlockFn block, float* scratch, uint32_t* order, uint32_t* id, float* distance) const;
    size_t LargestGroup() const {
        size_t largest = 0;
        for (size_t g = 0; g + 1 < start.size(); g++) largest = std::max(largest, start[g + 1] - start[g]);
        return largest;
    }
};

void TwoLevelAssigner::Impl::Build(const Matrix& centroids, uint64_t seed, int threads, StopToken& stop) {
    const size_t n = centroids.rows(), dims = centroids.cols();
    KMeansOptions options;
    options.lists = size_t(std::lround(std::sqrt(double(n))));
    options.seed = seed;
    options.threads = threads;
    options.spherical = dot;
    options.hierarchical_above = 0;
    groups = TrainKMeans(centroids, options, stop);
    std::vector<uint32_t> group(n);
    Assigner(groups, dot ? AssignMetric::kDot : AssignMetric::kL2)
        .Nearest(centroids.data(), n, group.data(), nullptr, threads, stop);
    start.assign(groups.rows() + 1, 0);
    for (const uint32_t g : group) start[g + 1]++;
    std::partial_sum(start.begin(), start.end(), start.begin());
    std::vector<size_t> next(start.begin(), start.end() - 1);
    members = Matrix(n, dims);
    id.resize(n);
    for (size_t i = 0; i < n; i++) {
        const size_t to = next[group[i]]++;
        id[to] = uint32_t(i);
        std::memcpy(members.row(to), centroids.row(i), dims * sizeof(float));
    }
}

// scratch: at least max(groups, largest group) floats; order: groups.
void TwoLevelAssigner::Impl::NearestOne(const float* row, BlockFn block, float* scratch, uint32_t* order,
                                        uint32_t* nearest, float* distance) const {
    const size_t dims = members.cols(), count = groups.rows(), stride = dims * sizeof(float);
    const float sign = dot ? -1.0f : 1.0f;
    const auto score = [&](const float* first, size_t rows) {
        std::fill(scratch, scratch + rows, 0.0f);
        block(row, first, stride, rows, dims, scratch);
        for (size_t i = 0; i < rows; i++) scratch[i] *= sign;
    };
    score(groups.data(), count);
    const size_t probed = std::min(kGroupsProbed, count);
    for (size_t g = 0; g < count; g++) {
        if (!(scratch[g] == scratch[g])) scratch[g] = std::numeric_limits<float>::infinity();
        order[g] = uint32_t(g);
    }
    std::partial_sort(order, order + probed, order + count, [&](uint32_t a, uint32_t b) {
        return scratch[a] != scratch[b] ? scratch[a] < scratch[b] : a < b;
    });
    float best = std::numeric_limits<float>::infinity();
    uint32_t best_id = 0;
    for (size_t p = 0; p < probed; p++) {
        const size_t first = start[order[p]], last = start[order[p] + 1];
        score(members.row(first), last - first);
        for (size_t j = first; j < last; j++) {
            const float value = scratch[j - first];
            if (value < best || (value == best && id[j] < best_id)) {
                best = value;
                best_id = id[j];
            }
        }
    }
    *nearest = best_id;
    if (distance != nullptr) *distance = best;
}

TwoLevelAssigner::TwoLevelAssigner(const Matrix& centroids, bool dot, size_t exact_up_to, uint64_t seed, int threads,
                                   StopToken& stop)
    : impl_(nullptr) {
    auto impl = std::make_unique<Impl>();
    impl->dot = dot;
    if (centroids.rows() <= std::max<size_t>(exact_up_to, kGroupsProbed)) {
        impl->exact = new Assigner(centroids, dot ? AssignMetric::kDot : AssignMetric::kL2);
    } else {
        impl->Build(centroids, seed, threads, stop);
    }
    impl_ = impl.release();
}

TwoLevelAssigner::~TwoLevelAssigner() { delete impl_; }

void TwoLevelAssigner::Nearest(const float* rows, size_t count, uint32_t* id, float* distance, int threads,
                               StopToken& stop) const {
    if (impl_->exact != nullptr) return impl_->exact->Nearest(rows, count, id, distance, threads, stop);
    const size_t dims = impl_->members.cols();
    const BlockFn block = GetBlockKernel(impl_->dot ? BlockKernel::kDotF32 : BlockKernel::kL2F32);
    const size_t scratch_size = std::max(impl_->groups.rows(), impl_->LargestGroup());
    ParallelFor(count, 64, threads, stop, [&](size_t begin, size_t end, int) {
        std::vector<float> scratch(scratch_size);
        std::vector<uint32_t> order(impl_->groups.rows());
        for (size_t i = begin; i < end; i++) {
            impl_->NearestOne(rows + i * dims, block, scratch.data(), order.data(), id + i,
                              distance == nullptr ? nullptr : distance + i);
        }
    });
}

}  // namespace vectorq
