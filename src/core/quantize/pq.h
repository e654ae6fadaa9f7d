// Product quantizer (Jégou, Douze, Schmid, "Product Quantization for Nearest Neighbor Search",
// TPAMI 2011): the dimensions are cut into m subspaces, and each piece of a row is replaced by
// the number of the nearest of ksub = 2^bits codewords of its subspace. Symbols as in the paper:
// m, ksub (their k*), dsub = dims / m (their D*). See README.md beside this file.
//
// Used by the build (TrainPq, EncodePq), by inserts (EncodePq of one row) and by scans
// (BuildPqTable once a query or once a list; the scan itself is simd/pq_scan.h and
// simd/lut16_scan.h). Knows nothing of lists: rows may be residuals or whole vectors.
//
// Codebook, ksub * dims floats: subspace after subspace, and within one dimension-major,
//   codebook[ksub * PqDimBegin(s) + d * ksub + k] = component d of codeword k of subspace s
// so that tables and encoding read whole vectors of codewords, whatever dsub is (it is often 2).
//
// Code of a row, PqCodeBytes bytes: a little-endian bit stream, subspace s at bit s * bits.
// For 8 bits that is a byte a subspace, for 4 bits two a byte with the even one in the low nibble.
// Unused bits of the last byte are zero.
#pragma once
#include <cstddef>
#include <cstdint>

#include "core/base/matrix.h"
#include "core/base/stop_token.h"
#include "core/base/subspace.h"

namespace vectorq {

// Subspaces are cut by SubspaceBegin. 1 <= m <= dims, 4 <= bits <= 8.
struct PqShape {
    uint32_t dims, m, bits;
};
inline constexpr size_t kPqMaxKsub = 256;

bool PqShapeIsValid(const PqShape& shape) noexcept;
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

// Rows of the sample that are used, at most: FAISS's 256 for each codeword of 8 bits. Of 4 bits FAISS takes 4,096;
// 65,536 find half a point more recall@1 (IVF4096,PQ16x4fsr, a million SIFT rows: .209 instead of .203) and cost
// nothing to speak of.
inline constexpr size_t kPqTrainRows = 65536;

// Codebook by k-means in each subspace of sample (n >= 1, dims). Where a subspace has fewer
// distinct values than ksub, its last codeword is repeated. Each thread takes a subspace. Same input, same codebook,
// whatever the number of threads. Throws Error(kInvalidArgument, kCancelled), std::bad_alloc.
AlignedArray<float> TrainPq(const PqShape& shape, const Matrix& sample, int iterations, uint64_t seed, int threads,
                            StopToken& stop, size_t most_rows = kPqTrainRows);
// Bytes that TrainPq needs beside the sample, at most.
size_t TrainPqBytes(const PqShape& shape, size_t sample_rows, int threads) noexcept;

// Floats of scratch that EncodePq needs.
size_t PqEncodeScratchFloats(const PqShape& shape) noexcept;

// codes (count, PqCodeBytes): nearest codeword of each piece by L2, the lowest number of equally
// near ones; two that differ by rounding only may change places. A NaN piece gets some codeword.
// scratch: 64-byte alignment is not needed. Each call prepares the codebook (as long as encoding
// some 50 rows), so give it a thousand rows and more; a few rows take another, direct path.
void EncodePq(const PqShape& shape, const float* codebook, const float* rows, size_t count, uint8_t* codes,
              float* scratch) noexcept;

// x (dims) := the codewords that the code names.
void DecodePq(const PqShape& shape, const float* codebook, const uint8_t* code, float* x) noexcept;

enum class PqTable { kL2, kDot };

// Paper: the distance table of ADC. table (m, ksub): squared distance (kL2) or inner product
// (kDot) of each piece of `query` and each codeword of its subspace, such that the sum over the
// subspaces of table[s][code_s] is that of the query and the decoded code. For residual codes
// and L2 pass query - centroid.
void BuildPqTable(const PqShape& shape, const float* codebook, PqTable kind, const float* query, float* table) noexcept;

// For 4-bit codes: merged ((m + 1) / 2, 256) := the sums of the two tables that one byte of code
// names, merged[b][byte] = table[2b][byte & 15] + table[2b + 1][byte >> 4]. ScanPqRows with it and the
// shape {dims, (m + 1) / 2, 8} does half as many lookups; worth it from some 24 rows a table on.
void MergePqTables(const float* table, size_t m, float* merged) noexcept;

// Paper: SDC. quantized (dims) := the decoded code of query; a table built from it gives the
// codeword-to-codeword distances. query and quantized may be the same.
void QuantizeQuery(const PqShape& shape, const float* codebook, const float* query, float* quantized) noexcept;

namespace reference {
void EncodePq(const PqShape& shape, const float* codebook, const float* rows, size_t count, uint8_t* codes) noexcept;
void BuildPqTable(const PqShape& shape, const float* codebook, PqTable kind, const float* query, float* table) noexcept;
}  // namespace reference

}  // namespace vectorq
