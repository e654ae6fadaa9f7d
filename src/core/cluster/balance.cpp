// Balance of k-means: lists far above the mean are split, at the cost of the smallest (README.md).
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/base/group_sort.h"
#include "core/cluster/trainer.h"

namespace vectorq {

// Only lists of at most this part of the mean are given up for the pieces of large ones.
static constexpr double kGivenUpShare = 0.8;
// The limit is never below the mean and so many standard deviations of chance. docs/measurements/balance.md has the
// figures.
static constexpr double kChance = 1.7;

// Largest first.
std::vector<uint32_t> Trainer::ListsAbove(double limit) const {
    std::vector<uint32_t> large;
    for (size_t list = 0; list + 1 < start_.size(); list++) {
        if (double(ListRows(list)) > limit) large.push_back(uint32_t(list));
    }
    std::stable_sort(large.begin(), large.end(), [&](uint32_t a, uint32_t b) { return ListRows(a) > ListRows(b); });
    return large;
}

// Those that may be given up, smallest first.
std::vector<uint32_t> Trainer::SmallLists() const {
    const double mean = double(n_) / double(start_.size() - 1);
    std::vector<uint32_t> small;
    for (size_t list = 0; list + 1 < start_.size(); list++) {
        if (double(ListRows(list)) <= kGivenUpShare * mean) small.push_back(uint32_t(list));
    }
    std::stable_sort(small.begin(), small.end(), [&](uint32_t a, uint32_t b) { return ListRows(a) < ListRows(b); });
    return small;
}

// Centroids of up to `pieces` pieces of a list; fewer if it has fewer distinct rows.
Matrix Trainer::Split(uint32_t list, size_t pieces, uint64_t seed) const {
    const size_t rows = ListRows(list), taken = std::min(rows, std::max(n_ / kSplitShare, pieces));
    Matrix part(taken, dims_);
    for (size_t j = 0; j < taken; j++) {
        std::memcpy(part.row(j), rows_.row(order_[start_[list] + j * rows / taken]), dims_ * sizeof(float));
    }
    KMeansOptions options = options_;
    options.lists = pieces;
    options.balance = 0;
    options.seed = seed + list;
    return TrainKMeans(part, options, stop_);
}

// Gives each of the large lists as many centroids as it has means of rows, and takes them from the
// smallest lists, whose rows fall to their neighbours. False if no list could be split.
bool Trainer::SplitLists(const std::vector<uint32_t>& large, uint64_t seed, Matrix& centroids) {
    const double mean = double(n_) / double(centroids.rows());
    const std::vector<uint32_t> small = SmallLists();
    size_t given_up = 0;
    for (const uint32_t list : large) {
        const size_t share = std::max<size_t>(2, size_t(std::lround(double(ListRows(list)) / mean)));
        const size_t pieces = std::min(share, small.size() - given_up + 1);
        if (pieces < 2) break;
        const Matrix found = Split(list, pieces, seed);
        if (found.rows() < 2) continue;  // equal rows
        std::memcpy(centroids.row(list), found.row(0), dims_ * sizeof(float));
        for (size_t i = 1; i < found.rows(); i++) {
            std::memcpy(centroids.row(small[given_up++]), found.row(i), dims_ * sizeof(float));
        }
    }
    return given_up > 0;
}

// Rounds of a Lloyd step and splits, until no list is above the limit. If one stays above, the
// centroids of the round with the least work for a query (sum of squared sizes) win.
void Trainer::Balance(Matrix& centroids, int rounds, const Progress& progress) {
    const size_t lists = centroids.rows();
    if (!(options_.balance > 0) || lists < 2) return;
    const double mean = double(n_) / double(lists);
    const double limit = std::max(options_.balance * mean, mean + kChance * std::sqrt(mean));
    list_.Resize(n_);
    order_.Resize(n_);
    AlignedArray<float> error(n_);
    Matrix best(lists, dims_);
    double least = std::numeric_limits<double>::infinity();
    for (int round = 0;; round++) {
        progress.Report(double(round) / (rounds + 1));
        Assign(centroids, error);
        SortByGroup(list_.data(), n_, lists, start_, order_.data());
        const std::vector<uint32_t> large = ListsAbove(limit);
        if (large.empty()) return;
        double squares = 0;
        for (size_t list = 0; list < lists; list++) squares += double(ListRows(list)) * double(ListRows(list));
        if (squares < least) {
            least = squares;
            std::memcpy(best.data(), centroids.data(), lists * dims_ * sizeof(float));
        }
        if (round == rounds) break;
        Update(centroids);
        if (!SplitLists(large, options_.seed + lists * size_t(round + 1), centroids)) break;
    }
    centroids = std::move(best);
}

}  // namespace vectorq
