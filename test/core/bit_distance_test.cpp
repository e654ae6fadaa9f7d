// Distances of bit strings against the scalar reference, on every SIMD target.
#define HWY_WANT_AVX3_DL  // as bit_distance.cpp
#include "core/simd/bit_distance.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "test_support.h"

namespace vectorq {
namespace {

enum class Fill { kRandom, kZeros, kOnes };

void FillBytes(uint8_t* bytes, size_t n, Fill fill, std::mt19937& random) {
    for (size_t i = 0; i < n; i++)
        bytes[i] = fill == Fill::kRandom ? uint8_t(random()) : fill == Fill::kOnes ? uint8_t(255) : uint8_t(0);
}

// Each string ends where its memory ends, and starts at any alignment.
void ExpectPairsEqualReference(size_t bytes, Fill fill_a, Fill fill_b, std::mt19937& random) {
    test::Guarded a(bytes), b(bytes);
    FillBytes(a.data(), bytes, fill_a, random);
    FillBytes(b.data(), bytes, fill_b, random);
    ASSERT_EQ(HammingBits(a.data(), b.data(), bytes), reference::HammingBits(a.data(), b.data(), bytes)) << bytes;
    const BitOverlap got = OverlapBits(a.data(), b.data(), bytes);
    const BitOverlap want = reference::OverlapBits(a.data(), b.data(), bytes);
    ASSERT_EQ(got.both, want.both) << bytes;
    ASSERT_EQ(got.either, want.either) << bytes;
}

TEST(BitDistance, PairsEqualReference) {
    test::ForEachTarget([] {
        std::mt19937 random(3);
        for (size_t bytes = 0; bytes <= 261; bytes++) {
            ExpectPairsEqualReference(bytes, Fill::kRandom, Fill::kRandom, random);
            ExpectPairsEqualReference(bytes, Fill::kOnes, Fill::kZeros, random);
            ExpectPairsEqualReference(bytes, Fill::kOnes, Fill::kOnes, random);
        }
    });
}

// More ones than any counter of fewer than 32 bits holds.
TEST(BitDistance, LongStringsDoNotOverflow) {
    test::ForEachTarget([] {
        constexpr size_t kBytes = size_t(1) << 20;
        const std::vector<uint8_t> ones(kBytes, 255), zeros(kBytes, 0);
        EXPECT_EQ(HammingBits(ones.data(), zeros.data(), kBytes), kBytes * 8);
        const BitOverlap overlap = OverlapBits(ones.data(), ones.data(), kBytes);
        EXPECT_EQ(overlap.both, kBytes * 8);
        EXPECT_EQ(overlap.either, kBytes * 8);
    });
}

TEST(BitDistance, ReferenceCountsByHand) {
    const uint8_t a[] = {0b11110000, 0b00000001}, b[] = {0b10101010, 0b00000000};
    EXPECT_EQ(reference::HammingBits(a, b, 2), 5u);
    const BitOverlap overlap = reference::OverlapBits(a, b, 2);
    EXPECT_EQ(overlap.both, 2u);
    EXPECT_EQ(overlap.either, 7u);
    EXPECT_EQ(JaccardDistance(overlap), 1 - 2.0 / 7.0);
    EXPECT_EQ(JaccardDistance({0, 0}), 1);
    EXPECT_EQ(JaccardDistance({0, 5}), 1);
    EXPECT_EQ(JaccardDistance({5, 5}), 0);
}

using ReferenceRows = void (*)(const float*, const void*, size_t, size_t, size_t, float*) noexcept;

// What was there is added to; the last row ends where its memory ends.
void ExpectRowsEqualReference(BlockKernel kernel, ReferenceRows reference, size_t bytes, size_t gap, size_t num_rows,
                              std::mt19937& random) {
    const size_t stride = bytes + gap, room = num_rows == 0 ? 0 : num_rows * stride - gap;
    test::Guarded query(bytes), rows(room);
    FillBytes(query.data(), bytes, Fill::kRandom, random);
    FillBytes(rows.data(), room, Fill::kRandom, random);
    std::vector<float> sums(num_rows, 3.0f), want(num_rows, 3.0f);
    const float* as_table = reinterpret_cast<const float*>(query.data());
    GetBlockKernel(kernel)(as_table, rows.data(), stride, num_rows, bytes, sums.data());
    reference(as_table, rows.data(), stride, num_rows, bytes, want.data());
    ASSERT_EQ(sums, want) << bytes << " " << gap << " " << num_rows;
}

TEST(BitDistance, RowsEqualReference) {
    test::ForEachTarget([] {
        std::mt19937 random(5);
        for (const size_t bytes : {0, 1, 7, 8, 16, 31, 32, 33, 63, 64, 65, 96, 128, 192, 200, 2000})
            for (const size_t gap : {0, 1, 8})
                for (const size_t num_rows : {0, 1, 2, 3, 4, 5, 7, 32}) {
                    ExpectRowsEqualReference(BlockKernel::kHammingBits, &reference::HammingRows, bytes, gap, num_rows,
                                             random);
                    ExpectRowsEqualReference(BlockKernel::kCommonBits, &reference::CommonRows, bytes, gap, num_rows,
                                             random);
                }
    });
}

}  // namespace
}  // namespace vectorq
