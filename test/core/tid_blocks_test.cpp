// TidBlocks against a plain set.
#include "core/search/tid_blocks.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <vector>

namespace vectorq {
namespace {

uint64_t RowAt(uint32_t block, uint16_t offset) { return uint64_t(block) << 16 | offset; }

TEST(TidBlocks, AnEmptyOneHasNothing) {
    TidBlocks rows;
    EXPECT_FALSE(rows.Contains(RowAt(0, 1)));
    EXPECT_EQ(rows.size(), 0u);
    EXPECT_EQ(rows.bytes(), 0u);
    rows.Reset(0);
    EXPECT_FALSE(rows.Contains(RowAt(0, 1)));
    EXPECT_FALSE(rows.needs_recheck());
}

TEST(TidBlocks, HasWhatWasAddedAndNothingElse) {
    for (const uint32_t blocks : {1u, 5u, 300u, 20000u}) {
        std::mt19937_64 random(blocks);
        TidBlocks rows;
        rows.Reset(blocks / 4);
        std::set<uint64_t> want;
        std::set<uint32_t> lossy;
        for (uint32_t i = 0; i < blocks; i++) {
            // Neighbours, and far ones up to the last block there is.
            const uint32_t block = i % 3 == 0 ? uint32_t(random()) - 1 : i;
            if (i % 17 == 16) {
                rows.AddLossyPage(block);
                lossy.insert(block);
                continue;
            }
            std::vector<uint16_t> offsets(random() % 20);
            for (uint16_t& offset : offsets) {
                offset = uint16_t(1 + random() % (i % 5 == 0 ? 2048 : 291));
                want.insert(RowAt(block, offset));
            }
            rows.Add(block, offsets.data(), offsets.size());
        }
        EXPECT_EQ(rows.size(), want.size());
        EXPECT_EQ(rows.lossy_pages(), lossy.size());
        EXPECT_EQ(rows.needs_recheck(), !lossy.empty());
        for (const uint64_t row : want) {
            ASSERT_TRUE(rows.Contains(row));
            for (const uint64_t other : {row + 1, row ^ 64, row + 65536}) {
                const bool has = want.count(other) > 0 || lossy.count(uint32_t(other >> 16)) > 0;
                ASSERT_EQ(rows.Contains(other), has);
            }
        }
        for (const uint32_t block : lossy)
            for (const uint16_t offset : {1, 63, 64, 2047}) ASSERT_TRUE(rows.Contains(RowAt(block, offset)));
    }
}

TEST(TidBlocks, APageMayBeAddedTwice) {
    TidBlocks rows;
    rows.Reset(1);
    const uint16_t first[] = {3, 1}, second[] = {1, 2};
    rows.Add(7, first, 2);
    rows.Add(7, second, 2, true);
    rows.AddLossyPage(9);
    rows.AddLossyPage(9);
    EXPECT_EQ(rows.size(), 3u);
    EXPECT_EQ(rows.lossy_pages(), 1u);
    EXPECT_TRUE(rows.needs_recheck());
    rows.Reset(1);
    EXPECT_FALSE(rows.Contains(RowAt(7, 1)));
    EXPECT_FALSE(rows.Contains(RowAt(9, 1)));
    EXPECT_FALSE(rows.needs_recheck());
}

TEST(TidBlocks, TheSieveTurnsNoRowAwayThatIsThere) {
    for (const uint32_t blocks : {0u, 1u, 300u, 4000u, 20000u}) {
        std::mt19937_64 random(blocks);
        TidBlocks rows;
        rows.Reset(blocks);
        std::set<uint64_t> want;
        for (uint32_t i = 0; i < blocks; i++) {
            const uint32_t block = uint32_t(random() % (4 * blocks));
            const uint16_t offset = uint16_t(1 + random() % 2047);
            rows.Add(block, &offset, 1);
            want.insert(RowAt(block, offset));
        }
        rows.MakeSieve();
        for (const uint64_t row : want) ASSERT_TRUE(rows.Contains(row));
        for (uint32_t i = 0; i < 100000; i++) {
            const uint64_t row = random() >> 16;
            ASSERT_EQ(rows.Contains(row), want.count(row) > 0);
        }
        // A row that comes later is found, too.
        const uint16_t offset = 2048;
        rows.Add(5, &offset, 1);
        EXPECT_TRUE(rows.Contains(RowAt(5, 2048)));
        rows.MakeSieve();
        EXPECT_TRUE(rows.Contains(RowAt(5, 2048)));
        rows.AddLossyPage(1000000);
        rows.MakeSieve();
        EXPECT_TRUE(rows.Contains(RowAt(1000000, 77)));
        EXPECT_TRUE(rows.Contains(RowAt(5, 2048)));
        EXPECT_FALSE(rows.Contains(RowAt(1000001, 77)));
    }
}

TEST(TidBlocks, WholeBlocksThatAreNeighboursTakeLittle) {
    TidBlocks rows;
    rows.Reset(0);
    for (uint32_t block = 100; block < 1000100; block++) rows.AddLossyPage(block);
    EXPECT_EQ(rows.lossy_pages(), 1000000u);
    EXPECT_LE(rows.bytes(), 1u << 20);
    EXPECT_FALSE(rows.Contains(RowAt(99, 1)));
    EXPECT_TRUE(rows.Contains(RowAt(100, 1)));
    EXPECT_TRUE(rows.Contains(RowAt(1000099, 9)));
    EXPECT_FALSE(rows.Contains(RowAt(1000100, 1)));
}

TEST(TidBlocks, TakesAtMost64BytesForRowsOfABlock) {
    TidBlocks rows;
    rows.Reset(0);
    const uint16_t offset = 1;
    for (uint32_t block = 0; block < 100000; block++) rows.Add(block, &offset, 1);
    EXPECT_LE(rows.bytes(), 64u * 100000);
}

}  // namespace
}  // namespace vectorq
