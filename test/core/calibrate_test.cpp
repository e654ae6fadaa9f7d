// NeighbourFinder, RankTable, BuildLadder and SettingsFor against their definitions.
#include <algorithm>
#include <cmath>
#include <set>

#include "core/calibrate/ladder.h"
#include "core/calibrate/neighbours.h"
#include "core/calibrate/rank_table.h"
#include "core/simd/distance_reference.h"
#include "core/simd/metric_distance.h"
#include "test_support.h"

namespace vectorq::test {
namespace {

double Distance(Metric metric, const float* a, const float* b, size_t dims) {
    double sum = 0;
    for (size_t d = 0; d < dims; d++)
        sum += metric == Metric::kL2   ? (double(a[d]) - b[d]) * (double(a[d]) - b[d])
               : metric == Metric::kL1 ? std::abs(double(a[d]) - b[d])
                                       : -double(a[d]) * b[d];
    return sum;
}

TEST(NeighbourFinder, FindsTheNearestRowsWhateverTheBlocksAndThreads) {
    ForEachTarget([] {
        for (const Metric metric : {Metric::kL2, Metric::kInnerProduct, Metric::kL1}) {
            for (const size_t dims : {1, 7, 33, 128}) {
                const size_t rows = 501, queries = 5, k = 20;
                const Matrix base = RandomMatrix(rows, dims, 1, 50);
                std::vector<uint64_t> tids(rows);
                for (size_t i = 0; i < rows; i++) tids[i] = (1000 + i) << 16;
                std::vector<std::vector<uint64_t>> first;
                for (const int threads : {1, 3}) {
                    Matrix q = RandomMatrix(queries, dims, 2, 50);
                    std::memcpy(q.row(3), base.row(77), dims * sizeof(float));
                    std::vector<uint64_t> own(queries, NeighbourFinder::kNoRow);
                    own[3] = 1077;
                    NeighbourFinder finder(std::move(q), own, metric, k, 2, 30, threads);
                    StopToken stop;
                    for (size_t begin = 0; begin < rows;) {
                        const size_t count = std::min<size_t>(rows - begin, threads == 1 ? 37 : 300);
                        finder.Add(base.row(begin), tids.data() + begin, count, stop);
                        begin += count;
                    }
                    finder.Finish();
                    for (size_t i = 0; i < queries; i++) {
                        std::vector<double> all;
                        for (size_t r = 0; r < rows; r++)
                            if (i != 3 || r != 77) all.push_back(Distance(metric, finder.query(i), base.row(r), dims));
                        std::sort(all.begin(), all.end());
                        const size_t want = i < 2 ? 30 : k;
                        ASSERT_EQ(finder.rows(i).size(), want);
                        ASSERT_EQ(std::set<uint64_t>(finder.rows(i).begin(), finder.rows(i).end()).size(), want);
                        for (size_t j = 0; j < want; j++) {
                            ASSERT_NE(finder.rows(i)[j], own[i]);
                            const double d =
                                Distance(metric, finder.query(i), base.row(finder.rows(i)[j] - 1000), dims);
                            ASSERT_NEAR(d, all[j], 1e-3 * (1 + std::abs(all[j]))) << dims;
                        }
                        if (threads == 1) first.push_back(finder.rows(i));
                        else ASSERT_EQ(first[i], finder.rows(i));
                    }
                }
            }
        }
    });
}

// Bit strings: rows that tie come in the order of their tids, as a scan returns them, whatever the blocks and threads.
TEST(NeighbourFinder, BitStringsTieAsInLists) {
    constexpr size_t kDims = 45, kRows = 700, kNearest = 50;
    std::mt19937 random(8);
    Matrix base(kRows, kDims);
    for (size_t i = 0; i < kRows * kDims; i++) base.data()[i] = float(random() % 2);
    std::fill_n(base.row(3), kDims, 0.0f);
    std::vector<uint64_t> tids(kRows);
    for (size_t i = 0; i < kRows; i++) tids[i] = (1000 + i) << 16;
    for (const Metric metric : {Metric::kHamming, Metric::kJaccard}) {
        for (const int threads : {1, 3}) {
            Matrix queries(3, kDims);
            for (size_t i = 0; i < 3 * kDims; i++) queries.data()[i] = float(random() % 2);
            std::copy_n(base.row(3), kDims, queries.row(2));
            NeighbourFinder finder(std::move(queries), std::vector<uint64_t>(3, NeighbourFinder::kNoRow), metric,
                                   kNearest, 3, kNearest, threads);
            StopToken stop;
            finder.Add(base.row(0), tids.data(), 300, stop);
            finder.Add(base.row(300), tids.data() + 300, kRows - 300, stop);
            finder.Finish();
            for (size_t q = 0; q < 3; q++) {
                std::vector<std::pair<float, uint64_t>> want;
                for (size_t i = 0; i < kRows; i++)
                    want.emplace_back(MetricDistance(metric, finder.query(q), base.row(i), kDims), 1000 + i);
                std::sort(want.begin(), want.end());
                ASSERT_EQ(finder.rows(q).size(), kNearest);
                for (size_t j = 0; j < kNearest; j++) {
                    ASSERT_EQ(finder.rows(q)[j], want[j].second) << q << " " << j;
                    ASSERT_EQ(finder.distances(q)[j], want[j].first) << q << " " << j;
                }
            }
        }
    }
}

// Each query is a row, and so is a duplicate of it.
TEST(NeighbourFinder, DuplicatesOfAQueryAreNoNeighboursUnlessItIsTheUsers) {
    for (const Metric metric : {Metric::kL2, Metric::kCosine, Metric::kL1, Metric::kInnerProduct}) {
        Matrix base = RandomMatrix(200, 24, 1, 5);
        for (size_t d = 0; d < 24; d++) base.row(170)[d] = 3 * base.row(70)[d];
        for (size_t i = 0; metric == Metric::kCosine && i < base.rows(); i++) {
            const double norm = std::sqrt(-Distance(Metric::kCosine, base.row(i), base.row(i), 24));
            for (size_t d = 0; d < 24; d++) base.row(i)[d] = float(base.row(i)[d] / norm);
        }
        // A multiple has the same direction; other metrics tell it apart.
        if (metric != Metric::kCosine) std::copy_n(base.row(70), 24, base.row(170));
        std::vector<uint64_t> tids(base.rows());
        for (size_t i = 0; i < tids.size(); i++) tids[i] = (1000 + i) << 16;
        Matrix queries(2, 24);
        std::copy_n(base.row(70), 24, queries.row(0));
        std::copy_n(base.row(71), 24, queries.row(1));
        for (const bool users : {false, true}) {
            Matrix both(2, 24);
            std::copy_n(queries.data(), 48, both.data());
            const uint64_t none = NeighbourFinder::kNoRow;
            NeighbourFinder finder(std::move(both), users ? std::vector{none, none} : std::vector{1070ul, 1071ul},
                                   metric, 199, 2, 199, 1);
            StopToken stop;
            finder.Add(base.row(0), tids.data(), base.rows(), stop);
            finder.Finish();
            const auto has = [&](size_t q, uint64_t row) {
                return std::count(finder.rows(q).begin(), finder.rows(q).end(), row) == 1;
            };
            EXPECT_EQ(finder.rows(0).size(), users ? 199 : 198);
            EXPECT_EQ(finder.rows(1).size(), 199);
            // The row that is left out of all 200 is the farthest, which is none of these.
            EXPECT_EQ(has(0, 1070), users);
            EXPECT_EQ(has(0, 1170), users);
            EXPECT_EQ(has(1, 1071), users);
            EXPECT_TRUE(has(1, 1070) || metric == Metric::kInnerProduct);
        }
    }
}

// Some lists of entries; each row has one or two.
struct Lists {
    std::vector<std::vector<Candidate>> lists;
    std::vector<std::vector<uint64_t>> neighbours;  // of one query each
};

Lists RandomLists(uint32_t count, uint64_t seed) {
    std::mt19937_64 random(seed);
    Lists out;
    out.lists.resize(count);
    for (uint64_t row = 0; row < 40 * count; row++)
        for (int duplicate = 0; duplicate < 2; duplicate++)
            out.lists[random() % count].push_back({float(random() % 5000), 0, row << 16});
    return out;
}

// Of an entry of list `at`, if row 3 is the query and so many lists are probed.
size_t RankOf(const Lists& all, uint32_t probed, uint32_t at, const Candidate& entry) {
    const std::vector<uint64_t>& wanted = all.neighbours[0];
    size_t rank = 0;
    for (uint32_t l = 0; l < probed; l++) {
        float of_query = NAN;
        for (const Candidate& c : all.lists[l])
            if (RowOf(c) == 3 && std::isnan(of_query)) of_query = c.distance;
        for (const Candidate& c : all.lists[l]) {
            const bool is_wanted = std::find(wanted.begin(), wanted.end(), RowOf(c)) != wanted.end();
            if (RowOf(c) == 3 || (c.distance == of_query && !is_wanted)) continue;
            rank += c.distance < entry.distance;
            rank += l == at && c.distance == entry.distance && c.distance != of_query && c.tid < entry.tid;
        }
    }
    return rank;
}

TEST(RankTable, RanksAreThoseOfTheDefinition) {
    for (const uint32_t lists : {1u, 5u, 60u}) {
        const size_t queries = 4, k = 10;
        RankTable ranks(queries, k, lists);
        std::mt19937_64 random(lists);
        std::vector<Lists> all;
        for (size_t q = 0; q < queries; q++) {
            all.push_back(RandomLists(lists, 100 + q));
            std::vector<uint64_t> wanted;
            while (wanted.size() < k) {
                const uint64_t row = random() % (40 * lists);
                if (std::find(wanted.begin(), wanted.end(), row) == wanted.end() && row != 3) wanted.push_back(row);
            }
            all[q].neighbours = {wanted};
            ranks.Begin(wanted.data(), k, 3);
            for (const std::vector<Candidate>& list : all[q].lists)
                ranks.AddList(list.data(), list.size(), list.size());
            ranks.End();
        }
        ASSERT_EQ(ranks.queries(), queries);
        ASSERT_EQ(ranks.Grid(ranks.grid_points() - 1), lists);
        for (size_t q = 0; q < queries; q++)
            for (size_t g = 0; g < ranks.grid_points(); g++)
                for (size_t j = 0; j < k; j++) {
                    size_t want = RankTable::kNotFound;
                    for (uint32_t l = 0; l < ranks.Grid(g); l++)
                        for (const Candidate& c : all[q].lists[l])
                            if (RowOf(c) == all[q].neighbours[0][j])
                                want = std::min(want, RankOf(all[q], ranks.Grid(g), l, c));
                    ASSERT_EQ(ranks.Rank(q, j, g), want) << lists << " " << g;
                }
    }
}

TEST(RankTable, AQueryThatIsDroppedLeavesNothing) {
    RankTable ranks(2, 3, 10);
    const std::vector<uint64_t> rows = {1, 2, 3};
    const Candidate one = {1, 0, uint64_t(1) << 16};
    ranks.Begin(rows.data(), 3, 9);
    ASSERT_EQ(ranks.AddList(&one, 1, 1), 1u);
    ranks.Drop();
    ranks.End();
    ASSERT_EQ(ranks.queries(), 0u);
    ranks.Begin(rows.data(), 3, 9);
    ranks.AddList(nullptr, 0, 0);
    ASSERT_EQ(ranks.AddList(&one, 1, 1), 1u);
    ranks.End();
    ASSERT_EQ(ranks.Rank(0, 0, 0), RankTable::kNotFound);
    ASSERT_EQ(ranks.Rank(0, 0, 1), 0);
    ASSERT_EQ(ranks.Rank(0, 1, ranks.grid_points() - 1), RankTable::kNotFound);
}

// Inner products are negative distances.
TEST(RankTable, AQueryWhoseNeighboursAreNowhereHasNoRanks) {
    RankTable ranks(1, 3, 2);
    const std::vector<uint64_t> rows = {1, 2, 3};
    const Candidate other = {-5, 0, uint64_t(7) << 16};
    ranks.Begin(rows.data(), 3, 9);
    for (int list = 0; list < 2; list++) ASSERT_EQ(ranks.AddList(&other, 1, 1), 0u);
    ranks.End();
    ASSERT_EQ(ranks.queries(), 1u);
    for (size_t j = 0; j < 3; j++) EXPECT_EQ(ranks.Rank(0, j, ranks.grid_points() - 1), RankTable::kNotFound);
}

// Rows 2 and 3 are as near as each other, and row 3 is met first.
TEST(RankTable, NeighboursThatTieStandForEachOther) {
    const std::vector<uint64_t> rows = {1, 2, 3};
    const std::vector<float> distances = {1, 5, 5};
    const Candidate first[] = {{1, 0, uint64_t(1) << 16}, {5, 0, uint64_t(3) << 16}};
    const Candidate second = {5, 0, uint64_t(2) << 16};
    for (const bool told : {false, true}) {
        RankTable ranks(1, 3, 2);
        ranks.Begin(rows.data(), 3, 9, told ? distances.data() : nullptr);
        ranks.AddList(first, 2, 2);
        ranks.AddList(&second, 1, 1);
        ranks.End();
        EXPECT_EQ(ranks.Rank(0, 0, 0), 0);
        EXPECT_EQ(ranks.Rank(0, 1, 0), told ? 1 : RankTable::kNotFound);
        EXPECT_EQ(ranks.Rank(0, 2, 0), told ? RankTable::kNotFound : 1);
        EXPECT_EQ(ranks.Rank(0, 2, 1), 1);
    }
}

// Neighbour j lies in a list and at a rank that grow with j and chance. The first 50 queries have a thousand.
RankTable SomeRanks(size_t queries, uint32_t lists) {
    RankTable ranks(queries, kSampledNeighbours, lists);
    std::mt19937_64 random(5);
    std::exponential_distribution<double> deep(1);
    for (size_t q = 0; q < queries; q++) {
        std::vector<uint64_t> rows;
        std::vector<std::vector<Candidate>> entries(lists);
        for (size_t j = 0; j < (q < 50 ? 1000 : 100); j++) {
            if (SampledNeighbour(rows.size()) == j) rows.push_back(j);
            const uint32_t list = uint32_t(std::min<double>(lists - 1, deep(random) * (1 + std::log(1.0 + double(j)))));
            entries[list].push_back({float(double(j) + 20 * deep(random)), 0, uint64_t(j) << 16});
        }
        for (uint32_t l = 0; l < lists; l++)
            for (uint64_t i = 0; i < 10; i++)
                entries[l].push_back({float(300 * deep(random)), 0, (5000 + 10 * l + i) << 16});
        ranks.Begin(rows.data(), rows.size(), ~uint64_t(0));
        for (const auto& list : entries) ranks.AddList(list.data(), list.size(), list.size());
        ranks.End();
    }
    return ranks;
}

const ScanCosts kCosts = {500, 2, 700};

TEST(Ladder, RungsReachTheirTargetsAndRise) {
    const RankTable ranks = SomeRanks(300, 60);
    for (const ScanOrder order : {ScanOrder::kReordered, ScanOrder::kExactCodes}) {
        Calibration calibration = {};
        BuildLadder(ranks, order, kCosts, 1, &calibration);
        for (int c = 0; c < kNumCalibratedK; c++)
            for (int i = 0; i < kNumTargets; i++) {
                const CalibrationRung& rung = calibration.rungs[c][i];
                size_t g = 0;
                while (ranks.Grid(g) < rung.nprobe) g++;
                ASSERT_EQ(ranks.Grid(g), rung.nprobe);
                ASSERT_GE(RecallAt(ranks, order, kCalibratedK[c], g, rung.rows) + 1e-6,
                          std::min(kRungTargets[i], 0.998f))
                    << "k " << kCalibratedK[c];
                ASSERT_EQ(rung.rows > 0, order == ScanOrder::kReordered);
                if (i > 0) {
                    ASSERT_GE(rung.nprobe, calibration.rungs[c][i - 1].nprobe);
                    ASSERT_GE(rung.rows, calibration.rungs[c][i - 1].rows);
                }
                if (c > 0) {
                    ASSERT_GE(rung.nprobe, calibration.rungs[c - 1][i].nprobe);
                }
            }
        // A cheaper way to the target is taken: nothing is free to leave away.
        const CalibrationRung& rung = calibration.rungs[1][9];
        ASSERT_LT(rung.nprobe, 60u);
        ASSERT_LT(rung.rows, 200u);
    }
}

TEST(Ladder, SettingsRiseWithTargetAndRowsAndMeetTheRungs) {
    const RankTable ranks = SomeRanks(300, 60);
    Calibration calibration = {};
    calibration.version = kCalibrationVersion;
    calibration.source = kCalibratedByRows;
    BuildLadder(ranks, ScanOrder::kReordered, kCosts, 1, &calibration);
    ASSERT_EQ(CalibrationProblem(calibration, 60), nullptr);
    for (int c = 0; c < kNumCalibratedK; c++)
        for (int i = 0; i < kNumTargets; i++) {
            const ScanSettings s = SettingsFor(calibration, kRungTargets[i], kCalibratedK[c], 60);
            ASSERT_EQ(s.nprobe, calibration.rungs[c][i].nprobe);
            ASSERT_EQ(s.rows, std::max(calibration.rungs[c][i].rows, kCalibratedK[c]));
        }
    for (double k = 1; k < 1e6; k *= 3) {
        ScanSettings last = {0, 0};
        for (double target = 0; target <= 1; target += 0.01) {
            const ScanSettings s = SettingsFor(calibration, target, k, 60);
            ASSERT_GE(s.nprobe, std::max(last.nprobe, 1u));
            ASSERT_LE(s.nprobe, 60u);
            ASSERT_GE(s.rows, last.rows);
            ASSERT_GE(s.rows, std::min(k, 1e6));
            const ScanSettings more = SettingsFor(calibration, target, 2 * k, 60);
            ASSERT_GE(more.nprobe, s.nprobe);
            ASSERT_GE(more.rows, s.rows);
            last = s;
        }
    }
    ASSERT_EQ(SettingsFor(calibration, 1, 10, 60).nprobe, 60u);
}

TEST(Ladder, ImpossibleValuesAreFound) {
    Calibration good = {};
    good.version = kCalibrationVersion;
    good.source = kCalibratedByQueries;
    for (auto& rungs : good.rungs)
        for (CalibrationRung& rung : rungs) rung = {0.5f, 3, 20};
    ASSERT_EQ(CalibrationProblem(good, 3), nullptr);
    ASSERT_NE(CalibrationProblem(good, 2), nullptr);
    for (int what = 0; what < 5; what++) {
        Calibration bad = good;
        if (what == 0) bad.version++;
        if (what == 1) bad.source = 3;
        if (what == 2) bad.rungs[2][14].nprobe = 0;
        if (what == 3) bad.rungs[0][0].rows = 1u << 30;
        if (what == 4) bad.rungs[1][7].recall = NAN;
        ASSERT_NE(CalibrationProblem(bad, 3), nullptr) << what;
    }
}

}  // namespace
}  // namespace vectorq::test
