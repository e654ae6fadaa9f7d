#include "core/search/reorder_stop.h"

#include <algorithm>
#include <random>
#include <vector>

#include "test_support.h"

namespace vectorq::test {
namespace {

struct Row {
    float code, exact;
};

// Rows whose exact distances and errors of codes are normal, in the order of their codes.
std::vector<Row> MadeRows(size_t count, double spread, double error, uint64_t seed) {
    std::mt19937_64 random(seed);
    std::normal_distribution<double> normal;
    std::vector<Row> rows(count);
    for (Row& row : rows) {
        row.exact = float(100 + spread * normal(random));
        row.code = float(row.exact + error * normal(random));
    }
    std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.code < b.code; });
    return rows;
}

// Rows looked at before the rule stops, and how many of the k nearest of all are among them.
std::pair<size_t, size_t> Reorder(const std::vector<Row>& rows, size_t k, double missed) {
    std::vector<float> exact;
    for (const Row& row : rows) exact.push_back(row.exact);
    std::nth_element(exact.begin(), exact.begin() + k - 1, exact.end());
    ReorderStop stop;
    stop.Reset(k);
    size_t seen = 0, found = 0;
    while (seen < rows.size() && (seen % 16 != 0 || !stop.Enough(rows[seen].code, rows.size() - seen, missed))) {
        stop.Add(rows[seen].code, rows[seen].exact);
        found += rows[seen++].exact <= exact[k - 1];
    }
    return {seen, found};
}

TEST(ReorderStop, StopsEarlyWhereCodesTellRowsApart) {
    size_t seen = 0, found = 0;
    for (uint64_t seed = 0; seed < 100; seed++) {
        const auto [rows, hits] = Reorder(MadeRows(1000, 10, 1, seed), 10, 0.01);
        seen += rows;
        found += hits;
    }
    EXPECT_LT(seen, 100u * 100);
    EXPECT_GE(found, 990u);
}

// Codes that err ten times as much as rows differ: after a hundred rows the nearest of them looks far nearer than what
// is to come, row by row, but thousands are to come.
TEST(ReorderStop, GoesOnWhileManyAreLeftThatCodesDoNotTellApart) {
    size_t found = 0;
    for (uint64_t seed = 0; seed < 100; seed++) found += Reorder(MadeRows(3000, 1, 10, seed), 1, 0.01).second;
    EXPECT_GE(found, 97u);
}

TEST(ReorderStop, MissesNothingWhereNothingMayBeMissed) {
    EXPECT_EQ(Reorder(MadeRows(500, 10, 1, 1), 10, 0).second, 10u);
}

TEST(ReorderStop, NeedsAsManyRowsAsAreWanted) {
    ReorderStop stop;
    stop.Reset(20);
    for (int i = 0; i < 19; i++) stop.Add(float(i), float(i));
    EXPECT_FALSE(stop.Enough(1000, 1, 0.1));
    stop.Add(19, 19);
    EXPECT_TRUE(stop.Enough(1000, 1, 0.1));
}

// Each row ten times: ten rows of the same error are one error, and the next row may be nearer.
TEST(ReorderStop, DuplicatesAreOneError) {
    ReorderStop stop;
    stop.Reset(10);
    for (int row = 0; row < 8; row++) {
        EXPECT_FALSE(stop.Enough(1000, 100, 0.01)) << row;
        for (int duplicate = 0; duplicate < 10; duplicate++) stop.Add(float(row), float(row) + 0.5f * float(row % 3));
    }
    EXPECT_TRUE(stop.Enough(1000, 100, 0.01));
    size_t found = 0;
    for (uint64_t seed = 0; seed < 100; seed++) {
        std::vector<Row> rows;
        for (const Row& row : MadeRows(300, 10, 1, seed)) rows.insert(rows.end(), 10, row);
        found += Reorder(rows, 10, 0.01).second;
    }
    EXPECT_GE(found, 980u);
}

}  // namespace
}  // namespace vectorq::test
