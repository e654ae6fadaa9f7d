// Product quantizer (see pq.h).
//
// Encoding puts rows into the lanes: a tile of 2 vectors of rows against 4 codewords keeps 8 sums
// in registers, and the nearest so far is one comparison and two blends a sum. With codewords in
// the lanes instead, the search for the smallest lane costs more than the products when ksub = 16.
//
// The encoder works on a prepared copy in the scratch, because |x|^2 - 2<x,c> + |c|^2 cancels
// where all components share a large offset:
//   codewords minus their mean (as the codebook) | |c|^2 / 2 (m, ksub) | mean (dims) | tile
// The tile holds one subspace of kTileRows rows, (dsub, kTileRows).
#include "core/quantize/pq.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/cluster/kmeans.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/quantize/pq.cpp"
#include "hwy/foreach_target.h"
//
#include "hwy/highway.h"

#ifndef VECTORQ_CORE_QUANTIZE_PQ_ONCE_
#define VECTORQ_CORE_QUANTIZE_PQ_ONCE_
namespace vectorq {
constexpr size_t kTileRows = 32;  // a multiple of twice the lanes of every target
// One subspace of one tile.
struct TileArgs {
    const float* codewords;     // (dsub, ksub), centred
    const float* half_sq_norm;  // (ksub)
    size_t dsub, ksub;
    const float* tile;  // (dsub, kTileRows), centred
    uint32_t* nearest;  // (kTileRows)
};
}  // namespace vectorq
#endif

HWY_BEFORE_NAMESPACE();
namespace vectorq {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// ksub is at least 16: never more lanes than that, hence no remainders.
using DF = hn::CappedTag<float, 16>;
using DU = hn::RebindToUnsigned<DF>;
using VF = hn::Vec<DF>;
using VU = hn::Vec<DU>;

HWY_INLINE void Offer(VF sum, float half_sq_norm, size_t k, VF& best, VU& best_id) {
    const DF df;
    const DU du;
    const VF score = hn::Sub(hn::Set(df, half_sq_norm), sum);
    const auto less = hn::Lt(score, best);
    best = hn::IfThenElse(less, score, best);
    best_id = hn::IfThenElse(hn::RebindMask(du, less), hn::Set(du, uint32_t(k)), best_id);
}

// Nearest codeword of each row of the tile. Codewords come in ascending order and only a smaller
// score replaces the best one: ties go to the lowest number.
void NearestInTile(const TileArgs& a) {
    const DF df;
    const DU du;
    const size_t N = hn::Lanes(df), ksub = a.ksub;
    for (size_t r = 0; r < kTileRows; r += 2 * N) {
        VF best0 = hn::Set(df, std::numeric_limits<float>::infinity()), best1 = best0;
        VU id0 = hn::Zero(du), id1 = id0;
        for (size_t k = 0; k < ksub; k += 4) {
            const float* HWY_RESTRICT c = a.codewords + k;
            const float* HWY_RESTRICT x = a.tile + r;
            VF p0 = hn::Zero(df), p1 = p0, p2 = p0, p3 = p0, q0 = p0, q1 = p0, q2 = p0, q3 = p0;
            for (size_t d = 0; d < a.dsub; d++, c += ksub, x += kTileRows) {
                const VF x0 = hn::LoadU(df, x), x1 = hn::LoadU(df, x + N);
                const VF c0 = hn::Set(df, c[0]), c1 = hn::Set(df, c[1]), c2 = hn::Set(df, c[2]), c3 = hn::Set(df, c[3]);
                p0 = hn::MulAdd(x0, c0, p0);
                q0 = hn::MulAdd(x1, c0, q0);
                p1 = hn::MulAdd(x0, c1, p1);
                q1 = hn::MulAdd(x1, c1, q1);
                p2 = hn::MulAdd(x0, c2, p2);
                q2 = hn::MulAdd(x1, c2, q2);
                p3 = hn::MulAdd(x0, c3, p3);
                q3 = hn::MulAdd(x1, c3, q3);
            }
            const float* HWY_RESTRICT half = a.half_sq_norm + k;
            Offer(p0, half[0], k, best0, id0);
            Offer(q0, half[0], k, best1, id1);
            Offer(p1, half[1], k + 1, best0, id0);
            Offer(q1, half[1], k + 1, best1, id1);
            Offer(p2, half[2], k + 2, best0, id0);
            Offer(q2, half[2], k + 2, best1, id1);
            Offer(p3, half[3], k + 3, best0, id0);
            Offer(q3, half[3], k + 3, best1, id1);
        }
        hn::StoreU(id0, du, a.nearest + r);
        hn::StoreU(id1, du, a.nearest + r + N);
    }
}

struct StepL2 {
    static HWY_INLINE VF Step(VF q, VF c, VF acc) {
        const VF diff = hn::Sub(q, c);
        return hn::MulAdd(diff, diff, acc);
    }
};
struct StepDot {
    static HWY_INLINE VF Step(VF q, VF c, VF acc) { return hn::MulAdd(q, c, acc); }
};

// table (ksub) of one subspace. Four sums cover the FMA latency when ksub allows.
template <class Op>
HWY_INLINE void SubspaceTable(const float* HWY_RESTRICT codewords, size_t dsub, size_t ksub,
                              const float* HWY_RESTRICT query, float* HWY_RESTRICT table) {
    const DF df;
    const size_t N = hn::Lanes(df);
    size_t k = 0;
    for (; k + 4 * N <= ksub; k += 4 * N) {
        const float* HWY_RESTRICT c = codewords + k;
        VF s0 = hn::Zero(df), s1 = s0, s2 = s0, s3 = s0;
        for (size_t d = 0; d < dsub; d++, c += ksub) {
            const VF q = hn::Set(df, query[d]);
            s0 = Op::Step(q, hn::LoadU(df, c), s0);
            s1 = Op::Step(q, hn::LoadU(df, c + N), s1);
            s2 = Op::Step(q, hn::LoadU(df, c + 2 * N), s2);
            s3 = Op::Step(q, hn::LoadU(df, c + 3 * N), s3);
        }
        hn::StoreU(s0, df, table + k);
        hn::StoreU(s1, df, table + k + N);
        hn::StoreU(s2, df, table + k + 2 * N);
        hn::StoreU(s3, df, table + k + 3 * N);
    }
    for (; k < ksub; k += N) {
        VF sum = hn::Zero(df);
        for (size_t d = 0; d < dsub; d++) {
            sum = Op::Step(hn::Set(df, query[d]), hn::LoadU(df, codewords + d * ksub + k), sum);
        }
        hn::StoreU(sum, df, table + k);
    }
}

template <class Op>
HWY_INLINE void AllTables(const PqShape& shape, const float* codebook, const float* query, float* table) {
    const size_t ksub = PqKsub(shape);
    for (size_t s = 0, begin = 0; s < shape.m; s++) {
        const size_t end = PqDimBegin(shape, s + 1);
        SubspaceTable<Op>(codebook + ksub * begin, end - begin, ksub, query + begin, table + s * ksub);
        begin = end;
    }
}
void BuildTableImpl(const PqShape& shape, const float* codebook, PqTable kind, const float* query, float* table) {
    if (kind == PqTable::kL2) {
        AllTables<StepL2>(shape, codebook, query, table);
    } else {
        AllTables<StepDot>(shape, codebook, query, table);
    }
}

// An odd last subspace has no partner: the high nibble of its byte is zero.
void MergeTablesImpl(const float* HWY_RESTRICT table, size_t m, float* HWY_RESTRICT merged) {
    const DF df;
    const size_t N = hn::Lanes(df);
    for (size_t s = 0; s < m; s += 2, table += 32, merged += 256) {
        for (size_t high = 0; high < 16; high++) {
            const VF add = hn::Set(df, s + 1 < m ? table[16 + high] : 0.0f);
            for (size_t k = 0; k < 16; k += N) hn::StoreU(hn::Add(hn::LoadU(df, table + k), add), df, merged + high * 16 + k);
        }
    }
}

// Number of the codeword nearest to the piece of one row, by differences.
uint32_t NearestOneImpl(const float* codewords, size_t dsub, size_t ksub, const float* piece) {
    const DF df;
    const DU du;
    HWY_ALIGN float table[kPqMaxKsub];
    SubspaceTable<StepL2>(codewords, dsub, ksub, piece, table);
    const size_t N = hn::Lanes(df);
    VF best = hn::Set(df, std::numeric_limits<float>::infinity());
    VU best_id = hn::Zero(du);
    for (size_t k = 0; k < ksub; k += N) {
        const VF value = hn::LoadU(df, table + k);
        const auto less = hn::Lt(value, best);
        best = hn::IfThenElse(less, value, best);
        best_id = hn::IfThenElse(hn::RebindMask(du, less), hn::Iota(du, uint32_t(k)), best_id);
    }
    HWY_ALIGN float values[hn::MaxLanes(DF())];
    HWY_ALIGN uint32_t ids[hn::MaxLanes(DF())];
    hn::Store(best, df, values);
    hn::Store(best_id, du, ids);
    size_t at = 0;
    for (size_t lane = 1; lane < N; lane++) {
        if (values[lane] < values[at] || (values[lane] == values[at] && ids[lane] < ids[at])) at = lane;
    }
    return ids[at];
}

}  // namespace HWY_NAMESPACE
}  // namespace vectorq
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vectorq {
HWY_EXPORT(NearestInTile);
HWY_EXPORT(BuildTableImpl);
HWY_EXPORT(MergeTablesImpl);
HWY_EXPORT(NearestOneImpl);

namespace {

// Rows that all subspaces see before the next ones: 512 of 128 dimensions are 256 kB, which stay
// in the L2 cache while the subspaces pass over them.
constexpr size_t kBlockRows = 512;
// Up to so many rows the direct path is faster than preparing the codebook.
constexpr size_t kFewRows = 16;

size_t LargestDsub(const PqShape& shape) { return (shape.dims + shape.m - 1) / shape.m; }

// The parts of the scratch, see the head comment.
struct Prepared {
    Prepared(const PqShape& shape, float* scratch)
        : codewords(scratch),
          half_sq_norm(codewords + PqCodebookFloats(shape)),
          mean(half_sq_norm + PqTableFloats(shape)),
          tile(mean + shape.dims) {}
    float* codewords;
    float* half_sq_norm;
    float* mean;
    float* tile;
};

void PrepareCodebook(const PqShape& shape, const float* codebook, const Prepared& p) noexcept {
    const size_t ksub = PqKsub(shape);
    std::fill(p.half_sq_norm, p.half_sq_norm + PqTableFloats(shape), 0.0f);
    for (size_t s = 0; s < shape.m; s++) {
        float* half = p.half_sq_norm + s * ksub;
        for (size_t d = PqDimBegin(shape, s); d < PqDimBegin(shape, s + 1); d++) {
            const float* from = codebook + d * ksub;  // ksub * begin + (d - begin) * ksub
            float* to = p.codewords + d * ksub;
            double sum = 0;
            for (size_t k = 0; k < ksub; k++) sum += from[k];
            const float mean = float(sum / double(ksub));
            p.mean[d] = mean;
            for (size_t k = 0; k < ksub; k++) {
                const float x = from[k] - mean;
                to[k] = x;
                half[k] += 0.5f * x * x;
            }
        }
    }
}

// Subspace dimensions [begin, end) of `count` <= kTileRows rows; missing rows repeat the last one.
void FillTile(const PqShape& shape, const float* rows, size_t count, size_t begin, size_t end, const Prepared& p) noexcept {
    for (size_t r = 0; r < kTileRows; r++) {
        const float* row = rows + std::min(r, count - 1) * shape.dims;
        for (size_t d = begin; d < end; d++) p.tile[(d - begin) * kTileRows + r] = row[d] - p.mean[d];
    }
}

void EncodeBlock(const PqShape& shape, const Prepared& p, const float* rows, size_t count, uint8_t* codes) noexcept {
    const size_t ksub = PqKsub(shape), stride = PqCodeBytes(shape);
    uint32_t nearest[kTileRows];
    for (size_t s = 0; s < shape.m; s++) {
        const size_t begin = PqDimBegin(shape, s), end = PqDimBegin(shape, s + 1);
        const TileArgs args{p.codewords + ksub * begin, p.half_sq_norm + s * ksub, end - begin, ksub, p.tile, nearest};
        for (size_t r = 0; r < count; r += kTileRows) {
            const size_t n = std::min(kTileRows, count - r);
            FillTile(shape, rows + r * shape.dims, n, begin, end, p);
            HWY_DYNAMIC_DISPATCH(NearestInTile)(args);
            for (size_t i = 0; i < n; i++) PqOrCode(shape.bits, codes + (r + i) * stride, s, nearest[i]);
        }
    }
}

uint32_t NearestOne(const PqShape& shape, const float* codebook, size_t s, const float* row) noexcept {
    const size_t begin = PqDimBegin(shape, s), end = PqDimBegin(shape, s + 1), ksub = PqKsub(shape);
    return HWY_DYNAMIC_DISPATCH(NearestOneImpl)(codebook + ksub * begin, end - begin, ksub, row + begin);
}

// Every (n / count)-th row's dimensions [begin, end).
Matrix CutSubspace(const Matrix& sample, size_t count, size_t begin, size_t end) {
    Matrix part(count, end - begin);
    for (size_t i = 0; i < count; i++) {
        const size_t from = size_t(double(i) * double(sample.rows()) / double(count));
        std::memcpy(part.row(i), sample.row(from) + begin, (end - begin) * sizeof(float));
    }
    return part;
}

size_t TrainRows(const PqShape& shape, size_t sample_rows) {
    return std::min(sample_rows, PqKsub(shape) * kPqRowsPerCodeword);
}

KMeansOptions TrainOptions(const PqShape& shape, int iterations, uint64_t seed, int threads) {
    KMeansOptions options;
    options.lists = PqKsub(shape);
    options.iterations = iterations;
    options.seed = seed;
    options.threads = threads;
    options.hierarchical_above = 0;
    return options;
}

}  // namespace

bool PqShapeIsValid(const PqShape& shape) noexcept {
    return shape.m >= 1 && shape.m <= shape.dims && shape.bits >= 4 && shape.bits <= 8;
}

AlignedArray<float> TrainPq(const PqShape& shape, const Matrix& sample, int iterations, uint64_t seed, int threads,
                            StopToken& stop) {
    if (!PqShapeIsValid(shape) || sample.cols() != shape.dims || sample.rows() == 0) {
        throw Error(ErrorKind::kInvalidArgument, "product quantizer: shape and sample do not fit");
    }
    const size_t ksub = PqKsub(shape), count = TrainRows(shape, sample.rows());
    AlignedArray<float> codebook(PqCodebookFloats(shape));
    // The threads share one subspace after the other: only the calling thread may poll `stop`.
    for (size_t s = 0; s < shape.m; s++) {
        const size_t begin = PqDimBegin(shape, s), end = PqDimBegin(shape, s + 1);
        const Matrix part = CutSubspace(sample, count, begin, end);
        const Matrix found = TrainKMeans(part, TrainOptions(shape, iterations, seed + s, threads), stop);
        for (size_t k = 0; k < ksub; k++) {
            const float* codeword = found.row(std::min(k, found.rows() - 1));
            for (size_t d = begin; d < end; d++) codebook[d * ksub + k] = codeword[d - begin];
        }
    }
    return codebook;
}

size_t TrainPqBytes(const PqShape& shape, size_t sample_rows) noexcept {
    const size_t rows = TrainRows(shape, sample_rows), dsub = LargestDsub(shape);
    // Few threads' sums matter: dsub doubles each, covered by KMeansBytes for up to 64 of them.
    return PqCodebookFloats(shape) * sizeof(float) + rows * dsub * sizeof(float) +
           KMeansBytes(rows, dsub, TrainOptions(shape, 1, 0, 64));
}

size_t PqEncodeScratchFloats(const PqShape& shape) noexcept {
    return PqCodebookFloats(shape) + PqTableFloats(shape) + shape.dims + LargestDsub(shape) * kTileRows;
}

void EncodePq(const PqShape& shape, const float* codebook, const float* rows, size_t count, uint8_t* codes,
              float* scratch) noexcept {
    const size_t stride = PqCodeBytes(shape);
    std::memset(codes, 0, count * stride);
    if (count <= kFewRows) {
        for (size_t i = 0; i < count; i++) {
            for (size_t s = 0; s < shape.m; s++) {
                PqOrCode(shape.bits, codes + i * stride, s, NearestOne(shape, codebook, s, rows + i * shape.dims));
            }
        }
        return;
    }
    const Prepared prepared(shape, scratch);
    PrepareCodebook(shape, codebook, prepared);
    for (size_t r = 0; r < count; r += kBlockRows) {
        EncodeBlock(shape, prepared, rows + r * shape.dims, std::min(kBlockRows, count - r), codes + r * stride);
    }
}

void DecodePq(const PqShape& shape, const float* codebook, const uint8_t* code, float* x) noexcept {
    const size_t ksub = PqKsub(shape);
    for (size_t s = 0; s < shape.m; s++) {
        const float* codeword = codebook + PqGetCode(shape.bits, code, s);
        for (size_t d = PqDimBegin(shape, s); d < PqDimBegin(shape, s + 1); d++) x[d] = codeword[d * ksub];
    }
}

void BuildPqTable(const PqShape& shape, const float* codebook, PqTable kind, const float* query, float* table) noexcept {
    HWY_DYNAMIC_DISPATCH(BuildTableImpl)(shape, codebook, kind, query, table);
}

void MergePqTables(const float* table, size_t m, float* merged) noexcept {
    HWY_DYNAMIC_DISPATCH(MergeTablesImpl)(table, m, merged);
}

void QuantizeQuery(const PqShape& shape, const float* codebook, const float* query, float* quantized) noexcept {
    const size_t ksub = PqKsub(shape);
    for (size_t s = 0; s < shape.m; s++) {
        const float* codeword = codebook + NearestOne(shape, codebook, s, query);
        for (size_t d = PqDimBegin(shape, s); d < PqDimBegin(shape, s + 1); d++) quantized[d] = codeword[d * ksub];
    }
}

namespace reference {

void BuildPqTable(const PqShape& shape, const float* codebook, PqTable kind, const float* query, float* table) noexcept {
    const size_t ksub = PqKsub(shape);
    for (size_t s = 0; s < shape.m; s++) {
        for (size_t k = 0; k < ksub; k++) {
            double sum = 0;
            for (size_t d = PqDimBegin(shape, s); d < PqDimBegin(shape, s + 1); d++) {
                const double c = codebook[d * ksub + k], q = query[d];
                sum += kind == PqTable::kL2 ? (q - c) * (q - c) : q * c;
            }
            table[s * ksub + k] = float(sum);
        }
    }
}

void EncodePq(const PqShape& shape, const float* codebook, const float* rows, size_t count, uint8_t* codes) noexcept {
    const size_t ksub = PqKsub(shape), stride = PqCodeBytes(shape);
    std::memset(codes, 0, count * stride);
    for (size_t i = 0; i < count; i++) {
        for (size_t s = 0; s < shape.m; s++) {
            double best = std::numeric_limits<double>::infinity();
            uint32_t best_k = 0;
            for (size_t k = 0; k < ksub; k++) {
                double sum = 0;
                for (size_t d = PqDimBegin(shape, s); d < PqDimBegin(shape, s + 1); d++) {
                    const double diff = double(rows[i * shape.dims + d]) - codebook[d * ksub + k];
                    sum += diff * diff;
                }
                if (sum < best) best = sum, best_k = uint32_t(k);
            }
            PqOrCode(shape.bits, codes + i * stride, s, best_k);
        }
    }
}

}  // namespace reference
}  // namespace vectorq
#endif  // HWY_ONCE
