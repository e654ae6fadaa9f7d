// The last step of scoring against its scalar reference, on every SIMD target.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "core/simd/finish_distances.h"
#include "core/search/topk.h"
#include "test_support.h"

namespace vectorq {
namespace {

TEST(FinishDistances, EqualsReferenceAndMovesNaNLast) {
    test::ForEachTarget([] {
        std::mt19937 random(3);
        std::normal_distribution<float> normal;
        for (size_t n = 0; n < 70; n++) {
            std::vector<float> values(n + 1), scalars(n + 1);
            for (float& v : values) v = normal(random);
            for (float& s : scalars) s = normal(random);
            if (n > 2) values[n / 2] = std::numeric_limits<float>::quiet_NaN();
            if (n > 5) values[n - 1] = -std::numeric_limits<float>::infinity();
            for (const bool with_scalars : {false, true}) {
                std::vector<float> got = values, want = values;
                // One element off, so that nothing is aligned.
                const float* s = with_scalars ? scalars.data() + 1 : nullptr;
                FinishDistances(got.data() + 1, s, 0.5f, -2.0f, n);
                reference::FinishDistances(want.data() + 1, s, 0.5f, -2.0f, n);
                for (size_t i = 0; i <= n; i++) {
                    if (i > 0) {
                        EXPECT_FALSE(std::isnan(got[i]));
                    }
                    if (std::isnan(want[i]) || std::isinf(want[i]))
                        EXPECT_EQ(std::isnan(want[i]), std::isnan(got[i])) << "n " << n << " i " << i;
                    else EXPECT_NEAR(want[i], got[i], 1e-5f) << "n " << n << " i " << i;
                }
            }
        }
    });
}

TEST(FinishDistances, ARowsDistanceDoesNotDependOnItsPlace) {
    test::ForEachTarget([] {
        std::mt19937 random(5);
        std::normal_distribution<float> normal;
        std::vector<float> values(70), scalars(70);
        for (float& v : values) v = normal(random);
        for (float& s : scalars) s = normal(random);
        std::vector<float> whole = values;
        FinishDistances(whole.data(), scalars.data(), 0.3f, -1.7f, whole.size());
        for (size_t begin = 0; begin < values.size(); begin++) {
            std::vector<float> part(values.begin() + begin, values.end());
            FinishDistances(part.data(), scalars.data() + begin, 0.3f, -1.7f, part.size());
            for (size_t i = 0; i < part.size(); i++) ASSERT_EQ(whole[begin + i], part[i]) << begin << " " << i;
        }
    });
}

TEST(FinishJaccard, EqualsReference) {
    test::ForEachTarget([] {
        std::mt19937 random(7);
        for (size_t n = 0; n < 70; n++) {
            std::vector<float> both(n + 1), row(n + 1);
            for (size_t i = 0; i <= n; i++) {
                both[i] = float(random() % 50);
                row[i] = both[i] + float(random() % 50);
            }
            if (n > 3) both[2] = row[2] = 0;
            if (n > 6) row[5] = std::numeric_limits<float>::quiet_NaN();
            std::vector<float> got = both, want = both;
            FinishJaccard(got.data() + 1, row.data() + 1, 50, n);
            reference::FinishJaccard(want.data() + 1, row.data() + 1, 50, n);
            for (size_t i = 0; i <= n; i++) {
                EXPECT_FALSE(std::isnan(got[i]));
                if (n > 6 && i == 5) continue;  // whatever it is: the scalar is damaged
                EXPECT_EQ(got[i], want[i]) << "n " << n << " i " << i;
            }
        }
    });
}

TEST(FinishJaccard, NothingInCommonIsOne) {
    float values[3] = {0, 0, 2};
    const float row_bits[3] = {0, 5, 2};
    FinishJaccard(values, row_bits, 0, 2);
    EXPECT_EQ(values[0], 1);
    EXPECT_EQ(values[1], 1);
    FinishJaccard(values + 2, row_bits + 2, 2, 1);
    EXPECT_EQ(values[2], 0);
}

TEST(TopK, TakeSortsLazilyAsFinishDoes) {
    std::mt19937 random(4);
    for (const size_t rows : {0, 1, 5, 31, 32, 33, 500, 5000}) {
        TopK lazy, whole;
        lazy.Reset(300);
        whole.Reset(300);
        for (size_t i = 0; i < rows; i++) {
            const float distance = float(random() % 100);
            lazy.Push(distance, i);
            whole.Push(distance, i);
        }
        size_t count = 0, expected = 0;
        bool dropped = false, expected_dropped = false;
        lazy.Select(&count, &dropped);
        const Candidate* all = whole.Finish(&expected, &expected_dropped);
        ASSERT_EQ(expected, count);
        EXPECT_EQ(expected_dropped, dropped);
        for (size_t i = 0; i < count; i++) EXPECT_EQ(all[i].tid, lazy.Take(i).tid) << rows << " " << i;
    }
}

}  // namespace
}  // namespace vectorq
