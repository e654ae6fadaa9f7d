#include "core/search/row_counter.h"

#include <random>

#include "test_support.h"

namespace vectorq::test {
namespace {

TEST(RowCounter, IsExactForFewRows) {
    RowCounter counter;
    EXPECT_EQ(counter.EntriesPerRow(), 1);
    uint64_t entries = 0;
    for (uint64_t round = 0; round < 3; round++) {
        // Tids as a heap has them: block << 16 | offset. Every third row once, the others two or three times.
        for (uint64_t i = 0; i < RowCounter::kSample; i++) {
            if (round > i % 3) continue;
            counter.Add((i / 40) << 16 | (i % 40 + 1));
            entries++;
        }
    }
    EXPECT_TRUE(counter.IsExact());
    EXPECT_EQ(counter.EntriesPerRow(), double(entries) / RowCounter::kSample);
}

TEST(RowCounter, EstimatesBeyond) {
    std::mt19937_64 random(1);
    RowCounter counter;
    uint64_t entries = 0;
    const uint64_t rows = 1000000;
    for (uint64_t i = 0; i < rows; i++)
        for (uint64_t of_row = 1 + (random() % 8 == 0) + (random() % 8 == 0); of_row > 0; of_row--) {
            counter.Add((i / 40) << 16 | (i % 40 + 1));
            entries++;
        }
    EXPECT_FALSE(counter.IsExact());
    EXPECT_NEAR(counter.EntriesPerRow(), double(entries) / rows, 0.01);
}

}  // namespace
}  // namespace vectorq::test
