// See ladder.h.
//
// Recall at a setting is the mean over a few hundred queries, so the settings are chosen for a little more than the
// target (Margin). Rungs never fall from one target to the next, nor from one k to the next.
#include "core/calibrate/ladder.h"

#include <algorithm>
#include <cmath>

namespace vectorq {

// recall@1 is read off the first four neighbours: four times the data, and the others are found a little less often
// than the first.
static constexpr size_t kDepthOfFirst = 4;
// Standard errors of the measured recall that are added to a target.
static constexpr double kMargin = 0.5;
// Correlation between the neighbours of one query: they are found or missed together. 0.3 to 0.4 was seen on SIFT rows.
static constexpr double kQueryCorrelation = 0.35;
// Ladders are compared at targets that are asked for.
static constexpr float kLeastCompared = 0.8f;
// Without a rung that reaches the target: as near to the best recall as this.
static constexpr double kNearBest = 0.001;

// Which of a query's sampled neighbours stand for recall@k: [begin, end) by steps.
namespace {
struct Samples {
    size_t begin, end, step;
    bool deep;  // only queries whose neighbours were sampled that far count
};
}  // namespace

static Samples SamplesOf(size_t k, ScanOrder order) noexcept {
    if (k == 1 && order != ScanOrder::kCodes) return {0, kDepthOfFirst, 1, false};
    if (k <= kAllNeighbours) return {0, k, 1, false};
    return {kDeepStep / 2, kSampledNeighbours, kDeepStep, true};
}

// Calls visit(q, i) for each of the neighbours that exist.
template <class Visit>
static void ForEachSample(const RankTable& ranks, const Samples& samples, const Visit& visit) {
    for (size_t q = 0; q < ranks.queries(); q++) {
        if (samples.deep && ranks.neighbours(q) <= kAllNeighbours) continue;
        const size_t end = std::min(samples.end, ranks.neighbours(q));
        // Beyond kAllNeighbours a step is in the sampling already.
        for (size_t i = samples.begin; i < end;
             i = i < kAllNeighbours ? std::min(i + samples.step, kAllNeighbours) : i + 1)
            visit(q, i);
    }
}

static double Margin(double target, size_t neighbours, size_t queries) noexcept {
    const double variance = target * (1 - target) * ((1 - kQueryCorrelation) / double(neighbours) + kQueryCorrelation);
    return kMargin * std::sqrt(variance / double(std::max<size_t>(queries, 1)));
}

static size_t Wanted(const RankTable& ranks, const Samples& samples) {
    size_t wanted = 0;
    ForEachSample(ranks, samples, [&](size_t, size_t) { wanted++; });
    return wanted;
}

// Ranks of the neighbours found at a grid point, in order.
static void RanksAt(const RankTable& ranks, const Samples& samples, size_t g, std::vector<uint16_t>* out) {
    std::vector<uint32_t> count(RankTable::kMostRank, 0);
    ForEachSample(ranks, samples, [&](size_t q, size_t i) {
        if (ranks.Rank(q, i, g) != RankTable::kNotFound) count[ranks.Rank(q, i, g)]++;
    });
    out->clear();
    for (size_t rank = 0; rank < count.size(); rank++) out->insert(out->end(), count[rank], uint16_t(rank));
}

double RecallAt(const RankTable& ranks, ScanOrder order, size_t k, size_t g, size_t rows) {
    const Samples samples = SamplesOf(k, order);
    std::vector<uint16_t> found;
    RanksAt(ranks, samples, g, &found);
    const size_t limit = order == ScanOrder::kExactCodes ? RankTable::kNotFound : order == ScanOrder::kCodes ? k : rows;
    const size_t hits = size_t(std::count_if(found.begin(), found.end(), [&](uint16_t rank) { return rank < limit; }));
    const size_t wanted = Wanted(ranks, samples);
    return wanted == 0 ? 0 : double(hits) / double(wanted);
}

namespace {
struct Choice {
    size_t grid_point = 0;
    uint32_t rows = 0;
    double recall = -1, cost = 0;
};

// What all rungs of one k need: at each grid point, the sorted ranks.
struct Column {
    size_t k, wanted, queries, neighbours;  // neighbours: of each query
    uint32_t limit;                         // kCodes: entries that count
    std::vector<std::vector<uint16_t>> found;
};
}  // namespace

static Column MakeColumn(const RankTable& ranks, ScanOrder order, size_t k, uint32_t entries_of_row) {
    Column column;
    column.k = k;
    const Samples samples = SamplesOf(k, order);
    column.wanted = Wanted(ranks, samples);
    column.neighbours = samples.deep ? kDeepNeighbours / kDeepStep : samples.end;
    column.queries = column.wanted / column.neighbours;
    column.limit = uint32_t(k) * entries_of_row;
    column.found.resize(ranks.grid_points());
    for (size_t g = 0; g < ranks.grid_points(); g++) {
        std::vector<uint16_t>& found = column.found[g];
        RanksAt(ranks, samples, g, &found);
        if (order == ScanOrder::kCodes)
            found.resize(size_t(std::lower_bound(found.begin(), found.end(), column.limit) - found.begin()));
    }
    return column;
}

// The setting at one grid point that has recall `target` at least, with at least so many rows; recall < 0 if none has.
static Choice ChooseAt(const Column& column, ScanOrder order, size_t g, double target, uint32_t least_rows) {
    Choice choice;
    choice.grid_point = g;
    const std::vector<uint16_t>& found = column.found[g];
    const size_t needed = std::max<size_t>(1, size_t(std::ceil(target * double(column.wanted))));
    if (found.size() < needed) return choice;
    choice.recall = double(found.size()) / double(column.wanted);
    if (order != ScanOrder::kReordered) return choice;
    choice.rows = std::max(least_rows, uint32_t(found[needed - 1]) + 1);
    const size_t hits = size_t(std::upper_bound(found.begin(), found.end(), choice.rows - 1) - found.begin());
    choice.recall = double(hits) / double(column.wanted);
    return choice;
}

static double CostOf(const RankTable& ranks, const ScanCosts& costs, size_t g, uint32_t rows) noexcept {
    return ranks.MeanLists(g) * (costs.list + costs.entry * ranks.EntriesPerList()) + rows * costs.row;
}

// The cheapest of all grid points from `first` on.
static Choice ChooseCheapest(const RankTable& ranks, const Column& column, ScanOrder order, const ScanCosts& costs,
                             size_t first, double target, uint32_t least_rows) {
    Choice best;
    for (size_t g = first; g < ranks.grid_points(); g++) {
        Choice choice = ChooseAt(column, order, g, target, least_rows);
        if (choice.recall < 0) continue;
        choice.cost = CostOf(ranks, costs, g, choice.rows);
        if (best.recall < 0 || choice.cost < best.cost) best = choice;
    }
    return best;
}

// The most that any setting finds, less a little.
static double BestRecall(const Column& column) {
    size_t most = 0;
    for (const std::vector<uint16_t>& found : column.found) most = std::max(most, found.size());
    return std::max(0.0, double(most) / double(std::max<size_t>(column.wanted, 1)) - kNearBest);
}

// Returns the sum of the logarithms of what the rungs from kLeastCompared on cost.
static double FillColumn(const RankTable& ranks, const Column& column, ScanOrder order, const ScanCosts& costs,
                         uint32_t entries_of_row, CalibrationRung* rungs) {
    const double most = BestRecall(column);
    double cost = 0;
    size_t grid_point = 0;
    uint32_t rows = order == ScanOrder::kReordered ? uint32_t(column.k) * entries_of_row + 2 : 0;
    for (int i = 0; i < kNumTargets; i++) {
        const double target = kRungTargets[i];
        const double wanted = std::min(target + Margin(target, column.neighbours, column.queries), most);
        const Choice choice = ChooseCheapest(ranks, column, order, costs, grid_point, wanted, rows);
        if (choice.recall >= 0) {
            grid_point = choice.grid_point;
            rows = std::max(rows, choice.rows);
        } else {
            grid_point = ranks.grid_points() - 1;
        }
        rungs[i] = {float(std::max(choice.recall, 0.0)), ranks.Grid(grid_point), rows};
        if (target >= kLeastCompared) cost += std::log(CostOf(ranks, costs, grid_point, rows));
    }
    return cost;
}

double BuildLadder(const RankTable& ranks, ScanOrder order, const ScanCosts& costs, uint32_t entries_of_row,
                   Calibration* calibration) {
    double cost = 0;
    for (int c = 0; c < kNumCalibratedK; c++) {
        CalibrationRung* rungs = calibration->rungs[c];
        cost += FillColumn(ranks, MakeColumn(ranks, order, kCalibratedK[c], entries_of_row), order, costs,
                           entries_of_row, rungs);
        for (int i = 0; i < kNumTargets && c > 0; i++) {
            rungs[i].nprobe = std::max(rungs[i].nprobe, calibration->rungs[c - 1][i].nprobe);
            rungs[i].rows = std::max(rungs[i].rows, calibration->rungs[c - 1][i].rows);
        }
    }
    return cost;
}

// ---- effort

// A query needs so many lists as find this share of its first neighbours, ten and a hundred of them.
static constexpr double kNeededShare = 0.9;
// Rungs must be cheaper by so much in the mean; the fiftieth centroid says nothing where there are few.
static constexpr double kWorthwhile = 0.02;
static constexpr uint32_t kFewestLists = 2 * kEffortRank;

static EffortRule FitOn(const std::vector<EffortSample>& samples, size_t first, size_t step) {
    std::vector<EffortSample> some;
    for (size_t q = first; q < samples.size(); q += step) some.push_back(samples[q]);
    return FitEffort(some);
}

void BuildLadderWithEffort(RankTable* ranks, ScanOrder order, const ScanCosts& costs, uint32_t entries_of_row,
                           Calibration* calibration) {
    ranks->SetEfforts({});
    calibration->effort = {};
    const double plain_cost = BuildLadder(*ranks, order, costs, entries_of_row, calibration);
    if (ranks->Grid(ranks->grid_points() - 1) < kFewestLists) return;
    std::vector<EffortSample> samples(ranks->queries());
    for (size_t q = 0; q < samples.size(); q++)
        samples[q] = {ranks->features(q), std::sqrt(double(ranks->Grid(ranks->PointOfShare(q, 10, kNeededShare))) *
                                                    ranks->Grid(ranks->PointOfShare(q, 100, kNeededShare)))};
    // Each half by the rule of the other, so that the rungs do not promise what only these queries keep.
    const EffortRule halves[2] = {FitOn(samples, 1, 2), FitOn(samples, 0, 2)};
    std::vector<double> efforts(samples.size());
    for (size_t q = 0; q < samples.size(); q++) efforts[q] = EffortOf(halves[q % 2], samples[q].features);
    ranks->SetEfforts(efforts);
    Calibration with = *calibration;
    const double cost = BuildLadder(*ranks, order, costs, entries_of_row, &with);
    const auto compared =
        std::count_if(kRungTargets, kRungTargets + kNumTargets, [](float t) { return t >= kLeastCompared; });
    if (cost > plain_cost - kWorthwhile * double(compared) * kNumCalibratedK) return;
    *calibration = with;
    calibration->effort = FitOn(samples, 0, 1);
}

// ---- between the rungs: the logarithms of lists and rows are linear in the logarithms of the missed share and of k

namespace {
struct Point {
    double nprobe, rows;  // logarithms
};
}  // namespace

static double Missed(double target) noexcept { return -std::log(std::max(1 - target, 1e-9)); }

static double Between(double a, double b, double part) noexcept { return a + (b - a) * part; }

static Point AtTarget(const CalibrationRung* rungs, double target) noexcept {
    int i = 0;
    while (i < kNumTargets - 2 && target > kRungTargets[i + 1]) i++;
    const double low = Missed(kRungTargets[i]), high = Missed(kRungTargets[i + 1]);
    // Beyond the last rung the line goes on.
    const double part = std::max(0.0, (Missed(target) - low) / (high - low));
    return {Between(std::log(double(rungs[i].nprobe)), std::log(double(rungs[i + 1].nprobe)), part),
            Between(std::log(double(std::max(rungs[i].rows, 1u))), std::log(double(std::max(rungs[i + 1].rows, 1u))),
                    part)};
}

// How fast lists grow with the rows asked for, beyond the last k: as the steepest of the better rungs below it, so that
// it is the same for all targets. Measured: three times the lists for ten times the rows where the codes are good.
static double GrowthBeyond(const Calibration& calibration) noexcept {
    double steepest = 0.15;
    for (int i = 2; i < kNumTargets - 2; i++)
        steepest = std::max(
            steepest, std::log(double(calibration.rungs[kNumCalibratedK - 1][i].nprobe) /
                               calibration.rungs[kNumCalibratedK - 2][i].nprobe) /
                          std::log(double(kCalibratedK[kNumCalibratedK - 1]) / kCalibratedK[kNumCalibratedK - 2]));
    return std::min(steepest, 1.0);
}

ScanSettings SettingsFor(const Calibration& calibration, double target, double k, uint32_t lists) noexcept {
    const bool reordered = calibration.rungs[0][0].rows > 0;
    k = std::max(k, 1.0);
    int c = 0;
    while (c < kNumCalibratedK - 2 && k > kCalibratedK[c + 1]) c++;
    const double low = kCalibratedK[c], high = kCalibratedK[c + 1];
    const double part = std::min(1.0, std::log(k / low) / std::log(high / low)), beyond = std::max(1.0, k / high);
    const Point a = AtTarget(calibration.rungs[c], target), b = AtTarget(calibration.rungs[c + 1], target);
    double nprobe = std::exp(Between(a.nprobe, b.nprobe, part));
    double rows = std::exp(Between(a.rows, b.rows, part)) * beyond;
    if (beyond > 1) nprobe *= std::pow(beyond, GrowthBeyond(calibration));
    if (!(nprobe < lists) || target >= 1) nprobe = lists;
    if (!(rows < 1e6)) rows = 1e6;
    return {std::max<uint32_t>(1, uint32_t(std::lround(nprobe))),
            reordered ? uint32_t(std::lround(std::max(rows, std::min(k, 1e6)))) : 0};
}

const char* CalibrationProblem(const Calibration& calibration, uint32_t lists) noexcept {
    if (calibration.version != kCalibrationVersion) return "calibration of another version of vectorq";
    if (calibration.source > kCalibratedByQueries) return "calibration from an unknown source";
    const EffortRule& effort = calibration.effort;
    if (!std::isfinite(effort.constant) || !std::isfinite(effort.nearest) || !std::isfinite(effort.farther))
        return "calibration has impossible values";
    if (calibration.source == kNotCalibrated) return nullptr;
    for (const auto& rungs : calibration.rungs)
        for (const CalibrationRung& rung : rungs)
            if (rung.nprobe < 1 || rung.nprobe > lists || rung.rows > 10 * RankTable::kMostRank ||
                !(rung.recall >= 0 && rung.recall <= 1))
                return "calibration has impossible values";
    return nullptr;
}

}  // namespace vectorq
