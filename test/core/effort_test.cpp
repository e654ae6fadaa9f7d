// FitEffort finds what was put in, and stays within its bounds.
#include <algorithm>
#include <cmath>
#include <random>

#include "core/calibrate/effort.h"
#include "core/calibrate/ladder.h"
#include "test_support.h"

namespace vectorq::test {
namespace {

// Queries whose lists follow from the two distances, but for noise.
std::vector<EffortSample> MadeSamples(size_t count, double noise, uint64_t seed) {
    std::mt19937_64 random(seed);
    std::normal_distribution<double> normal;
    std::vector<EffortSample> samples;
    for (size_t i = 0; i < count; i++) {
        const double far = 20 * std::exp(0.1 * normal(random)),
                     near = far * std::exp(-0.4 - 0.1 * std::abs(normal(random)));
        samples.push_back({FeaturesOf(near, far), 30 * std::pow(near / far, 4) * std::exp(noise * normal(random))});
    }
    return samples;
}

TEST(Effort, TheEmptyRuleGivesEachQueryTheMean) {
    EXPECT_EQ(EffortOf({0, 0, 0}, FeaturesOf(1, 2)), 1.0);
    EXPECT_EQ(ListsWithEffort(24, 1.0, 100), 24u);
}

TEST(Effort, FollowsTheListsThatSamplesNeeded) {
    const std::vector<EffortSample> samples = MadeSamples(200, 0.3, 1);
    const EffortRule rule = FitEffort(samples);
    double sum = 0;
    for (const EffortSample& s : samples) sum += EffortOf(rule, s.features);
    EXPECT_NEAR(sum / 200, 1, 0.01);
    // The ratio has the power 4 * 0.75, less what the ridge takes.
    const double hard = EffortOf(rule, FeaturesOf(18, 30)), easy = EffortOf(rule, FeaturesOf(15, 30));
    EXPECT_NEAR(std::log(hard / easy) / std::log(18.0 / 15), 3, 0.6);
}

TEST(Effort, StaysWithinItsBounds) {
    const EffortRule rule = FitEffort(MadeSamples(100, 0.1, 2));
    for (const double near : {0.0, 1e-30, 1.0, 19.9, 20.0, 1e30}) {
        for (const double far : {-1.0, 0.0, 20.0, 1e30, std::nan("")}) {
            const double effort = EffortOf(rule, FeaturesOf(near, far));
            EXPECT_GE(effort, 1 / kMostEffort - 1e-9);
            EXPECT_LE(effort, kMostEffort + 1e-9);
        }
    }
    EXPECT_EQ(ListsWithEffort(1, 1 / kMostEffort, 100), 1u);
    EXPECT_EQ(ListsWithEffort(60, kMostEffort, 100), 100u);
    EXPECT_EQ(ListsWithEffort(100, 1 / kMostEffort, 100), 100u) << "all lists stay all";
}

TEST(Effort, NothingToLearnFromMeansNoRule) {
    const EffortRule few = FitEffort(MadeSamples(10, 0.1, 3));
    EXPECT_EQ(few.nearest, 0.0f);
    const std::vector<EffortSample> equal(100, {FeaturesOf(1, 2), 7.0});
    const EffortRule none = FitEffort(equal);
    EXPECT_EQ(EffortOf(none, FeaturesOf(1, 3)), 1.0);
}

// Queries that need few or many lists: told by their features, or not.
RankTable UnevenRanks(bool told, uint32_t lists) {
    RankTable ranks(240, kSampledNeighbours, lists);
    std::mt19937_64 random(7);
    std::exponential_distribution<double> deep(1);
    std::uniform_real_distribution<double> hardness(-1, 1);
    for (size_t q = 0; q < 240; q++) {
        const double hard = hardness(random), told_hard = told ? hard : hardness(random);
        std::vector<uint64_t> rows;
        std::vector<std::vector<Candidate>> entries(lists);
        for (size_t j = 0; j < 100; j++) {
            rows.push_back(j);
            entries[size_t(std::min(lists - 1.0, 8 * std::exp(hard) * deep(random)))].push_back(
                {float(j), 0, uint64_t(j) << 16});
        }
        ranks.Begin(rows.data(), rows.size(), ~uint64_t(0));
        for (const auto& list : entries) ranks.AddList(list.data(), list.size(), 50);
        ranks.End(FeaturesOf(10 * std::exp(0.2 * told_hard), 20 + hardness(random)));
    }
    return ranks;
}

TEST(Effort, TheLadderTakesARuleThatSavesWorkAndNoOther) {
    const ScanCosts costs = {500, 2, 700};
    for (const bool told : {true, false}) {
        RankTable ranks = UnevenRanks(told, 300);
        Calibration plain = {}, with = {};
        BuildLadder(ranks, ScanOrder::kExactCodes, costs, 1, &plain);
        BuildLadderWithEffort(&ranks, ScanOrder::kExactCodes, costs, 1, &with);
        ASSERT_EQ(with.effort.nearest > 0, told);
        if (told) {
            EXPECT_LT(with.rungs[1][9].nprobe, 0.9 * plain.rungs[1][9].nprobe);
        } else {
            EXPECT_EQ(with.rungs[1][9].nprobe, plain.rungs[1][9].nprobe);
        }
    }
    RankTable ranks = UnevenRanks(true, 60);
    Calibration few = {};
    BuildLadderWithEffort(&ranks, ScanOrder::kExactCodes, costs, 1, &few);
    EXPECT_EQ(few.effort.nearest, 0) << "too few lists for the farther distance";
}

TEST(Effort, RanksFollowEachQuerysLists) {
    RankTable ranks = UnevenRanks(true, 300);
    const std::vector<double> efforts(240, 2);
    const size_t last = ranks.grid_points() - 1;
    std::vector<uint16_t> before;
    for (size_t g = 0; g <= last; g++) before.push_back(ranks.Rank(3, 0, g));
    ranks.SetEfforts(efforts);
    ASSERT_EQ(ranks.Grid(3), 4u);
    EXPECT_NEAR(ranks.MeanLists(3), 8, 1e-9);
    EXPECT_EQ(ranks.Grid(7), 8u);
    EXPECT_EQ(ranks.Rank(3, 0, 3), before[7]);
    EXPECT_EQ(ranks.Rank(3, 0, last), before[last]);
    EXPECT_NEAR(ranks.MeanLists(last), 300, 1e-9);
    ranks.SetEfforts({});
    EXPECT_EQ(ranks.Rank(3, 0, 3), before[3]);
    EXPECT_EQ(ranks.MeanLists(3), 4.0);
}

}  // namespace
}  // namespace vectorq::test
