// Lengths and corrections beside codes of directions: the word, and what a scan makes of it.
#include "core/simd/row_scale.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "core/quantize/codec.h"
#include "core/simd/distance.h"
#include "core/simd/finish_distances.h"
#include "test_support.h"

namespace vectorq {
namespace {

TEST(RowScale, KeepsLengthAndCorrection) {
    for (const float length : {1e-30f, 1e-3f, 0.99999f, 1.0f, 254.7f, 65504.0f, 3.3e12f, 1.7e19f}) {
        for (const float correction : {0.25f, 0.9f, 1.0f, 1.0005f, 1.3f, 3.9f}) {
            const float word = PackRowScale(length, correction);
            EXPECT_TRUE(std::isfinite(word) && word >= 0);
            EXPECT_NEAR(RowLength(word) / length, 1, 3e-4) << length;
            EXPECT_NEAR(RowScale(word) / (length * correction), 1, 3e-4 + 0.0005 / correction) << length;
        }
    }
}

TEST(RowScale, TakesWhatIsOutOfRange) {
    EXPECT_EQ(RowLength(PackRowScale(0, 1)), 0);
    EXPECT_EQ(RowScale(PackRowScale(0, 1)), 0);
    EXPECT_EQ(RowScale(PackRowScale(1, -2)), 0);
    EXPECT_NEAR(RowScale(PackRowScale(1, 1e30f)), 4, 0.002);
    const float longest = PackRowScale(std::numeric_limits<float>::infinity(), 1);
    EXPECT_TRUE(std::isfinite(longest) && std::isfinite(RowLength(longest) * RowLength(longest)));
}

std::vector<float> Words(size_t n, std::mt19937& random) {
    std::vector<float> words(n);
    for (float& w : words)
        w = PackRowScale(std::exp(std::normal_distribution<float>()(random)),
                         std::uniform_real_distribution<float>(0.5f, 2)(random));
    return words;
}

TEST(FinishScaledSums, EqualsReferenceOfBothKindsOfSums) {
    test::ForEachTarget([] {
        std::mt19937 random(5);
        for (size_t n = 0; n < 70; n++) {
            const std::vector<float> words = Words(n + 1, random);
            std::vector<uint16_t> sums(n + 1);
            for (uint16_t& s : sums) s = uint16_t(random());
            std::vector<float> as_float(sums.begin(), sums.end());
            for (const bool squares : {false, true}) {
                std::vector<float> want(n + 1, -1), got = want, other = want;
                // One element off, so that nothing is aligned.
                reference::FinishScaledSums(as_float.data() + 1, 0.01f, -300, words.data() + 1, 7, squares, n,
                                            want.data() + 1);
                FinishScaledSums(sums.data() + 1, 0.01f, -300, words.data() + 1, 7, squares, n, got.data() + 1);
                FinishScaledSums(as_float.data() + 1, 0.01f, -300, words.data() + 1, 7, squares, n, other.data() + 1);
                for (size_t i = 0; i <= n; i++) {
                    EXPECT_NEAR(want[i], got[i], 1e-3f * (1 + std::fabs(want[i]))) << n << " " << i;
                    EXPECT_EQ(got[i], other[i]);
                }
                EXPECT_EQ(got[0], -1);
            }
        }
    });
}

TEST(FinishScaledSums, MovesNaNLastAndDoesNotDependOnThePlace) {
    test::ForEachTarget([] {
        std::mt19937 random(6);
        const std::vector<float> words = Words(50, random);
        std::vector<float> sums(50);
        for (float& s : sums) s = std::normal_distribution<float>()(random);
        std::vector<float> whole(50);
        FinishScaledSums(sums.data(), 2, 1, words.data(), 3, true, 50, whole.data());
        for (size_t begin = 0; begin < 50; begin++) {
            std::vector<float> part(50 - begin);
            FinishScaledSums(sums.data() + begin, 2, 1, words.data() + begin, 3, true, part.size(), part.data());
            for (size_t i = 0; i < part.size(); i++) ASSERT_EQ(part[i], whole[begin + i]);
        }
        sums[7] = std::numeric_limits<float>::quiet_NaN();
        FinishScaledSums(sums.data(), 2, 1, words.data(), 3, false, 50, sums.data());
        EXPECT_EQ(sums[7], std::numeric_limits<float>::infinity());
    });
}

// Rows of lengths from 1/50 to 50 in one list: the estimates of distances are as good, for its length, of any row.
TEST(RowScale, EstimatesDistancesOfRowsOfAnyLength) {
    constexpr size_t kDims = 24, kRows = 3000;
    std::mt19937 random(9);
    std::normal_distribution<float> normal;
    std::vector<float> centroid(kDims), query(kDims);
    for (float& c : centroid) c = normal(random);
    for (float& q : query) q = normal(random);
    Matrix rows(kRows, kDims), directions(kRows, kDims);
    for (size_t i = 0; i < kRows; i++) {
        const float length = std::exp(std::uniform_real_distribution<float>(-3.9f, 3.9f)(random));
        for (size_t d = 0; d < kDims; d++) directions.row(i)[d] = length * normal(random);
        for (size_t d = 0; d < kDims; d++) rows.row(i)[d] = centroid[d] + directions.row(i)[d];
        EXPECT_GT(MakeDirection(directions.row(i), kDims), 0);
        EXPECT_NEAR(DotF32(directions.row(i), directions.row(i), kDims), 1, 1e-5);
    }
    StopToken stop;
    for (const Metric metric : {Metric::kL2, Metric::kInnerProduct}) {
        Codec codec{};
        codec.metric = metric;
        codec.kind = CodeKind::kPq4;
        codec.dims = kDims;
        codec.pq = {kDims, kDims / 2, 4};
        codec.lengths = true;
        const AlignedArray<float> codebook = TrainPq(codec.pq, directions, 10, 1, 1, stop);
        codec.codebook = codebook.data();
        ASSERT_TRUE(CodeHasScalar(codec));
        const size_t code_bytes = CodeBytes(codec), stride = code_bytes + sizeof(float);
        std::vector<uint8_t> sink(kRows * stride), fits(kRows);
        std::vector<float> scratch(EncodeScratchFloats(codec, kRows)), table_scratch(TableScratchFloats(codec));
        EncodeRows(codec, rows.data(), kRows, centroid.data(), nullptr,
                   {sink.data(), stride, 0, code_bytes, fits.data()}, scratch.data());
        const ListTable table = PrepareListTable(codec, query.data(), centroid.data(), table_scratch.data(), true);
        ASSERT_TRUE(table.has_scale);
        EXPECT_EQ(table.adds_square, metric == Metric::kL2);
        double error = 0;
        for (size_t i = 0; i < kRows; i++) {
            float word, sum = 0, residual = 0;
            std::memcpy(&word, sink.data() + i * stride + code_bytes, sizeof(word));
            for (size_t s = 0; s < codec.pq.m; s++)
                sum += table.table[16 * s + PqGetCode(4, sink.data() + i * stride, s)];
            for (size_t d = 0; d < kDims; d++)
                residual += (rows.row(i)[d] - centroid[d]) * (rows.row(i)[d] - centroid[d]);
            float estimate;
            FinishScaledSums(&sum, 1, 0, &word, table.bias, table.adds_square, 1, &estimate);
            const float exact = metric == Metric::kL2 ? L2SquaredF32(query.data(), rows.row(i), kDims)
                                                      : -DotF32(query.data(), rows.row(i), kDims);
            EXPECT_NEAR(RowLength(word), std::sqrt(residual), 1e-3 * std::sqrt(residual));
            const double scaled = (estimate - exact) / std::sqrt(residual);
            error += scaled * scaled;
            EXPECT_LT(std::fabs(scaled), 6) << std::sqrt(residual);
        }
        // <q, u> has a deviation of 1 for a query of this length, the error of the code a third; 2 <q - c, u> of 2.8.
        EXPECT_LT(std::sqrt(error / kRows), metric == Metric::kL2 ? 1.2 : 0.45);
    }
}

}  // namespace
}  // namespace vectorq
