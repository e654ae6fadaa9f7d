// Centroids in 8 bits a dimension, for choosing the lists to probe: a quarter of the bytes of f32, scored
// in integers (simd/dot_u8.h). The best are refined with the exact centroids.
//
//   c^ = middle + scale * (code - 127.5);  middle, scale per dimension over all centroids
//   L2:  |q-c|^2 - |q-middle|^2 = |c-middle|^2 - 2 <q-middle, c-middle>   (the list's scalar: exact norm)
//   dot: -<q,c> + <q,middle>    = -<q, c-middle>
// The term that is the same for all lists is added, so scores are distances.
#pragma once
#include <cstddef>
#include <cstdint>

#include "core/base/matrix.h"
#include "core/base/kinds.h"

namespace vectorq {

// Bytes: f32 middle (dims), f32 scale (dims), f32 scalar (lists), u8 code (lists, dims).
size_t CompactCentroidBytes(size_t lists, size_t dims) noexcept;

// Writes the compact form of centroids (lists, dims) to `bytes` (CompactCentroidBytes long).
void BuildCompactCentroids(const Matrix& centroids, uint8_t* bytes) noexcept;

// score[list] for all lists: squared L2 distance, or negative inner product. L1 ranks by L2 here.
// Never NaN. scratch: 2 * dims floats.
void ScoreCompactCentroids(const uint8_t* bytes, size_t lists, size_t dims, Metric metric, const float* query,
                           float* score, float* scratch) noexcept;

}  // namespace vectorq
