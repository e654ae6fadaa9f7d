// See panel_assign.h. Each row's result depends on the row alone, so batches and threads do not show in it.
#include "core/cluster/panel_assign.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "core/base/group_sort.h"
#include "core/cluster/kmeans.h"
#include "core/simd/distance.h"

namespace vectorq {
namespace {
// Rows that are sorted by group at a time.
constexpr size_t kBatchRows = 131072;
// Rows of a group that one thread takes: some milliseconds of work, and enough to pay for packing the panel.
constexpr size_t kRunRows = 1024;
// Rows of a group that make the packing of its panel a small part of their work.
constexpr size_t kRowsForPanel = 128;

size_t Groups(size_t centroids) noexcept { return size_t(std::lround(2 * std::sqrt(double(centroids)))); }

// Rows order[begin..end) of a batch lie in one group.
struct Run {
    uint32_t group;
    size_t begin, end;
};

// Scratch of a thread.
struct Gathered {
    std::vector<float> rows, distance;
    std::vector<uint32_t> id;
};
}  // namespace

PanelAssigner::PanelAssigner(const Matrix& centroids, AssignMetric metric, size_t exact_up_to,
                             size_t groups_per_centroid, uint64_t seed, int threads, StopToken& stop, Matrix* centers)
    : centroids_(centroids), metric_(metric) {
    const size_t wanted = Groups(centroids.rows());
    if (centroids.rows() <= exact_up_to || wanted < 2 * groups_per_centroid) {
        exact_ = std::make_unique<Assigner>(centroids, metric);
        return;
    }
    Matrix own;
    if (centers == nullptr) centers = &own;
    if (centers->rows() == 0) {
        KMeansOptions options;
        options.lists = wanted;
        options.seed = seed;
        options.threads = threads;
        options.spherical = metric == AssignMetric::kDot;
        options.hierarchical_above = 0;
        *centers = TrainKMeans(centroids, options, stop);
    }
    FillPanels(*centers, groups_per_centroid, threads, stop);
    // Centers that centroids have moved away from: rows near one would find none or a few, and look at the others'
    // panels instead. The others only get more members.
    if (DropPanelsBelow(groups_per_centroid, *centers)) FillPanels(*centers, groups_per_centroid, threads, stop);
    groups_ = std::make_unique<Assigner>(*centers, metric);
    frame_ = std::make_unique<CentroidFrame>(centroids, metric);
}

// Centers of fewer members are taken out. False if there are none.
bool PanelAssigner::DropPanelsBelow(size_t members, Matrix& centers) const {
    size_t kept = 0;
    for (size_t g = 0; g < centers.rows(); g++) {
        if (start_[g + 1] - start_[g] < members) continue;
        if (kept != g) std::memcpy(centers.row(kept), centers.row(g), centers.cols() * sizeof(float));
        kept++;
    }
    if (kept == 0 || kept == centers.rows()) return false;
    centers.TruncateRows(kept);
    return true;
}

// The groups that each centroid belongs to: the nearest ones, as many as there are.
void PanelAssigner::FillPanels(const Matrix& centers, size_t most_groups, int threads, StopToken& stop) {
    const size_t lists = centroids_.rows(), groups = centers.rows(), dims = centroids_.cols();
    const size_t groups_per_centroid = std::min(most_groups, groups);
    const bool dot = metric_ == AssignMetric::kDot;
    const BlockFn block = GetBlockKernel(dot ? BlockKernel::kDotF32 : BlockKernel::kL2F32);
    std::vector<uint32_t> nearest(lists * groups_per_centroid);
    ParallelFor(lists, 64, threads, stop, [&](size_t begin, size_t end, int) {
        std::vector<float> distance(groups);
        std::vector<std::pair<float, uint32_t>> order(groups);
        for (size_t i = begin; i < end; i++) {
            std::fill(distance.begin(), distance.end(), 0.0f);
            block(centroids_.row(i), centers.data(), dims * sizeof(float), groups, dims, distance.data());
            for (size_t g = 0; g < groups; g++) {
                const float d = dot ? -distance[g] : distance[g];
                order[g] = {d == d ? d : std::numeric_limits<float>::infinity(), uint32_t(g)};
            }
            std::nth_element(order.begin(), order.begin() + (groups_per_centroid - 1), order.end());
            for (size_t g = 0; g < groups_per_centroid; g++) nearest[i * groups_per_centroid + g] = order[g].second;
        }
    });
    members_.resize(nearest.size());
    SortByGroup(nearest.data(), nearest.size(), groups, start_, members_.data());
    for (uint32_t& member : members_) member = uint32_t(member / groups_per_centroid);
}

size_t PanelAssigner::RowsAtATime(size_t centroids) noexcept {
    return std::min(kRowsForPanel * Groups(centroids), kBatchRows);
}

void PanelAssigner::NearestInBatch(const float* rows, size_t count, uint32_t* id, float* distance, int threads,
                                   StopToken& stop) const {
    const size_t dims = centroids_.cols();
    groups_->Nearest(rows, count, id, nullptr, threads, stop);
    std::vector<size_t> first;
    std::vector<uint32_t> order(count);
    SortByGroup(id, count, start_.size() - 1, first, order.data());
    std::vector<Run> runs;
    for (size_t g = 0; g + 1 < first.size(); g++) {
        const size_t rows_of_group = first[g + 1] - first[g];
        const size_t pieces = (rows_of_group + kRunRows - 1) / kRunRows;
        for (size_t p = 0; p < pieces; p++)
            runs.push_back(
                {uint32_t(g), first[g] + rows_of_group * p / pieces, first[g] + rows_of_group * (p + 1) / pieces});
    }
    std::vector<Gathered> scratch(size_t(std::max(threads, 1)));
    ParallelFor(runs.size(), 1, threads, stop, [&](size_t r, size_t, int thread) {
        const Run& run = runs[r];
        const size_t n = run.end - run.begin;
        Gathered& s = scratch[size_t(thread)];
        s.rows.resize(std::max(s.rows.size(), n * dims));
        s.distance.resize(std::max(s.distance.size(), n));
        s.id.resize(std::max(s.id.size(), n));
        for (size_t i = 0; i < n; i++)
            std::memcpy(s.rows.data() + i * dims, rows + size_t(order[run.begin + i]) * dims, dims * sizeof(float));
        const uint32_t* members = members_.data() + start_[run.group];
        const Assigner panel(centroids_, *frame_, members, start_[run.group + 1] - start_[run.group]);
        panel.Nearest(s.rows.data(), n, s.id.data(), distance == nullptr ? nullptr : s.distance.data());
        for (size_t i = 0; i < n; i++) {
            id[order[run.begin + i]] = members[s.id[i]];
            if (distance != nullptr) distance[order[run.begin + i]] = s.distance[i];
        }
    });
}

void PanelAssigner::Nearest(const float* rows, size_t count, uint32_t* id, float* distance, int threads,
                            StopToken& stop) const {
    if (exact_ != nullptr) return exact_->Nearest(rows, count, id, distance, threads, stop);
    for (size_t begin = 0; begin < count; begin += kBatchRows)
        NearestInBatch(rows + begin * centroids_.cols(), std::min(kBatchRows, count - begin), id + begin,
                       distance == nullptr ? nullptr : distance + begin, threads, stop);
}

}  // namespace vectorq
