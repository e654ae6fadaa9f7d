// 8-bit scalar quantizer of residuals r = x - centroid: r_hat[d] = offset[d] + scale[d] * code[d].
// A query q is scored against a list with centroid c by one table per list:
//   table[d] = (q - c)[d] * scale[d],  bias = sum_d (q - c)[d] * offset[d]
//   <q - c, r_hat> = bias + sum_d table[d] * code[d]          (the block kernel kDotU8)
//   L2: |q - c|^2 - 2 <q - c, r_hat> + |r_hat|^2, the last one stored with each row
//   inner product: build the table from q instead of q - c; <q, x_hat> = <q, c> + <q, r_hat>
#pragma once
#include <cstddef>
#include <cstdint>

#include "core/base/matrix.h"

namespace vectorq {

struct Sq8Params {
    AlignedArray<float> offset, scale;  // dims each; scale is 0 where all residuals are equal
};

// Range of each dimension over the sample. Values outside are clamped when encoded. An empty
// sample gives zeros. Throws std::bad_alloc.
Sq8Params TrainSq8(const Matrix& residuals_sample);

// code: dims bytes. *sq_norm, if not null, gets |r_hat|^2. A NaN is encoded as 0.
void EncodeSq8(const float* offset, const float* scale, const float* x, const float* centroid, size_t dims, uint8_t* code,
               float* sq_norm) noexcept;

// x_hat = centroid + r_hat; centroid null: r_hat.
void DecodeSq8(const float* offset, const float* scale, const float* centroid, size_t dims, const uint8_t* code,
               float* x) noexcept;

// Fills table (dims) and returns the bias.
float BuildSq8Table(const float* offset, const float* scale, const float* query_minus_centroid, size_t dims,
                    float* table) noexcept;

}  // namespace vectorq
