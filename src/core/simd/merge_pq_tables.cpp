// See merge_pq_tables.h.
#include "core/simd/merge_pq_tables.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/simd/merge_pq_tables.cpp"
#include "hwy/foreach_target.h"
//
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace vectorq {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// An odd last subspace has no partner: the high nibble of its byte is zero.
void MergeTablesImpl(const float* HWY_RESTRICT table, size_t m, float* HWY_RESTRICT merged) {
    const hn::CappedTag<float, 16> df;
    const size_t N = hn::Lanes(df);
    for (size_t s = 0; s < m; s += 2, table += 32, merged += 256) {
        for (size_t high = 0; high < 16; high++) {
            const auto add = hn::Set(df, s + 1 < m ? table[16 + high] : 0.0f);
            for (size_t k = 0; k < 16; k += N)
                hn::StoreU(hn::Add(hn::LoadU(df, table + k), add), df, merged + high * 16 + k);
        }
    }
}

}  // namespace HWY_NAMESPACE
}  // namespace vectorq
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vectorq {
HWY_EXPORT(MergeTablesImpl);

void MergePqTables(const float* table, size_t m, float* merged) noexcept {
    HWY_DYNAMIC_DISPATCH(MergeTablesImpl)(table, m, merged);
}

}  // namespace vectorq
#endif  // HWY_ONCE
