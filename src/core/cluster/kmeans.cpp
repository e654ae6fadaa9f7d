// Lloyd's k-means (see kmeans.h): seeding, iterations, repair, the two-level form, and balance.
//
// Determinism: assignment is per row; sums run over the rows of a list in row order
// (counting sort), one list per thread; everything random is drawn by the calling thread.
#include "core/cluster/kmeans.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

#include "core/cluster/assign.h"
#include "core/cluster/panel_assign.h"
#include "core/simd/distance.h"

namespace vectorq {
namespace {

// Seeding draws the centroids in so many rounds, each by squared distance to the ones of the
// rounds before: k-means|| (Bahmani et al. 2012) with exactly lists / rounds draws a round
// and no reclustering. All rounds together cost one Lloyd iteration.
constexpr int kSeedRounds = 8;
// Iterations end when the sum of squared errors falls by less than this fraction.
constexpr double kMinImprovement = 1e-3;
// Of the two-level form. Two, so that lists which the first one leaves empty are reused.
constexpr int kRefinementPasses = 2;
// Balance: rounds of splitting at most, each an iteration of Lloyd's; the first four do most.
constexpr int kBalanceRounds = 8;
// Only lists of at most this part of the mean are given up for the pieces of large ones.
constexpr double kGivenUpShare = 0.8;
// A list is split by at most 1/kPartShare of the sample's rows: bounds the memory of the copy.
constexpr size_t kPartShare = 8;

using Progress = void (*)(int);

class Trainer {
public:
    Trainer(const Matrix& rows, const KMeansOptions& options, StopToken& stop)
        : rows_(rows), options_(options), stop_(stop), random_(options.seed), n_(rows.rows()), dims_(rows.cols()) {}

    Matrix Flat(size_t lists, int iterations, Progress progress);
    Matrix TwoLevel(Progress progress);
    void Balance(Matrix& centroids);

private:
    float Scale(size_t i) const { return options_.spherical ? inverse_norm_[i] : 1.0f; }
    AssignMetric Metric() const { return options_.spherical ? AssignMetric::kDot : AssignMetric::kL2; }
    void ComputeInverseNorms();
    void CopyScaled(size_t i, float* to) const;
    std::vector<uint32_t> DistinctRows() const;
    void ToError(float* distance);
    Matrix Seed(size_t lists, const std::vector<uint32_t>& distinct);
    std::vector<uint32_t> DrawByError(const AlignedArray<float>& error, size_t count);
    void SortByList(size_t lists);
    void Update(Matrix& centroids);
    void Repair(Matrix& centroids, const AlignedArray<float>& error);
    double SumErrors(const AlignedArray<float>& error) const;
    void Assign(const Matrix& centroids, AlignedArray<float>& error);
    size_t ListRows(size_t list) const { return start_[list + 1] - start_[list]; }
    std::vector<uint32_t> ListsAbove(double limit) const;
    std::vector<uint32_t> SmallLists() const;
    Matrix Split(uint32_t list, size_t pieces, uint64_t seed) const;
    bool SplitLists(const std::vector<uint32_t>& large, uint64_t seed, Matrix& centroids);

    const Matrix& rows_;
    const KMeansOptions& options_;
    StopToken& stop_;
    std::mt19937_64 random_;
    size_t n_, dims_;
    Matrix panel_centers_;                        // of PanelAssigner, from the first assignment on
    AlignedArray<float> inverse_norm_;            // spherical: 1/|x|, 0 for x = 0
    AlignedArray<uint32_t> list_;                 // of each row
    AlignedArray<uint32_t> order_;                // rows, sorted by list
    std::vector<size_t> start_;                   // lists + 1: ranges of order_
};

uint64_t HashRow(const float* row, size_t dims, float scale) noexcept {
    uint64_t h = 0x9E3779B97F4A7C15ull;
    for (size_t d = 0; d < dims; d++) {
        const float x = row[d] * scale + 0.0f;  // -0 becomes 0
        h = (h ^ std::bit_cast<uint32_t>(x)) * 0xD6E8FEB86659FD93ull;
        h ^= h >> 32;
    }
    return h;
}

// One index of each distinct value (by a 64-bit hash; a collision merely loses a seed).
template <class HashOf>
std::vector<uint32_t> FirstOfEach(size_t count, const HashOf& hash_of) {
    std::vector<std::pair<uint64_t, uint32_t>> hashes(count);
    for (size_t i = 0; i < count; i++) hashes[i] = {hash_of(i), uint32_t(i)};
    std::sort(hashes.begin(), hashes.end());
    std::vector<uint32_t> first;
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || hashes[i].first != hashes[i - 1].first) first.push_back(hashes[i].second);
    }
    std::sort(first.begin(), first.end());
    return first;
}

void Normalize(float* row, size_t dims) noexcept {
    const double norm = std::sqrt(double(DotF32(row, row, dims)));
    if (!(norm > 0)) return;
    for (size_t d = 0; d < dims; d++) row[d] = float(row[d] / norm);
}

// Keeps the first of equal centroids.
void DropDuplicates(Matrix& centroids) {
    const size_t dims = centroids.cols();
    const auto keep = FirstOfEach(centroids.rows(), [&](size_t i) { return HashRow(centroids.row(i), dims, 1.0f); });
    for (size_t i = 0; i < keep.size(); i++) {
        if (keep[i] != i) std::memcpy(centroids.row(i), centroids.row(keep[i]), dims * sizeof(float));
    }
    centroids.TruncateRows(keep.size());
}

void Trainer::ComputeInverseNorms() {
    if (!options_.spherical) return;
    inverse_norm_.Resize(n_);
    ParallelFor(n_, 4096, options_.threads, stop_, [&](size_t begin, size_t end, int) {
        for (size_t i = begin; i < end; i++) {
            const float sq_norm = DotF32(rows_.row(i), rows_.row(i), dims_);
            const float inverse = 1.0f / std::sqrt(sq_norm);
            inverse_norm_[i] = std::isfinite(inverse) ? inverse : 0.0f;
        }
    });
}

void Trainer::CopyScaled(size_t i, float* to) const {
    const float scale = Scale(i);
    for (size_t d = 0; d < dims_; d++) to[d] = rows_.row(i)[d] * scale;
    if (options_.spherical) Normalize(to, dims_);
}

std::vector<uint32_t> Trainer::DistinctRows() const {
    std::vector<uint32_t> distinct =
        FirstOfEach(n_, [&](size_t i) { return HashRow(rows_.row(i), dims_, Scale(i)); });
    if (options_.spherical) {
        // The zero vector has no direction; it is assigned somewhere, but seeds nothing.
        std::erase_if(distinct, [&](uint32_t i) { return inverse_norm_[i] == 0.0f; });
    }
    return distinct;
}

// Turns what Assigner returns into a squared error; spherical: 2 - 2 cos.
void Trainer::ToError(float* distance) {
    if (!options_.spherical) return;
    for (size_t i = 0; i < n_; i++) {
        const float error = inverse_norm_[i] == 0.0f ? 0.0f : 2.0f + 2.0f * distance[i] * inverse_norm_[i];
        distance[i] = error > 0 ? error : 0.0f;
    }
}

double Trainer::SumErrors(const AlignedArray<float>& error) const {
    double sum = 0;
    for (size_t i = 0; i < n_; i++) sum += error[i];
    return sum;
}

// Up to `count` different rows, drawn with probability proportional to their error.
std::vector<uint32_t> Trainer::DrawByError(const AlignedArray<float>& error, size_t count) {
    const double total = SumErrors(error);
    std::vector<uint32_t> drawn;
    if (!(total > 0) || !std::isfinite(total)) return drawn;
    std::vector<double> points(count);
    std::uniform_real_distribution<double> uniform(0, total);
    for (double& point : points) point = uniform(random_);
    std::sort(points.begin(), points.end());
    double sum = 0;
    size_t next = 0;
    for (size_t i = 0; i < n_ && next < count; i++) {
        sum += error[i];
        if (points[next] >= sum) continue;
        drawn.push_back(uint32_t(i));
        while (next < count && points[next] < sum) next++;
    }
    return drawn;
}

// `lists` seeds, all distinct; there are more distinct rows than lists.
// Sum of squared errors after training, see core/README.md: as good as k-means++ drawn one
// at a time, which would need lists sequential passes.
Matrix Trainer::Seed(size_t lists, const std::vector<uint32_t>& distinct) {
    Matrix seeds(lists, dims_);
    size_t have = 0;
    std::vector<uint32_t> batch;
    std::vector<char> used(n_, 0);
    AlignedArray<float> error(n_), distance(n_);
    AlignedArray<uint32_t> ignored(n_);
    error.Fill(std::numeric_limits<float>::max());
    const size_t per_round = (lists + kSeedRounds - 1) / kSeedRounds;
    std::sample(distinct.begin(), distinct.end(), std::back_inserter(batch), per_round, random_);
    while (true) {
        const size_t before = have;
        for (const uint32_t i : batch) {
            if (have == lists || used[i]) continue;
            used[i] = 1;
            CopyScaled(i, seeds.row(have++));
        }
        if (have == lists || have == before) break;
        Matrix latest(have - before, dims_);
        std::memcpy(latest.data(), seeds.row(before), (have - before) * dims_ * sizeof(float));
        Assigner(latest, Metric()).Nearest(rows_.data(), n_, ignored.data(), distance.data(), options_.threads, stop_);
        ToError(distance.data());
        for (size_t i = 0; i < n_; i++) error[i] = used[i] ? 0.0f : std::min(error[i], distance[i]);
        batch = DrawByError(error, std::min(per_round, lists - have));
    }
    // Rows that differ by rounding only have no error left: fill up with any distinct ones.
    for (size_t j = 0; j < distinct.size() && have < lists; j++) {
        if (!used[distinct[j]]) CopyScaled(distinct[j], seeds.row(have++));
    }
    seeds.TruncateRows(have);
    DropDuplicates(seeds);
    return seeds;
}

void Trainer::SortByList(size_t lists) {
    start_.assign(lists + 1, 0);
    for (size_t i = 0; i < n_; i++) start_[list_[i] + 1]++;
    std::partial_sum(start_.begin(), start_.end(), start_.begin());
    std::vector<size_t> next(start_.begin(), start_.end() - 1);
    for (size_t i = 0; i < n_; i++) order_[next[list_[i]]++] = uint32_t(i);
}

// Centroid = mean of its rows; that of an empty list stays.
void Trainer::Update(Matrix& centroids) {
    // About a millisecond a range; small trainings then start no region, whose barriers would
    // cost far more on a busy machine (7 s instead of 1 s for 32 groups of 3,000 rows).
    const size_t work_per_list = n_ / centroids.rows() * dims_ + dims_ + 1;
    const size_t grain = std::max<size_t>(1, 1000000 / work_per_list);
    ParallelFor(centroids.rows(), grain, options_.threads, stop_, [&](size_t begin, size_t end, int) {
        std::vector<double> sum(dims_);
        for (size_t list = begin; list < end; list++) {
            const size_t count = start_[list + 1] - start_[list];
            if (count == 0) continue;
            std::fill(sum.begin(), sum.end(), 0.0);
            for (size_t j = start_[list]; j < start_[list + 1]; j++) {
                const float* row = rows_.row(order_[j]);
                const double scale = Scale(order_[j]);
                for (size_t d = 0; d < dims_; d++) sum[d] += scale * row[d];
            }
            double sq_norm = 0;
            for (const double x : sum) sq_norm += x * x;
            if (options_.spherical && !(sq_norm > 1e-20)) continue;  // opposite rows: no direction
            const double factor = options_.spherical ? 1 / std::sqrt(sq_norm) : 1 / double(count);
            for (size_t d = 0; d < dims_; d++) centroids.row(list)[d] = float(sum[d] * factor);
        }
    });
}

// Gives each empty list a row of the list with the largest error left, drawn by error
// within it: splitting there gains most, and one outlier does not decide.
void Trainer::Repair(Matrix& centroids, const AlignedArray<float>& error) {
    const size_t lists = centroids.rows();
    std::vector<uint32_t> empty;
    std::vector<std::pair<double, uint32_t>> worst;  // a heap by error
    for (size_t list = 0; list < lists; list++) {
        double sum = 0;
        for (size_t j = start_[list]; j < start_[list + 1]; j++) sum += error[order_[j]];
        if (start_[list + 1] == start_[list]) empty.push_back(uint32_t(list));
        else if (sum > 0) worst.emplace_back(sum, uint32_t(list));
    }
    std::make_heap(worst.begin(), worst.end());
    for (const uint32_t target : empty) {
        if (worst.empty()) return;
        std::pop_heap(worst.begin(), worst.end());
        auto [sum, source] = worst.back();
        double left = std::uniform_real_distribution<double>(0, sum)(random_);
        const size_t first = start_[source], last = start_[source + 1];
        if (last - first < 2 || !std::isfinite(sum)) {
            worst.pop_back();
            continue;
        }
        size_t j = first;
        while (j + 1 < last && (left -= error[order_[j]]) > 0) j++;
        CopyScaled(order_[j], centroids.row(target));
        worst.back().first = sum / 2;  // about what a split leaves
        std::push_heap(worst.begin(), worst.end());
    }
}

Matrix Trainer::Flat(size_t lists, int iterations, Progress progress) {
    ComputeInverseNorms();
    const std::vector<uint32_t> distinct = DistinctRows();
    if (distinct.size() <= lists) {
        Matrix all(std::max<size_t>(distinct.size(), 1), dims_);
        std::memset(all.data(), 0, all.rows() * dims_ * sizeof(float));
        if (distinct.empty() && dims_ > 0) all.data()[0] = 1.0f;  // spherical, only zero rows
        for (size_t i = 0; i < distinct.size(); i++) CopyScaled(distinct[i], all.row(i));
        DropDuplicates(all);
        return all;
    }
    Matrix centroids = Seed(lists, distinct);
    list_.Resize(n_);
    order_.Resize(n_);
    AlignedArray<float> error(n_);
    double previous = std::numeric_limits<double>::infinity();
    for (int iteration = 0; iteration < iterations; iteration++) {
        if (progress != nullptr) progress(100 * iteration / iterations);
        Assign(centroids, error);
        SortByList(centroids.rows());
        Update(centroids);
        const double sum = SumErrors(error);
        const bool done = iteration + 1 == iterations || previous - sum <= kMinImprovement * previous;
        if (iteration + 1 < iterations) Repair(centroids, error);
        if (done && iteration > 0) break;
        previous = sum;
    }
    DropDuplicates(centroids);
    if (progress != nullptr) progress(100);
    return centroids;
}

// list_ and error of all rows.
void Trainer::Assign(const Matrix& centroids, AlignedArray<float>& error) {
    const PanelAssigner assigner(centroids, Metric(), options_.exact_up_to, kTrainingPanelGroups, options_.seed,
                                 options_.threads, stop_, &panel_centers_);
    assigner.Nearest(rows_.data(), n_, list_.data(), error.data(), options_.threads, stop_);
    ToError(error.data());
}

// Groups first, then each group on its own, then Lloyd steps over all rows, whose
// assignment looks at the nearest groups only.
Matrix Trainer::TwoLevel(Progress progress) {
    const size_t lists = options_.lists;
    const size_t groups = size_t(std::lround(std::sqrt(double(lists))));
    const Matrix coarse = Flat(groups, options_.iterations, nullptr);
    if (coarse.rows() < groups) return Flat(lists, options_.iterations, progress);
    list_.Resize(n_);
    order_.Resize(n_);
    Assigner(coarse, Metric()).Nearest(rows_.data(), n_, list_.data(), nullptr, options_.threads, stop_);
    SortByList(groups);
    Matrix centroids(lists, dims_);
    size_t have = 0;
    for (size_t g = 0; g < groups; g++) {
        const size_t first = start_[g], count = start_[g + 1] - first;
        // Shares by the running total, so that they add up to `lists` exactly.
        const size_t upto = size_t(double(lists) * double(first + count) / double(n_) + 0.5);
        if (count == 0 || upto <= have) continue;
        Matrix part(count, dims_);
        for (size_t j = 0; j < count; j++) std::memcpy(part.row(j), rows_.row(order_[first + j]), dims_ * sizeof(float));
        KMeansOptions options = options_;
        options.seed = options_.seed + 1 + g;
        const Matrix found = Trainer(part, options, stop_).Flat(upto - have, options_.iterations, nullptr);
        std::memcpy(centroids.row(have), found.data(), found.rows() * dims_ * sizeof(float));
        have += found.rows();
        if (progress != nullptr) progress(int(5 + 85 * (g + 1) / groups));
    }
    centroids.TruncateRows(have);
    DropDuplicates(centroids);
    panel_centers_ = Matrix();
    AlignedArray<float> error(n_);
    for (int pass = 0; pass < kRefinementPasses; pass++) {
        Assign(centroids, error);
        SortByList(centroids.rows());
        Update(centroids);
        if (pass + 1 < kRefinementPasses) Repair(centroids, error);
    }
    DropDuplicates(centroids);
    if (progress != nullptr) progress(100);
    return centroids;
}

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
    const size_t rows = ListRows(list), taken = std::min(rows, std::max(n_ / kPartShare, pieces));
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
void Trainer::Balance(Matrix& centroids) {
    const size_t lists = centroids.rows();
    if (!(options_.balance > 0) || lists < 2) return;
    const double mean = double(n_) / double(lists);
    const double limit = std::max(options_.balance * mean, mean + 3 * std::sqrt(mean));
    list_.Resize(n_);
    order_.Resize(n_);
    AlignedArray<float> error(n_);
    Matrix best(lists, dims_);
    double least = std::numeric_limits<double>::infinity();
    for (int round = 0;; round++) {
        Assign(centroids, error);
        SortByList(lists);
        const std::vector<uint32_t> large = ListsAbove(limit);
        if (large.empty()) return;
        double squares = 0;
        for (size_t list = 0; list < lists; list++) squares += double(ListRows(list)) * double(ListRows(list));
        if (squares < least) {
            least = squares;
            std::memcpy(best.data(), centroids.data(), lists * dims_ * sizeof(float));
        }
        if (round == kBalanceRounds) break;
        Update(centroids);
        if (!SplitLists(large, options_.seed + lists * size_t(round + 1), centroids)) break;
    }
    centroids = std::move(best);
}

}  // namespace

Matrix TrainKMeans(const Matrix& sample, const KMeansOptions& options, StopToken& stop, void (*progress)(int percent)) {
    if (options.lists == 0) throw Error(ErrorKind::kInvalidArgument, "number of lists must be positive");
    if (sample.rows() == 0) throw Error(ErrorKind::kInvalidArgument, "k-means needs at least one row");
    if (sample.rows() > std::numeric_limits<uint32_t>::max()) {
        throw Error(ErrorKind::kLimit, "too many rows to train on");
    }
    stop.ThrowIfStopped();
    Trainer trainer(sample, options, stop);
    const bool two_level = options.hierarchical_above != 0 && options.lists > options.hierarchical_above;
    Matrix centroids = two_level && sample.rows() > options.lists
                           ? trainer.TwoLevel(progress)
                           : trainer.Flat(options.lists, std::max(options.iterations, 1), progress);
    if (options.balance > 0) {
        trainer.Balance(centroids);
        DropDuplicates(centroids);
    }
    return centroids;
}

size_t KMeansBytes(size_t sample_rows, size_t dims, const KMeansOptions& options) noexcept {
    const size_t lists = std::min(options.lists, sample_rows) + 1;
    // Per row: list, order, inverse norm, error and two more of seeding (4 each), the use
    // mark, the hash pairs (16) and the distinct rows (4, doubling while they grow).
    const size_t per_row = 6 * 4 + 1 + 16 + 2 * 4;
    const size_t per_list = 3 * dims * sizeof(float) + 64;  // centroids, seeds and one copy
    const bool two_level = options.hierarchical_above != 0 && options.lists > options.hierarchical_above;
    size_t bytes = sample_rows * per_row + lists * per_list + 2 * Assigner::PackedBytes(lists, dims) + (size_t(1) << 20);
    // A group and its own training; one group may be all of the sample.
    if (two_level) bytes += sample_rows * (dims * sizeof(float) + per_row) + lists * 2 * dims * sizeof(float);
    // The best centroids so far, and the part of the sample that is split.
    if (options.balance > 0) {
        bytes += lists * dims * sizeof(float) + (sample_rows / kPartShare + lists) * (dims * sizeof(float) + per_row);
    }
    return bytes + size_t(std::max(options.threads, 1)) * dims * sizeof(double);
}

}  // namespace vectorq
