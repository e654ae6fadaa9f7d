// Conditions on key columns: kernels against the scalar reference on every SIMD target, sets, summaries of lists.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <limits>
#include <memory>
#include <random>
#include <vector>

#include "core/filter/key_lane.h"
#include "core/filter/key_set.h"
#include "core/filter/list_summary.h"
#include "core/filter/match_rows.h"
#include "test_support.h"

namespace vectorq {
namespace {

constexpr KeyKind kKinds[] = {KeyKind::kInt8,  KeyKind::kInt16, KeyKind::kInt32,
                              KeyKind::kInt64, KeyKind::kHash,  KeyKind::kSignature};

// Extremes, numbers that meet each other often, and any.
int64_t RandomValue(KeyKind kind, std::mt19937_64& random) {
    const LaneLimits& limits = LimitsOf(LaneOf(kind));
    switch (random() % 8) {
        case 0: return limits.least;
        case 1: return limits.greatest;
        case 2: {
            const int64_t any = int64_t(random());
            char bytes[8];
            StoreKey(kind, any, bytes);
            return LoadKey(kind, bytes);
        }
        default: return std::max(limits.least, int64_t(random() % 24) - 12);
    }
}

// A segment of one key column; memory ends where its values and its null bits end.
struct Column {
    KeyColumns keys;
    test::Guarded values, nulls;
    SegmentKeys segment{};
    Column(KeyKind kind, uint32_t count)
        : values(size_t{count} * KeyBytes(kind)), nulls((count + 31) / 32 * sizeof(uint32_t)) {
        keys.count = 1;
        keys.kinds[0] = kind;
        segment.values[0] = reinterpret_cast<const char*>(values.data());
        segment.nulls[0] = reinterpret_cast<const uint32_t*>(nulls.data());
    }
    void Put(uint32_t row, int64_t value, bool null) {
        StoreKey(keys.kinds[0], null ? 0 : value, reinterpret_cast<char*>(values.data()) + row * Bytes());
        uint32_t* words = reinterpret_cast<uint32_t*>(nulls.data());
        words[row / 32] = (words[row / 32] & ~(1u << row % 32)) | uint32_t(null) << row % 32;
    }
    uint32_t Bytes() const { return KeyBytes(keys.kinds[0]); }
};

std::unique_ptr<Column> RandomColumn(KeyKind kind, uint32_t count, uint32_t null_of_8, std::mt19937_64& random) {
    auto column = std::make_unique<Column>(kind, count);
    // What lies behind the last row's null bit is anything.
    std::memset(column->nulls.data(), 0xA5, (count + 31) / 32 * sizeof(uint32_t));
    for (uint32_t i = 0; i < count; i++) {
        const bool null = random() % 8 < null_of_8;
        column->Put(i, RandomValue(kind, random), null);
    }
    return column;
}

// A condition, and the memory that it points to.
struct Wanted {
    KeyCondition condition;
    std::vector<int64_t> set;
    std::vector<int64_t> places;
};

void MakeSet(Wanted* wanted, bool with_table) {
    std::sort(wanted->set.begin(), wanted->set.end());
    wanted->set.erase(std::unique(wanted->set.begin(), wanted->set.end()), wanted->set.end());
    KeyCondition& condition = wanted->condition;
    condition.kind = KeyCondition::kSet;
    condition.set = wanted->set.data();
    condition.set_size = uint32_t(wanted->set.size());
    if (!with_table || condition.set_size == 0) return;
    uint8_t log2_places = KeyTableLog2Places(condition.set_size);
    do wanted->places.resize(size_t{1} << log2_places);
    while (!FillKeyTable(condition.set, condition.set_size, log2_places, wanted->places.data()) && log2_places++ < 30);
    condition.table = TableOf(condition.set, wanted->places.data(), log2_places);
}

Wanted RandomCondition(KeyKind kind, std::mt19937_64& random) {
    Wanted wanted;
    KeyCondition& condition = wanted.condition;
    const bool signature = kind == KeyKind::kSignature;
    switch (random() % 10) {
        case 0: condition.kind = KeyCondition::kNull; break;
        case 1: condition.kind = KeyCondition::kNotNull; break;
        case 2: condition.kind = KeyCondition::kNever; break;
        case 3:
        case 4:
        case 5:
            if (signature) {
                condition.kind = random() % 2 == 0 ? KeyCondition::kOverlaps : KeyCondition::kContains;
                condition.signature = random() % 3 == 0 ? 0 : uint64_t{1} << random() % 5 | random() % 4;
                break;
            }
            condition.kind = KeyCondition::kRange;
            condition.least = RandomValue(kind, random);
            condition.greatest =
                kind == KeyKind::kHash || random() % 3 == 0 ? condition.least : RandomValue(kind, random);
            // Beyond what the column can hold.
            if (random() % 8 == 0) condition.least = std::numeric_limits<int64_t>::min();
            if (random() % 8 == 0) condition.greatest = std::numeric_limits<int64_t>::max();
            break;
        default: {
            if (signature) break;
            const size_t sizes[] = {0, 1, 2, kMaxFewKeys, kMaxFewKeys + 1, 40, 300};
            const size_t size = sizes[random() % 7];
            for (size_t k = 0; k < size; k++)
                wanted.set.push_back(RandomValue(random() % 16 == 0 ? KeyKind::kInt64 : kind, random));
            MakeSet(&wanted, random() % 2 == 0);
        }
    }
    return wanted;
}

void ExpectSameRows(const Column& column, const std::vector<KeyCondition>& conditions, uint32_t count) {
    test::Guarded words((count + 31) / 32 * sizeof(uint32_t));
    std::vector<uint32_t> want((count + 31) / 32);
    std::memset(words.data(), 0xFF, want.size() * sizeof(uint32_t));
    const uint32_t n = uint32_t(conditions.size());
    const uint32_t rows = reference::MatchRows(column.keys, conditions.data(), n, column.segment, count, want.data());
    ASSERT_EQ(
        MatchRows(column.keys, conditions.data(), n, column.segment, count, reinterpret_cast<uint32_t*>(words.data())),
        rows);
    ASSERT_EQ(std::memcmp(words.data(), want.data(), want.size() * sizeof(uint32_t)), 0);
}

TEST(KeyFilter, EqualsReferenceOfEveryKindAndReadsNoFurther) {
    test::ForEachTarget([] {
        std::mt19937_64 random(21);
        for (const KeyKind kind : kKinds)
            for (uint32_t count = 0; count <= 200; count += count < 70 ? 1 : 13) {
                const auto column = RandomColumn(kind, count, random() % 3 == 0 ? 8 : 1, random);
                for (int trial = 0; trial < 12; trial++) {
                    const Wanted a = RandomCondition(kind, random), b = RandomCondition(kind, random);
                    ExpectSameRows(*column, {a.condition}, count);
                    ExpectSameRows(*column, {a.condition, b.condition}, count);
                    if (testing::Test::HasFatalFailure()) {
                        FAIL() << "kind " << int(kind) << " count " << count << " condition " << int(a.condition.kind);
                    }
                }
                ExpectSameRows(*column, {}, count);
            }
    });
}

// The kernels alone, against theirs.
TEST(KeyFilter, KernelsEqualReference) {
    test::ForEachTarget([] {
        std::mt19937_64 random(22);
        for (const KeyKind kind : kKinds)
            for (const uint32_t count : {1u, 31u, 32u, 33u, 64u, 95u, 256u}) {
                const auto column = RandomColumn(kind, count, 0, random);
                const KeyLane lane = LaneOf(kind);
                const void* values = column->values.data();
                const uint64_t* bits = reinterpret_cast<const uint64_t*>(values);
                int64_t set[kMaxFewKeys];
                for (int64_t& element : set) element = RandomValue(kind, random);
                const auto [least, greatest] = std::minmax(set[0], set[1]);
                const uint64_t wanted = random() & random() & random();
                for (size_t size = 0; size <= kMaxFewKeys; size++) {
                    std::vector<uint32_t> words(8), want;
                    for (uint32_t& word : words) word = uint32_t(random());
                    want = words;
                    MaskFew(lane, values, count, set, size, words.data());
                    reference::MaskFew(lane, values, count, set, size, want.data());
                    words[count / 32 < 8 ? count / 32 : 0] &= (1u << count % 32) - 1;
                    want[count / 32 < 8 ? count / 32 : 0] &= (1u << count % 32) - 1;
                    ASSERT_EQ(words, want) << int(kind) << " " << count << " " << size;
                }
                std::vector<uint32_t> words(8, ~0u), want(8, ~0u);
                ASSERT_EQ(CountMaskBits(words.data(), 8), 256u);
                const auto expect_same = [&] {
                    if (count % 32 != 0) words[count / 32] = want[count / 32] = 0;
                    ASSERT_EQ(words, want) << int(kind) << " " << count;
                };
                MaskRange(lane, values, count / 32 * 32, least, greatest, words.data());
                reference::MaskRange(lane, values, count / 32 * 32, least, greatest, want.data());
                expect_same();
                if (kind != KeyKind::kSignature) continue;
                std::fill(words.begin(), words.end(), ~0u), want = words;
                MaskOverlaps(bits, count / 32 * 32, wanted, words.data());
                reference::MaskOverlaps(bits, count / 32 * 32, wanted, want.data());
                expect_same();
                MaskContains(bits, count / 32 * 32, wanted & 3, words.data());
                reference::MaskContains(bits, count / 32 * 32, wanted & 3, want.data());
                expect_same();
            }
    });
}

TEST(KeyFilter, ExtremesAndEmptySets) {
    test::ForEachTarget([] {
        constexpr int64_t kLeast = std::numeric_limits<int64_t>::min(), kGreatest = std::numeric_limits<int64_t>::max();
        Column column(KeyKind::kInt64, 4);
        column.Put(0, kLeast, false);
        column.Put(1, kGreatest, false);
        column.Put(2, 0, true);
        column.Put(3, 0, false);
        const auto rows = [&](KeyCondition condition) {
            uint32_t word;
            MatchRows(column.keys, &condition, 1, column.segment, 4, &word);
            return word;
        };
        KeyCondition range;
        range.kind = KeyCondition::kRange;
        range.least = kLeast, range.greatest = kGreatest;
        EXPECT_EQ(rows(range), 0b1011u);
        range.greatest = kLeast;
        EXPECT_EQ(rows(range), 0b0001u);
        range.least = range.greatest = kGreatest;
        EXPECT_EQ(rows(range), 0b0010u);
        range.least = 0, range.greatest = -1;
        EXPECT_EQ(rows(range), 0u);
        KeyCondition none;
        none.kind = KeyCondition::kSet;
        EXPECT_EQ(rows(none), 0u);
        none.kind = KeyCondition::kNull;
        EXPECT_EQ(rows(none), 0b0100u);
        none.kind = KeyCondition::kNotNull;
        EXPECT_EQ(rows(none), 0b1011u);
        none.kind = KeyCondition::kNever;
        EXPECT_EQ(rows(none), 0u);
    });
}

TEST(KeyFilter, FindsTheFirstElementThatIsNotLess) {
    for (uint32_t size = 0; size < 40; size++) {
        std::vector<int64_t> set;
        for (uint32_t k = 0; k < size; k++) set.push_back(3 * k);
        for (int64_t value = -2; value < 3 * size + 2; value++)
            ASSERT_EQ(FirstNotLess(set.data(), size, value),
                      std::lower_bound(set.begin(), set.end(), value) - set.begin());
    }
}

TEST(KeyFilter, TablesHaveWhatTheSetHas) {
    std::mt19937_64 random(25);
    for (const uint32_t size : {1u, 2u, 17u, 100u, 1000u, 20000u}) {
        Wanted wanted;
        for (uint32_t k = 0; k < size; k++) wanted.set.push_back(size < 1000 ? int64_t(random()) : 7 * k);
        MakeSet(&wanted, true);
        for (const int64_t value : wanted.set) ASSERT_TRUE(SetHas(wanted.condition, value));
        ASSERT_LE(wanted.places.size(), size_t{size} * 12 + 8);
        for (int k = 0; k < 1000; k++) {
            const int64_t value = int64_t(random() % (8 * size));
            ASSERT_EQ(SetHas(wanted.condition, value), std::binary_search(wanted.set.begin(), wanted.set.end(), value));
        }
    }
}

// Packed rows of columns of every kind.
struct PackedRows {
    KeyColumns keys;
    std::vector<std::vector<char>> rows;
    PackedRows(uint32_t count, std::mt19937_64& random) {
        for (const KeyKind kind : kKinds) keys.kinds[keys.count++] = kind;
        for (uint32_t i = 0; i < count; i++) {
            std::vector<char> packed(PackedKeyBytes(keys));
            uint32_t nulls = 0, at = kPackedNullsBytes;
            for (uint32_t c = 0; c < keys.count; at += KeyBytes(keys.kinds[c]), c++) {
                const bool null = random() % 4 == 0;
                nulls |= uint32_t(null) << c;
                StoreKey(keys.kinds[c], null ? 0 : RandomValue(keys.kinds[c], random), packed.data() + at);
            }
            std::memcpy(packed.data(), &nulls, sizeof(nulls));
            rows.push_back(packed);
        }
    }
    void PutInto(uint32_t c, Column* column) const {
        uint32_t at = kPackedNullsBytes;
        for (uint32_t before = 0; before < c; before++) at += KeyBytes(keys.kinds[before]);
        for (uint32_t i = 0; i < rows.size(); i++) {
            uint32_t nulls;
            std::memcpy(&nulls, rows[i].data(), sizeof(nulls));
            column->Put(i, LoadKey(keys.kinds[c], rows[i].data() + at), (nulls >> c & 1) != 0);
        }
    }
};

TEST(ListSummary, CoversItsRowsAndNeverHidesAMatch) {
    std::mt19937_64 random(23);
    for (int list = 0; list < 300; list++) {
        const PackedRows packed(1 + random() % 6, random);
        std::vector<char> summary(KeySummaryBytes(packed.keys) + 1, 1);
        char* at = summary.data() + 1;
        InitSummary(packed.keys, at);
        for (const auto& row : packed.rows) {
            Widen(packed.keys, at, row.data());
            ASSERT_TRUE(Covers(packed.keys, at, row.data()));
        }
        for (const auto& row : packed.rows) ASSERT_TRUE(Covers(packed.keys, at, row.data()));
        for (uint32_t c = 0; c < packed.keys.count; c++) {
            Column column(packed.keys.kinds[c], uint32_t(packed.rows.size()));
            packed.PutInto(c, &column);
            for (int trial = 0; trial < 20; trial++) {
                Wanted wanted = RandomCondition(packed.keys.kinds[c], random);
                uint32_t word;
                const uint32_t rows = reference::MatchRows(column.keys, &wanted.condition, 1, column.segment,
                                                           uint32_t(packed.rows.size()), &word);
                wanted.condition.column = uint8_t(c);
                if (rows == 0) continue;
                ASSERT_TRUE(MayMatch(packed.keys, at, &wanted.condition, 1));
            }
        }
    }
}

// Joined summaries say what one of all rows says, but for the mark of either.
TEST(ListSummary, JoinedIsThatOfAllRows) {
    std::mt19937_64 random(29);
    for (int trial = 0; trial < 300; trial++) {
        const PackedRows packed(1 + random() % 6, random);
        const uint32_t bytes = KeySummaryBytes(packed.keys);
        std::vector<char> all(bytes), one(bytes), other(bytes);
        for (const auto& row : packed.rows) {
            Widen(packed.keys, all.data(), row.data());
            Widen(packed.keys, random() % 2 == 0 ? one.data() : other.data(), row.data());
        }
        KeySummaryHead marked;
        std::memcpy(&marked, other.data(), sizeof(marked));
        marked.nulls |= kNoRowSince;
        std::memcpy(other.data(), &marked, sizeof(marked));
        Join(packed.keys, one.data(), other.data());
        ASSERT_EQ(one, all);
        for (const auto& row : packed.rows) ASSERT_TRUE(Covers(packed.keys, one.data(), row.data()));
    }
}

// A list of one row: what is not in it is known not to be.
TEST(ListSummary, TellsListsWithoutAMatch) {
    KeyColumns keys;
    keys.count = 2;
    keys.kinds[0] = KeyKind::kInt32, keys.kinds[1] = KeyKind::kHash;
    std::vector<char> summary(KeySummaryBytes(keys)), row(PackedKeyBytes(keys)), other(PackedKeyBytes(keys));
    InitSummary(keys, summary.data());
    KeyCondition condition;
    condition.kind = KeyCondition::kNotNull;
    EXPECT_FALSE(MayMatch(keys, summary.data(), &condition, 1));
    condition.kind = KeyCondition::kNull;
    EXPECT_FALSE(MayMatch(keys, summary.data(), &condition, 1));
    StoreKey(KeyKind::kInt32, -7, row.data() + 4);
    StoreKey(KeyKind::kHash, 0xDEADBEEF, row.data() + 8);
    StoreKey(KeyKind::kInt32, -6, other.data() + 4);
    StoreKey(KeyKind::kHash, 0xDEADBEEF, other.data() + 8);
    EXPECT_FALSE(Covers(keys, summary.data(), row.data()));
    Widen(keys, summary.data(), row.data());
    EXPECT_TRUE(Covers(keys, summary.data(), row.data()));
    EXPECT_FALSE(Covers(keys, summary.data(), other.data()));
    EXPECT_FALSE(MayMatch(keys, summary.data(), &condition, 1));
    condition.kind = KeyCondition::kRange;
    condition.least = -7, condition.greatest = 3;
    EXPECT_TRUE(MayMatch(keys, summary.data(), &condition, 1));
    condition.least = -6;
    EXPECT_FALSE(MayMatch(keys, summary.data(), &condition, 1));
    const int64_t around[] = {-8, -6}, with[] = {-8, -7};
    condition.kind = KeyCondition::kSet;
    condition.set = around, condition.set_size = 2;
    EXPECT_FALSE(MayMatch(keys, summary.data(), &condition, 1));
    condition.set = with;
    EXPECT_TRUE(MayMatch(keys, summary.data(), &condition, 1));
    condition.kind = KeyCondition::kRange;
    condition.column = 1;
    condition.least = condition.greatest = 0xDEADBEEF;
    EXPECT_TRUE(MayMatch(keys, summary.data(), &condition, 1));
    condition.least = condition.greatest = 0x12345678;
    EXPECT_FALSE(MayMatch(keys, summary.data(), &condition, 1));
}

// Prints the time of a segment, with --gtest_also_run_disabled_tests.
TEST(KeyFilter, DISABLED_Time) {
    std::mt19937_64 random(24);
    for (const KeyKind kind : {KeyKind::kInt8, KeyKind::kInt32, KeyKind::kInt64, KeyKind::kHash}) {
        const auto column = RandomColumn(kind, 256, 1, random);
        for (const size_t set_size : {0, 1, 4, 16, 300}) {
            Wanted wanted;
            wanted.condition.kind = KeyCondition::kRange;
            wanted.condition.least = wanted.condition.greatest = 3;
            if (set_size == 1) wanted.condition.greatest = 5;
            for (size_t k = 0; k < set_size; k++) wanted.set.push_back(RandomValue(kind, random));
            if (set_size > 1) MakeSet(&wanted, true);
            uint32_t words[8], rows = 0;
            double least = 1e9;
            for (int trial = 0; trial < 300; trial++) {
                const auto begin = std::chrono::steady_clock::now();
                for (int turn = 0; turn < 100; turn++)
                    rows = MatchRows(column->keys, &wanted.condition, 1, column->segment, 256, words);
                const std::chrono::duration<double, std::nano> taken = std::chrono::steady_clock::now() - begin;
                least = std::min(least, taken.count() / 100);
            }
            printf("kind %d, set of %zu: %.1f ns, %u rows\n", int(kind), set_size, least, rows);
        }
    }
}

}  // namespace
}  // namespace vectorq
