// See batch_lists.h.
#include "core/batch/batch_lists.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <vector>

#include "core/simd/distance.h"
#include "core/simd/metric_distance.h"
#include "core/simd/topk_filter.h"

namespace vectorq {

namespace {
// Lists that are looked at exactly to find the nearest `count`.
uint32_t KnownLists(const Centroids& centroids, uint32_t count) noexcept {
    return std::min(centroids.compact.entries, count + (centroids.exact != nullptr ? RefinedBeyond(count) : 0));
}

CompactGroup MembersOf(const Centroids& centroids, uint32_t group) noexcept {
    const CompactFront& front = centroids.compact;
    const GroupRange range = RangeOfGroup(front, group);
    return ViewCompactGroup(
        centroids.bytes + CompactGroupOffset(front.groups, front.dims, front.groups == 0 ? 0 : group, range.start),
        range.count, front.dims);
}
}  // namespace

void ListPicker::Prepare(const Centroids& centroids) {
    const CompactFront& front = centroids.compact;
    scored_ = groups_taken_ = known_count_ = 0;
    if (flat_.size() == front.entries) return;
    scratch_.Resize(2 * front.dims);
    flat_.Resize(front.entries);
    flat_list_.Resize(front.entries);
    ties_.Resize(front.entries);
    known_.Resize(front.entries);
    groups_.Resize(front.groups);
    group_scores_.Resize(front.groups);
}

void ListPicker::ScoreGroup(const Centroids& centroids, uint32_t group) noexcept {
    const uint32_t count = RangeOfGroup(centroids.compact, group).count;
    const CompactGroup members = MembersOf(centroids, group);
    ScoreCompact(compact_, members.scalar, members.code, count, centroids.compact.dims, flat_.data() + scored_);
    std::memcpy(flat_list_.data() + scored_, members.list, sizeof(uint32_t) * count);
    scored_ += count;
}

// Scores lists of the nearest groups until there are so many.
void ListPicker::ScoreLists(const Centroids& centroids, uint32_t wanted) noexcept {
    const CompactFront& front = centroids.compact;
    if (front.groups == 0) {
        if (scored_ == 0) ScoreGroup(centroids, 0);
        return;
    }
    if (groups_taken_ == 0) {
        ScoreCompact(compact_, front.scalar, front.code, front.groups, front.dims, group_scores_.data());
        for (uint32_t g = 0; g < front.groups; g++) groups_[g] = {group_scores_[g], g};
    }
    while (scored_ < wanted && groups_taken_ < front.groups) {
        const uint32_t end =
            TakeNearestGroups(front, groups_.data(), groups_taken_, wanted - scored_, group_scores_.data());
        for (; groups_taken_ < end; groups_taken_++) ScoreGroup(centroids, groups_[groups_taken_].list);
    }
}

// The `want` nearest of the scored lists to known_, in no order.
void ListPicker::Select(uint32_t want) noexcept {
    want = std::min(want, scored_);
    known_count_ = 0;
    if (want == 0) return;
    const float threshold =
        want < scored_ ? KthSmallest(flat_.data(), scored_, want) : std::numeric_limits<float>::infinity();
    // Those that are nearer first: of those that tie with the farthest there may be too many.
    uint32_t tied = 0;
    for (uint32_t begin = 0; begin < scored_; begin += kSelectBlock) {
        const size_t found =
            CompressBelow(flat_.data() + begin, std::min(kSelectBlock, scored_ - begin), threshold, below_);
        for (size_t i = 0; i < found; i++) {
            const uint32_t at = begin + below_[i];
            if (flat_[at] < threshold) known_[known_count_++] = {flat_[at], flat_list_[at]};
            else ties_[tied++] = at;
        }
    }
    for (uint32_t i = 0; i < tied && known_count_ < want; i++)
        known_[known_count_++] = {flat_[ties_[i]], flat_list_[ties_[i]]};
}

// Of a list's distance, what MetricLength needs beside it.
static float NormOf(const Centroids& centroids, const float* query) noexcept {
    if (!IsDotMetric(centroids.metric)) return 0;
    return std::sqrt(DotF32(query, query, centroids.compact.dims)) * centroids.length;
}

EffortFeatures ListPicker::Features(const Centroids& centroids, const float* query) noexcept {
    const uint32_t rank = std::min(kEffortRank, known_count_) - 1;
    ListScore* known = known_.data();
    std::nth_element(known, known + rank, known + known_count_, NearerList());
    const ListScore nearest = *std::min_element(known, known + rank + 1, NearerList());
    const float norm = NormOf(centroids, query);
    return FeaturesOf(MetricLength(centroids.metric, nearest.score, norm),
                      MetricLength(centroids.metric, known[rank].score, norm));
}

// The `count` nearest of the known to their front, in order.
void ListPicker::Order(const Centroids& centroids, const float* query, uint32_t count, uint32_t known) noexcept {
    ListScore* lists = known_.data();
    const size_t dims = centroids.compact.dims;
    if (known < known_count_) std::nth_element(lists, lists + known, lists + known_count_, NearerList());
    for (uint32_t i = 0; i < known && centroids.exact != nullptr; i++)
        lists[i].score = MetricDistance(centroids.metric, query, centroids.exact + lists[i].list * dims, dims);
    std::partial_sort(lists, lists + count, lists + known, NearerList());
}

uint32_t ListPicker::Pick(const Centroids& centroids, const ListWish& wish, const float* query, ListScore* lists) {
    const uint32_t entries = centroids.compact.entries;
    Prepare(centroids);
    compact_ = PrepareCompactQuery(centroids.compact, centroids.metric, query, scratch_.data());
    const auto know = [&](uint32_t want) {
        want = std::min(want, entries);
        if (want <= known_count_) return;
        ScoreLists(centroids, uint32_t(std::min<size_t>(ListsToScore(entries, want), entries)));
        Select(want);
    };
    uint32_t count = wish.mean;
    know(std::max(KnownLists(centroids, count), wish.effort != nullptr ? kEffortRank : 0));
    if (wish.effort != nullptr)
        count = ListsWithEffort(wish.mean, EffortOf(*wish.effort, Features(centroids, query)), entries);
    count = std::min(count, wish.most);
    know(KnownLists(centroids, count));
    count = std::min(count, known_count_);
    Order(centroids, query, count, std::min(KnownLists(centroids, count), known_count_));
    if (wish.prune_epsilon > 0 && count > 0) {
        const float norm = NormOf(centroids, query);
        count = PrunedEnd(centroids.metric, known_.data(), count, norm, wish.prune_epsilon);
    }
    std::copy_n(known_.data(), count, lists);
    return count;
}

// ---- order

namespace {
// Halves [begin, end) by the direction between two centroids that are far from each other, and each half
// again.
void SplitRuns(const Matrix& points, uint32_t* begin, uint32_t* end) {
    const size_t dims = points.cols();
    const auto farthest = [&](uint32_t from) {
        return *std::max_element(begin, end, [&](uint32_t a, uint32_t b) {
            return L2SquaredF32(points.row(from), points.row(a), dims) <
                   L2SquaredF32(points.row(from), points.row(b), dims);
        });
    };
    if (end - begin <= 2) return;
    const uint32_t one = farthest(*begin), other = farthest(one);
    AlignedArray<float> along(dims);
    for (size_t d = 0; d < dims; d++) along[d] = points.row(other)[d] - points.row(one)[d];
    std::vector<std::pair<float, uint32_t>> place;
    for (uint32_t* at = begin; at < end; at++) place.push_back({DotF32(along.data(), points.row(*at), dims), *at});
    std::sort(place.begin(), place.end());
    for (size_t i = 0; i < place.size(); i++) begin[i] = place[i].second;
    uint32_t* middle = begin + (end - begin) / 2;
    SplitRuns(points, begin, middle);
    SplitRuns(points, middle, end);
}
}  // namespace

void SpatialOrder(const Centroids& centroids, uint32_t lists, uint32_t* position) {
    const CompactFront& front = centroids.compact;
    std::fill_n(position, lists, lists);
    std::vector<uint32_t> members;
    for (uint32_t g = 0; g < std::max(front.groups, 1u); g++) {
        const CompactGroup group = MembersOf(centroids, g);
        members.insert(members.end(), group.list, group.list + RangeOfGroup(front, g).count);
    }
    Matrix points(members.size(), front.dims);
    size_t at = 0;
    for (uint32_t g = 0; g < std::max(front.groups, 1u); g++) {
        const CompactGroup group = MembersOf(centroids, g);
        for (uint32_t i = 0; i < RangeOfGroup(front, g).count; i++, at++)
            for (size_t d = 0; d < front.dims; d++)
                points.row(at)[d] = centroids.exact != nullptr
                                        ? centroids.exact[group.list[i] * front.dims + d]
                                        : front.middle[d] + front.scale[d] * group.code[i * front.dims + d];
    }
    std::vector<uint32_t> order(members.size());
    std::iota(order.begin(), order.end(), 0u);
    SplitRuns(points, order.data(), order.data() + order.size());
    for (size_t i = 0; i < order.size(); i++)
        if (members[order[i]] < lists) position[members[order[i]]] = uint32_t(i);
}

}  // namespace vectorq
