// Searches among many centroids: groups, the compact form.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/cluster/centroid_groups.h"
#include "core/quantize/compact_centroids.h"
#include "core/quantize/pq.h"
#include "core/simd/distance_reference.h"
#include "core/simd/lut16_scan.h"
#include "test_support.h"

namespace vectorq::test {
namespace {

// Rows around `clumps` points, as real ones lie.
Matrix ClumpedMatrix(size_t rows, size_t dims, size_t clumps, uint64_t seed) {
    const Matrix centers = RandomMatrix(clumps, dims, seed);
    Matrix m = RandomMatrix(rows, dims, seed + 1);
    for (size_t i = 0; i < rows; i++)
        for (size_t d = 0; d < dims; d++) m.row(i)[d] = 3 * centers.row(i % clumps)[d] + m.row(i)[d];
    return m;
}

TEST(CentroidGroups, HoldEachCentroidOnceNearItsCenter) {
    StopToken stop;
    for (const size_t n : {1, 2, 50, 3000}) {
        const Matrix c = ClumpedMatrix(n, 9, 40, 1);
        const CentroidGroups groups = GroupCentroids(c, SearchGroups(n), false, 7, 1, stop);
        ASSERT_EQ(groups.members.size(), n);
        ASSERT_EQ(groups.start.back(), n);
        std::vector<uint32_t> members = groups.members, all(n);
        std::iota(all.begin(), all.end(), 0u);
        std::sort(members.begin(), members.end());
        EXPECT_EQ(members, all);
        EXPECT_EQ(groups.centers.rows() > 0, n == 3000);
        for (size_t g = 0; g < groups.centers.rows(); g++) {
            for (size_t j = groups.start[g]; j < groups.start[g + 1]; j++) {
                const float own = reference::L2SquaredF32(c.row(groups.members[j]), groups.centers.row(g), 9);
                for (size_t h = 0; h < groups.centers.rows(); h++)
                    ASSERT_LE(
                        own,
                        reference::L2SquaredF32(c.row(groups.members[j]), groups.centers.row(h), 9) * 1.0001f + 1e-4f);
            }
        }
        EXPECT_EQ(groups.members, GroupCentroids(c, SearchGroups(n), false, 7, 2, stop).members);
    }
    ReleaseThreads();
}

TEST(CompactCentroids, PartsLieApartForAnySizes) {
    for (const size_t dims : {1, 2, 3, 5, 8})
        for (size_t a = 0; a < 9; a++)
            for (size_t b = 0; b < 9; b++) {
                ASSERT_LE(CompactGroupOffset(2, dims, 0, 0) + CompactGroupBytes(a, dims),
                          CompactGroupOffset(2, dims, 1, a));
                ASSERT_LE(CompactGroupOffset(2, dims, 1, a) + CompactGroupBytes(b, dims), CompactBytes(a + b, 2, dims));
                ASSERT_EQ(CompactGroupOffset(2, dims, 1, a) % 4, 0u);
            }
}

// Scores of all lists by number, through the parts.
std::vector<float> AllScores(const AlignedArray<uint8_t>& bytes, size_t dims, Metric metric, const float* query,
                             size_t numbers) {
    const CompactFront front = ViewCompactFront(bytes.data(), dims);
    std::vector<float> scratch(2 * dims), score(front.entries), by_number(numbers, -1e30f);
    const CompactQuery prepared = PrepareCompactQuery(front, metric, query, scratch.data());
    for (size_t g = 0; g < std::max<size_t>(front.groups, 1); g++) {
        const size_t start = front.groups > 0 ? front.start[g] : 0;
        const size_t n = (front.groups > 0 ? front.start[g + 1] : front.entries) - start;
        const CompactGroup part =
            ViewCompactGroup(bytes.data() + CompactGroupOffset(front.groups, dims, g, start), n, dims);
        ScoreCompact(prepared, part.scalar, part.code, n, dims, score.data());
        for (size_t j = 0; j < n; j++) {
            EXPECT_EQ(by_number[part.list[j]], -1e30f);
            by_number[part.list[j]] = score[j];
        }
    }
    return by_number;
}

TEST(CompactCentroids, ScoresAreNearlyDistancesWithAndWithoutGroups) {
    StopToken stop;
    for (const size_t dims : {3, 16, 129}) {
        const size_t n = 1500;
        const Matrix c = ClumpedMatrix(n, dims, 30, 3), q = ClumpedMatrix(4, dims, 30, 3);
        std::vector<uint32_t> number(n);
        for (size_t i = 0; i < n; i++) number[i] = uint32_t(2 * i + 1);
        const CentroidGroups one = GroupCentroids(c, 0, false, 7, 1, stop),
                             many = GroupCentroids(c, 60, false, 7, 1, stop);
        AlignedArray<uint8_t> flat(CompactBytes(n, 0, dims)), grouped(CompactBytes(n, many.centers.rows(), dims));
        BuildCompactCentroids(c, number.data(), one, 1, stop, flat.data());
        BuildCompactCentroids(c, number.data(), many, 1, stop, grouped.data());
        for (const Metric metric : {Metric::kL2, Metric::kInnerProduct})
            for (size_t i = 0; i < q.rows(); i++) {
                const std::vector<float> a = AllScores(flat, dims, metric, q.row(i), 2 * n),
                                         b = AllScores(grouped, dims, metric, q.row(i), 2 * n);
                EXPECT_EQ(a, b);
                const float size = reference::DotF32(q.row(i), q.row(i), dims);
                for (size_t j = 0; j < n; j++) {
                    const float exact = metric == Metric::kL2 ? reference::L2SquaredF32(q.row(i), c.row(j), dims)
                                                              : -reference::DotF32(q.row(i), c.row(j), dims);
                    ASSERT_NEAR(a[2 * j + 1], exact, 0.02f * (size + std::fabs(exact)) + 0.1f);
                    ASSERT_EQ(a[2 * j], -1e30f);
                }
            }
    }
}

TEST(CompactCentroids, CoarseBlocksLieApartForAnySizes) {
    const size_t dims = 49, groups = 1000, block = Lut16BlockBytes(CoarseSubspaces(groups, dims));
    ASSERT_EQ(CoarseSubspaces(groups, dims), 25u);
    for (size_t a = 0; a < 70; a++)
        for (size_t b = 0; b < 70; b++) {
            const size_t entries = 7 + a + b, before = CoarseOffset(entries, groups, dims, 1, 7);
            ASSERT_LE(before + CoarseBytes(a, groups, dims), CoarseOffset(entries, groups, dims, 2, 7 + a));
            ASSERT_LE(CoarseOffset(entries, groups, dims, 999, 7 + a) + CoarseBytes(b, groups, dims),
                      CoarseScalarOffset(entries, groups, dims));
            ASSERT_EQ(CoarseScalarOffset(entries, groups, dims) + 4 * entries, CompactBytes(entries, groups, dims));
            ASSERT_GE(before, CompactGroupOffset(groups, dims, groups, entries));
            ASSERT_EQ(CoarseBytes(a, groups, dims), (a + 31) / 32 * block);
        }
}

TEST(CompactCentroids, CoarseScoresAreDistancesOfWhatCodesMean) {
    StopToken stop;
    for (const size_t dims : {48, 64, 600}) {
        const size_t n = 2500;
        const Matrix c = ClumpedMatrix(n, dims, 30, 3), q = ClumpedMatrix(3, dims, 30, 3);
        const CentroidGroups groups = GroupCentroids(c, 800, false, 7, 2, stop);
        const size_t count = groups.size();
        ASSERT_GE(count, 640u);
        AlignedArray<uint8_t> bytes(CompactBytes(n, count, dims));
        BuildCompactCentroids(c, nullptr, groups, 2, stop, bytes.data());
        const CompactFront front = ViewCompactFront(bytes.data(), dims);
        ASSERT_NE(front.codebook, nullptr);
        const PqShape shape = {uint32_t(dims), uint32_t(CoarseSubspaces(count, dims)), 4};
        AlignedArray<float> scratch(CoarseScratchFloats(front));
        for (const Metric metric : {Metric::kL2, Metric::kInnerProduct})
            for (size_t i = 0; i < q.rows(); i++) {
                CoarseQuery query;
                ASSERT_TRUE(PrepareCoarseQuery(front, metric, q.row(i), scratch.data(), &query));
                double error = 0, total = 0;
                for (size_t g = 0; g < count; g++) {
                    const size_t first = groups.start[g], entries = groups.start[g + 1] - first;
                    const uint8_t* blocks = bytes.data() + CoarseOffset(n, count, dims, g, first);
                    std::vector<uint16_t> sums((entries + 31) / 32 * 32);
                    std::vector<float> score(entries), decoded(dims);
                    const float* scalar =
                        reinterpret_cast<const float*>(bytes.data() + CoarseScalarOffset(n, count, dims)) + first;
                    const auto distance = [&](const float* x) {
                        return metric == Metric::kL2 ? reference::L2SquaredF32(q.row(i), x, dims)
                                                     : -reference::DotF32(q.row(i), x, dims);
                    };
                    const float* center = groups.centers.row(g);
                    ScoreCoarse(query, front, distance(center), blocks, scalar, entries, sums.data(), score.data());
                    for (size_t j = 0; j < entries; j++) {
                        std::vector<uint8_t> code(PqCodeBytes(shape));
                        UnpackCode4(blocks + j / 32 * Lut16BlockBytes(shape.m), shape.m, j % 32, code.data());
                        DecodePq(shape, front.codebook, code.data(), decoded.data());
                        for (size_t d = 0; d < dims; d++) decoded[d] += center[d];
                        const float want = distance(decoded.data());
                        ASSERT_NEAR(score[j], want, 0.51f * float(shape.m) * query.scale + 1e-4f * std::fabs(want));
                        error += std::fabs(score[j] - distance(c.row(groups.members[first + j])));
                        total += std::fabs(distance(c.row(groups.members[first + j])));
                    }
                }
                EXPECT_LT(error, 0.1 * total) << dims;
            }
        CoarseQuery query;
        std::vector<float> scores(32);
        uint16_t sums[32];
        ASSERT_TRUE(PrepareCoarseQuery(front, Metric::kL2, q.row(0), scratch.data(), &query));
        const float nan = NAN;
        ScoreCoarse(query, front, 1, bytes.data() + CoarseOffset(n, count, dims, 0, 0), &nan, 1, sums, scores.data());
        EXPECT_EQ(scores[0], INFINITY);
        std::vector<float> far(dims, 3e38f);
        EXPECT_FALSE(PrepareCoarseQuery(front, Metric::kL2, far.data(), scratch.data(), &query));
    }
    ReleaseThreads();
}

TEST(CompactCentroids, FewGroupsAndFewDimensionsHaveNoCoarseCodes) {
    EXPECT_GT(CoarseSubspaces(640, 48), 0u);
    EXPECT_EQ(CoarseSubspaces(639, 48), 0u);
    EXPECT_EQ(CoarseSubspaces(640, 47), 0u);
    StopToken stop;
    const Matrix c = ClumpedMatrix(300, 4, 30, 3);
    const CentroidGroups groups = GroupCentroids(c, 20, false, 7, 1, stop);
    AlignedArray<uint8_t> bytes(CompactBytes(300, groups.size(), 4));
    BuildCompactCentroids(c, nullptr, groups, 1, stop, bytes.data());
    const CompactFront front = ViewCompactFront(bytes.data(), 4);
    EXPECT_EQ(front.codebook, nullptr);
    CoarseQuery query;
    EXPECT_FALSE(PrepareCoarseQuery(front, Metric::kL2, c.row(0), nullptr, &query));
}

}  // namespace
}  // namespace vectorq::test
