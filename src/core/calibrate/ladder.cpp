// See ladder.h.
//
// Recall at a setting is the mean over a few hundred queries, so the settings are chosen for a little more than the target
// (Margin). Rungs never fall from one target to the next, nor from one k to the next.
#include "core/calibrate/ladder.h"

#include <algorithm>
#include <cmath>

namespace vectorq {

// recall@1 is read off the first three neighbours: three times the data, and the second and third are found a little less
// often than the first.
static constexpr size_t kDepthOfFirst = 3;
// Standard errors of the measured recall that are added to a target.
static constexpr double kMargin = 0.5;
// Correlation between the neighbours of one query: they are found or missed together. 0.3 to 0.4 was seen on SIFT rows.
static constexpr double kQueryCorrelation = 0.35;
// Without a rung that reaches the target: as near to the best recall as this.
static constexpr double kNearBest = 0.001;

static size_t DepthOf(size_t k, ScanOrder order) noexcept { return k == 1 && order != ScanOrder::kCodes ? kDepthOfFirst : k; }

static double Margin(double target, size_t neighbours, size_t queries) noexcept {
    const double depth = double(neighbours);
    const double variance = target * (1 - target) * ((1 - kQueryCorrelation) / depth + kQueryCorrelation);
    return kMargin * std::sqrt(variance / double(std::max<size_t>(queries, 1)));
}

static size_t Wanted(const RankTable& ranks, size_t depth) noexcept {
    size_t wanted = 0;
    for (size_t q = 0; q < ranks.queries(); q++) wanted += std::min(depth, ranks.neighbours(q));
    return wanted;
}

// Ranks of the neighbours found at a grid point, in no order.
static void RanksAt(const RankTable& ranks, size_t depth, size_t g, std::vector<uint16_t>* out) {
    out->clear();
    for (size_t q = 0; q < ranks.queries(); q++)
        for (size_t j = 0; j < std::min(depth, ranks.neighbours(q)); j++)
            if (ranks.Rank(q, j, g) != RankTable::kNotFound) out->push_back(ranks.Rank(q, j, g));
}

double RecallAt(const RankTable& ranks, ScanOrder order, size_t k, size_t g, size_t rows) {
    std::vector<uint16_t> found;
    RanksAt(ranks, k, g, &found);
    const size_t limit = order == ScanOrder::kExactCodes ? RankTable::kNotFound : order == ScanOrder::kCodes ? k : rows;
    const size_t hits = size_t(std::count_if(found.begin(), found.end(), [&](uint16_t rank) { return rank < limit; }));
    const size_t wanted = Wanted(ranks, k);
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
    size_t k, depth, wanted;
    uint32_t limit;  // kCodes: entries that count
    std::vector<std::vector<uint16_t>> found;
};
}  // namespace

static Column MakeColumn(const RankTable& ranks, ScanOrder order, size_t k, uint32_t copies) {
    Column column;
    column.k = k;
    column.depth = DepthOf(k, order);
    column.wanted = Wanted(ranks, column.depth);
    column.limit = uint32_t(k) * copies;
    column.found.resize(ranks.grid_points());
    for (size_t g = 0; g < ranks.grid_points(); g++) {
        std::vector<uint16_t>& found = column.found[g];
        RanksAt(ranks, column.depth, g, &found);
        std::sort(found.begin(), found.end());
        if (order == ScanOrder::kCodes) found.resize(size_t(std::lower_bound(found.begin(), found.end(), column.limit) - found.begin()));
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

// The cheapest of all grid points from `first` on.
static Choice ChooseCheapest(const RankTable& ranks, const Column& column, ScanOrder order, const ScanCosts& costs, size_t first,
                             double target, uint32_t least_rows) {
    Choice best;
    for (size_t g = first; g < ranks.grid_points(); g++) {
        Choice choice = ChooseAt(column, order, g, target, least_rows);
        if (choice.recall < 0) continue;
        choice.cost = ranks.Grid(g) * (costs.list + costs.entry * ranks.EntriesPerList()) + choice.rows * costs.row;
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

static void FillColumn(const RankTable& ranks, const Column& column, ScanOrder order, const ScanCosts& costs, uint32_t copies,
                       CalibrationRung* rungs) {
    const double most = BestRecall(column);
    size_t grid_point = 0;
    uint32_t rows = order == ScanOrder::kReordered ? uint32_t(column.k) * copies + 2 : 0;
    for (int i = 0; i < kNumTargets; i++) {
        const double target = kRungTargets[i];
        const double wanted = std::min(target + Margin(target, column.depth, ranks.queries()), most);
        const Choice choice = ChooseCheapest(ranks, column, order, costs, grid_point, wanted, rows);
        if (choice.recall >= 0) {
            grid_point = choice.grid_point;
            rows = std::max(rows, choice.rows);
        } else {
            grid_point = ranks.grid_points() - 1;
        }
        rungs[i] = {float(std::max(choice.recall, 0.0)), ranks.Grid(grid_point), rows};
    }
}

void BuildLadder(const RankTable& ranks, ScanOrder order, const ScanCosts& costs, uint32_t copies, Calibration* calibration) {
    for (int c = 0; c < kNumCalibratedK; c++) {
        CalibrationRung* rungs = calibration->rungs[c];
        FillColumn(ranks, MakeColumn(ranks, order, kCalibratedK[c], copies), order, costs, copies, rungs);
        for (int i = 0; i < kNumTargets && c > 0; i++) {
            rungs[i].nprobe = std::max(rungs[i].nprobe, calibration->rungs[c - 1][i].nprobe);
            rungs[i].rows = std::max(rungs[i].rows, calibration->rungs[c - 1][i].rows);
        }
    }
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
            Between(std::log(double(std::max(rungs[i].rows, 1u))), std::log(double(std::max(rungs[i + 1].rows, 1u))), part)};
}

ScanSettings SettingsFor(const Calibration& calibration, double target, double k, uint32_t lists) noexcept {
    const bool reordered = calibration.rungs[0][0].rows > 0;
    k = std::max(k, 1.0);
    int c = 0;
    while (c < kNumCalibratedK - 2 && k > kCalibratedK[c + 1]) c++;
    const double low = kCalibratedK[c], high = kCalibratedK[c + 1];
    const double part = std::log(k / low) / std::log(high / low);
    const Point a = AtTarget(calibration.rungs[c], target), b = AtTarget(calibration.rungs[c + 1], target);
    double nprobe = std::exp(Between(a.nprobe, b.nprobe, part));
    // Beyond the last k as many rows for each row asked for.
    double rows = part <= 1 ? std::exp(Between(a.rows, b.rows, part)) : std::exp(b.rows) * k / high;
    if (!(nprobe < lists) || target >= 1) nprobe = lists;
    if (!(rows < 1e6)) rows = 1e6;
    // A fifth of a list is not rounded up to a whole one.
    return {std::max<uint32_t>(1, uint32_t(std::lround(nprobe))), reordered ? uint32_t(std::lround(std::max(rows, k))) : 0};
}

const char* CalibrationProblem(const Calibration& calibration, uint32_t lists) noexcept {
    if (calibration.version != kCalibrationVersion) return "calibration of another version of vectorq";
    if (calibration.source > kCalibratedByQueries) return "calibration from an unknown source";
    if (calibration.source == kNotCalibrated) return nullptr;
    for (const auto& rungs : calibration.rungs)
        for (const CalibrationRung& rung : rungs)
            if (rung.nprobe < 1 || rung.nprobe > lists || rung.rows > 10 * RankTable::kMostRank || !(rung.recall >= 0 && rung.recall <= 1))
                return "calibration has impossible values";
    return nullptr;
}

}  // namespace vectorq
