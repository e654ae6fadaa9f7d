// The shape of a product code and of the bits of a row's code: what the quantizer (quantize/pq.h), the scan
// (simd/pq_scan.h) and the pages share.
//
// Code of a row, PqCodeBytes bytes: a little-endian bit stream, subspace s at bit s * bits.
// For 8 bits that is a byte a subspace, for 4 bits two a byte with the even one in the low nibble.
// Unused bits of the last byte are zero.
#pragma once
#include <cstddef>
#include <cstdint>

#include "core/base/subspace.h"

namespace vectorq {

// Subspaces are cut by SubspaceBegin. 1 <= m <= dims, 4 <= bits <= 8.
struct PqShape {
    uint32_t dims, m, bits;
};
inline constexpr size_t kPqMaxKsub = 256;

inline bool PqShapeIsValid(const PqShape& shape) noexcept {
    return shape.m >= 1 && shape.m <= shape.dims && shape.bits >= 4 && shape.bits <= 8;
}
inline size_t PqKsub(const PqShape& shape) noexcept { return size_t(1) << shape.bits; }
inline size_t PqDimBegin(const PqShape& shape, size_t s) noexcept { return SubspaceBegin(shape.dims, shape.m, s); }
inline size_t PqCodebookFloats(const PqShape& shape) noexcept { return PqKsub(shape) * shape.dims; }
inline size_t PqTableFloats(const PqShape& shape) noexcept { return PqKsub(shape) * shape.m; }
inline size_t PqCodeBytes(const PqShape& shape) noexcept { return (size_t(shape.m) * shape.bits + 7) / 8; }

// Codeword number of subspace s. Reads no byte beyond the code's last.
inline uint32_t PqGetCode(uint32_t bits, const uint8_t* code, size_t s) noexcept {
    const size_t bit = s * bits, shift = bit & 7;
    uint32_t window = code[bit >> 3];
    if (shift + bits > 8) window |= uint32_t(code[(bit >> 3) + 1]) << 8;
    return (window >> shift) & ((1u << bits) - 1);
}
// ORs the number into a code whose bits of subspace s are zero.
inline void PqOrCode(uint32_t bits, uint8_t* code, size_t s, uint32_t value) noexcept {
    const size_t bit = s * bits, shift = bit & 7;
    code[bit >> 3] = uint8_t(code[bit >> 3] | value << shift);
    if (shift + bits > 8) code[(bit >> 3) + 1] = uint8_t(code[(bit >> 3) + 1] | value >> (8 - shift));
}

}  // namespace vectorq
