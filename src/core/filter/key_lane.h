// From what is kept of a key column to how it is compared, and single values of it.
#pragma once
#include <cstdint>
#include <cstring>

#include "core/page/key_columns.h"
#include "core/simd/key_mask.h"

namespace vectorq {

// Of all kinds but signatures, whose bits are taken as they are.
constexpr KeyLane LaneOf(KeyKind kind) noexcept {
    switch (kind) {
        case KeyKind::kInt8: return KeyLane::kI8;
        case KeyKind::kInt16: return KeyLane::kI16;
        case KeyKind::kInt32: return KeyLane::kI32;
        case KeyKind::kHash: return KeyLane::kU32;
        case KeyKind::kNone:
        case KeyKind::kInt64:
        case KeyKind::kSignature: break;
    }
    return KeyLane::kI64;
}

// A value among bytes that need not be aligned; of a signature its bits.
inline int64_t LoadKey(KeyKind kind, const char* from) noexcept {
    int64_t aligned = 0;
    std::memcpy(&aligned, from, KeyBytes(kind));
    return KeyValue(LaneOf(kind), &aligned, 0);
}
// Its low bytes, as all machines that we know have them first.
inline void StoreKey(KeyKind kind, int64_t value, char* to) noexcept { std::memcpy(to, &value, KeyBytes(kind)); }

}  // namespace vectorq
