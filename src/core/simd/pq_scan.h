// Scan of product quantizer codes kept row after row, with tables of float (ADC;
// base/pq_shape.h has the code, quantize/pq.h the table). The form without the error of 8-bit tables;
// 4-bit codes in blocks of 32 rows are several times as fast: lut16_scan.h.
// noexcept, allocates nothing, reads no byte beyond a row's code. No alignment required.
#pragma once
#include <cstddef>
#include <cstdint>

#include "core/base/pq_shape.h"

namespace vectorq {

// out[i] += sum over s of table[s * ksub + code_s of row i]; row i starts at codes + i * stride
// and has PqCodeBytes(shape) bytes. table: (m, ksub). Call it with as many rows as there are:
// with 4 bits and a few dozen rows, pairs of subspaces are merged into tables of 256 first.
void ScanPqRows(const float* table, const uint8_t* codes, size_t stride, size_t rows, const PqShape& shape,
                float* out) noexcept;

namespace reference {
void ScanPqRows(const float* table, const uint8_t* codes, size_t stride, size_t rows, const PqShape& shape,
                float* out) noexcept;
}

}  // namespace vectorq
