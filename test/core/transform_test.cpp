// Transforms: option text, the product kernel on each target, and what learning promises.
#include "core/transform/transform.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/cluster/assign.h"
#include "core/cluster/kmeans.h"
#include "core/linear/linear.h"
#include "core/linear/symmetric_eigen.h"
#include "test_support.h"

namespace vectorq::test {
namespace {

Transform Train(const char* text, const Matrix& sample, int threads = 1, uint64_t seed = 7) {
    StopToken stop;
    return TrainTransform(ParseTransform(text), sample, seed, threads, stop);
}
double LargestGramError(const Matrix& a) {
    double worst = 0;
    for (size_t i = 0; i < a.rows(); i++) {
        for (size_t j = 0; j < a.rows(); j++) {
            double dot = 0;
            for (size_t d = 0; d < a.cols(); d++) dot += double(a.row(i)[d]) * a.row(j)[d];
            worst = std::max(worst, std::fabs(dot - (i == j ? 1 : 0)));
        }
    }
    return worst;
}
// Rows with standard deviation 1 / (1 + d) along rotated axes, all far from the origin.
Matrix Correlated(size_t rows, size_t dims, float offset) {
    StopToken stop;
    const Workers workers{1, stop};
    Matrix z = RandomMatrix(rows, dims, 3);
    for (size_t i = 0; i < rows; i++) {
        for (size_t d = 0; d < dims; d++) z.row(i)[d] /= float(1 + d);
    }
    Matrix x = MultiplyTransposed(z, RandomOrthonormal(dims, dims, 5, workers), workers);
    for (size_t i = 0; i < rows * dims; i++) x.data()[i] += offset;
    return x;
}
Matrix Apply(const Transform& t, const Matrix& x) {
    Matrix y(x.rows(), t.out_dims);
    ApplyTransform(t, x.data(), x.rows(), y.data());
    return y;
}
double CovarianceOf(const Matrix& y, size_t a, size_t b) {
    double sa = 0, sb = 0, sab = 0;
    for (size_t i = 0; i < y.rows(); i++) {
        sa += y.row(i)[a];
        sb += y.row(i)[b];
        sab += double(y.row(i)[a]) * y.row(i)[b];
    }
    const double n = double(y.rows());
    return sab / n - sa / n * sb / n;
}
double PqError(const Matrix& y, size_t m) {
    StopToken stop;
    double error = 0;
    for (size_t s = 0; s < m; s++) {
        const size_t begin = SubspaceBegin(y.cols(), m, s), width = SubspaceBegin(y.cols(), m, s + 1) - begin;
        Matrix part(y.rows(), width);
        for (size_t i = 0; i < y.rows(); i++) std::copy_n(y.row(i) + begin, width, part.row(i));
        KMeansOptions options;
        options.lists = 256;
        const Matrix book = TrainKMeans(part, options, stop);
        std::vector<uint32_t> id(y.rows());
        std::vector<float> distance(y.rows());
        Assigner(book, AssignMetric::kL2).Nearest(part.data(), y.rows(), id.data(), distance.data());
        for (const float d : distance) error += d;
    }
    return error / double(y.rows());
}

TEST(TransformSpec, ReadsAndPrints) {
    for (const char* text : {"none", "center", "pca64", "pcaw64", "pcar64", "pcawr64", "rr", "rr32", "opq16",
                             "opq32_64", "balance8", "corr16"}) {
        EXPECT_EQ(FormatTransform(ParseTransform(text)), text);
    }
    const TransformSpec spec = ParseTransform("OPQ16_64");
    EXPECT_EQ(spec.kind, TransformKind::kOpq);
    EXPECT_EQ(spec.opq_m, 16u);
    EXPECT_EQ(spec.out_dims, 64u);
    EXPECT_EQ(ResolveTransform(ParseTransform("opq8"), 96).out_dims, 96u);
}

TEST(TransformSpec, Rejects) {
    for (const char* text : {"", "pca", "pca0", "pcax", "pca64x", "none3", "center1", "opq", "opq16_", "opq16_0",
                             "rr99999999999", "lda4", "balance", "corr0", "corr8_16", "pca-3", "64", "opq_64"}) {
        EXPECT_THROW(ParseTransform(text), Error) << text;
    }
    EXPECT_THROW(ResolveTransform(ParseTransform("pca65"), 64), Error);
    EXPECT_THROW(ResolveTransform(ParseTransform("opq65"), 64), Error);
    EXPECT_THROW(ResolveTransform(ParseTransform("opq16_8"), 64), Error);
    EXPECT_THROW(ResolveTransform(ParseTransform("balance65"), 64), Error);
    EXPECT_THROW(ResolveTransform(ParseTransform("corr65"), 64), Error);
}

TEST(Transform, ProductEqualsReferenceOnEveryTarget) {
    ForEachTarget([] {
        for (const size_t in : {1, 3, 15, 16, 33, 128, 513, 1100}) {
            for (const size_t out : {1, 4, 7, 130}) {
                for (const size_t count : {1, 2, 5, 19, 260}) {
                    const Matrix x = RandomMatrix(count, in, 1), a = RandomMatrix(out, in, 2),
                                 b = RandomMatrix(1, out, 3);
                    Guarded rows(count * in * 4), y(count * out * 4);
                    std::memcpy(rows.data(), x.data(), count * in * 4);
                    float* got = reinterpret_cast<float*>(y.data());
                    ApplyTransform(a.data(), b.data(), in, out, reinterpret_cast<const float*>(rows.data()), count,
                                   got);
                    std::vector<float> single(out);
                    ApplyTransform(a.data(), b.data(), in, out, x.row(count - 1), 1, single.data());
                    for (size_t i = 0; i < count; i++) {
                        for (size_t j = 0; j < out; j++) {
                            double want = b.data()[j];
                            for (size_t d = 0; d < in; d++) want += double(x.row(i)[d]) * a.row(j)[d];
                            ASSERT_NEAR(got[i * out + j], want, 1e-6 * double(in + 20))
                                << in << " " << out << " " << count;
                        }
                    }
                    ASSERT_EQ(std::memcmp(single.data(), got + (count - 1) * out, out * 4), 0)
                        << "a query is not as its row";
                }
            }
        }
    });
}

TEST(Transform, DoubleProductEqualsReferenceOnEveryTarget) {
    ForEachTarget([] {
        for (const size_t dims : {1, 7, 64, 300}) {
            std::vector<double> x(9 * dims), a(6 * dims), got(54);
            std::mt19937_64 random(1);
            std::normal_distribution<double> normal;
            for (double& v : x) v = normal(random);
            for (double& v : a) v = normal(random);
            MultiplyRows(x.data(), dims, 9, a.data(), dims, 6, dims, nullptr, got.data(), 6, ProductMode::kSet);
            for (size_t i = 0; i < 54; i++) {
                double want = 0;
                for (size_t d = 0; d < dims; d++) want += x[i / 6 * dims + d] * a[i % 6 * dims + d];
                ASSERT_NEAR(got[i], want, 1e-12 * double(dims + 1));
            }
        }
    });
}

// The covariance of rows that come in blocks of `block`.
CovarianceSum SumOf(const Matrix& rows, size_t block, int threads, StopToken& stop) {
    CovarianceSum sum(rows.cols());
    for (size_t i = 0; i < rows.rows(); i += block)
        sum.Add(rows.row(i), std::min(block, rows.rows() - i), {threads, stop});
    return sum;
}

TEST(Transform, CovarianceOfBlocksIsThatOfTheSample) {
    StopToken stop;
    const Workers workers{2, stop};
    const Matrix x = Correlated(1000, 40, 100);
    const CenteredSample centered = CenterSample(x, 1000, workers);
    const MatrixF64 want = Covariance(centered, workers);
    double largest = 0;
    for (size_t i = 0; i < 40; i++) largest = std::max(largest, want.row(i)[i]);
    for (const size_t block : {1000 / 7, 256, 1}) {
        std::vector<float> mean;
        const Matrix got = SumOf(x, std::min(block, CovarianceSum::kBlockRows), 2, stop).Finish(mean);
        const double factor = want.row(0)[0] / got.row(0)[0];  // another scale
        for (size_t i = 0; i < 40; i++) {
            EXPECT_NEAR(mean[i], centered.mean[i], 1e-4);
            for (size_t j = 0; j < 40; j++)
                EXPECT_NEAR(got.row(i)[j] * factor, want.row(i)[j], 1e-5 * largest) << block;
        }
    }
}

TEST(Transform, LeadingDirectionsCarryTheShare) {
    StopToken stop;
    // Five directions of equal variance, turned about, and a little noise in all forty.
    Matrix x = RandomMatrix(5000, 40, 5);
    const Matrix turn = TrainTransform({TransformKind::kRotate, 40, 0}, x, 3, 1, stop).matrix;
    Matrix rows(5000, 40);
    for (size_t i = 0; i < 5000; i++)
        for (size_t d = 0; d < 40; d++) {
            double sum = 7;
            for (size_t k = 0; k < 40; k++) sum += (k < 5 ? 1.0 : 0.01) * x.row(i)[k] * turn.row(k)[d];
            rows.row(i)[d] = float(sum);
        }
    const auto learn = [&](const LeadingShape& shape, int threads) {
        return LearnLeading(SumOf(rows, 256, threads, stop), shape, 11, threads, stop);
    };
    const auto variance = [&](const Transform& t) {
        Matrix made(5000, t.out_dims);
        ApplyTransform(t, rows.data(), 5000, made.data());
        double sum = 0, mean = 0;
        for (size_t i = 0; i < 5000 * t.out_dims; i++) {
            sum += double(made.data()[i]) * made.data()[i] / 5000;
            mean += made.data()[i] / 5000.0;
        }
        EXPECT_LT(std::fabs(mean), 0.01);
        return sum;
    };
    const Transform five = learn({0.9, 1, 1, 20}, 1);
    EXPECT_EQ(five.out_dims, 5u);
    EXPECT_LT(LargestGramError(five.matrix), 1e-4);
    EXPECT_NEAR(variance(five), 5.0, 0.2);
    EXPECT_EQ(learn({0.5, 1, 1, 20}, 1).out_dims, 3u);
    EXPECT_EQ(learn({0.9, 4, 3, 20}, 1).out_dims, 7u);
    EXPECT_EQ(learn({0.9, 8, 3, 20}, 1).out_dims, 8u);
    EXPECT_EQ(learn({0.9, 1, 1, 4}, 1).out_dims, 0u) << "four do not carry nine tenths";
    const Transform again = learn({0.9, 1, 1, 20}, 2);
    EXPECT_EQ(std::memcmp(again.matrix.data(), five.matrix.data(), 5 * 40 * sizeof(float)), 0);
    // A slow decay takes hardly more directions than principal components are.
    const Matrix slow = Correlated(4000, 64, 100);
    const Transform some = LearnLeading(SumOf(slow, 200, 1, stop), {0.95, 2, 2, 64}, 3, 1, stop);
    EXPECT_GE(some.out_dims, 10u);
    EXPECT_LE(some.out_dims, 14u);
}

TEST(Transform, LeadingDirectionsOfEqualRows) {
    StopToken stop;
    Matrix same(300, 16);
    std::fill_n(same.data(), 300 * 16, 3.0f);
    const Transform t = LearnLeading(SumOf(same, 256, 1, stop), {0.9, 2, 2, 8}, 1, 1, stop);
    for (size_t i = 0; i < t.matrix.rows() * 16; i++) EXPECT_TRUE(std::isfinite(t.matrix.data()[i]));
    std::vector<float> made(std::max<size_t>(t.out_dims, 1));
    if (t.out_dims > 0) ApplyTransform(t, same.data(), 1, made.data());
    EXPECT_NEAR(made[0], 0, 1e-3);
}

TEST(Transform, MatricesAreOrthonormal) {
    const Matrix x = Correlated(2000, 40, 100);
    for (const char* text : {"pca40", "pca7", "pcar16", "rr", "rr9", "opq4", "opq5_20"}) {
        EXPECT_LT(LargestGramError(Train(text, x).matrix), 1e-5) << text;
    }
}

TEST(Transform, PcaFindsTheVariances) {
    const Matrix x = Correlated(20000, 32, 50);
    const Matrix y = Apply(Train("pca8", x), x);
    for (size_t i = 0; i < 8; i++) {
        const double want = 1.0 / double((1 + i) * (1 + i));
        EXPECT_NEAR(CovarianceOf(y, i, i), want, 0.05 * want);
        for (size_t j = 0; j < i; j++) EXPECT_NEAR(CovarianceOf(y, i, j), 0, 1e-3);
    }
}

TEST(Transform, WhiteningGivesUnitCovariance) {
    const Matrix x = Correlated(5000, 24, 3);
    for (const char* text : {"pcaw24", "pcawr16"}) {
        const Matrix y = Apply(Train(text, x), x);
        for (size_t i = 0; i < y.cols(); i++) {
            for (size_t j = 0; j <= i; j++) EXPECT_NEAR(CovarianceOf(y, i, j), i == j ? 1 : 0, 5e-3) << text;
        }
    }
}

TEST(Transform, RotationKeepsDistances) {
    const Matrix x = RandomMatrix(50, 100, 1), y = Apply(Train("rr", x), x);
    for (size_t i = 1; i < 50; i++) {
        double before = 0, after = 0;
        for (size_t d = 0; d < 100; d++) {
            before += std::pow(double(x.row(i)[d]) - x.row(0)[d], 2);
            after += std::pow(double(y.row(i)[d]) - y.row(0)[d], 2);
        }
        EXPECT_NEAR(after, before, 1e-4 * before);
    }
}

// The tridiagonal way, on spectra that are flat, steep, or have few values only.
TEST(Transform, TridiagonalFindsTheEigenvectorsOnEveryTarget) {
    ForEachTarget([] {
        StopToken stop;
        const Workers workers{2, stop};
        for (const size_t dims : {1, 2, 3, 33, 150}) {
            for (const size_t rows : {size_t(1), dims / 3 + 1, 10 * dims}) {
                const Matrix x = Correlated(rows, dims, 10);
                const MatrixF64 c = Covariance(CenterSample(x, x.rows(), workers), workers);
                MatrixF64 copy(dims, dims);
                std::copy_n(c.data.data(), dims * dims, copy.data.data());
                const EigenSystem eigen = DecomposeSymmetric(std::move(copy), workers, 0);
                for (size_t i = 0; i < dims; i++) {
                    ASSERT_TRUE(i == 0 || eigen.values[i] <= eigen.values[i - 1]);
                    for (size_t r = 0; r < dims; r++) {
                        double sum = -eigen.values[i] * eigen.vectors.row(i)[r], dot = r == i ? -1 : 0;
                        for (size_t d = 0; d < dims; d++) {
                            sum += c.row(r)[d] * eigen.vectors.row(i)[d];
                            dot += eigen.vectors.row(r)[d] * eigen.vectors.row(i)[d];
                        }
                        ASSERT_NEAR(sum, 0, 1e-7 * eigen.values[0]) << dims << " " << rows;  // negative values became 0
                        ASSERT_NEAR(dot, 0, 1e-12) << dims << " " << rows;
                    }
                }
            }
        }
    });
}

TEST(Transform, OpqLowersTheQuantizationError) {
    const Matrix x = Correlated(6000, 32, 20);
    EXPECT_LT(PqError(Apply(Train("opq4", x), x), 4), 0.8 * PqError(x, 4));
}

TEST(Transform, SameOnAnyNumberOfThreads) {
    const Matrix x = Correlated(3000, 40, 5);
    for (const char* text : {"center", "pcawr20", "rr", "opq4", "opq3_20", "balance7", "corr7"}) {
        const Transform a = Train(text, x, 1), b = Train(text, x, 3);
        EXPECT_EQ(std::memcmp(a.offset.data(), b.offset.data(), a.out_dims * 4), 0) << text;
        ASSERT_EQ(a.matrix.rows(), b.matrix.rows());
        if (a.matrix.rows() == 0) continue;
        EXPECT_EQ(std::memcmp(a.matrix.data(), b.matrix.data(), a.matrix.rows() * a.matrix.cols() * 4), 0) << text;
    }
}

TEST(Transform, DegenerateSamplesStayFinite) {
    Matrix equal(20, 12), few = RandomMatrix(5, 12, 1), one = RandomMatrix(1, 12, 2, 1e6f),
                          huge = RandomMatrix(30, 12, 4);
    for (size_t i = 0; i < 20 * 12; i++) equal.data()[i] = 0.1f * float(i % 12);
    for (size_t i = 0; i < 30 * 12; i++) huge.data()[i] *= i % 12 == 3 ? 0.0f : 1e15f;
    for (const Matrix* x : {&equal, &few, &one, &huge}) {
        for (const char* text :
             {"none", "center", "pca12", "pcaw12", "pcawr5", "rr", "opq3", "opq2_5", "balance5", "corr5"}) {
            const Transform t = Train(text, *x);
            const Matrix y = Apply(t, *x);
            for (size_t i = 0; i < y.rows() * y.cols(); i++) ASSERT_TRUE(std::isfinite(y.data()[i])) << text;
            const bool whitens = std::string(text).find('w') != std::string::npos;
            if (!whitens && t.matrix.rows() > 0) {
                EXPECT_LT(LargestGramError(t.matrix), 1e-5) << text;
            }
        }
    }
    EXPECT_THROW(Train("pca3", Matrix(0, 12)), Error);
}

TEST(Transform, CancelIsAnswered) {
    StopToken stop([] { return true; });
    EXPECT_THROW(TrainTransform(ParseTransform("opq4"), RandomMatrix(500, 16, 1), 1, 2, stop), Error);
}

size_t polls, stop_after;
bool CountPolls() { return ++polls > stop_after; }

// Polls instead of time: many of them mean that no part of the work is long.
TEST(Transform, PollsOftenAndStopsInTheMiddle) {
    for (const char* text : {"pca512", "opq16_64"}) {
        const Matrix x = Correlated(300, 512, 1);
        for (const int threads : {1, 2}) {
            polls = 0, stop_after = SIZE_MAX;
            StopToken stop(CountPolls);
            TrainTransform(ParseTransform(text), x, 1, threads, stop);
            const size_t all = polls;
            // Some 700 and 37,000 with one thread; with two, as many as the caller's share of the work, which is
            // anything from a sixth to all beside other load.
            EXPECT_GT(all, 200u) << text;
            for (const size_t after : {all / (threads == 1 ? 3 : 20), all * 2 / (threads == 1 ? 3 : 20)}) {
                polls = 0, stop_after = after;
                StopToken cancelled(CountPolls);
                EXPECT_THROW(TrainTransform(ParseTransform(text), x, 1, threads, cancelled), Error);
                EXPECT_LT(polls, after + 10) << text;
            }
        }
    }
}

// The old dimension of each new one; empty unless the matrix is a permutation.
std::vector<uint32_t> PermutationOf(const Transform& t) {
    std::vector<uint32_t> order;
    std::vector<int> used(t.in_dims, 0);
    for (size_t i = 0; i < t.matrix.rows(); i++) {
        double sum = 0;
        for (uint32_t d = 0; d < t.in_dims; d++) {
            sum += std::fabs(t.matrix.row(i)[d]);
            if (t.matrix.row(i)[d] == 1 && used[d]++ == 0) order.push_back(d);
        }
        if (sum != 1 || order.size() != i + 1) return {};
    }
    return order;
}

TEST(Transform, CorrGroupsWhatBelongsTogether) {
    // Dimensions d and d + 4k are noisy copies of each other.
    Matrix x = RandomMatrix(3000, 24, 1, 30);
    for (size_t i = 0; i < x.rows(); i++) {
        for (size_t d = 4; d < 24; d++) x.row(i)[d] = 0.3f * x.row(i)[d] + (d % 8 < 4 ? 1.0f : -2.0f) * x.row(i)[d % 4];
    }
    const std::vector<uint32_t> order = PermutationOf(Train("corr4", x));
    ASSERT_EQ(order.size(), 24u);
    for (size_t j = 0; j < 24; j++) EXPECT_EQ(order[j] % 4, order[j / 6 * 6] % 4);
    EXPECT_LT(PqError(Apply(Train("corr4", x), x), 4), 0.5 * PqError(x, 4));
}

TEST(Transform, BalanceSpreadsTheVariances) {
    Matrix x = RandomMatrix(3000, 24, 1, 30);
    for (size_t i = 0; i < x.rows(); i++) {
        for (size_t d = 0; d < 24; d++) x.row(i)[d] /= float(1 + d);
    }
    ASSERT_EQ(PermutationOf(Train("balance5", x)).size(), 24u);
    EXPECT_LT(PqError(Apply(Train("balance4", x), x), 4), 0.7 * PqError(x, 4));
}

TEST(Transform, BalanceVarianceDealsOutEvenly) {
    const std::vector<uint32_t> order = BalanceVariance({8, 4, 2, 1}, 2);
    EXPECT_EQ(order, (std::vector<uint32_t>{0, 3, 1, 2}));
    EXPECT_EQ(BalanceVariance({0, 0, 0}, 2).size(), 3u);
}

}  // namespace
}  // namespace vectorq::test
