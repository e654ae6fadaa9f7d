// Product quantizer (Jégou, Douze, Schmid, "Product Quantization for Nearest Neighbor Search",
// TPAMI 2011): the dimensions are cut into m subspaces, and each piece of a row is replaced by
// the number of the nearest of ksub = 2^bits codewords of its subspace. Symbols as in the paper:
// m, ksub (their k*), dsub = dims / m (their D*). See README.md beside this file.
//
// Shape and code of a row: base/pq_shape.h. Used by the build (TrainPq, EncodePq), by inserts (EncodePq of one row) and
// by scans (BuildPqTable once a query or once a list; the scan itself is simd/pq_scan.h and simd/lut16_scan.h). Knows
// nothing of lists: rows may be residuals or whole vectors.
//
// Codebook, ksub * dims floats: subspace after subspace, and within one dimension-major,
//   codebook[ksub * PqDimBegin(s) + d * ksub + k] = component d of codeword k of subspace s
// so that tables and encoding read whole vectors of codewords, whatever dsub is (it is often 2).
#pragma once
#include <cstddef>
#include <cstdint>

#include "core/base/matrix.h"
#include "core/base/progress.h"
#include "core/base/stop_token.h"
#include "core/base/pq_shape.h"

namespace vectorq {

// Rows of the sample that are used, at most: FAISS's 256 for each codeword of 8 bits. Of 4 bits FAISS takes 4,096;
// 65,536 find half a point more recall@1 (IVF4096,PQ16x4fsr, a million SIFT rows: .209 instead of .203) and cost
// nothing to speak of.
inline constexpr size_t kPqTrainRows = 65536;

// Codebook by k-means in each subspace of sample (n >= 1, dims). Where a subspace has fewer
// distinct values than ksub, its last codeword is repeated. Each thread takes a subspace. Same input, same codebook,
// whatever the number of threads. Throws Error(kInvalidArgument, kCancelled), std::bad_alloc.
AlignedArray<float> TrainPq(const PqShape& shape, const Matrix& sample, int iterations, uint64_t seed, int threads,
                            StopToken& stop, size_t most_rows = kPqTrainRows, const Progress& progress = {});
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

// Paper: SDC. quantized (dims) := the decoded code of query; a table built from it gives the
// codeword-to-codeword distances. query and quantized may be the same.
void QuantizeQuery(const PqShape& shape, const float* codebook, const float* query, float* quantized) noexcept;

namespace reference {
void EncodePq(const PqShape& shape, const float* codebook, const float* rows, size_t count, uint8_t* codes) noexcept;
void BuildPqTable(const PqShape& shape, const float* codebook, PqTable kind, const float* query, float* table) noexcept;
}  // namespace reference

}  // namespace vectorq
