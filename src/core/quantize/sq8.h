// Eight-bit scalar quantizer of residuals r = x - c (FAISS: IVF…,SQ8 with residuals).
//
//   code_d = round((r_d - m_d) / s_d), clamped to 0 … 255;   decoded: r^_d = m_d + s_d * code_d
//
// Scoring a list: with t_d = (q-c)_d * s_d and b = sum (q-c)_d * m_d,  <q-c, r^> = b + sum t_d * code_d,
// which is one pass over the codes by BlockKernel::kDotU8.
#pragma once
#include <cstddef>
#include <cstdint>

#include "core/base/matrix.h"

namespace vectorq {

struct Sq8Params {
    AlignedArray<float> offset;  // (dims) m
    AlignedArray<float> scale;   // (dims) s > 0
};

// Range per dimension over residuals (n, dims), n >= 1, a little widened: rows outside the sample reach
// farther than it, and a clamped value costs more than a coarser step. Throws std::bad_alloc.
Sq8Params TrainSq8(const Matrix& residuals);

// code: (dims) bytes. sq_norm: |r^|^2, of the decoded residual.
void EncodeSq8(const float* offset, const float* scale, const float* x, const float* centroid, size_t dims,
               uint8_t* code, float* sq_norm) noexcept;

// x (dims) = centroid + r^; centroid null: r^ alone.
void DecodeSq8(const float* offset, const float* scale, const float* centroid, size_t dims, const uint8_t* code,
               float* x) noexcept;

// Fills table (dims) and returns the bias. query: q - c for L2, q for inner product.
float BuildSq8Table(const float* offset, const float* scale, const float* query, size_t dims, float* table) noexcept;

namespace reference {
void EncodeSq8(const float* offset, const float* scale, const float* x, const float* centroid, size_t dims,
               uint8_t* code, float* sq_norm) noexcept;
float BuildSq8Table(const float* offset, const float* scale, const float* query, size_t dims, float* table) noexcept;
}  // namespace reference

}  // namespace vectorq
