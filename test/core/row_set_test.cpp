// RowSet against a search through all rows.
#include "core/calibrate/row_set.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace vectorq {
namespace {

TEST(RowSet, NumbersRowsAsASearchDoes) {
    for (const size_t dims : {1u, 3u, 31u, 33u, 128u}) {
        std::mt19937 random(7);
        std::vector<std::vector<float>> rows(400, std::vector<float>(dims, 1.0f));
        // Few distinct rows, which differ in one element, hashed or not.
        for (std::vector<float>& row : rows) row[random() % dims] = float(random() % 4) - 1;
        std::vector<const float*> first;
        RowSet set(dims);
        for (const std::vector<float>& row : rows) {
            size_t want = RowSet::kNone;
            for (size_t i = 0; i < first.size() && want == RowSet::kNone; i++)
                if (std::equal(row.begin(), row.end(), first[i])) want = i;
            ASSERT_EQ(set.Find(row.data()), want);
            if (want == RowSet::kNone) {
                want = first.size();
                first.push_back(row.data());
            }
            ASSERT_EQ(set.Add(row.data()), want);
            ASSERT_EQ(set.size(), first.size());
            ASSERT_EQ(set.row(want), first[want]);
        }
    }
}

TEST(RowSet, ZerosOfBothSignsAreTheSame) {
    const float a[2] = {0.0f, 1}, b[2] = {-0.0f, 1};
    RowSet set(2);
    EXPECT_EQ(set.Add(a), 0u);
    EXPECT_EQ(set.Add(b), 0u);
    EXPECT_EQ(set.size(), 1u);
}

}  // namespace
}  // namespace vectorq
