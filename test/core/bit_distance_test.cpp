// Distances of bit strings against the scalar reference, on every SIMD target.
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

TEST(BitDistance, RowsEqualReference) {
    test::ForEachTarget([] {
        std::mt19937 random(5);
        for (const size_t bytes : {0, 1, 7, 8, 16, 31, 32, 33, 63, 64, 65, 96, 128, 192, 200, 2000}) {
            for (const size_t gap : {0, 1, 8}) {
                for (const size_t num_rows : {0, 1, 2, 5, 32}) {
                    const size_t stride = bytes + gap;
                    // The last row has no gap after it.
                    const size_t room = num_rows == 0 ? 0 : num_rows * stride - gap;
                    test::Guarded query(bytes), rows(room);
                    FillBytes(query.data(), bytes, Fill::kRandom, random);
                    FillBytes(rows.data(), room, Fill::kRandom, random);
                    std::vector<uint32_t> hamming(num_rows), want_hamming(num_rows);
                    HammingRows(query.data(), rows.data(), stride, num_rows, bytes, hamming.data());
                    reference::HammingRows(query.data(), rows.data(), stride, num_rows, bytes, want_hamming.data());
                    ASSERT_EQ(hamming, want_hamming) << bytes << " " << gap;
                    std::vector<float> jaccard(num_rows), want_jaccard(num_rows);
                    JaccardRows(query.data(), rows.data(), stride, num_rows, bytes, jaccard.data());
                    reference::JaccardRows(query.data(), rows.data(), stride, num_rows, bytes, want_jaccard.data());
                    ASSERT_EQ(jaccard, want_jaccard) << bytes << " " << gap;
                }
            }
        }
    });
}

}  // namespace
}  // namespace vectorq
