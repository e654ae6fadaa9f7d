// See match_rows.h.
#include "core/filter/match_rows.h"

#include <algorithm>
#include <bit>

#include "core/filter/key_lane.h"
#include "core/filter/key_set.h"

namespace vectorq {

static void KeepRange(KeyLane lane, const void* values, uint32_t count, int64_t least, int64_t greatest,
                      uint32_t* words) noexcept {
    const LaneLimits& limits = LimitsOf(lane);
    least = std::max(least, limits.least);
    greatest = std::min(greatest, limits.greatest);
    if (least > greatest) std::fill(words, words + (count + 31) / 32, 0u);
    else MaskRange(lane, values, count, least, greatest, words);
}

template <class Has>
static void KeepIf(KeyLane lane, const void* values, uint32_t count, uint32_t* words, const Has& has) noexcept {
    for (uint32_t w = 0; w < (count + 31) / 32; w++) {
        uint32_t found = 0;
        for (uint32_t left = words[w]; left != 0; left &= left - 1) {
            const uint32_t bit = static_cast<uint32_t>(std::countr_zero(left));
            found |= static_cast<uint32_t>(has(KeyValue(lane, values, w * 32 + bit))) << bit;
        }
        words[w] = found;
    }
}

// What lies between the set's ends is looked up one by one.
static void KeepMany(KeyLane lane, const void* values, uint32_t count, const KeyCondition& condition,
                     uint32_t* words) noexcept {
    KeepRange(lane, values, count, condition.set[0], condition.set[condition.set_size - 1], words);
    if (condition.table.places == nullptr)
        KeepIf(lane, values, count, words, [&](int64_t value) { return SetHas(condition, value); });
    else KeepIf(lane, values, count, words, [&](int64_t value) { return TableHas(condition.table, value); });
}

static void KeepSet(KeyLane lane, const void* values, uint32_t count, const KeyCondition& condition,
                    uint32_t* words) noexcept {
    if (condition.set_size > kMaxFewKeys) return KeepMany(lane, values, count, condition, words);
    const LaneLimits& limits = LimitsOf(lane);
    const uint32_t first = FirstNotLess(condition.set, condition.set_size, limits.least);
    uint32_t end = condition.set_size;
    while (end > first && condition.set[end - 1] > limits.greatest) end--;
    MaskFew(lane, values, count, condition.set + first, end - first, words);
}

static void KeepNullsAlike(const uint32_t* nulls, uint32_t count, bool null, uint32_t* words) noexcept {
    const uint32_t flip = null ? 0 : ~0u;
    for (uint32_t w = 0; w < (count + 31) / 32; w++) words[w] &= nulls[w] ^ flip;
}

static void KeepMatches(KeyKind kind, const KeyCondition& condition, const void* values, uint32_t count,
                        uint32_t* words) noexcept {
    const uint64_t* signatures = static_cast<const uint64_t*>(values);
    switch (condition.kind) {
        case KeyCondition::kRange:
            return KeepRange(LaneOf(kind), values, count, condition.least, condition.greatest, words);
        case KeyCondition::kSet: return KeepSet(LaneOf(kind), values, count, condition, words);
        case KeyCondition::kOverlaps: return MaskOverlaps(signatures, count, condition.signature, words);
        case KeyCondition::kContains: return MaskContains(signatures, count, condition.signature, words);
        case KeyCondition::kNever:
        case KeyCondition::kNull:
        case KeyCondition::kNotNull: return;
    }
}

static void FillWords(uint32_t count, uint32_t* words) noexcept {
    std::fill(words, words + count / 32, ~0u);
    if (count % 32 != 0) words[count / 32] = (1u << count % 32) - 1;
}

uint32_t MatchRows(const KeyColumns& keys, const KeyCondition* conditions, uint32_t n, const SegmentKeys& segment,
                   uint32_t count, uint32_t* words) noexcept {
    FillWords(count, words);
    for (const KeyCondition* condition = conditions; condition < conditions + n; condition++) {
        const uint32_t column = condition->column;
        if (condition->kind == KeyCondition::kNever) {
            std::fill(words, words + (count + 31) / 32, 0u);
            return 0;
        }
        KeepNullsAlike(segment.nulls[column], count, condition->kind == KeyCondition::kNull, words);
        KeepMatches(keys.kinds[column], *condition, segment.values[column], count, words);
    }
    return static_cast<uint32_t>(CountMaskBits(words, (count + 31) / 32));
}

namespace reference {

static bool Satisfies(KeyKind kind, const KeyCondition& condition, bool null, const void* values, uint32_t i) noexcept {
    if (condition.kind == KeyCondition::kNull) return null;
    if (null) return false;
    const int64_t value = KeyValue(LaneOf(kind), values, i);
    const uint64_t bits = static_cast<uint64_t>(value);
    switch (condition.kind) {
        case KeyCondition::kRange: return value >= condition.least && value <= condition.greatest;
        case KeyCondition::kSet:
            return std::find(condition.set, condition.set + condition.set_size, value) !=
                   condition.set + condition.set_size;
        case KeyCondition::kOverlaps: return (bits & condition.signature) != 0;
        case KeyCondition::kContains: return (bits & condition.signature) == condition.signature;
        case KeyCondition::kNotNull: return true;
        case KeyCondition::kNull:
        case KeyCondition::kNever: break;
    }
    return false;
}

uint32_t MatchRows(const KeyColumns& keys, const KeyCondition* conditions, uint32_t n, const SegmentKeys& segment,
                   uint32_t count, uint32_t* words) noexcept {
    uint32_t rows = 0;
    std::fill(words, words + (count + 31) / 32, 0u);
    for (uint32_t i = 0; i < count; i++) {
        bool match = true;
        for (uint32_t c = 0; c < n && match; c++) {
            const uint32_t column = conditions[c].column;
            const bool null = (segment.nulls[column][i / 32] >> i % 32 & 1) != 0;
            match = Satisfies(keys.kinds[column], conditions[c], null, segment.values[column], i);
        }
        if (!match) continue;
        words[i / 32] |= 1u << i % 32;
        rows++;
    }
    return rows;
}

}  // namespace reference
}  // namespace vectorq
