// Runs of rows against a walk over all of them.
#include "core/search/row_runs.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace vectorq {
namespace {

TEST(RowRuns, HaveEachRowOfTheMaskOnceAndNoLongGap) {
    std::mt19937 random(5);
    for (int trial = 0; trial < 2000; trial++) {
        const uint32_t count = random() % 200, words = (count + 31) / 32, gap = random() % 5, rare = 1 + random() % 60;
        const uint32_t begin = count == 0 ? 0 : random() % count, first_block = begin / 32;
        std::vector<uint32_t> mask(words + 1);
        for (uint32_t row = 0; row < count; row++)
            if (random() % rare == 0) mask[row / 32] |= 1u << (row % 32);
        std::vector<int> in_run(count);
        uint32_t end_before = 0;
        ForEachRowRun(mask.data(), begin, count, gap, [&](uint32_t first, uint32_t n) {
            ASSERT_GT(n, 0u);
            ASSERT_LE(first + n, count);
            EXPECT_TRUE(InMask(mask.data(), first) && InMask(mask.data(), first + n - 1));
            if (end_before > 0) EXPECT_GT(first - end_before, gap);
            end_before = first + n;
            for (uint32_t row = first; row < first + n; row++) in_run[row]++;
        });
        for (uint32_t row = 0; row < count; row++) {
            EXPECT_LE(in_run[row], row < begin ? 0 : 1);
            if (row >= begin && InMask(mask.data(), row)) EXPECT_EQ(in_run[row], 1);
        }
        std::vector<int> in_blocks(words);
        ForEachBlockRun(mask.data(), first_block, words, gap, [&](uint32_t first, uint32_t n) {
            ASSERT_LE(first + n, words);
            EXPECT_TRUE(mask[first] != 0 && mask[first + n - 1] != 0);
            for (uint32_t block = first; block < first + n; block++) in_blocks[block]++;
        });
        for (uint32_t block = first_block; block < words; block++)
            if (mask[block] != 0) {
                EXPECT_EQ(in_blocks[block], 1);
            }
    }
}

}  // namespace
}  // namespace vectorq
