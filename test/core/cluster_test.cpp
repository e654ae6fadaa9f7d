// ParallelFor, Assigner, k-means, TopK.
#include <algorithm>
#include <cmath>
#include <set>
#include <thread>

#include "core/base/parallel.h"
#include "core/cluster/assign.h"
#include "core/cluster/kmeans.h"
#include "core/cluster/panel_assign.h"
#include "core/search/topk.h"
#include "core/simd/distance_reference.h"
#include "test_support.h"

namespace vectorq::test {
namespace {

TEST(Parallel, CoversEachIndexOnce) {
    StopToken stop;
    for (const int threads : {1, 2, 5}) {
        std::vector<int> hits(1001, 0);
        ParallelFor(hits.size(), 10, threads, stop, [&](size_t begin, size_t end, int thread) {
            ASSERT_LE(end - begin, 10u);
            ASSERT_LT(thread, threads);
            for (size_t i = begin; i < end; i++) hits[i]++;
        });
        EXPECT_EQ(hits, std::vector<int>(1001, 1));
    }
    ReleaseThreads();
}

TEST(Parallel, RethrowsTheBodysException) {
    StopToken stop;
    for (const int threads : {1, 3}) {
        const auto body = [](size_t begin, size_t, int) {
            if (begin >= 50) throw Error(ErrorKind::kLimit, "x");
        };
        EXPECT_THROW(ParallelFor(100, 5, threads, stop, body), Error);
    }
}

bool AlwaysStop() { return true; }

TEST(Parallel, StopsWhenPolled) {
    for (const int threads : {1, 3}) {
        StopToken stop(&AlwaysStop);
        std::atomic<int> calls{0};
        EXPECT_THROW(ParallelFor(1 << 20, 1, threads, stop, [&](size_t, size_t, int) { calls++; }), Error);
        EXPECT_LT(calls.load(), 1 << 20);
    }
}

TEST(Parallel, WorkersBlockSignalsTheCallerDoesNot) {
    StopToken stop;
    ReleaseThreads();
    std::atomic<int> wrong{0};
    ParallelFor(300, 1, 3, stop, [&](size_t, size_t, int thread) {
        sigset_t mask;
        pthread_sigmask(SIG_SETMASK, nullptr, &mask);
        if (bool(sigismember(&mask, SIGINT)) != (thread != 0)) wrong++;
        std::this_thread::sleep_for(std::chrono::microseconds(20));
    });
    EXPECT_EQ(wrong.load(), 0);
    ReleaseThreads();
}

TEST(Assigner, EqualsBruteForce) {
    ForEachTarget([&] {
        for (const size_t dims : {1, 5, 16, 129, 513, 1100}) {
            for (const size_t lists : {1, 31, 33, 100, 600}) {
                for (const float offset : {0.0f, 1000.0f}) {
                    for (const bool dot : {false, true}) {
                        if (dot && offset != 0) continue;
                        const Matrix c = RandomMatrix(lists, dims, 1, offset), x = RandomMatrix(53, dims, 2, offset);
                        std::vector<uint32_t> id(53);
                        std::vector<float> distance(53);
                        Assigner(c, dot ? AssignMetric::kDot : AssignMetric::kL2)
                            .Nearest(x.data(), 53, id.data(), distance.data());
                        const auto exact = [&](size_t i, size_t j) {
                            return dot ? -reference::DotF32(x.row(i), c.row(j), dims)
                                       : reference::L2SquaredF32(x.row(i), c.row(j), dims);
                        };
                        const float eps = 2e-5f * float(dims) + 1e-4f;
                        for (size_t i = 0; i < 53; i += 4) {
                            float best = INFINITY;
                            for (size_t j = 0; j < lists; j++) best = std::min(best, exact(i, j));
                            ASSERT_NEAR(exact(i, id[i]), best, eps) << dims << " " << lists;
                            ASSERT_NEAR(distance[i], best, eps) << dims << " " << lists;
                        }
                    }
                }
            }
        }
    });
}

TEST(Assigner, ManyDimensionsAndTiesGoToTheLowestId) {
    Matrix c = RandomMatrix(40, 16000, 1);
    std::memcpy(c.row(37), c.row(3), 16000 * 4);
    uint32_t id;
    float distance;
    Assigner(c, AssignMetric::kL2).Nearest(c.row(37), 1, &id, &distance);
    EXPECT_EQ(id, 3u);
    EXPECT_NEAR(distance, 0, 0.1);
}

KMeansOptions Options(size_t lists, int threads = 1) {
    KMeansOptions options;
    options.lists = lists;
    options.threads = threads;
    return options;
}
size_t DistinctCentroids(const Matrix& c) {
    std::set<std::vector<float>> rows;
    for (size_t i = 0; i < c.rows(); i++) rows.insert(std::vector<float>(c.row(i), c.row(i) + c.cols()));
    for (const auto& row : rows) {
        for (const float x : row) EXPECT_TRUE(std::isfinite(x));
    }
    return rows.size();
}
double SumOfErrors(const Matrix& x, const Matrix& c) {
    std::vector<uint32_t> id(x.rows());
    std::vector<float> distance(x.rows());
    Assigner(c, AssignMetric::kL2).Nearest(x.data(), x.rows(), id.data(), distance.data());
    double sum = 0;
    for (const float d : distance) sum += d;
    return sum;
}

TEST(KMeans, FewDistinctRowsGiveFewDistinctCentroids) {
    StopToken stop;
    for (const bool spherical : {false, true}) {
        Matrix x(200, 8);
        for (size_t i = 0; i < 200; i++) {
            for (size_t d = 0; d < 8; d++) x.row(i)[d] = d == i % 5 ? 1.0f : 0.25f;
        }
        KMeansOptions options = Options(20);
        options.spherical = spherical;
        const Matrix c = TrainKMeans(x, options, stop);
        EXPECT_EQ(c.rows(), 5u);
        EXPECT_EQ(DistinctCentroids(c), 5u);
        std::memset(x.data(), 0, 200 * 8 * 4);
        EXPECT_EQ(TrainKMeans(x, options, stop).rows(), 1u);
    }
    const Matrix one = RandomMatrix(1, 3, 1);
    EXPECT_EQ(TrainKMeans(one, Options(7), stop).rows(), 1u);
}

TEST(KMeans, SameCentroidsForAnyNumberOfThreads) {
    StopToken stop;
    const Matrix x = RandomMatrix(5000, 24, 9);
    for (const size_t above : {size_t(0), size_t(50)}) {
        for (const bool spherical : {false, true}) {
            KMeansOptions one = Options(100), three = Options(100, 3);
            one.hierarchical_above = three.hierarchical_above = above;
            one.spherical = three.spherical = spherical;
            const Matrix a = TrainKMeans(x, one, stop), b = TrainKMeans(x, three, stop);
            ASSERT_EQ(a.rows(), b.rows());
            EXPECT_EQ(std::memcmp(a.data(), b.data(), a.rows() * 24 * 4), 0);
            EXPECT_EQ(DistinctCentroids(a), a.rows());
            if (!spherical) continue;
            for (size_t i = 0; i < a.rows(); i++) EXPECT_NEAR(reference::DotF32(a.row(i), a.row(i), 24), 1, 1e-4);
        }
    }
}

// Shares that a training tells, in each of its forms: they rise from 0 to 1, and none of its steps is most of it.
TEST(KMeans, TellsItsProgress) {
    StopToken stop;
    const Matrix x = RandomMatrix(40000, 8, 5), wide = RandomMatrix(3000, 256, 6);
    struct Case {
        const Matrix* rows;
        size_t lists, hierarchical_above;
    };
    for (const Case& c : {Case{&x, 50, 0}, Case{&x, 300, 0}, Case{&x, 300, 100}, Case{&wide, 300, 0}}) {
        KMeansOptions options = Options(c.lists, 2);
        options.hierarchical_above = c.hierarchical_above;
        options.balance = 1.3;
        std::vector<double> shares;
        TrainKMeans(
            *c.rows, options, stop,
            Progress([](void* to, double share) { static_cast<std::vector<double>*>(to)->push_back(share); }, &shares));
        ASSERT_GE(shares.size(), 5u);
        EXPECT_EQ(shares.front(), 0);
        EXPECT_NEAR(shares.back(), 1, 1e-9);
        EXPECT_TRUE(std::is_sorted(shares.begin(), shares.end()));
    }
    // A part of the whole.
    double told = -1;
    const auto tell = [](void* to, double share) { *static_cast<double*>(to) = share; };
    Progress(tell, &told).Part(0.5, 1).Part(0.2, 0.6).Report(0.5);
    EXPECT_NEAR(told, 0.7, 1e-12);
    Progress().Report(1);
}

TEST(KMeans, FindsSeparatedClusters) {
    StopToken stop;
    const Matrix centers = RandomMatrix(64, 16, 3);
    Matrix x = RandomMatrix(6400, 16, 4);
    for (size_t i = 0; i < 6400; i++) {
        for (size_t d = 0; d < 16; d++) x.row(i)[d] = 0.05f * x.row(i)[d] + 10 * centers.row(i % 64)[d];
    }
    const double noise = 6400 * 16 * 0.05 * 0.05;
    KMeansOptions options = Options(96, 2);
    EXPECT_LT(SumOfErrors(x, TrainKMeans(x, options, stop)), 1.05 * noise);
    options.hierarchical_above = 50;
    const Matrix c = TrainKMeans(x, options, stop);
    EXPECT_LT(SumOfErrors(x, c), 1.5 * noise);
    const PanelAssigner panels(c, AssignMetric::kL2, 10, 4, 1, 2, stop);
    std::vector<uint32_t> id(6400), exact(6400);
    std::vector<float> distance(6400);
    panels.Nearest(x.data(), 6400, id.data(), distance.data(), 2, stop);
    Assigner(c, AssignMetric::kL2).Nearest(x.data(), 6400, exact.data(), nullptr);
    size_t same = 0;
    for (size_t i = 0; i < 6400; i++) same += id[i] == exact[i];
    EXPECT_GT(same, 6300u);
    // Groups that all centroids have moved away from are left out, even where rows are.
    Matrix centers_of_groups = EvenRows(c, 20);
    std::fill_n(centers_of_groups.row(7), 16, 1000.0f);
    std::fill_n(centers_of_groups.row(12), 16, -1000.0f);
    const PanelAssigner moved(c, AssignMetric::kL2, 10, 4, 1, 2, stop, &centers_of_groups);
    EXPECT_LE(centers_of_groups.rows(), 18u);
    EXPECT_GT(centers_of_groups.rows(), 10u);
    std::fill_n(x.row(0), 16, 999.0f);
    moved.Nearest(x.data(), 6400, id.data(), nullptr, 2, stop);
    same = 0;
    for (size_t i = 0; i < 6400; i++) same += id[i] == exact[i];
    EXPECT_GT(same, 6200u);
    EXPECT_LT(id[0], c.rows());
}

// A dense clump of a third of the rows, which plain k-means takes for one list: its errors are small.
Matrix Clumped(size_t rows, size_t dims, float clump) {
    Matrix x = RandomMatrix(rows, dims, 11);
    for (size_t i = 0; i < rows; i += 3) {
        for (size_t d = 0; d < dims; d++) x.row(i)[d] = clump * x.row(i)[d] + 1.5f;
    }
    return x;
}
size_t LargestList(const Matrix& x, const Matrix& c, bool spherical) {
    std::vector<uint32_t> id(x.rows());
    std::vector<size_t> rows(c.rows(), 0);
    Assigner(c, spherical ? AssignMetric::kDot : AssignMetric::kL2).Nearest(x.data(), x.rows(), id.data(), nullptr);
    for (const uint32_t list : id) rows[list]++;
    return *std::max_element(rows.begin(), rows.end());
}

TEST(Balance, NoListIsAboveTheLimit) {
    StopToken stop;
    const Matrix x = Clumped(12000, 16, 0.02f);
    for (const bool spherical : {false, true}) {
        for (const size_t above : {size_t(0), size_t(60)}) {
            KMeansOptions options = Options(100, 2);
            options.spherical = spherical;
            options.hierarchical_above = above;
            // The two-level form gives each group lists by its rows, and so is less uneven.
            if (above == 0) {
                EXPECT_GT(LargestList(x, TrainKMeans(x, options, stop), spherical), 360u);
            }
            options.balance = 1.5;
            const Matrix c = TrainKMeans(x, options, stop);
            EXPECT_EQ(c.rows(), 100u);
            EXPECT_EQ(DistinctCentroids(c), c.rows());
            // The rounds may end before the last list is below the limit, 180.
            EXPECT_LE(LargestList(x, c, spherical), 240u) << spherical << " " << above;
        }
    }
}

TEST(Balance, SameCentroidsForAnyNumberOfThreads) {
    StopToken stop;
    const Matrix x = Clumped(6000, 24, 0.02f);
    for (const size_t above : {size_t(0), size_t(50)}) {
        for (const bool spherical : {false, true}) {
            KMeansOptions one = Options(100);
            one.hierarchical_above = above;
            one.spherical = spherical;
            one.balance = 1.5;
            KMeansOptions three = one;
            three.threads = 3;
            const Matrix a = TrainKMeans(x, one, stop), b = TrainKMeans(x, three, stop);
            ASSERT_EQ(a.rows(), b.rows());
            EXPECT_EQ(std::memcmp(a.data(), b.data(), a.rows() * 24 * 4), 0);
        }
    }
}

TEST(Balance, EqualRowsStayInOneList) {
    StopToken stop;
    KMeansOptions options = Options(50);
    options.balance = 1.5;
    const Matrix c = TrainKMeans(Clumped(6000, 8, 0), options, stop);  // a third of the rows is equal
    EXPECT_EQ(c.rows(), DistinctCentroids(c));
    EXPECT_GE(c.rows(), 45u);
    Matrix few(200, 8);
    for (size_t i = 0; i < 200; i++) std::fill_n(few.row(i), 8, float(i % 5));
    options.lists = 3;
    EXPECT_EQ(TrainKMeans(few, options, stop).rows(), 3u);
    options.lists = 20;
    EXPECT_EQ(TrainKMeans(few, options, stop).rows(), 5u);
    few.TruncateRows(1);
    EXPECT_EQ(TrainKMeans(few, options, stop).rows(), 1u);
}

TEST(Balance, WorksForAnyRatioOfRowsToLists) {
    StopToken stop;
    for (const size_t lists : {2, 3, 299, 300}) {
        KMeansOptions options = Options(lists);
        options.balance = 0.01;
        const Matrix c = TrainKMeans(Clumped(300, 4, 0.01f), options, stop);
        EXPECT_EQ(DistinctCentroids(c), c.rows());
        EXPECT_GE(c.rows(), std::min<size_t>(lists, 290));
    }
}

TEST(Balance, CancelsAtAnyPoint) {
    const Matrix x = Clumped(4000, 8, 0.02f);
    KMeansOptions options = Options(80);
    options.balance = 1.5;
    ExpectCancelsAtAnyPoint(30, [&](StopToken& stop) { TrainKMeans(x, options, stop); });
    KMeansOptions plain = options;
    plain.balance = 0;
    EXPECT_GT(KMeansBytes(4000, 8, options), KMeansBytes(4000, 8, plain));
}

TEST(KMeans, Cancels) {
    StopToken stop(&AlwaysStop);
    EXPECT_THROW(TrainKMeans(RandomMatrix(2000, 8, 1), Options(50, 2), stop), Error);
    EXPECT_GT(KMeansBytes(2000, 8, Options(50)), 50u * 8 * 4);
}

TEST(TopK, EqualsSortWithLowerBoundNanAndTies) {
    std::mt19937 random(7);
    for (const size_t capacity : {0, 1, 3, 100, 1000}) {
        for (const size_t n : {0, 1, 99, 100, 101, 5000}) {
            for (const bool bounded : {false, true}) {
                TopK topk;
                topk.Reset(capacity);
                if (bounded) topk.SetLowerBound(3, 2000);
                std::vector<std::pair<float, uint64_t>> want;
                for (size_t i = 0; i < n; i++) {
                    const float d = i % 97 == 5 ? NAN : float(random() % 20);
                    topk.Push(d, i);
                    const std::pair<float, uint64_t> entry{std::isnan(d) ? INFINITY : d, i};
                    if (!bounded || entry > std::pair<float, uint64_t>{3, 2000}) want.push_back(entry);
                }
                std::sort(want.begin(), want.end());
                size_t count;
                bool overflowed;
                const Candidate* got = topk.Finish(&count, &overflowed);
                ASSERT_EQ(count, std::min(capacity, want.size()));
                EXPECT_EQ(overflowed, want.size() > capacity);
                for (size_t i = 0; i < count; i++) {
                    ASSERT_EQ(got[i].distance, want[i].first);
                    ASSERT_EQ(got[i].tid, want[i].second);
                }
            }
        }
    }
}

}  // namespace
}  // namespace vectorq::test
