// ResidualDots, LeastSoarLoss, ReplicaAssigner: SOAR's second list and SPANN's closure.
#include <algorithm>
#include <cmath>
#include <limits>

#include "core/cluster/assign.h"
#include "core/cluster/replicas.h"
#include "core/simd/distance_reference.h"
#include "core/simd/residual_dots.h"
#include "test_support.h"

namespace vectorq::test {
namespace {

std::vector<uint32_t> FirstLists(const Matrix& centroids, const Matrix& rows, bool dot = false) {
    std::vector<uint32_t> first(rows.rows());
    Assigner(centroids, dot ? AssignMetric::kDot : AssignMetric::kL2)
        .Nearest(rows.data(), rows.rows(), first.data(), nullptr);
    return first;
}

void Normalize(Matrix& m) {
    for (size_t i = 0; i < m.rows(); i++) {
        const float norm = std::sqrt(reference::DotF32(m.row(i), m.row(i), m.cols()));
        for (size_t d = 0; d < m.cols(); d++) m.row(i)[d] /= norm;
    }
}

// An index for inner products has centroids as long as its rows.
TEST(Replicas, ByDirectionDoNotDependOnTheLengthOfCentroids) {
    const size_t dims = 24, lists = 60;
    Matrix c = RandomMatrix(lists, dims, 1), longer(lists, dims);
    Normalize(c);
    for (size_t i = 0; i < lists * dims; i++) longer.data()[i] = 4 * c.data()[i];
    const Matrix x = RandomMatrix(200, dims, 2);
    const std::vector<uint32_t> first = FirstLists(c, x, true);
    StopToken stop;
    std::vector<uint32_t> plain(x.rows()), scaled(x.rows());
    std::vector<float> scratch(2 * lists + dims);
    ReplicaAssigner(c, true, 20, 1, stop).SoarSecond(x.data(), x.rows(), first.data(), 1.5f, plain.data(), 1, stop);
    ReplicaAssigner(longer, true, 20, 1, stop)
        .SoarSecond(x.data(), x.rows(), first.data(), 1.5f, scaled.data(), 1, stop);
    EXPECT_EQ(plain, scaled);
    for (size_t i = 0; i < x.rows(); i++)
        EXPECT_EQ(SoarSecondOfOne(c.data(), lists, dims, true, x.row(i), first[i], 1.5f, scratch.data()),
                  SoarSecondOfOne(longer.data(), lists, dims, true, x.row(i), first[i], 1.5f, scratch.data()));
}

TEST(ResidualDots, EqualsReferenceAndReadsNothingBeyond) {
    ForEachTarget([] {
        std::mt19937 random(3);
        for (const size_t dims : {1, 3, 15, 16, 17, 31, 33, 64, 100, 129}) {
            const size_t lists = 40;
            const Matrix c = RandomMatrix(lists, dims, 1, 100);
            Guarded base(lists * dims * sizeof(float));
            std::memcpy(base.data(), c.data(), lists * dims * sizeof(float));
            const float* centroids = reinterpret_cast<const float*>(base.data());
            for (const size_t rows : {1, 2, 3, 4, 5, 7, 8}) {
                const Matrix r = RandomMatrix(rows, dims, 2);
                for (const size_t count : {1, 3, 4, 5, 8, 9, 13, 40}) {
                    std::vector<uint32_t> ids(count);
                    for (uint32_t& id : ids) id = random() % lists;
                    for (const bool all : {false, true}) {
                        const uint32_t* which = all ? nullptr : ids.data();
                        std::vector<float> got(rows * count, -1), want(rows * count), one(count);
                        ResidualDots(r.data(), rows, c.row(7), centroids, which, count, dims, got.data());
                        reference::ResidualDots(r.data(), rows, c.row(7), centroids, which, count, dims, want.data());
                        for (size_t i = 0; i < got.size(); i++) ASSERT_NEAR(got[i], want[i], 1e-5 * dims) << dims;
                        // A sum does not depend on its place.
                        ResidualDots(r.row(rows - 1), 1, c.row(7), centroids, which, count, dims, one.data());
                        for (size_t j = 0; j < count; j++) ASSERT_EQ(one[j], got[(rows - 1) * count + j]);
                    }
                }
            }
        }
    });
}

TEST(LeastSoarLoss, EqualsReferenceWithTiesAndNan) {
    ForEachTarget([] {
        std::mt19937 random(4);
        for (size_t n = 0; n < 70; n++) {
            for (int round = 0; round < 20; round++) {
                std::vector<float> dot(n), sq(n);
                for (float& v : dot) v = float(random() % 4);
                for (float& v : sq) v = float(random() % 8);
                if (round % 3 == 0 && n > 2) dot[random() % n] = std::numeric_limits<float>::quiet_NaN();
                ASSERT_EQ(LeastSoarLoss(dot.data(), sq.data(), n, 2, 0.5f),
                          reference::LeastSoarLoss(dot.data(), sq.data(), n, 2, 0.5f))
                    << n;
            }
            const std::vector<float> nan(n, std::numeric_limits<float>::quiet_NaN());
            EXPECT_EQ(LeastSoarLoss(nan.data(), nan.data(), n, 1, 1), 0u);
        }
    });
}

TEST(Replicas, NeighboursAreTheNearestOthersInOrder) {
    ForEachTarget([] {
        StopToken stop;
        for (const size_t lists : {2, 3, 50, 1300}) {
            const Matrix c = RandomMatrix(lists, 9, 5, 50);
            for (const size_t k : {1, 16, 2000}) {
                if (lists == 1300 && k != 16) continue;
                const ReplicaAssigner replicas(c, false, k, 1, stop);
                ASSERT_EQ(replicas.neighbours(), std::min(k, lists - 1));
                for (size_t l = 0; l<lists; l += lists> 100 ? 97 : 7) {
                    std::vector<std::pair<float, uint32_t>> want;
                    for (size_t j = 0; j < lists; j++) {
                        if (j != l) want.emplace_back(reference::L2SquaredF32(c.row(l), c.row(j), 9), j);
                    }
                    std::sort(want.begin(), want.end());
                    for (size_t j = 0; j < replicas.neighbours(); j++) {
                        ASSERT_NEAR(replicas.neighbour_distances(l)[j], want[j].first, 1e-4);
                        ASSERT_NE(replicas.neighbour_ids(l)[j], l);
                        ASSERT_NEAR(reference::L2SquaredF32(c.row(l), c.row(replicas.neighbour_ids(l)[j]), 9),
                                    want[j].first, 1e-4);
                    }
                }
            }
        }
    });
}

TEST(Replicas, AboveTheExactLimitMostNeighboursAreFound) {
    StopToken stop;
    const size_t lists = ReplicaAssigner::kExactLists + 1, k = 32;
    // On a surface of few dimensions, as real centroids are.
    const Matrix low = RandomMatrix(lists, 6, 5), map = RandomMatrix(6, 12, 6);
    Matrix c(lists, 12);
    for (size_t i = 0; i < lists; i++) {
        for (size_t d = 0; d < 12; d++) {
            c.row(i)[d] = 0;
            for (size_t j = 0; j < 6; j++) c.row(i)[d] += low.row(i)[j] * map.row(j)[d];
        }
    }
    const ReplicaAssigner a(c, false, k, 1, stop), b(c, false, k, 2, stop);
    EXPECT_EQ(std::memcmp(a.neighbour_ids(0), b.neighbour_ids(0), lists * k * sizeof(uint32_t)), 0);
    size_t found = 0, looked = 0;
    for (size_t l = 0; l < lists; l += 331) {
        std::vector<float> distance(lists);
        for (size_t j = 0; j < lists; j++) {
            distance[j] = j == l ? std::numeric_limits<float>::infinity() : L2SquaredF32(c.row(l), c.row(j), 12);
        }
        std::nth_element(distance.begin(), distance.begin() + k - 1, distance.end());
        for (size_t j = 0; j < k; j++, looked++) found += a.neighbour_distances(l)[j] <= distance[k - 1] * 1.0001f;
    }
    EXPECT_GT(double(found) / double(looked), 0.97);
    EXPECT_GT(ReplicaAssigner::BuildBytes(lists, 12, k, 2), ReplicaAssigner::Bytes(lists, k));
}

TEST(Replicas, SecondEqualsReferenceOnEveryTarget) {
    ForEachTarget([] {
        StopToken stop;
        for (const size_t dims : {1, 2, 7, 24, 130}) {
            for (const size_t lists : {2, 5, 60}) {
                for (const bool spherical : {false, true}) {
                    Matrix c = RandomMatrix(lists, dims, 1, spherical ? 0 : 30);
                    if (spherical) Normalize(c);
                    const Matrix x = RandomMatrix(101, dims, 2, spherical ? 0 : 30);
                    const std::vector<uint32_t> first = FirstLists(c, x, spherical);
                    const ReplicaAssigner replicas(c, spherical, 20, 1, stop);
                    std::vector<float> scratch(2 * lists + dims);
                    for (const float lambda : {0.0f, 1.0f, 4.0f}) {
                        std::vector<uint32_t> second(x.rows());
                        replicas.SoarSecond(x.data(), x.rows(), first.data(), lambda, second.data(), 1, stop);
                        for (size_t i = 0; i < x.rows(); i++) {
                            const auto loss = [&](uint32_t list) {
                                return reference::SoarLoss(c, spherical, x.row(i), first[i], list, lambda);
                            };
                            ASSERT_NE(second[i], first[i]);
                            const uint32_t want =
                                reference::SoarSecond(c, spherical, x.row(i), first[i], lambda,
                                                      replicas.neighbour_ids(first[i]), replicas.neighbours());
                            ASSERT_LE(loss(second[i]), loss(want) * (1 + 1e-4) + 1e-4) << dims << " " << lists;
                            const uint32_t exact =
                                reference::SoarSecond(c, spherical, x.row(i), first[i], lambda, nullptr, 0);
                            const uint32_t one = SoarSecondOfOne(c.data(), lists, dims, spherical, x.row(i), first[i],
                                                                 lambda, scratch.data());
                            ASSERT_NE(one, first[i]);
                            ASSERT_LE(loss(one), loss(exact) * (1 + 1e-4) + 1e-4) << dims << " " << lists;
                        }
                    }
                }
            }
        }
    });
}

TEST(Replicas, TheSecondResidualTurnsAwayFromTheFirstAsLambdaGrows) {
    StopToken stop;
    const size_t dims = 16;
    const Matrix c = RandomMatrix(300, dims, 1), x = RandomMatrix(3000, dims, 2);
    const std::vector<uint32_t> first = FirstLists(c, x);
    const ReplicaAssigner replicas(c, false, 128, 2, stop);
    double before = 1;
    for (const float lambda : {0.0f, 0.5f, 1.0f, 2.0f, 8.0f}) {
        std::vector<uint32_t> second(x.rows());
        replicas.SoarSecond(x.data(), x.rows(), first.data(), lambda, second.data(), 2, stop);
        double sum = 0;
        for (size_t i = 0; i < x.rows(); i++) {
            double dot = 0, a = 0, b = 0;
            for (size_t d = 0; d < dims; d++) {
                const double r = x.row(i)[d] - c.row(first[i])[d], s = x.row(i)[d] - c.row(second[i])[d];
                dot += r * s;
                a += r * r;
                b += s * s;
            }
            sum += std::abs(dot) / std::sqrt(a * b);
        }
        const double mean = sum / double(x.rows());
        EXPECT_LT(mean, before - 0.01) << lambda;
        before = mean;
    }
}

TEST(Replicas, ClosureEqualsReferenceAndKeepsItsRules) {
    ForEachTarget([] {
        StopToken stop;
        for (const bool spherical : {false, true}) {
            for (const size_t dims : {3, 20}) {
                Matrix c = RandomMatrix(80, dims, 1, spherical ? 0 : 5);
                if (spherical) Normalize(c);
                const Matrix x = RandomMatrix(203, dims, 2, spherical ? 0 : 5);
                const std::vector<uint32_t> first = FirstLists(c, x, spherical);
                const ReplicaAssigner replicas(c, spherical, 40, 1, stop);
                for (const float epsilon : {0.0f, 0.1f, 0.7f}) {
                    for (const size_t max_lists : {1, 2, 8}) {
                        std::vector<uint32_t> lists(x.rows() * max_lists, 9999);
                        std::vector<uint8_t> counts(x.rows());
                        replicas.ClosureLists(x.data(), x.rows(), first.data(), epsilon, max_lists, lists.data(),
                                              counts.data(), 1, stop);
                        size_t same = 0;
                        for (size_t i = 0; i < x.rows(); i++) {
                            uint32_t want[8];
                            const size_t n =
                                reference::ClosureLists(c, spherical, x.row(i), first[i], epsilon, max_lists,
                                                        replicas.neighbour_ids(first[i]), 40, want);
                            const uint32_t* got = lists.data() + i * max_lists;
                            ASSERT_EQ(got[0], first[i]);
                            ASSERT_LE(counts[i], max_lists);
                            ASSERT_GE(counts[i], 1);
                            for (size_t j = counts[i]; j < max_lists; j++) ASSERT_EQ(got[j], 9999u);
                            for (size_t j = 1; j < counts[i]; j++)
                                ASSERT_EQ(std::count(got, got + counts[i], got[j]), 1);
                            if (!spherical) {
                                const auto distance = [&](uint32_t l) {
                                    return std::sqrt(reference::L2SquaredF32(x.row(i), c.row(l), dims));
                                };
                                for (size_t j = 1; j < counts[i]; j++) {
                                    ASSERT_LE(distance(got[j]), distance(first[i]) * (1 + epsilon) * 1.0001f);
                                    if (j > 1) {
                                        ASSERT_GE(distance(got[j]), distance(got[j - 1]) * 0.9999f);
                                    }
                                    for (size_t k = 0; k < j; k++) {
                                        ASSERT_GE(
                                            std::sqrt(reference::L2SquaredF32(c.row(got[j]), c.row(got[k]), dims)),
                                            distance(got[j]) * 0.9999f);
                                    }
                                }
                            }
                            same += counts[i] == n && std::equal(got, got + n, want);
                        }
                        // Rounding may turn a comparison at the border.
                        EXPECT_GE(same, x.rows() - 2) << epsilon << " " << max_lists;
                        same = 0;
                        for (size_t i = 0; i < x.rows(); i++) {
                            // As an insert does: the centroids in order of their distance from the row.
                            std::vector<std::pair<double, uint32_t>> order(c.rows());
                            for (uint32_t l = 0; l < c.rows(); l++) {
                                const double length =
                                    spherical ? std::sqrt(reference::DotF32(x.row(i), x.row(i), dims)) : 1;
                                double sum = 0;
                                for (size_t d = 0; d < dims; d++)
                                    sum += (x.row(i)[d] / length - c.row(l)[d]) * (x.row(i)[d] / length - c.row(l)[d]);
                                order[l] = {sum, l};
                            }
                            std::sort(order.begin(), order.end());
                            Matrix sorted(c.rows(), dims);
                            for (uint32_t l = 0; l < c.rows(); l++)
                                std::copy_n(c.row(order[l].second), dims, sorted.row(l));
                            uint32_t want[8], chosen[8];
                            std::vector<float> scratch(dims);
                            const size_t n = reference::ClosureLists(sorted, spherical, x.row(i), 0, epsilon, max_lists,
                                                                     nullptr, 0, want);
                            const size_t got = ClosureListsOfOne(sorted.data(), sorted.rows(), dims, spherical,
                                                                 x.row(i), epsilon, max_lists, chosen, scratch.data());
                            same += got == n && std::equal(chosen, chosen + got, want);
                        }
                        EXPECT_GE(same, x.rows() - 2) << epsilon << " " << max_lists;
                    }
                }
            }
        }
    });
}

TEST(Replicas, SameForAnyNumberOfThreadsAndAnyBlock) {
    StopToken stop;
    const Matrix c = RandomMatrix(700, 40, 1), x = RandomMatrix(70000, 40, 2);
    const std::vector<uint32_t> first = FirstLists(c, x);
    const ReplicaAssigner one(c, false, 64, 1, stop), three(c, false, 64, 3, stop);
    EXPECT_EQ(std::memcmp(one.neighbour_ids(0), three.neighbour_ids(0), 700 * 64 * 4), 0);
    EXPECT_EQ(std::memcmp(one.neighbour_distances(0), three.neighbour_distances(0), 700 * 64 * 4), 0);
    std::vector<uint32_t> a(x.rows()), b(x.rows()), blocks(x.rows());
    one.SoarSecond(x.data(), x.rows(), first.data(), 1, a.data(), 1, stop);
    three.SoarSecond(x.data(), x.rows(), first.data(), 1, b.data(), 3, stop);
    EXPECT_EQ(a, b);
    for (size_t begin = 0; begin < x.rows(); begin += 1001) {
        one.SoarSecond(x.row(begin), std::min<size_t>(1001, x.rows() - begin), first.data() + begin, 1,
                       blocks.data() + begin, 1, stop);
    }
    EXPECT_EQ(a, blocks);
    std::vector<uint32_t> lists(x.rows() * 4, 0), lists3(x.rows() * 4, 0);
    std::vector<uint8_t> counts(x.rows()), counts3(x.rows());
    one.ClosureLists(x.data(), x.rows(), first.data(), 0.3f, 4, lists.data(), counts.data(), 1, stop);
    three.ClosureLists(x.data(), x.rows(), first.data(), 0.3f, 4, lists3.data(), counts3.data(), 3, stop);
    EXPECT_EQ(lists, lists3);
    EXPECT_EQ(counts, counts3);
    ReleaseThreads();
}

bool AlwaysStop() { return true; }

TEST(Replicas, Cancels) {
    StopToken stop(&AlwaysStop), go;
    const Matrix c = RandomMatrix(300, 8, 1), x = RandomMatrix(500, 8, 2);
    const std::vector<uint32_t> first = FirstLists(c, x);
    std::vector<uint32_t> lists(500 * 2);
    std::vector<uint8_t> counts(500);
    const ReplicaAssigner replicas(c, false, 16, 1, go);
    for (const int threads : {1, 2}) {
        EXPECT_THROW(ReplicaAssigner(c, false, 16, threads, stop), Error);
        EXPECT_THROW(replicas.SoarSecond(x.data(), 500, first.data(), 1, lists.data(), threads, stop), Error);
        EXPECT_THROW(
            replicas.ClosureLists(x.data(), 500, first.data(), 1, 2, lists.data(), counts.data(), threads, stop),
            Error);
    }
    ReleaseThreads();
}

TEST(Replicas, OneListHasNoSecond) {
    StopToken stop;
    const Matrix c = RandomMatrix(1, 5, 1), x = RandomMatrix(9, 5, 2);
    const std::vector<uint32_t> first(9, 0);
    const ReplicaAssigner replicas(c, false, 128, 1, stop);
    std::vector<uint32_t> second(9, 77), lists(18, 77);
    std::vector<uint8_t> counts(9);
    replicas.SoarSecond(x.data(), 9, first.data(), 1, second.data(), 1, stop);
    EXPECT_EQ(second, first);
    replicas.ClosureLists(x.data(), 9, first.data(), 5, 2, lists.data(), counts.data(), 1, stop);
    EXPECT_EQ(counts, std::vector<uint8_t>(9, 1));
    EXPECT_EQ(ReplicaAssigner::Bytes(1, 128), 0u);
    float scratch[7];
    EXPECT_EQ(SoarSecondOfOne(c.data(), 1, 5, false, x.row(0), 0, 1, scratch), 0u);
    replicas.SoarSecond(nullptr, 0, nullptr, 1, nullptr, 1, stop);
}

TEST(Replicas, RowsWithoutDirectionAndWildRowsStillGetAnotherList) {
    ForEachTarget([] {
        StopToken stop;
        const float inf = std::numeric_limits<float>::infinity();
        for (const bool spherical : {false, true}) {
            for (const size_t lists : {2, 33}) {
                Matrix c = RandomMatrix(lists, 6, 1);
                if (spherical) Normalize(c);
                Matrix x(8, 6);
                const float fill[] = {0, 1e-30f, 1e30f, inf, std::nanf(""), 3e38f};
                for (size_t i = 0; i < 6; i++) std::fill_n(x.row(i), 6, fill[i]);
                for (const size_t i : {6, 7}) std::memcpy(x.row(i), c.row(1), 6 * sizeof(float));
                std::vector<uint32_t> first = FirstLists(c, x, spherical), second(8, 77), lists_out(16, 77);
                std::vector<uint8_t> counts(8);
                std::vector<float> scratch(2 * lists + 6);
                const ReplicaAssigner replicas(c, spherical, 128, 1, stop);
                for (const float lambda : {0.0f, 1.0f, 1e30f}) {
                    replicas.SoarSecond(x.data(), 8, first.data(), lambda, second.data(), 1, stop);
                    for (size_t i = 0; i < 8; i++) {
                        ASSERT_LT(second[i], lists);
                        ASSERT_NE(second[i], first[i]) << i;
                        const uint32_t one =
                            SoarSecondOfOne(c.data(), lists, 6, spherical, x.row(i), first[i], lambda, scratch.data());
                        ASSERT_LT(one, lists);
                        ASSERT_NE(one, first[i]) << i;
                    }
                    EXPECT_EQ(second[6], second[7]);
                    if (!spherical && lambda <= 1) {
                        EXPECT_EQ(first[6], 1u);
                        EXPECT_EQ(second[6], replicas.neighbour_ids(1)[0]);
                    }
                }
                replicas.ClosureLists(x.data(), 8, first.data(), 0.2f, 2, lists_out.data(), counts.data(), 1, stop);
                for (size_t i = 0; i < 8; i++) {
                    EXPECT_EQ(lists_out[2 * i], first[i]);
                    if (counts[i] > 1) {
                        EXPECT_NE(lists_out[2 * i + 1], first[i]);
                    }
                }
                if (!spherical) {
                    EXPECT_EQ(counts[6], 1);
                }
            }
        }
    });
}

}  // namespace
}  // namespace vectorq::test
