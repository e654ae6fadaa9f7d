// Product quantizer (see pq.h).
//
// Rows go through in tiles, see simd/tile.h.
//
// The encoder works on a prepared copy in the scratch, because |x|^2 - 2<x,c> + |c|^2 cancels
// where all components share a large offset:
//   codewords minus their mean (as the codebook) | -|c|^2 / 2 (m, ksub) | mean (dims) | tile
// The tile holds one subspace of kTileRows rows.
#include "core/quantize/pq.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "core/base/parallel.h"
#include "core/cluster/subspace_kmeans.h"
#include "core/simd/tile.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/quantize/pq.cpp"
#include "hwy/foreach_target.h"
//
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace vectorq {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// ksub is at least 16: never more lanes than that, hence no remainders.
using DF = hn::CappedTag<float, 16>;
using DU = hn::RebindToUnsigned<DF>;
using VF = hn::Vec<DF>;
using VU = hn::Vec<DU>;

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
HWY_EXPORT(BuildTableImpl);
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
          minus_half_norm(codewords + PqCodebookFloats(shape)),
          mean(minus_half_norm + PqTableFloats(shape)),
          tile(mean + shape.dims) {}
    float* codewords;
    float* minus_half_norm;
    float* mean;
    float* tile;
};

void PrepareCodebook(const PqShape& shape, const float* codebook, const Prepared& p) noexcept {
    const size_t ksub = PqKsub(shape);
    for (size_t s = 0; s < shape.m; s++) {
        const size_t begin = PqDimBegin(shape, s), end = PqDimBegin(shape, s + 1);
        for (size_t d = begin; d < end; d++) {
            const float* from = codebook + d * ksub;  // ksub * begin + (d - begin) * ksub
            double sum = 0;
            for (size_t k = 0; k < ksub; k++) sum += from[k];
            const float mean = float(sum / double(ksub));
            p.mean[d] = mean;
            for (size_t k = 0; k < ksub; k++) p.codewords[d * ksub + k] = from[k] - mean;
        }
        MinusHalfNorms(p.codewords + begin * ksub, end - begin, ksub, p.minus_half_norm + s * ksub);
    }
}

// Subspace dimensions [begin, end) of `count` <= kTileRows rows; missing rows repeat the last one.
void FillTile(const PqShape& shape, const float* rows, size_t count, size_t begin, size_t end,
              const Prepared& p) noexcept {
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
        const TileArgs args{
            p.codewords + ksub * begin, p.minus_half_norm + s * ksub, end - begin, ksub, p.tile, nearest, nullptr};
        for (size_t r = 0; r < count; r += kTileRows) {
            const size_t n = std::min(kTileRows, count - r);
            FillTile(shape, rows + r * shape.dims, n, begin, end, p);
            NearestInTile(args);
            for (size_t i = 0; i < n; i++) PqOrCode(shape.bits, codes + (r + i) * stride, s, nearest[i]);
        }
    }
}

uint32_t NearestOne(const PqShape& shape, const float* codebook, size_t s, const float* row) noexcept {
    const size_t begin = PqDimBegin(shape, s), end = PqDimBegin(shape, s + 1), ksub = PqKsub(shape);
    return HWY_DYNAMIC_DISPATCH(NearestOneImpl)(codebook + ksub * begin, end - begin, ksub, row + begin);
}

// Every (n / count)-th row's dimensions [begin, end) as tiles.
class CutSubspace {
public:
    CutSubspace(const Matrix& sample, size_t count, size_t begin, size_t end)
        : tiles_(NumTiles(count) * kTileRows * (end - begin)),
          view_{tiles_.data(), kTileRows * (end - begin), count, end - begin} {
        tiles_.Fill(0);
        for (size_t i = 0; i < count; i++) {
            const float* from = sample.row(size_t(double(i) * double(sample.rows()) / double(count))) + begin;
            float* to = tiles_.data() + i / kTileRows * view_.stride + i % kTileRows;
            for (size_t d = 0; d < view_.dims; d++) to[d * kTileRows] = from[d];
        }
    }
    // Subtracts the mean from all rows and returns it.
    std::vector<float> Center() {
        std::vector<float> mean(view_.dims);
        for (size_t d = 0; d < view_.dims; d++) {
            double sum = 0;
            for (size_t t = 0; t < NumTiles(view_.rows); t++) {
                const float* x = Tile(t) + d * kTileRows;
                for (size_t r = 0; r < kTileRows; r++) sum += x[r];  // zeros behind the last row
            }
            mean[d] = float(sum / double(view_.rows));
            for (size_t t = 0; t < NumTiles(view_.rows); t++) {
                float* x = Tile(t) + d * kTileRows;
                for (size_t r = 0; r < kTileRows; r++) x[r] -= mean[d];
            }
        }
        return mean;
    }
    const TileView& view() const { return view_; }

private:
    float* Tile(size_t t) { return tiles_.data() + t * view_.stride; }
    AlignedArray<float> tiles_;
    TileView view_;
};

}  // namespace

AlignedArray<float> TrainPq(const PqShape& shape, const Matrix& sample, int iterations, uint64_t seed, int threads,
                            StopToken& stop, size_t most_rows, const Progress& progress) {
    if (!PqShapeIsValid(shape) || sample.cols() != shape.dims || sample.rows() == 0) {
        throw Error(ErrorKind::kInvalidArgument, "product quantizer: shape and sample do not fit");
    }
    const size_t ksub = PqKsub(shape), count = std::min(sample.rows(), most_rows);
    AlignedArray<float> codebook(PqCodebookFloats(shape));
    ParallelTasks(shape.m, threads, stop, [&](size_t s, int thread) {
        // A thread's subspaces rise.
        if (thread == 0) progress.Report(double(s) / double(shape.m));
        const size_t begin = PqDimBegin(shape, s), end = PqDimBegin(shape, s + 1);
        CutSubspace part(sample, count, begin, end);
        float* codewords = codebook.data() + ksub * begin;
        if (TakeDistinctRows(part.view(), ksub, codewords)) return;
        const std::vector<float> mean = part.Center();
        TrainSubspace(
            part.view(), ksub, iterations, seed + s, [&] { return KeepGoing(stop, thread); }, codewords);
        for (size_t d = begin; d < end; d++) {
            for (size_t k = 0; k < ksub; k++) codebook[d * ksub + k] += mean[d - begin];
        }
    });
    return codebook;
}

size_t TrainPqBytes(const PqShape& shape, size_t sample_rows, int threads) noexcept {
    const size_t rows = std::min(sample_rows, kPqTrainRows), dsub = LargestDsub(shape);
    const size_t each = (rows + kTileRows) * dsub * sizeof(float) + TrainSubspaceBytes(rows, dsub, PqKsub(shape));
    return PqCodebookFloats(shape) * sizeof(float) + each * std::min<size_t>(shape.m, size_t(std::max(threads, 1)));
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

void BuildPqTable(const PqShape& shape, const float* codebook, PqTable kind, const float* query,
                  float* table) noexcept {
    HWY_DYNAMIC_DISPATCH(BuildTableImpl)(shape, codebook, kind, query, table);
}

void QuantizeQuery(const PqShape& shape, const float* codebook, const float* query, float* quantized) noexcept {
    const size_t ksub = PqKsub(shape);
    for (size_t s = 0; s < shape.m; s++) {
        const float* codeword = codebook + NearestOne(shape, codebook, s, query);
        for (size_t d = PqDimBegin(shape, s); d < PqDimBegin(shape, s + 1); d++) quantized[d] = codeword[d * ksub];
    }
}

namespace reference {

void BuildPqTable(const PqShape& shape, const float* codebook, PqTable kind, const float* query,
                  float* table) noexcept {
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
