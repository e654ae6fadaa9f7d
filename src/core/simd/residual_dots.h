// The two inner loops of choosing a row's second list (cluster/replicas.h): products of a residual with many
// scattered centroids, and the least SOAR loss among them. Highway with run-time dispatch; noexcept.
#pragma once
#include <cstddef>
#include <cstdint>

namespace vectorq {

// out[r * count + j] = <residual_r, c_j - origin>, where residual_r = residuals + r * dims, r < rows, and
// c_j = base + ids[j] * dims (ids null: c_j = base + j * dims). The difference is taken before the product, so
// that an offset which all centroids share costs no digits. A pair's sum depends on neither r nor j nor `rows`.
void ResidualDots(const float* residuals, size_t rows, const float* origin, const float* base, const uint32_t* ids,
                  size_t count, size_t dims, float* out) noexcept;

// The j < count with the least sq_distance[j] - 2 dot[j] + weight * (sq_norm - dot[j])^2, the first of equals.
// 0 where all are NaN or count is 0.
size_t LeastSoarLoss(const float* dot, const float* sq_distance, size_t count, float sq_norm, float weight) noexcept;

namespace reference {
void ResidualDots(const float* residuals, size_t rows, const float* origin, const float* base, const uint32_t* ids,
                  size_t count, size_t dims, float* out) noexcept;
size_t LeastSoarLoss(const float* dot, const float* sq_distance, size_t count, float sq_norm, float weight) noexcept;
}  // namespace reference

}  // namespace vectorq
