// Lloyd's k-means (see kmeans.h): seeding, iterations, repair, and the two-level form.
//
// Determinism: assignment is per row; sums run over the rows of a list in row order
// (counting sort), one list per thread; everything random is drawn by the calling thread.
#include "core/cluster/kmeans.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "core/base/group_sort.h"
#include "core/cluster/assign.h"
#include "core/cluster/panel_assign.h"
#include "core/cluster/projected.h"
#include "core/cluster/trainer.h"
#include "core/simd/distance.h"
#include "core/linear/leading_directions.h"

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
// A sample of more than twice kFirstRowsPerList is trained on by a part of it first, with
// fewer rounds of balance, because the sizes that a part tells are rough. All of it then takes one Lloyd step, or
// kWholePasses if it is four times the part or more (most of what the other rows can tell, at a fifth of the time of
// all iterations), and kWholeBalanceRounds. docs/measurements/balance.md has the figures.
constexpr int kPartBalanceRounds = 4, kWholePasses = 3, kWholeBalanceRounds = 2;
// In all dimensions, of centroids trained in some.
constexpr int kProjectedBalanceRounds = 3;
constexpr size_t kFewLists = 256;  // quick enough as they are
// The first level learns from at most so many rows a group: the groups only say which rows are trained together.
constexpr size_t kCoarseRowsPerGroup = 256;
// What is told of the progress: the first level of the two-level form and all of its groups, the first step of a
// training in two steps.
constexpr double kCoarseShare = 0.1, kGroupsShare = 0.85, kFirstShare = 0.6;

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

bool TrainsInParts(size_t rows, size_t lists) noexcept {
    return lists >= kFewLists && rows > 2 * kFirstRowsPerList * lists;
}

}  // namespace

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
    std::vector<uint32_t> distinct = FirstOfEach(n_, [&](size_t i) { return HashRow(rows_.row(i), dims_, Scale(i)); });
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
// Sum of squared errors after training: as good as k-means++ drawn one
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

Matrix Trainer::Flat(size_t lists, int iterations, const Progress& progress) {
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
        progress.Report(double(iteration) / iterations);
        Assign(centroids, error);
        SortByGroup(list_.data(), n_, centroids.rows(), start_, order_.data());
        Update(centroids);
        const double sum = SumErrors(error);
        const bool done = iteration + 1 == iterations || previous - sum <= kMinImprovement * previous;
        if (iteration + 1 < iterations) Repair(centroids, error);
        if (done && iteration > 0) break;
        previous = sum;
    }
    DropDuplicates(centroids);
    progress.Report(1);
    return centroids;
}

// list_ and error of all rows.
void Trainer::Assign(const Matrix& centroids, AlignedArray<float>& error) {
    const PanelAssigner assigner(centroids, Metric(), options_.exact_up_to, kTrainingPanelGroups, options_.seed,
                                 options_.threads, stop_, &panel_centers_);
    assigner.Nearest(rows_.data(), n_, list_.data(), error.data(), options_.threads, stop_);
    ToError(error.data());
}

// Centroids of the first level, from a part of the rows.
Matrix Trainer::Coarse(size_t groups, const Progress& progress) {
    const size_t taken = std::min(n_, groups * kCoarseRowsPerGroup);
    if (taken == n_) return Flat(groups, options_.iterations, progress);
    ComputeInverseNorms();
    const Matrix part = EvenRows(rows_, taken);
    return Trainer(part, options_, stop_).Flat(groups, options_.iterations, progress);
}

// Groups first, then each group on its own, then Lloyd steps over all rows, whose
// assignment looks at the nearest groups only.
Matrix Trainer::TwoLevel(const Progress& progress) {
    const size_t lists = options_.lists;
    const size_t groups = size_t(std::lround(std::sqrt(double(lists))));
    const Matrix coarse = Coarse(groups, progress.Part(0, kCoarseShare));
    if (coarse.rows() < groups) return Flat(lists, options_.iterations, progress.Part(kCoarseShare, 1));
    list_.Resize(n_);
    order_.Resize(n_);
    Assigner(coarse, Metric()).Nearest(rows_.data(), n_, list_.data(), nullptr, options_.threads, stop_);
    SortByGroup(list_.data(), n_, groups, start_, order_.data());
    Matrix centroids(lists, dims_);
    size_t have = 0;
    for (size_t g = 0; g < groups; g++) {
        const size_t first = start_[g], count = start_[g + 1] - first;
        // Shares by the running total, so that they add up to `lists` exactly.
        const size_t upto = size_t(double(lists) * double(first + count) / double(n_) + 0.5);
        if (count == 0 || upto <= have) continue;
        Matrix part(count, dims_);
        for (size_t j = 0; j < count; j++)
            std::memcpy(part.row(j), rows_.row(order_[first + j]), dims_ * sizeof(float));
        KMeansOptions options = options_;
        options.seed = options_.seed + 1 + g;
        const Matrix found = Trainer(part, options, stop_).Flat(upto - have, options_.iterations, {});
        std::memcpy(centroids.row(have), found.data(), found.rows() * dims_ * sizeof(float));
        have += found.rows();
        progress.Report(kCoarseShare + (kGroupsShare - kCoarseShare) * double(g + 1) / double(groups));
    }
    centroids.TruncateRows(have);
    DropDuplicates(centroids);
    panel_centers_ = Matrix();
    Refine(centroids, kRefinementPasses, progress.Part(kGroupsShare, 1));
    progress.Report(1);
    return centroids;
}

// Lloyd steps over all rows from centroids that are trained already.
void Trainer::Refine(Matrix& centroids, int passes, const Progress& progress) {
    if (inverse_norm_.size() == 0) ComputeInverseNorms();
    list_.Resize(n_);
    order_.Resize(n_);
    AlignedArray<float> error(n_);
    for (int pass = 0; pass < passes; pass++) {
        progress.Report(double(pass) / passes);
        Assign(centroids, error);
        SortByGroup(list_.data(), n_, centroids.rows(), start_, order_.data());
        Update(centroids);
        if (pass + 1 < passes) Repair(centroids, error);
    }
    DropDuplicates(centroids);
}

// Means of the rows by the lists that their projections belong to; no list is empty.
Matrix Trainer::MeansOf(const Matrix& projected, const Matrix& centers) {
    ComputeInverseNorms();
    list_.Resize(n_);
    order_.Resize(n_);
    PanelAssigner(centers, Metric(), options_.exact_up_to, kTrainingPanelGroups, options_.seed, options_.threads, stop_)
        .Nearest(projected.data(), n_, list_.data(), nullptr, options_.threads, stop_);
    SortByGroup(list_.data(), n_, centers.rows(), start_, order_.data());
    Matrix centroids(centers.rows(), dims_);
    std::memset(centroids.data(), 0, centers.rows() * dims_ * sizeof(float));
    Update(centroids);
    size_t have = 0;
    for (size_t list = 0; list < centers.rows(); list++) {
        if (ListRows(list) == 0) continue;
        std::memmove(centroids.row(have++), centroids.row(list), dims_ * sizeof(float));
    }
    centroids.TruncateRows(have);
    return centroids;
}

// The last steps of every training: Lloyd steps over all rows, and balance.
static Matrix Finish(Trainer& trainer, Matrix centroids, int passes, int balance_rounds, const Progress& progress) {
    // A round of balance takes about as long as a Lloyd step.
    const double refined = double(passes) / (passes + balance_rounds);
    if (passes > 0) trainer.Refine(centroids, passes, progress.Part(0, refined));
    trainer.Balance(centroids, balance_rounds, progress.Part(refined, 1));
    DropDuplicates(centroids);
    progress.Report(1);
    return centroids;
}

// Rows are trained on in the subspace that carries most of their variance, and the centroids refined in all dimensions.
static Matrix TrainProjected(const Matrix& sample, size_t dims, const KMeansOptions& options, StopToken& stop,
                             const Progress& progress) {
    Matrix projected = ProjectRows(sample, dims, options, stop);
    const Matrix centers = TrainKMeans(projected, options, stop, progress.Part(0, kFirstShare));
    Trainer trainer(sample, options, stop);
    Matrix centroids = trainer.MeansOf(projected, centers);
    projected = Matrix();
    return Finish(trainer, std::move(centroids), 1, kProjectedBalanceRounds, progress.Part(kFirstShare, 1));
}

// On all rows of the sample, in all dimensions.
static Matrix TrainAtOnce(const Matrix& sample, const KMeansOptions& options, int balance_rounds, StopToken& stop,
                          const Progress& progress) {
    Trainer trainer(sample, options, stop);
    const bool two_level = options.hierarchical_above != 0 && options.lists > options.hierarchical_above;
    const Progress first = progress.Part(0, kFirstShare);
    Matrix centroids = two_level && sample.rows() > options.lists
                           ? trainer.TwoLevel(first)
                           : trainer.Flat(options.lists, std::max(options.iterations, 1), first);
    return Finish(trainer, std::move(centroids), 0, balance_rounds, progress.Part(kFirstShare, 1));
}

static Matrix TrainPartFirst(const Matrix& sample, const KMeansOptions& options, StopToken& stop,
                             const Progress& progress) {
    const size_t part = kFirstRowsPerList * options.lists;
    // A sample is in the order of the table where it is most of it.
    Matrix centroids =
        TrainAtOnce(EvenRows(sample, part), options, kPartBalanceRounds, stop, progress.Part(0, kFirstShare));
    Trainer trainer(sample, options, stop);
    return Finish(trainer, std::move(centroids), sample.rows() >= 4 * part ? kWholePasses : 1, kWholeBalanceRounds,
                  progress.Part(kFirstShare, 1));
}

Matrix TrainKMeans(const Matrix& sample, const KMeansOptions& options, StopToken& stop, const Progress& progress) {
    if (options.lists == 0) throw Error(ErrorKind::kInvalidArgument, "number of lists must be positive");
    if (sample.rows() == 0) throw Error(ErrorKind::kInvalidArgument, "k-means needs at least one row");
    if (sample.rows() > std::numeric_limits<uint32_t>::max()) {
        throw Error(ErrorKind::kLimit, "too many rows to train on");
    }
    stop.ThrowIfStopped();
    const size_t projected = ProjectedDims(sample.rows(), sample.cols(), options);
    if (projected > 0) return TrainProjected(sample, projected, options, stop, progress);
    if (TrainsInParts(sample.rows(), options.lists)) return TrainPartFirst(sample, options, stop, progress);
    return TrainAtOnce(sample, options, kBalanceRounds, stop, progress);
}

size_t KMeansBytes(size_t sample_rows, size_t dims, const KMeansOptions& options) noexcept {
    const size_t lists = std::min(options.lists, sample_rows) + 1;
    // Per row: list, order, inverse norm, error and two more of seeding (4 each), the use
    // mark, the hash pairs (16) and the distinct rows (4, doubling while they grow).
    const size_t per_row = 6 * 4 + 1 + 16 + 2 * 4;
    const size_t per_list = 3 * dims * sizeof(float) + 64;  // centroids, seeds and one copy
    const bool two_level = options.hierarchical_above != 0 && options.lists > options.hierarchical_above;
    size_t bytes =
        sample_rows * per_row + lists * per_list + 2 * Assigner::PackedBytes(lists, dims) + (size_t(1) << 20);
    // A group and its own training; one group may be all of the sample.
    if (two_level) bytes += sample_rows * (dims * sizeof(float) + per_row) + lists * 2 * dims * sizeof(float);
    // The best centroids so far, and the part of the sample that is split.
    if (options.balance > 0) {
        bytes += lists * dims * sizeof(float) + (sample_rows / kSplitShare + lists) * (dims * sizeof(float) + per_row);
    }
    if (TrainsInParts(sample_rows, options.lists))
        bytes += kFirstRowsPerList * options.lists * (dims * sizeof(float) + per_row);
    bytes += size_t(std::max(options.threads, 1)) * dims * sizeof(double);
    const size_t projected = ProjectedDims(sample_rows, dims, options);
    if (projected == 0) return bytes;
    // Training in fewer dimensions comes before that in all.
    return std::max({bytes, sample_rows * projected * sizeof(float) + KMeansBytes(sample_rows, projected, options),
                     LeadingDirectionsBytes(sample_rows, dims, projected)});
}

}  // namespace vectorq
