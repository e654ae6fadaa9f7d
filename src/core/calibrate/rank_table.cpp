// See rank_table.h.
#include "core/calibrate/rank_table.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace vectorq {

// Steps of the grid: finer than what a tenth more lists costs, and never too many for the memory.
static constexpr double kGridStep = 1.08;
static constexpr double kMostGridPoints = 100;
static constexpr uint64_t kFilterBits = 4096;

static uint64_t FilterBit(uint64_t row) noexcept { return (row * 0x9E3779B97F4A7C15ull) >> 52; }

RankTable::RankTable(size_t queries, size_t k, uint32_t lists) : most_queries_(queries), k_(k) {
    const double step = std::max(kGridStep, std::pow(double(lists), 1 / kMostGridPoints));
    for (double at = 1; at < lists; at = std::max(at + 1, std::floor(at * step))) grid_.push_back(uint32_t(at));
    grid_.push_back(lists);
    counts_.reserve(queries);
    ranks_.assign(queries * k * grid_.size(), kNotFound);
}

void RankTable::Begin(const uint64_t* neighbours, size_t count, uint64_t own, const float* distances) {
    open_ = true;
    own_ = own;
    count = std::min(count, k_);
    number_.resize(count);
    for (size_t i = 0; i < count; i++) number_[i] = uint32_t(i);
    std::sort(number_.begin(), number_.end(), [&](uint32_t a, uint32_t b) { return neighbours[a] < neighbours[b]; });
    wanted_.clear();
    filter_.assign(kFilterBits / 64, 0);
    for (const uint32_t i : number_) {
        wanted_.push_back(neighbours[i]);
        filter_[FilterBit(neighbours[i]) / 64] |= uint64_t(1) << FilterBit(neighbours[i]) % 64;
    }
    ties_.clear();
    for (size_t begin = 0, i = 1; distances != nullptr && i <= count; i++) {
        if (i < count && distances[i] == distances[begin]) continue;
        if (i - begin > 1) ties_.emplace_back(uint32_t(begin), uint32_t(i));
        begin = i;
    }
    distances_.clear();
    list_end_.clear();
    sightings_.clear();
    seen_.assign(count, 0);
    found_ = 0;
}

// The number of a wanted row; wanted_.size() if it is none.
uint32_t RankTable::FindNeighbour(uint64_t row) const noexcept {
    const uint32_t none = uint32_t(wanted_.size());
    if (!(filter_[FilterBit(row) / 64] >> FilterBit(row) % 64 & 1)) return none;
    const auto at = std::lower_bound(wanted_.begin(), wanted_.end(), row);
    return at != wanted_.end() && *at == row ? number_[size_t(at - wanted_.begin())] : none;
}

size_t RankTable::AddList(const Candidate* entries, size_t count, size_t scanned) {
    const Candidate* end = entries + count;
    const Candidate* own = std::find_if(entries, end, [&](const Candidate& e) { return RowOf(e) == own_; });
    // No distance: compares equal to none.
    const float of_query = own == end ? std::numeric_limits<float>::quiet_NaN() : own->distance;
    for (const Candidate* e = entries; e < end; e++) {
        const uint32_t neighbour = FindNeighbour(RowOf(*e));
        const bool wanted = neighbour < wanted_.size();
        if (RowOf(*e) == own_ || (e->distance == of_query && !wanted)) continue;
        distances_.push_back(e->distance);
        if (!wanted) continue;
        const auto before = [&](const Candidate& c) { return c.distance == e->distance && c.tid < e->tid; };
        const uint32_t tied = e->distance == of_query ? 0 : uint32_t(std::count_if(entries, end, before));
        sightings_.push_back({e->distance, uint32_t(list_end_.size()), neighbour, tied});
        found_ += !seen_[neighbour];
        seen_[neighbour] = 1;
    }
    list_end_.push_back(distances_.size());
    lists_scanned_++;
    entries_scanned_ += double(scanned);
    return found_;
}

// nearer[i]: entries so far that are nearer than sighting i but not nearer than sighting i - 1.
void RankTable::WriteRanks(size_t g, const std::vector<uint32_t>& nearer) {
    uint16_t* ranks = ranks_.data() + (g * most_queries_ + done_) * k_;
    size_t rank = 0;
    for (size_t i = 0; i < sightings_.size(); i++) {
        rank += nearer[i];
        const size_t own_rank = rank + sightings_[i].tied;
        if (sightings_[i].list >= grid_[g] || own_rank >= kMostRank) continue;
        uint16_t& to = ranks[sightings_[i].neighbour];
        to = std::min(to, uint16_t(own_rank));
    }
}

void RankTable::OrderTies(size_t g) {
    uint16_t* ranks = ranks_.data() + (g * most_queries_ + done_) * k_;
    for (const auto& [begin, end] : ties_) std::sort(ranks + begin, ranks + end);
}

void RankTable::End(const EffortFeatures& features) {
    if (!open_ || done_ >= most_queries_) return;
    std::sort(sightings_.begin(), sightings_.end(),
              [](const Sighting& a, const Sighting& b) { return a.distance < b.distance; });
    std::vector<uint32_t> nearer(sightings_.size(), 0);
    const auto farther = [](float distance, const Sighting& s) { return distance < s.distance; };
    const float farthest = sightings_.empty() ? -std::numeric_limits<float>::infinity() : sightings_.back().distance;
    size_t at = 0, list = 0;
    for (size_t g = 0; g < grid_.size(); g++) {
        for (; list < list_end_.size() && list < grid_[g]; list++)
            for (; at < list_end_[list]; at++) {
                // Most entries.
                if (!(distances_[at] < farthest)) continue;
                const auto first = std::upper_bound(sightings_.begin(), sightings_.end(), distances_[at], farther);
                nearer[size_t(first - sightings_.begin())]++;
            }
        WriteRanks(g, nearer);
        OrderTies(g);
    }
    counts_.push_back(uint32_t(wanted_.size()));
    features_.push_back(features);
    done_++;
    open_ = false;
}

void RankTable::SetEfforts(const std::vector<double>& efforts) {
    point_.clear();
    mean_lists_.clear();
    if (efforts.empty()) return;
    const size_t points = grid_.size();
    point_.resize(done_ * points);
    mean_lists_.assign(points, 0);
    for (size_t q = 0; q < done_; q++)
        for (size_t g = 0; g < points; g++) {
            const uint32_t lists = ListsWithEffort(grid_[g], efforts[q], grid_.back());
            size_t at = size_t(std::lower_bound(grid_.begin(), grid_.end(), lists) - grid_.begin());
            if (at > 0 && double(lists) * lists < double(grid_[at]) * grid_[at - 1]) at--;
            point_[q * points + g] = uint16_t(at);
            mean_lists_[g] += lists / double(done_);
        }
}

size_t RankTable::PointOfShare(size_t q, size_t depth, double share) const noexcept {
    const size_t count = std::min(depth, neighbours(q)), wanted = size_t(std::ceil(share * double(count)));
    for (size_t g = 0; g < grid_.size(); g++) {
        size_t found = 0;
        for (size_t j = 0; j < count; j++) found += Rank(q, j, g) != kNotFound;
        if (found >= wanted) return g;
    }
    return grid_.size() - 1;
}

}  // namespace vectorq
