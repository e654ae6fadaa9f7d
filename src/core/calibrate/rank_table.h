// Where the true neighbours of some queries turn up in a scan: one scan of each query tells it for every number of
// lists and every number of reordered entries at once.
//
// rank(q, j, g): how many entries of the first Grid(g) lists come before the nearest entry of query q's j-th neighbour
// there: nearer by their codes, or as near in the same list with a smaller tid. The neighbour is found with P lists and
// R entries reordered if the rank at P is below R. Neighbours that are as near as each other stand for each other: of
// these, the one that is met first counts as the first. So recall counts any row that is as near as the k-th, and which
// of them an exact scan names does not matter. Bit strings tie often.
#pragma once
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "core/calibrate/effort.h"
#include "core/search/topk.h"

namespace vectorq {

class RankTable {
public:
    static constexpr uint16_t kNotFound = 0xFFFF;
    // Deeper ranks are not told apart: a list's farther entries need not be added.
    static constexpr size_t kMostRank = 8192;

    // Throws std::bad_alloc, as Begin, AddList and End do.
    RankTable(size_t queries, size_t k, uint32_t lists);

    // The next query: its neighbours' rows (RowOf), the nearest first, at most k; `own` is the query's own row, which
    // does not count, and neither do entries as near as its own in a list: their rows have the query's vector.
    // distances: the neighbours'; null if none is as near as another.
    void Begin(const uint64_t* neighbours, size_t count, uint64_t own, const float* distances = nullptr);
    // The entries of its next list, in no order, of `scanned`: the others are farther than kMostRank of these. Returns
    // how many neighbours have been found.
    size_t AddList(const Candidate* entries, size_t count, size_t scanned);
    // After its last list: in the lists after that its neighbours keep their ranks.
    void End(const EffortFeatures& features = {});
    // Forgets what Begin and AddList said of the present query.
    void Drop() { open_ = false; }

    size_t queries() const noexcept { return done_; }
    size_t depth() const noexcept { return k_; }
    // Neighbours of a query; at most depth().
    size_t neighbours(size_t q) const noexcept { return counts_[q]; }
    size_t grid_points() const noexcept { return grid_.size(); }
    uint32_t Grid(size_t g) const noexcept { return grid_[g]; }  // lists of the mean query
    // Lists at a grid point, the mean over the queries.
    double MeanLists(size_t g) const noexcept { return mean_lists_.empty() ? grid_[g] : mean_lists_[g]; }
    uint16_t Rank(size_t q, size_t j, size_t g) const noexcept {
        return ranks_[((point_.empty() ? g : point_[q * grid_.size() + g]) * most_queries_ + q) * k_ + j];
    }
    const EffortFeatures& features(size_t q) const noexcept { return features_[q]; }
    // From now on grid point g means so many lists for query q as the mean query's Grid(g) and its effort say, to the
    // nearest grid point. Empty: Grid(g) for all, as at first. Throws std::bad_alloc.
    void SetEfforts(const std::vector<double>& efforts);
    // The first grid point at which query q has found `share` of its first `depth` neighbours; the last one if none.
    size_t PointOfShare(size_t q, size_t depth, double share) const noexcept;
    // Mean entries in a list that was probed.
    double EntriesPerList() const noexcept { return lists_scanned_ == 0 ? 0 : entries_scanned_ / lists_scanned_; }

private:
    struct Sighting {
        float distance;
        uint32_t list;  // in the order of probing
        uint32_t neighbour;
        uint32_t tied;  // entries of its list that are as near and come before it
    };
    uint32_t FindNeighbour(uint64_t row) const noexcept;
    void WriteRanks(size_t g, const std::vector<uint32_t>& nearer);
    void OrderTies(size_t g);

    size_t most_queries_, k_;
    std::vector<uint32_t> grid_, counts_;
    std::vector<uint16_t> ranks_;  // (grid points, most_queries_, k_): read and written a grid point at a time
    std::vector<uint16_t> point_;  // (queries, grid points): the grid point that stands for each; empty: itself
    std::vector<double> mean_lists_;
    std::vector<EffortFeatures> features_;
    size_t done_ = 0;
    double lists_scanned_ = 0, entries_scanned_ = 0;
    // — of the present query —
    bool open_ = false;
    uint64_t own_ = 0;
    std::vector<uint64_t> wanted_;  // rows, in order of number
    std::vector<uint32_t> number_;  // of each
    // Neighbours [begin, end) that are as near as each other.
    std::vector<std::pair<uint32_t, uint32_t>> ties_;
    std::vector<uint64_t> filter_;  // a bit for each hash of a wanted row
    std::vector<float> distances_;  // of all entries
    std::vector<size_t> list_end_;  // in distances_
    std::vector<Sighting> sightings_;
    std::vector<uint8_t> seen_;
    size_t found_ = 0;
};

}  // namespace vectorq
