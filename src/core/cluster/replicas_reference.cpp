// What the tests of replicas.h compare with: the definitions, in double.
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "core/cluster/replicas.h"

namespace vectorq::reference {
namespace {

double SquaredDistance(const double* a, const float* b, size_t dims) {
    double sum = 0;
    for (size_t d = 0; d < dims; d++) sum += (a[d] - b[d]) * (a[d] - b[d]);
    return sum;
}

std::vector<double> Point(const float* row, size_t dims, bool spherical) {
    std::vector<double> x(row, row + dims);
    double sq_norm = 0;
    for (const double v : x) sq_norm += v * v;
    for (double& v : x) v *= !spherical ? 1.0 : sq_norm > 0 ? 1 / std::sqrt(sq_norm) : 0.0;
    return x;
}

}  // namespace

double SoarLoss(const Matrix& centroids, bool spherical, const float* row, uint32_t first, uint32_t second,
                float lambda) {
    const size_t dims = centroids.cols();
    const std::vector<double> x = Point(row, dims, spherical);
    const double sq_norm = SquaredDistance(x.data(), centroids.row(first), dims);
    double along = 0;  // <r, x - c'>
    for (size_t d = 0; d < dims; d++) along += (x[d] - centroids.row(first)[d]) * (x[d] - centroids.row(second)[d]);
    const double penalty = sq_norm > 0 ? lambda * along * along / sq_norm : 0.0;
    return SquaredDistance(x.data(), centroids.row(second), dims) + penalty;
}

uint32_t SoarSecond(const Matrix& centroids, bool spherical, const float* row, uint32_t first, float lambda,
                    const uint32_t* among, size_t n) {
    uint32_t best = first;
    double least = std::numeric_limits<double>::infinity();
    for (size_t j = 0; j < (among == nullptr ? centroids.rows() : n); j++) {
        const uint32_t c = among == nullptr ? uint32_t(j) : among[j];
        if (c == first) continue;
        const double loss = SoarLoss(centroids, spherical, row, first, c, lambda);
        if (loss < least) {
            least = loss;
            best = c;
        }
    }
    return best;
}

size_t ClosureLists(const Matrix& centroids, bool spherical, const float* row, uint32_t first, float epsilon,
                    size_t max_lists, const uint32_t* among, size_t n, uint32_t* lists) {
    const size_t dims = centroids.cols();
    const std::vector<double> x = Point(row, dims, spherical);
    const double reach = (1 + double(epsilon)) * std::sqrt(SquaredDistance(x.data(), centroids.row(first), dims));
    std::vector<std::pair<double, uint32_t>> near;
    for (size_t j = 0; j < (among == nullptr ? centroids.rows() : n); j++) {
        const uint32_t c = among == nullptr ? uint32_t(j) : among[j];
        const double distance = std::sqrt(SquaredDistance(x.data(), centroids.row(c), dims));
        if (c != first && distance <= reach) near.emplace_back(distance, c);
    }
    std::sort(near.begin(), near.end());
    size_t taken = 0;
    lists[taken++] = first;
    for (const auto& [distance, c] : near) {
        if (taken >= max_lists) break;
        const std::vector<double> candidate = Point(centroids.row(c), dims, false);
        const bool behind = std::any_of(lists, lists + taken, [&, limit = distance](uint32_t chosen) {
            return std::sqrt(SquaredDistance(candidate.data(), centroids.row(chosen), dims)) < limit;
        });
        if (!behind) lists[taken++] = c;
    }
    return taken;
}

}  // namespace vectorq::reference
