// Distances of sparse vectors against sums over the dense ones.
#include "core/simd/sparse_distance.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace vectorq {
namespace {

struct Sparse {
    std::vector<int32_t> indices;
    std::vector<float> values;

    SparseView View() const { return {indices.data(), values.data(), indices.size()}; }
};

// Small whole values: their sums are exact in any order.
Sparse RandomSparse(size_t count, size_t dims, std::mt19937& random) {
    std::vector<int32_t> all(dims);
    for (size_t d = 0; d < dims; d++) all[d] = int32_t(d);
    std::shuffle(all.begin(), all.end(), random);
    Sparse sparse;
    sparse.indices.assign(all.begin(), all.begin() + std::ptrdiff_t(count));
    std::sort(sparse.indices.begin(), sparse.indices.end());
    for (size_t i = 0; i < count; i++) sparse.values.push_back(float(random() % 2 ? 1 : -1) * float(1 + random() % 9));
    return sparse;
}

std::vector<double> Dense(const Sparse& sparse, size_t dims) {
    std::vector<double> dense(dims);
    for (size_t i = 0; i < sparse.indices.size(); i++) dense[size_t(sparse.indices[i])] = double(sparse.values[i]);
    return dense;
}

void ExpectEqualsDense(const Sparse& a, const Sparse& b, size_t dims) {
    const std::vector<double> x = Dense(a, dims), y = Dense(b, dims);
    double l2 = 0, l1 = 0, xy = 0, xx = 0, yy = 0;
    for (size_t d = 0; d < dims; d++) {
        l2 += (x[d] - y[d]) * (x[d] - y[d]);
        l1 += std::fabs(x[d] - y[d]);
        xy += x[d] * y[d];
        xx += x[d] * x[d];
        yy += y[d] * y[d];
    }
    ASSERT_EQ(SparseL2Squared(a.View(), b.View()), float(l2));
    ASSERT_EQ(SparseL1(a.View(), b.View()), float(l1));
    ASSERT_EQ(SparseDot(a.View(), b.View()), float(xy));
    float dot, aa, bb;
    SparseCosineParts(a.View(), b.View(), &dot, &aa, &bb);
    ASSERT_EQ(dot, float(xy));
    ASSERT_EQ(aa, float(xx));
    ASSERT_EQ(bb, float(yy));
}

TEST(SparseDistance, EqualsDenseSums) {
    std::mt19937 random(11);
    for (const size_t dims : {1, 2, 5, 30, 200})
        for (int round = 0; round < 200; round++)
            ExpectEqualsDense(RandomSparse(random() % (dims + 1), dims, random),
                              RandomSparse(random() % (dims + 1), dims, random), dims);
}

// Far apart in length, either way round: the longer one is searched.
TEST(SparseDistance, EqualsDenseSumsWhereLengthsDiffer) {
    std::mt19937 random(12);
    constexpr size_t kDims = 3000;
    for (const size_t few : {0, 1, 2, 3, 7, 20}) {
        for (const size_t many : {100, 640, 1000, 2999, 3000}) {
            for (int round = 0; round < 20; round++) {
                const Sparse a = RandomSparse(few, kDims, random), b = RandomSparse(many, kDims, random);
                ExpectEqualsDense(a, b, kDims);
                ExpectEqualsDense(b, a, kDims);
            }
        }
    }
}

TEST(SparseDistance, SumsThatLeaveFloatAreInfinite) {
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    const Sparse a = {{0}, {3e38f}}, b = {{0}, {-3e38f}};
    EXPECT_EQ(SparseL2Squared(a.View(), b.View()), kInfinity);
    EXPECT_EQ(SparseL1(a.View(), b.View()), kInfinity);
    EXPECT_EQ(SparseDot(a.View(), a.View()), kInfinity);
    EXPECT_EQ(SparseDot(a.View(), b.View()), -kInfinity);
    // Values whose product would be infinite, at different indices, do not meet.
    const Sparse c = {{1}, {3e38f}};
    EXPECT_EQ(SparseDot(a.View(), c.View()), 0);
}

// Terms that a float would lose beside the largest one are kept.
TEST(SparseDistance, SmallTermsAreNotLost) {
    const Sparse a = {{0, 1}, {1e10f, 1}}, b = {{0, 1}, {1e10f, 3}};
    EXPECT_EQ(SparseL2Squared(a.View(), b.View()), 4);
    const Sparse minus = {{0, 1, 2}, {1e10f, 1, 1e10f}}, plus = {{0, 1, 2}, {1, 5, -1}};
    EXPECT_EQ(SparseDot(minus.View(), plus.View()), 5);
}

}  // namespace
}  // namespace vectorq
