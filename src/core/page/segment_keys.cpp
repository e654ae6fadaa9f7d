// See segment_keys.h.
#include "core/page/segment_keys.h"

#include <algorithm>
#include <cstring>

namespace vectorq {

namespace {

// Null bits of a column; a segment is aligned to 8 bytes.
uint32_t* NullsOf(const PostingGeometry& g, const SegmentLayout& layout, char* segment, uint32_t capacity,
                  uint32_t column) noexcept {
    return reinterpret_cast<uint32_t*>(segment + KeyNullsOffset(g, layout, capacity, column));
}

void SetBit(uint32_t* words, uint32_t bit, uint32_t value) noexcept {
    words[bit / 32] = (words[bit / 32] & ~(1u << bit % 32)) | value << bit % 32;
}
uint32_t BitOf(const uint32_t* words, uint32_t bit) noexcept { return words[bit / 32] >> bit % 32 & 1; }

}  // namespace

void PutKeys(const PostingGeometry& g, const SegmentLayout& layout, char* segment, uint32_t capacity, uint32_t slot,
             const char* packed) noexcept {
    if (g.keys.count == 0) return;
    uint32_t nulls;
    std::memcpy(&nulls, packed, sizeof(nulls));
    const char* value = packed + kPackedNullsBytes;
    for (uint32_t column = 0; column < g.keys.count; column++) {
        const uint32_t bytes = KeyBytes(g.keys.kinds[column]);
        std::memcpy(segment + KeyValuesOffset(g, layout, capacity, column) + slot * bytes, value, bytes);
        SetBit(NullsOf(g, layout, segment, capacity, column), slot, nulls >> column & 1);
        value += bytes;
    }
}

void TakeKeys(const PostingGeometry& g, const SegmentLayout& layout, const char* segment, uint32_t capacity,
              uint32_t slot, char* packed) noexcept {
    if (g.keys.count == 0) return;
    uint32_t nulls = 0;
    char* value = packed + kPackedNullsBytes;
    for (uint32_t column = 0; column < g.keys.count; column++) {
        const uint32_t bytes = KeyBytes(g.keys.kinds[column]);
        std::memcpy(value, KeyValuesOf(g, layout, segment, capacity, column) + slot * bytes, bytes);
        nulls |= BitOf(KeyNullsOf(g, layout, segment, capacity, column), slot) << column;
        value += bytes;
    }
    std::memcpy(packed, &nulls, sizeof(nulls));
}

void CopyKeys(const PostingGeometry& g, const SegmentLayout& layout, char* segment, uint32_t capacity, uint32_t from,
              uint32_t to) noexcept {
    for (uint32_t column = 0; column < g.keys.count; column++) {
        const uint32_t bytes = KeyBytes(g.keys.kinds[column]);
        char* values = segment + KeyValuesOffset(g, layout, capacity, column);
        std::memmove(values + to * bytes, values + from * bytes, bytes);
        uint32_t* nulls = NullsOf(g, layout, segment, capacity, column);
        SetBit(nulls, to, BitOf(nulls, from));
    }
}

void ClearKeys(const PostingGeometry& g, const SegmentLayout& layout, char* segment, uint32_t capacity, uint32_t first,
               uint32_t end) noexcept {
    for (uint32_t column = 0; column < g.keys.count; column++) {
        const uint32_t bytes = KeyBytes(g.keys.kinds[column]);
        std::memset(segment + KeyValuesOffset(g, layout, capacity, column) + first * bytes, 0, (end - first) * bytes);
        uint32_t* nulls = NullsOf(g, layout, segment, capacity, column);
        for (uint32_t slot = first; slot < end; slot++) SetBit(nulls, slot, 0);
    }
}

bool KeysAreClear(const PostingGeometry& g, const SegmentLayout& layout, const char* segment, uint32_t capacity,
                  uint32_t first) noexcept {
    for (uint32_t column = 0; column < g.keys.count; column++) {
        const uint32_t bytes = KeyBytes(g.keys.kinds[column]);
        const char* values = KeyValuesOf(g, layout, segment, capacity, column);
        if (std::any_of(values + first * bytes, values + capacity * bytes, [](char byte) { return byte != 0; }))
            return false;
        const uint32_t* nulls = KeyNullsOf(g, layout, segment, capacity, column);
        for (uint32_t slot = first; slot < NullBitsBytes(capacity) * 8; slot++)
            if (BitOf(nulls, slot) != 0) return false;
    }
    return true;
}

}  // namespace vectorq
