// Encoding of a row into a list, and the query-side table that scores such codes.
// The one place that knows which code needs what: everybody else treats all codes alike.
//
//   distance(query, row) = bias + factor * sum(table, code) [+ scalar of the row]
//
// | code            | sum over            | table         | bias                        | factor | scalar |
// | f32, f16 L2, L1 | differences         | query         | 0                           | 1      | -      |
// | f32, f16 IP/cos | products            | query         | 0                           | -1     | -      |
// | sq8  L2         | products            | (q-c)_d s_d   | |q-c|^2 - 2 sum (q-c)_d m_d | -2     | |r^|^2 |
// | sq8  IP/cos     | products            | q_d s_d       | -<q,c> - sum q_d m_d        | -1     | -      |
// | bits  Hamming   | differing bits      | query's bits  | 0                           | 1      | -      |
// | bits  Jaccard   | common bits         | query's bits  | bits set in it              | -      | bits set |
// | pq   L2         | subspaces' entries  | |(q-c)_s-w|^2 | 0                           | 1      | -      |
// | pq   IP/cos     | subspaces' entries  | -<q_s, w>     | -<q,c>                      | 1      | -      |
// | pq with lengths: the sum is multiplied by the row's scale, and L2 adds the row's length squared (row_scale.h)
// |      L2         | subspaces' entries  | -2 <(q-c)_s, w> | |q-c|^2                   | 1      | word   |
// |      IP/cos     | subspaces' entries  | -<q_s, w>     | -<q,c>                      | 1      | word   |
//
// bits: codes of rows of 0 and 1. Hamming's distance is the number of differing bits. Jaccard's follows from the common
// ones and from the bits set in the query and in the row (FinishJaccard).
//
// r^ = m + s * code is the decoded residual of a row from its centroid c; w is a codeword of subspace s. pq4 is pq with
// the table rounded to 8 bits (lut16_scan.h), which the caller does.
#pragma once
#include <cstddef>
#include <cstdint>

#include "core/base/kinds.h"
#include "core/quantize/pq.h"
#include "core/simd/distance.h"

namespace vectorq {

// Immutable description; the arrays belong to the caller.
struct Codec {
    Metric metric;
    CodeKind kind;
    uint32_t dims;            // of what is encoded (after a transform)
    const float* sq8_offset;  // (dims) m; sq8 only
    const float* sq8_scale;   // (dims) s; sq8 only
    PqShape pq;               // pq, pq4 only
    const float* codebook;    // pq, pq4 only
    bool symmetric;           // pq: distances between codes (SDC) instead of query and code (ADC)
    // pq: weight of the error along the direction row - eta_origin when codes are made (anisotropic.h); tables
    // and scan do not change. <= 1 (so 0 as well) is plain. Applied to whatever metric it is given with.
    // Inner product and cosine: eta_origin null, the direction is the row itself. L2: the mean of the rows, or
    // of the centroids, (dims); measured better than the row itself (docs/measurements/score-aware.md).
    float eta;
    const float* eta_origin;
    bool lengths;  // pq4: codes are of residuals of length 1, and the row's scalar has their length (row_scale.h)
};

// True when codes are made with an origin: score-aware ones for L2.
bool HasEtaOrigin(const Codec& codec) noexcept;
// The origin, mean (dims) of centroids (lists, dims): the same to the last bit whoever computes it.
void MeanOfCentroids(const float* centroids, size_t lists, size_t dims, float* mean) noexcept;

// A code that row-major storage keeps in CodeBytes(); pq4 is packed into blocks by the page.
size_t CodeBytes(const Codec& codec) noexcept;
// Bytes of 32 codes where they lie in such blocks (lut16_scan.h), else 0.
size_t CodeBlockBytes(const Codec& codec) noexcept;
// Bytes of one element of a code: a code may be cut between elements only.
inline constexpr size_t CodeElementBytes(CodeKind kind) noexcept { return TraitsOf(kind).element_bytes; }
// And how many elements a code of the kernel's (not of product codes) has.
inline size_t CodeElements(const Codec& codec) noexcept {
    const size_t in_one = TraitsOf(codec.kind).element_dims;
    return (codec.dims + in_one - 1) / in_one;
}
// True when each row carries one f32 beside its code.
bool CodeHasScalar(const Codec& codec) noexcept;

// Parameters that are learned from rows: sq8's offset and scale, a codebook. How many floats; 0 for exact codes.
size_t QuantizerFloats(const Codec& codec) noexcept;
// The codec uses them from now on; they stay the caller's.
void AttachQuantizer(Codec* codec, const float* quantizer) noexcept;

// Where encoded rows go: row i's code to base + i * stride + code_at, its scalar to … + scalar_at.
struct RowSink {
    uint8_t* base;
    size_t stride, code_at, scalar_at;
    uint8_t* fits;  // (rows): 0 for a row that does not fit the code (a value beyond half precision)
};

// x (dims) := x of length 1; returns how long it was. One whose square is no float, or whose inverse is none, becomes a
// zero vector, of kMaxRowLength or 0 (row_scale.h).
float MakeDirection(float* x, size_t dims) noexcept;
// Floats of scratch for EncodeRows of at most `rows` rows.
size_t EncodeScratchFloats(const Codec& codec, size_t rows) noexcept;
// Encodes rows (count, dims); row i lies in list[i] of centroids (lists, dims), or all rows in the one
// centroid when list is null.
void EncodeRows(const Codec& codec, const float* rows, size_t count, const float* centroids, const uint32_t* list,
                const RowSink& sink, float* scratch) noexcept;

// x (dims) := the row that an exact code keeps.
void DecodeExact(const Codec& codec, const uint8_t* code, float* x) noexcept;

struct ListTable {
    const float* table;  // the query itself, or scratch
    float bias;
    float factor;
    bool has_scalar;
    bool has_scale = false, adds_square = false;  // of codes of directions: FinishScaledSums
    bool jaccard = false;                         // FinishJaccard
};

// Floats of scratch for PrepareListTable.
size_t TableScratchFloats(const Codec& codec) noexcept;
// Whether the table of product codes is another one for each list: they code what the centroid leaves of a row.
bool TableDependsOnList(const Codec& codec) noexcept;
// Table for scoring the rows of one list; scratch lives as long as it does. first: no list of this query
// was prepared in this scratch yet (tables that do not depend on the list are kept).
ListTable PrepareListTable(const Codec& codec, const float* query, const float* centroid, float* scratch,
                           bool first) noexcept;

// Where the table of an element begins, for a kernel that is given a part of a code.
inline const float* TableFrom(const Codec& codec, const ListTable& table, size_t element) noexcept {
    if (codec.kind != CodeKind::kBits) return table.table + element;
    return reinterpret_cast<const float*>(reinterpret_cast<const uint8_t*>(table.table) + element);
}
// sums[i] := the distance of row i. scalars: of the rows, if codes have such.
void FinishSums(const ListTable& table, float* sums, const float* scalars, size_t rows) noexcept;

// The kernel that goes with the codec (not for product codes); GetBlockKernel or GetRowKernel resolves it once a scan.
inline constexpr BlockKernel CodecKernel(const Codec& codec) noexcept {
    return KernelOf(TraitsOf(codec.metric).sum, TraitsOf(codec.kind).stored);
}

}  // namespace vectorq
