// Sums over the lanes of vectors of float, or of other numbers of 32 bits. Included once per SIMD target inside a
// kernel file, after hwy/highway.h.
#if defined(VECTORQ_CORE_SIMD_TOTALS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef VECTORQ_CORE_SIMD_TOTALS_INL_H_
#undef VECTORQ_CORE_SIMD_TOTALS_INL_H_
#else
#define VECTORQ_CORE_SIMD_TOTALS_INL_H_
#endif

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace vectorq {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using DF = hn::ScalableTag<float>;
using VF = hn::Vec<DF>;

HWY_INLINE float Total(VF v) { return hn::GetLane(hn::SumOfLanes(DF(), v)); }

// out[0..3] += the four lane sums. Transposing first costs 6 shuffles instead of 4 full
// reductions; at 128 dims of u8 the reductions took a third of the time.
#if HWY_HAVE_SCALABLE || HWY_TARGET == HWY_SCALAR
template <class D, class V>
HWY_INLINE void AddTotals(D d32, V a, V b, V c, V d, hn::TFromD<D>* HWY_RESTRICT out) {
    out[0] += hn::GetLane(hn::SumOfLanes(d32, a));
    out[1] += hn::GetLane(hn::SumOfLanes(d32, b));
    out[2] += hn::GetLane(hn::SumOfLanes(d32, c));
    out[3] += hn::GetLane(hn::SumOfLanes(d32, d));
}
#else
template <class D>
HWY_INLINE void AddFolded(D d, hn::Vec<D> v, hn::TFromD<D>* HWY_RESTRICT out) {
    if constexpr (hn::MaxLanes(D()) == 4) {
        hn::StoreU(hn::Add(hn::LoadU(d, out), v), d, out);
    } else {
        const hn::Half<D> dh;
        AddFolded(dh, hn::Add(hn::LowerHalf(dh, v), hn::UpperHalf(dh, v)), out);
    }
}
template <class D, class V>
HWY_INLINE void AddTotals(D d32, V a, V b, V c, V d, hn::TFromD<D>* HWY_RESTRICT out) {
    const hn::Repartition<uint64_t, D> d64;
    // Per block of 4 lanes: (a0+a2, b0+b2, a1+a3, b1+b3), the same of c and d.
    const V ab = hn::Add(hn::InterleaveLower(d32, a, b), hn::InterleaveUpper(d32, a, b));
    const V cd = hn::Add(hn::InterleaveLower(d32, c, d), hn::InterleaveUpper(d32, c, d));
    const auto ab64 = hn::BitCast(d64, ab), cd64 = hn::BitCast(d64, cd);
    const V lower = hn::BitCast(d32, hn::InterleaveLower(d64, ab64, cd64));
    const V upper = hn::BitCast(d32, hn::InterleaveUpper(d64, ab64, cd64));
    AddFolded(d32, hn::Add(lower, upper), out);
}
#endif
HWY_INLINE void AddTotals(VF a, VF b, VF c, VF d, float* HWY_RESTRICT out) { AddTotals(DF(), a, b, c, d, out); }

}  // namespace HWY_NAMESPACE
}  // namespace vectorq
HWY_AFTER_NAMESPACE();
#endif
