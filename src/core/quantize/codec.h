// Encoding of a row into a list, and the query-side table that scores such codes.
// One place that knows which code needs what: the AM treats all codes alike.
//
//   distance(query, row) = bias + factor * kernel(table, code) [+ scalar of the row]
//
// | code | kernel   | table             | bias                              | factor | scalar  |
// | f32, f16 L2, L1 | query             | 0                                 | 1      | -       |
// | f32, f16 IP/cos | query             | 0                                 | -1     | -       |
// | sq8  L2         | (q-c)_d s_d       | |q-c|^2 - 2 sum (q-c)_d m_d       | -2     | |r^|^2  |
// | sq8  IP/cos     | q_d s_d           | -<q,c> - sum q_d m_d              | -1     | -       |
//
// r^ = m + s * code is the decoded residual of a row from its centroid c (DESIGN: scan, step 1).
#pragma once
#include <cstddef>
#include <cstdint>

#include "core/base/kinds.h"
#include "core/simd/distance.h"

namespace vectorq {

// Immutable description; the arrays belong to the caller.
struct Codec {
    Metric metric;
    CodeKind kind;
    uint32_t dims;
    const float* sq8_offset;  // (dims) m; sq8 only
    const float* sq8_scale;   // (dims) s; sq8 only
};

size_t CodeBytes(CodeKind kind, size_t dims) noexcept;
// Bytes of one element of a code: a code may be cut between elements only.
size_t CodeElementBytes(CodeKind kind) noexcept;
// True when each row carries one f32 beside its code.
bool CodeHasScalar(CodeKind kind, Metric metric) noexcept;

// Writes the code of x (dims) in the list of `centroid` (dims). False if x does not fit the code
// (a value beyond half precision).
bool EncodeRow(const Codec& codec, const float* x, const float* centroid, uint8_t* code, float* scalar) noexcept;

// Inverse of EncodeRow, up to the code's error.
void DecodeRow(const Codec& codec, const uint8_t* code, const float* centroid, float* x) noexcept;

struct ListTable {
    const float* table;  // (dims), `query` itself or `scratch`
    float bias;
    float factor;
    bool has_scalar;
};

// Table for scoring the rows of one list. scratch holds 2 * dims floats and lives as long as the table.
ListTable PrepareListTable(const Codec& codec, const float* query, const float* centroid, float* scratch) noexcept;

// The kernel that goes with the codec; resolve once a scan.
BlockFn CodecKernel(const Codec& codec) noexcept;

}  // namespace vectorq
