// See list_summary.h.
#include "core/filter/list_summary.h"

#include <algorithm>

#include "core/filter/key_lane.h"
#include "core/filter/key_set.h"

namespace vectorq {

namespace {

// A hash sets three bits of 128: with ten different values in a list, one other value of a hundred seems to be there,
// with thirty one of eight (Bloom 1970, with n values (1 - exp(-3 n / 128))^3).
struct BloomBits {
    uint64_t bits[2] = {};
    explicit BloomBits(int64_t hash) noexcept {
        for (uint32_t part = 0; part < 3; part++) {
            const uint64_t bit = static_cast<uint64_t>(hash) >> 7 * part & 127;
            bits[bit / 64] |= uint64_t{1} << bit % 64;
        }
    }
};

bool HasHash(const KeySummary& summary, int64_t hash) noexcept {
    const BloomBits wanted(hash);
    return (wanted.bits[0] & ~summary.bits[0]) == 0 && (wanted.bits[1] & ~summary.bits[1]) == 0;
}

bool CoversValue(KeyKind kind, const KeySummary& summary, int64_t value) noexcept {
    if (kind == KeyKind::kHash) return HasHash(summary, value);
    if (kind == KeyKind::kSignature) return (static_cast<uint64_t>(value) & ~summary.bits[0]) == 0;
    return summary.least <= value && value <= summary.greatest;
}

// first: of the list's first value in this column.
void WidenValue(KeyKind kind, bool first, int64_t value, KeySummary* summary) noexcept {
    if (kind == KeyKind::kHash) {
        const BloomBits further(value);
        summary->bits[0] |= further.bits[0];
        summary->bits[1] |= further.bits[1];
    } else if (kind == KeyKind::kSignature) {
        summary->bits[0] |= static_cast<uint64_t>(value);
    } else {
        summary->least = first ? value : std::min(summary->least, value);
        summary->greatest = first ? value : std::max(summary->greatest, value);
    }
}

KeySummaryHead HeadOf(const char* summary) noexcept {
    KeySummaryHead head;
    std::memcpy(&head, summary, sizeof(head));
    return head;
}

size_t SummaryAt(uint32_t column) noexcept { return sizeof(KeySummaryHead) + column * sizeof(KeySummary); }

KeySummary SummaryOf(const char* summary, uint32_t column) noexcept {
    KeySummary one;
    std::memcpy(&one, summary + SummaryAt(column), sizeof(one));
    return one;
}

uint32_t PackedNulls(const char* packed) noexcept {
    uint32_t nulls;
    std::memcpy(&nulls, packed, sizeof(nulls));
    return nulls;
}

bool MayHaveElement(KeyKind kind, const KeySummary& summary, const KeyCondition& condition) noexcept {
    if (kind == KeyKind::kHash) {
        for (uint32_t k = 0; k < condition.set_size; k++)
            if (HasHash(summary, condition.set[k])) return true;
        return false;
    }
    const uint32_t at = FirstNotLess(condition.set, condition.set_size, summary.least);
    return at < condition.set_size && condition.set[at] <= summary.greatest;
}

bool MayHaveInRange(KeyKind kind, const KeySummary& summary, const KeyCondition& condition) noexcept {
    if (condition.least > condition.greatest) return false;
    if (kind == KeyKind::kHash) return condition.least < condition.greatest || HasHash(summary, condition.least);
    return condition.least <= summary.greatest && condition.greatest >= summary.least;
}

bool MaySatisfy(KeyKind kind, const KeySummary& summary, const KeyCondition& condition) noexcept {
    switch (condition.kind) {
        case KeyCondition::kRange: return MayHaveInRange(kind, summary, condition);
        case KeyCondition::kSet: return MayHaveElement(kind, summary, condition);
        case KeyCondition::kOverlaps: return (condition.signature & summary.bits[0]) != 0;
        case KeyCondition::kContains: return (condition.signature & ~summary.bits[0]) == 0;
        case KeyCondition::kNever: return false;
        case KeyCondition::kNull:
        case KeyCondition::kNotNull: break;
    }
    return true;
}

}  // namespace

void InitSummary(const KeyColumns& keys, char* summary) noexcept { std::memset(summary, 0, KeySummaryBytes(keys)); }

bool Covers(const KeyColumns& keys, const char* summary, const char* packed) noexcept {
    const KeySummaryHead head = HeadOf(summary);
    const uint32_t nulls = PackedNulls(packed);
    const char* at = packed + kPackedNullsBytes;
    for (uint32_t column = 0; column < keys.count; at += KeyBytes(keys.kinds[column]), column++) {
        const bool null = (nulls >> column & 1) != 0;
        if (((null ? head.nulls : head.values) >> column & 1) == 0) return false;
        const KeyKind kind = keys.kinds[column];
        if (!null && !CoversValue(kind, SummaryOf(summary, column), LoadKey(kind, at))) return false;
    }
    return true;
}

void Widen(const KeyColumns& keys, char* summary, const char* packed) noexcept {
    KeySummaryHead head = HeadOf(summary);
    const uint32_t nulls = PackedNulls(packed);
    const char* at = packed + kPackedNullsBytes;
    for (uint32_t column = 0; column < keys.count; at += KeyBytes(keys.kinds[column]), column++) {
        const uint32_t bit = 1u << column;
        if ((nulls & bit) != 0) {
            head.nulls |= bit;
            continue;
        }
        KeySummary one = SummaryOf(summary, column);
        WidenValue(keys.kinds[column], (head.values & bit) == 0, LoadKey(keys.kinds[column], at), &one);
        std::memcpy(summary + SummaryAt(column), &one, sizeof(one));
        head.values |= bit;
    }
    std::memcpy(summary, &head, sizeof(head));
}

bool MayMatch(const KeyColumns& keys, const char* summary, const KeyCondition* conditions, uint32_t n) noexcept {
    for (const KeyCondition* condition = conditions; condition < conditions + n; condition++) {
        if (condition->kind == KeyCondition::kNever) return false;
        const KeySummaryHead head = HeadOf(summary);
        const uint32_t column = condition->column;
        const uint32_t present = condition->kind == KeyCondition::kNull ? head.nulls : head.values;
        if ((present >> column & 1) == 0) return false;
        if (!MaySatisfy(keys.kinds[column], SummaryOf(summary, column), *condition)) return false;
    }
    return true;
}

}  // namespace vectorq
