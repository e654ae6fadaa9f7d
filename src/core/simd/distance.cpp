// Distance kernels (see distance.h), compiled once per SIMD target and chosen at run time.
// Scan path: GetBlockKernel once a scan, then one call per page. Neither allocates nor
// throws; reads nothing beyond a row's last element.
#include "core/simd/distance.h"

#include "core/simd/bit_distance.h"
#include "core/simd/distance_reference.h"
#include "core/simd/row_distance.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/simd/distance.cpp"
#include "hwy/foreach_target.h"
//
#include "hwy/highway.h"
//
#include "core/simd/load-inl.h"
#include "core/simd/totals-inl.h"

HWY_BEFORE_NAMESPACE();
namespace vectorq {
namespace HWY_NAMESPACE {

using DF = hn::ScalableTag<float>;
using VF = hn::Vec<DF>;

// One step of a distance: acc + contribution of q and x.
struct OpDot {
    static HWY_INLINE VF Step(VF q, VF x, VF acc) { return hn::MulAdd(q, x, acc); }
};
struct OpL2 {
    static HWY_INLINE VF Step(VF q, VF x, VF acc) {
        const VF diff = hn::Sub(q, x);
        return hn::MulAdd(diff, diff, acc);
    }
};
struct OpL1 {
    static HWY_INLINE VF Step(VF q, VF x, VF acc) { return hn::Add(acc, hn::AbsDiff(q, x)); }
};

// One row against one row. Four accumulators: FMA latency (4) times ports (2) would want
// eight, but the loads, two per FMA, limit it to one FMA a cycle anyway.
template <class RowA, class RowB, class Op>
HWY_INLINE float OneToOne(const uint8_t* HWY_RESTRICT a, const uint8_t* HWY_RESTRICT b, size_t dims) {
    const DF df;
    const size_t N = hn::Lanes(df);
    VF s0 = hn::Zero(df), s1 = s0, s2 = s0, s3 = s0;
    size_t i = 0;
    for (; i + 4 * N <= dims; i += 4 * N) {
        s0 = Op::Step(RowA::Load(df, a, i), RowB::Load(df, b, i), s0);
        s1 = Op::Step(RowA::Load(df, a, i + N), RowB::Load(df, b, i + N), s1);
        s2 = Op::Step(RowA::Load(df, a, i + 2 * N), RowB::Load(df, b, i + 2 * N), s2);
        s3 = Op::Step(RowA::Load(df, a, i + 3 * N), RowB::Load(df, b, i + 3 * N), s3);
    }
    for (; i + N <= dims; i += N) s0 = Op::Step(RowA::Load(df, a, i), RowB::Load(df, b, i), s0);
    // Zero lanes on both sides add nothing, whatever the operation.
    if (i < dims) s1 = Op::Step(RowA::LoadTail(df, a, i, dims - i), RowB::LoadTail(df, b, i, dims - i), s1);
    return Total(hn::Add(hn::Add(s0, s1), hn::Add(s2, s3)));
}

// Four rows against the query: the query's loads are shared, two accumulators per row keep
// eight FMAs in flight.
template <class Row, class Op>
HWY_INLINE void FourRows(const float* HWY_RESTRICT query, const uint8_t* r0, const uint8_t* r1, const uint8_t* r2,
                         const uint8_t* r3, size_t dims, float* HWY_RESTRICT out) {
    const DF df;
    const size_t N = hn::Lanes(df);
    VF a0 = hn::Zero(df), a1 = a0, a2 = a0, a3 = a0, b0 = a0, b1 = a0, b2 = a0, b3 = a0;
    size_t i = 0;
    for (; i + 2 * N <= dims; i += 2 * N) {
        const VF q0 = hn::LoadU(df, query + i), q1 = hn::LoadU(df, query + i + N);
        a0 = Op::Step(q0, Row::Load(df, r0, i), a0);
        a1 = Op::Step(q0, Row::Load(df, r1, i), a1);
        a2 = Op::Step(q0, Row::Load(df, r2, i), a2);
        a3 = Op::Step(q0, Row::Load(df, r3, i), a3);
        b0 = Op::Step(q1, Row::Load(df, r0, i + N), b0);
        b1 = Op::Step(q1, Row::Load(df, r1, i + N), b1);
        b2 = Op::Step(q1, Row::Load(df, r2, i + N), b2);
        b3 = Op::Step(q1, Row::Load(df, r3, i + N), b3);
    }
    if (i + N <= dims) {
        const VF q = hn::LoadU(df, query + i);
        a0 = Op::Step(q, Row::Load(df, r0, i), a0);
        a1 = Op::Step(q, Row::Load(df, r1, i), a1);
        a2 = Op::Step(q, Row::Load(df, r2, i), a2);
        a3 = Op::Step(q, Row::Load(df, r3, i), a3);
        i += N;
    }
    if (i < dims) {
        const size_t n = dims - i;
        const VF q = LoadFirst(df, query + i, n);
        b0 = Op::Step(q, Row::LoadTail(df, r0, i, n), b0);
        b1 = Op::Step(q, Row::LoadTail(df, r1, i, n), b1);
        b2 = Op::Step(q, Row::LoadTail(df, r2, i, n), b2);
        b3 = Op::Step(q, Row::LoadTail(df, r3, i, n), b3);
    }
    AddTotals(hn::Add(a0, b0), hn::Add(a1, b1), hn::Add(a2, b2), hn::Add(a3, b3), out);
}

template <class Row, class Op>
void Block(const float* query, const void* codes, size_t stride_bytes, size_t rows, size_t dims, float* out) {
    const uint8_t* row = static_cast<const uint8_t*>(codes);
    size_t i = 0;
    for (; i + 4 <= rows; i += 4, row += 4 * stride_bytes) {
        FourRows<Row, Op>(query, row, row + stride_bytes, row + 2 * stride_bytes, row + 3 * stride_bytes, dims,
                          out + i);
    }
    if (i == rows) return;
    // The last one to three in the same order of additions: a row's sum must not depend on its place.
    const size_t left = rows - i;
    const uint8_t* second = row + (left > 1 ? stride_bytes : 0);
    float sums[4] = {out[i], left > 1 ? out[i + 1] : 0, left > 2 ? out[i + 2] : 0, 0};
    FourRows<Row, Op>(query, row, second, row + (left > 2 ? 2 * stride_bytes : 0), row, dims, sums);
    for (size_t r = 0; r < left; r++) out[i + r] = sums[r];
}

template <class Row>
HWY_INLINE void CosineParts(const uint8_t* HWY_RESTRICT a, const uint8_t* HWY_RESTRICT b, size_t dims,
                            float* HWY_RESTRICT dot, float* HWY_RESTRICT sq_norm_a, float* HWY_RESTRICT sq_norm_b) {
    const DF df;
    const size_t N = hn::Lanes(df);
    VF ab0 = hn::Zero(df), aa0 = ab0, bb0 = ab0, ab1 = ab0, aa1 = ab0, bb1 = ab0;
    const auto step = [](VF x, VF y, VF& xy, VF& xx, VF& yy) HWY_ATTR {
        xy = hn::MulAdd(x, y, xy);
        xx = hn::MulAdd(x, x, xx);
        yy = hn::MulAdd(y, y, yy);
    };
    size_t i = 0;
    for (; i + 2 * N <= dims; i += 2 * N) {
        step(Row::Load(df, a, i), Row::Load(df, b, i), ab0, aa0, bb0);
        step(Row::Load(df, a, i + N), Row::Load(df, b, i + N), ab1, aa1, bb1);
    }
    if (i + N <= dims) {
        step(Row::Load(df, a, i), Row::Load(df, b, i), ab0, aa0, bb0);
        i += N;
    }
    if (i < dims) step(Row::LoadTail(df, a, i, dims - i), Row::LoadTail(df, b, i, dims - i), ab1, aa1, bb1);
    *dot = Total(hn::Add(ab0, ab1));
    *sq_norm_a = Total(hn::Add(aa0, aa1));
    *sq_norm_b = Total(hn::Add(bb0, bb1));
}

// Non-template names for the dispatch tables.
using Bytes = const uint8_t*;
float DotF32Impl(Bytes a, Bytes b, size_t n) { return OneToOne<RowF32, RowF32, OpDot>(a, b, n); }
float L2F32Impl(Bytes a, Bytes b, size_t n) { return OneToOne<RowF32, RowF32, OpL2>(a, b, n); }
float L1F32Impl(Bytes a, Bytes b, size_t n) { return OneToOne<RowF32, RowF32, OpL1>(a, b, n); }
float DotF16Impl(Bytes a, Bytes b, size_t n) { return OneToOne<RowF16, RowF16, OpDot>(a, b, n); }
float L2F16Impl(Bytes a, Bytes b, size_t n) { return OneToOne<RowF16, RowF16, OpL2>(a, b, n); }
float L1F16Impl(Bytes a, Bytes b, size_t n) { return OneToOne<RowF16, RowF16, OpL1>(a, b, n); }
void CosineF32Impl(Bytes a, Bytes b, size_t n, float* ab, float* aa, float* bb) {
    CosineParts<RowF32>(a, b, n, ab, aa, bb);
}
void CosineF16Impl(Bytes a, Bytes b, size_t n, float* ab, float* aa, float* bb) {
    CosineParts<RowF16>(a, b, n, ab, aa, bb);
}

BlockFn BlockKernelImpl(BlockKernel kernel) {
    switch (kernel) {
        case BlockKernel::kL2F32: return &Block<RowF32, OpL2>;
        case BlockKernel::kDotF32: return &Block<RowF32, OpDot>;
        case BlockKernel::kL1F32: return &Block<RowF32, OpL1>;
        case BlockKernel::kL2F16: return &Block<RowF16, OpL2>;
        case BlockKernel::kDotF16: return &Block<RowF16, OpDot>;
        case BlockKernel::kL1F16: return &Block<RowF16, OpL1>;
        case BlockKernel::kDotU8: return &Block<RowU8, OpDot>;
        default: return nullptr;
    }
    return nullptr;
}

template <class Row, class Op>
float OneRow(const float* query, const void* row, size_t dims) {
    return OneToOne<RowF32, Row, Op>(reinterpret_cast<Bytes>(query), static_cast<Bytes>(row), dims);
}

RowFn RowKernelImpl(BlockKernel kernel) {
    switch (kernel) {
        case BlockKernel::kL2F32: return &OneRow<RowF32, OpL2>;
        case BlockKernel::kDotF32: return &OneRow<RowF32, OpDot>;
        case BlockKernel::kL1F32: return &OneRow<RowF32, OpL1>;
        case BlockKernel::kL2F16: return &OneRow<RowF16, OpL2>;
        case BlockKernel::kDotF16: return &OneRow<RowF16, OpDot>;
        case BlockKernel::kL1F16: return &OneRow<RowF16, OpL1>;
        case BlockKernel::kDotU8: return &OneRow<RowU8, OpDot>;
        default: return nullptr;
    }
    return nullptr;
}

void F32ToF16Impl(const float* HWY_RESTRICT in, size_t n, half* HWY_RESTRICT out) {
#if VECTORQ_NATIVE_F16
    const DF df;
    const hn::Rebind<hwy::float16_t, DF> dh;
    const size_t N = hn::Lanes(df);
    size_t i = 0;
    for (; i + N <= n; i += N) {
        hn::StoreU(hn::DemoteTo(dh, hn::LoadU(df, in + i)), dh, reinterpret_cast<hwy::float16_t*>(out + i));
    }
    if (i < n) {
        HWY_ALIGN half lanes[hn::MaxLanes(DF())];
        hn::StoreU(hn::DemoteTo(dh, LoadFirst(df, in + i, n - i)), dh, reinterpret_cast<hwy::float16_t*>(lanes));
        std::memcpy(out + i, lanes, (n - i) * sizeof(half));
    }
#else
    for (size_t i = 0; i < n; i++) out[i] = reference::FloatToHalf(in[i]);
#endif
}

void F16ToF32Impl(const half* HWY_RESTRICT in, size_t n, float* HWY_RESTRICT out) {
    const DF df;
    const size_t N = hn::Lanes(df);
    const uint8_t* bytes = reinterpret_cast<const uint8_t*>(in);
    size_t i = 0;
    for (; i + N <= n; i += N) hn::StoreU(RowF16::Load(df, bytes, i), df, out + i);
    if (i < n) {
        HWY_ALIGN float lanes[hn::MaxLanes(DF())];
        hn::Store(RowF16::LoadTail(df, bytes, i, n - i), df, lanes);
        std::memcpy(out + i, lanes, (n - i) * sizeof(float));
    }
}

// Vectors down the rows; lo and hi of a vector of dims stay in registers.
void FoldMinMaxImpl(const float* HWY_RESTRICT rows, size_t count, size_t dims, float* HWY_RESTRICT lo,
                    float* HWY_RESTRICT hi) {
    const DF df;
    const size_t N = hn::Lanes(df);
    // Blocks of rows keep the strided walk within the cache's reach.
    constexpr size_t kRowsPerBlock = 64;
    for (size_t begin = 0; begin < count; begin += kRowsPerBlock) {
        const size_t end = begin + kRowsPerBlock < count ? begin + kRowsPerBlock : count;
        size_t d = 0;
        for (; d + N <= dims; d += N) {
            VF low = hn::LoadU(df, lo + d), high = hn::LoadU(df, hi + d);
            for (size_t r = begin; r < end; r++) {
                const VF x = hn::LoadU(df, rows + r * dims + d);
                low = hn::Min(x, low);
                high = hn::Max(x, high);
            }
            hn::StoreU(low, df, lo + d);
            hn::StoreU(high, df, hi + d);
        }
        for (size_t r = begin; r < end; r++) {
            for (size_t t = d; t < dims; t++) {
                const float x = rows[r * dims + t];
                lo[t] = x < lo[t] ? x : lo[t];
                hi[t] = x > hi[t] ? x : hi[t];
            }
        }
    }
}

const char* TargetNameImpl() { return hwy::TargetName(HWY_TARGET); }

}  // namespace HWY_NAMESPACE
}  // namespace vectorq
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vectorq {

HWY_EXPORT(DotF32Impl);
HWY_EXPORT(L2F32Impl);
HWY_EXPORT(L1F32Impl);
HWY_EXPORT(DotF16Impl);
HWY_EXPORT(L2F16Impl);
HWY_EXPORT(L1F16Impl);
HWY_EXPORT(CosineF32Impl);
HWY_EXPORT(CosineF16Impl);
HWY_EXPORT(BlockKernelImpl);
HWY_EXPORT(RowKernelImpl);
HWY_EXPORT(F32ToF16Impl);
HWY_EXPORT(F16ToF32Impl);
HWY_EXPORT(FoldMinMaxImpl);
HWY_EXPORT(TargetNameImpl);

namespace {
const uint8_t* AsBytes(const void* p) { return static_cast<const uint8_t*>(p); }
}  // namespace

float L2SquaredF32(const float* a, const float* b, size_t dims) noexcept {
    return HWY_DYNAMIC_DISPATCH(L2F32Impl)(AsBytes(a), AsBytes(b), dims);
}
float DotF32(const float* a, const float* b, size_t dims) noexcept {
    return HWY_DYNAMIC_DISPATCH(DotF32Impl)(AsBytes(a), AsBytes(b), dims);
}
float L1F32(const float* a, const float* b, size_t dims) noexcept {
    return HWY_DYNAMIC_DISPATCH(L1F32Impl)(AsBytes(a), AsBytes(b), dims);
}
void CosinePartsF32(const float* a, const float* b, size_t dims, float* dot, float* sq_norm_a,
                    float* sq_norm_b) noexcept {
    HWY_DYNAMIC_DISPATCH(CosineF32Impl)(AsBytes(a), AsBytes(b), dims, dot, sq_norm_a, sq_norm_b);
}
float L2SquaredF16(const half* a, const half* b, size_t dims) noexcept {
    return HWY_DYNAMIC_DISPATCH(L2F16Impl)(AsBytes(a), AsBytes(b), dims);
}
float DotF16(const half* a, const half* b, size_t dims) noexcept {
    return HWY_DYNAMIC_DISPATCH(DotF16Impl)(AsBytes(a), AsBytes(b), dims);
}
float L1F16(const half* a, const half* b, size_t dims) noexcept {
    return HWY_DYNAMIC_DISPATCH(L1F16Impl)(AsBytes(a), AsBytes(b), dims);
}
void CosinePartsF16(const half* a, const half* b, size_t dims, float* dot, float* sq_norm_a,
                    float* sq_norm_b) noexcept {
    HWY_DYNAMIC_DISPATCH(CosineF16Impl)(AsBytes(a), AsBytes(b), dims, dot, sq_norm_a, sq_norm_b);
}
void F32ToF16(const float* in, size_t n, half* out) noexcept { HWY_DYNAMIC_DISPATCH(F32ToF16Impl)(in, n, out); }
void F16ToF32(const half* in, size_t n, float* out) noexcept { HWY_DYNAMIC_DISPATCH(F16ToF32Impl)(in, n, out); }
BlockFn GetBlockKernel(BlockKernel kernel) noexcept {
    if (kernel == BlockKernel::kHammingBits) return HammingRowsKernel();
    if (kernel == BlockKernel::kCommonBits) return CommonRowsKernel();
    return HWY_DYNAMIC_DISPATCH(BlockKernelImpl)(kernel);
}
RowFn GetRowKernel(BlockKernel kernel) noexcept { return HWY_DYNAMIC_DISPATCH(RowKernelImpl)(kernel); }
void FoldMinMaxF32(const float* rows, size_t count, size_t dims, float* lo, float* hi) noexcept {
    HWY_DYNAMIC_DISPATCH(FoldMinMaxImpl)(rows, count, dims, lo, hi);
}
const char* SimdTargetName() noexcept { return HWY_DYNAMIC_DISPATCH(TargetNameImpl)(); }

}  // namespace vectorq
#endif  // HWY_ONCE
