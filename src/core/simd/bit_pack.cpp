// See bit_pack.h. A byte at a time: the eight lanes are turned round, so that the first one's bit is the highest.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/simd/bit_pack.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h.
#include "hwy/highway.h"

#include <cstring>

#include "core/simd/bit_pack.h"

HWY_BEFORE_NAMESPACE();
namespace vectorq {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, 8>;

HWY_INLINE uint8_t PackByte(const float* HWY_RESTRICT values) {
    const D d;
    const size_t N = hn::Lanes(d);
    uint32_t byte = 0;
    for (size_t i = 0; i < 8; i += N) {
        uint8_t lanes[8] = {};
        hn::StoreMaskBits(d, hn::Gt(hn::Reverse(d, hn::LoadU(d, values + i)), hn::Set(d, 0.5f)), lanes);
        byte = byte << N | lanes[0];
    }
    return uint8_t(byte);
}

void PackBitsImpl(const float* HWY_RESTRICT values, size_t dims, uint8_t* HWY_RESTRICT out) {
    size_t i = 0;
    for (; i + 8 <= dims; i += 8) out[i / 8] = PackByte(values + i);
    if (i == dims) return;
    float last[8] = {};
    std::memcpy(last, values + i, (dims - i) * sizeof(float));
    out[i / 8] = PackByte(last);
}

// The bits of a byte as floats, highest first: each lane tests its own.
HWY_INLINE void UnpackByte(uint8_t byte, float* HWY_RESTRICT out) {
    const D d;
    const hn::RebindToSigned<D> di;
    const size_t N = hn::Lanes(d);
    HWY_ALIGN static constexpr int32_t kBits[8] = {128, 64, 32, 16, 8, 4, 2, 1};
    const auto value = hn::Set(di, int32_t(byte));
    for (size_t i = 0; i < 8; i += N) {
        const auto bit = hn::Load(di, kBits + i);
        const auto set = hn::RebindMask(d, hn::TestBit(value, bit));
        hn::StoreU(hn::IfThenElseZero(set, hn::Set(d, 1.0f)), d, out + i);
    }
}

void UnpackBitsImpl(const uint8_t* HWY_RESTRICT bits, size_t dims, float* HWY_RESTRICT out) {
    size_t i = 0;
    for (; i + 8 <= dims; i += 8) UnpackByte(bits[i / 8], out + i);
    if (i == dims) return;
    float last[8];
    UnpackByte(bits[i / 8], last);
    std::memcpy(out + i, last, (dims - i) * sizeof(float));
}

}  // namespace HWY_NAMESPACE
}  // namespace vectorq
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vectorq {

HWY_EXPORT(PackBitsImpl);
HWY_EXPORT(UnpackBitsImpl);

void UnpackBits(const uint8_t* bits, size_t dims, float* out) noexcept {
    HWY_DYNAMIC_DISPATCH(UnpackBitsImpl)(bits, dims, out);
}
void PackBits(const float* values, size_t dims, uint8_t* out) noexcept {
    HWY_DYNAMIC_DISPATCH(PackBitsImpl)(values, dims, out);
}

namespace reference {

void UnpackBits(const uint8_t* bits, size_t dims, float* out) noexcept {
    for (size_t d = 0; d < dims; d++) out[d] = float(bits[d / 8] >> (7 - d % 8) & 1);
}

void PackBits(const float* values, size_t dims, uint8_t* out) noexcept {
    std::memset(out, 0, BitBytes(dims));
    for (size_t d = 0; d < dims; d++)
        if (values[d] > 0.5f) out[d / 8] = uint8_t(out[d / 8] | 128 >> d % 8);
}

}  // namespace reference
}  // namespace vectorq
#endif
