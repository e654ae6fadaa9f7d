// See dot_u8.h.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/simd/dot_u8.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h.
#include "hwy/highway.h"

#include <algorithm>

#include "core/simd/dot_u8.h"
#include "core/simd/totals-inl.h"

HWY_BEFORE_NAMESPACE();
namespace vectorq {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET == HWY_SCALAR
template <size_t kRows>
void Rows(const int16_t* table, const uint8_t* codes, size_t dims, float* out) {
    for (size_t i = 0; i < kRows; i++) {
        int32_t sum = 0;
        for (size_t d = 0; d < dims; d++) sum += int32_t(table[d]) * codes[i * dims + d];
        out[i] = float(sum);
    }
}
#else
using D32 = hn::ScalableTag<int32_t>;
using D16 = hn::Repartition<int16_t, D32>;
using D8 = hn::Rebind<uint8_t, D16>;

// kRows rows share the loads of the table.
template <size_t kRows>
HWY_INLINE void Rows(const int16_t* HWY_RESTRICT table, const uint8_t* HWY_RESTRICT codes, size_t dims,
                     float* HWY_RESTRICT out) {
    const D32 d32;
    const D16 d16;
    const D8 d8;
    const size_t N = hn::Lanes(d16);
    static_assert(kRows == 1 || kRows == 4);
    const uint8_t* r[4] = {codes, codes + (kRows > 1 ? dims : 0), codes + (kRows > 1 ? 2 * dims : 0),
                           codes + (kRows > 1 ? 3 * dims : 0)};
    auto a0 = hn::Zero(d32), a1 = a0, a2 = a0, a3 = a0, b0 = a0, b1 = a0, b2 = a0, b3 = a0;
    size_t d = 0;
    for (; d + N <= dims; d += N) {
        const auto t = hn::LoadU(d16, table + d);
        a0 = hn::ReorderWidenMulAccumulate(d32, t, hn::PromoteTo(d16, hn::LoadU(d8, r[0] + d)), a0, b0);
        if constexpr (kRows == 4) {
            a1 = hn::ReorderWidenMulAccumulate(d32, t, hn::PromoteTo(d16, hn::LoadU(d8, r[1] + d)), a1, b1);
            a2 = hn::ReorderWidenMulAccumulate(d32, t, hn::PromoteTo(d16, hn::LoadU(d8, r[2] + d)), a2, b2);
            a3 = hn::ReorderWidenMulAccumulate(d32, t, hn::PromoteTo(d16, hn::LoadU(d8, r[3] + d)), a3, b3);
        }
    }
    int32_t sum[4] = {};
    if constexpr (kRows == 4) AddTotals(d32, hn::Add(a0, b0), hn::Add(a1, b1), hn::Add(a2, b2), hn::Add(a3, b3), sum);
    else sum[0] = hn::GetLane(hn::SumOfLanes(d32, hn::Add(a0, b0)));
    for (; d < dims; d++)
        for (size_t i = 0; i < kRows; i++) sum[i] += int32_t(table[d]) * r[i][d];
    for (size_t i = 0; i < kRows; i++) out[i] = float(sum[i]);
}
#endif

void DotU8Impl(const int16_t* table, const uint8_t* codes, size_t rows, size_t dims, float* out) {
    size_t i = 0;
    for (; i + 4 <= rows; i += 4) Rows<4>(table, codes + i * dims, dims, out + i);
    for (; i < rows; i++) Rows<1>(table, codes + i * dims, dims, out + i);
}

}  // namespace HWY_NAMESPACE
}  // namespace vectorq
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vectorq {

HWY_EXPORT(DotU8Impl);

int32_t DotU8TableLimit(size_t dims) noexcept {
    return int32_t(std::min<size_t>(32767, (size_t(1) << 31) / 256 / std::max<size_t>(dims, 1)));
}

void DotU8(const int16_t* table, const uint8_t* codes, size_t rows, size_t dims, float* out) noexcept {
    HWY_DYNAMIC_DISPATCH(DotU8Impl)(table, codes, rows, dims, out);
}

namespace reference {
void DotU8(const int16_t* table, const uint8_t* codes, size_t rows, size_t dims, float* out) noexcept {
    for (size_t i = 0; i < rows; i++) {
        int64_t sum = 0;
        for (size_t d = 0; d < dims; d++) sum += int64_t(table[d]) * codes[i * dims + d];
        out[i] = float(sum);
    }
}
}  // namespace reference
}  // namespace vectorq
#endif
