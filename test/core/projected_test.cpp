// k-means by way of fewer dimensions, and the subspace that it takes.
#include <algorithm>
#include <cmath>

#include "core/cluster/assign.h"
#include "core/cluster/kmeans.h"
#include "core/cluster/projected.h"
#include "core/simd/distance.h"
#include "core/linear/leading_directions.h"
#include "test_support.h"

namespace vectorq {
namespace {

using test::RandomMatrix;

constexpr size_t kDims = 320;

// `rank` directions carry nearly all variance, far from the origin.
Matrix NearlyFlat(size_t rows, size_t rank, float noise, uint64_t seed) {
    const Matrix basis = RandomMatrix(rank, kDims, seed), weight = RandomMatrix(rows, rank, seed + 1);
    Matrix m = RandomMatrix(rows, kDims, seed + 2);
    for (size_t i = 0; i < rows; i++)
        for (size_t d = 0; d < kDims; d++) {
            m.row(i)[d] = 7 + noise * m.row(i)[d];
            for (size_t r = 0; r < rank; r++) m.row(i)[d] += weight.row(i)[r] * basis.row(r)[d];
        }
    return m;
}

// Centers of clumps of rows.
Matrix Clumps(size_t rows, size_t clumps, uint64_t seed) {
    const Matrix center = RandomMatrix(clumps, kDims, seed);
    Matrix m = RandomMatrix(rows, kDims, seed + 1);
    for (size_t i = 0; i < rows; i++)
        for (size_t d = 0; d < kDims; d++) m.row(i)[d] = center.row(i % clumps)[d] + 0.1f * m.row(i)[d];
    return m;
}

double MeanError(const Matrix& rows, const Matrix& centroids) {
    StopToken stop;
    std::vector<uint32_t> id(rows.rows());
    std::vector<float> distance(rows.rows());
    Assigner(centroids, AssignMetric::kL2).Nearest(rows.data(), rows.rows(), id.data(), distance.data(), 2, stop);
    double sum = 0;
    for (const float d : distance) sum += d;
    return sum / double(rows.rows());
}

TEST(LeadingDirections, AreOrthonormalAndCarryTheVariance) {
    StopToken stop;
    const Matrix rows = NearlyFlat(3000, 20, 0.3f, 1);
    const Matrix found = LeadingDirections(rows, 24, 5, {2, stop});
    for (size_t i = 0; i < found.rows(); i++)
        for (size_t j = 0; j <= i; j++)
            EXPECT_NEAR(DotF32(found.row(i), found.row(j), kDims), i == j ? 1 : 0, 0.01) << i << " " << j;
    double all = 0, kept = 0;
    for (size_t i = 1; i < rows.rows(); i++) {
        std::vector<float> step(kDims);
        for (size_t d = 0; d < kDims; d++) step[d] = rows.row(i)[d] - rows.row(0)[d];
        all += DotF32(step.data(), step.data(), kDims);
        for (size_t r = 0; r < found.rows(); r++) kept += std::pow(DotF32(step.data(), found.row(r), kDims), 2);
    }
    EXPECT_GT(kept, 0.99 * all);  // noise has 0.5 % of it
    const Matrix again = LeadingDirections(rows, 24, 5, {1, stop});
    EXPECT_EQ(0, std::memcmp(found.data(), again.data(), sizeof(float) * 24 * kDims));
}

TEST(LeadingDirections, StayFiniteWhateverTheRows) {
    StopToken stop;
    Matrix equal(500, kDims);
    const Matrix one = RandomMatrix(1, kDims, 3);
    for (size_t i = 0; i < equal.rows(); i++) std::copy_n(one.row(0), kDims, equal.row(i));
    for (const Matrix* rows : std::initializer_list<const Matrix*>{&equal, &one}) {
        const Matrix found = LeadingDirections(*rows, 128, 1, {2, stop});
        for (size_t i = 0; i < found.rows() * kDims; i++) ASSERT_TRUE(std::isfinite(found.data()[i]));
    }
}

KMeansOptions ManyLists() {
    KMeansOptions options;
    options.lists = 300;
    options.threads = 2;
    options.balance = 2;
    return options;
}

TEST(Projected, TakesOnlyWideRowsAndManyLists) {
    KMeansOptions options = ManyLists();
    EXPECT_EQ(ProjectedDims(100000, 128, options), 0u);
    EXPECT_EQ(ProjectedDims(100000, 384, options), 128u);
    EXPECT_EQ(ProjectedDims(100000, 1536, options), 192u);
    EXPECT_EQ(ProjectedDims(300, 384, options), 0u);
    options.lists = 100;
    EXPECT_EQ(ProjectedDims(100000, 384, options), 0u);
}

TEST(Projected, FindsTheClumpsForAnyNumberOfThreads) {
    StopToken stop;
    const Matrix rows = Clumps(6000, 300, 11);
    ASSERT_GT(ProjectedDims(rows.rows(), kDims, ManyLists()), 0u);
    for (const bool spherical : {false, true}) {
        KMeansOptions options = ManyLists();
        options.spherical = spherical;
        const Matrix found = TrainKMeans(rows, options, stop);
        EXPECT_LE(found.rows(), 300u);
        options.threads = 1;
        const Matrix again = TrainKMeans(rows, options, stop);
        ASSERT_EQ(found.rows(), again.rows());
        EXPECT_EQ(0, std::memcmp(found.data(), again.data(), sizeof(float) * found.rows() * kDims));
        // Noise about the centers: 0.01 a dimension; a center that is missed costs 2 a dimension for its rows.
        if (!spherical) {
            EXPECT_LT(MeanError(rows, found), 0.08 * kDims);
        }
        for (size_t i = 0; i < found.rows() && spherical; i++)
            EXPECT_NEAR(DotF32(found.row(i), found.row(i), kDims), 1, 1e-4);
    }
}

TEST(Projected, FewDistinctRowsGiveFewDistinctCentroids) {
    StopToken stop;
    Matrix rows(3000, kDims);
    const Matrix kinds = RandomMatrix(40, kDims, 2);
    for (size_t i = 0; i < rows.rows(); i++) std::copy_n(kinds.row(i % 40), kDims, rows.row(i));
    for (const bool spherical : {false, true}) {
        KMeansOptions options = ManyLists();
        options.spherical = spherical;
        const Matrix found = TrainKMeans(rows, options, stop);
        EXPECT_LE(found.rows(), 40u);
        EXPECT_GE(found.rows(), 1u);
        for (size_t i = 0; i < found.rows() * kDims; i++) ASSERT_TRUE(std::isfinite(found.data()[i]));
    }
    std::memset(rows.data(), 0, sizeof(float) * rows.rows() * kDims);
    KMeansOptions options = ManyLists();
    options.spherical = true;
    EXPECT_EQ(TrainKMeans(rows, options, stop).rows(), 1u);
}

TEST(Projected, CancelsAtAnyPoint) {
    const Matrix rows = Clumps(3000, 300, 4);
    KMeansOptions options = ManyLists();
    options.threads = 1;
    test::ExpectCancelsAtAnyPoint(20, [&](StopToken& stop) { TrainKMeans(rows, options, stop); });
}

}  // namespace
}  // namespace vectorq
