// Searches among many centroids: groups, the compact form.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/cluster/centroid_groups.h"
#include "core/cluster/compact_centroids.h"
#include "core/simd/distance_reference.h"
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
                ASSERT_LE(CompactPartOffset(2, dims, 0, 0) + CompactPartBytes(a, dims),
                          CompactPartOffset(2, dims, 1, a));
                ASSERT_LE(CompactPartOffset(2, dims, 1, a) + CompactPartBytes(b, dims), CompactBytes(a + b, 2, dims));
                ASSERT_EQ(CompactPartOffset(2, dims, 1, a) % 4, 0u);
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
        const CompactPart part =
            ViewCompactPart(bytes.data() + CompactPartOffset(front.groups, dims, g, start), n, dims);
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
        BuildCompactCentroids(c, number.data(), one, flat.data());
        BuildCompactCentroids(c, number.data(), many, grouped.data());
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

}  // namespace
}  // namespace vectorq::test
