// A made index answers what the rounds of a scan ask for: rows lie in lists, some in several, and their codes'
// distances differ from the exact ones. Whatever the rules, each row comes once, in the order that was promised, and
// none is lost.
#include "core/search/scan_rounds.h"

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <vector>

#include "test_support.h"

namespace vectorq::test {
namespace {

struct MadeRow {
    float code, exact;
};

// Lists of rows; entry = (row, code distance). Every entry of a row has its own code distance, as replicas have.
class MadeIndex {
public:
    MadeIndex(size_t rows, uint32_t lists, size_t most_entries, double error, uint64_t seed) : lists_(lists) {
        std::mt19937_64 random(seed);
        std::normal_distribution<double> normal;
        for (size_t i = 0; i < rows; i++) {
            // Many ties, which are told apart by tid.
            const float exact = float(random() % 50 == 0 ? 7 : std::floor(200 * std::fabs(normal(random))) / 10);
            exact_.push_back(exact);
            std::set<uint32_t> in;
            const size_t entries = 1 + random() % most_entries;
            while (in.size() < std::min<size_t>(entries, lists)) in.insert(uint32_t(random() % lists));
            for (const uint32_t list : in)
                lists_[list].push_back({i, error == 0 ? exact : float(exact + error * normal(random))});
        }
    }

    static uint64_t TidOf(size_t row) { return (row + 1) << 16; }
    static size_t RowOfTid(uint64_t tid) { return size_t(tid >> 16) - 1; }
    uint32_t lists() const { return uint32_t(lists_.size()); }
    size_t rows() const { return exact_.size(); }
    float exact(size_t row) const { return exact_[row]; }

    size_t Push(uint32_t list, TopK* collector) const {
        for (const Entry& entry : lists_[list]) collector->Push(entry.code, TidOf(entry.row), list);
        return lists_[list].size();
    }

private:
    struct Entry {
        size_t row;
        float code;
    };
    std::vector<float> exact_;
    std::vector<std::vector<Entry>> lists_;
};

// An executor with an index: takes up to `limit` rows.
struct Outcome {
    std::vector<size_t> rows;
    std::vector<float> distances;
    std::map<uint32_t, int> searched;   // lists by how often they were new
    uint64_t entries_scored_first = 0;  // once for each list
    size_t most_capacity = 0, most_ordered = 0;
    uint64_t windows = 0;
};

using Settings = RoundSettings (*)(uint64_t rows);

void Step(const MadeIndex& index, ScanRounds* rounds, const RoundStep& step, Settings settings, std::mt19937_64* random,
          Outcome* run) {
    switch (step.kind) {
        case RoundStep::kChoose: rounds->Chose(settings(step.rows)); return;
        case RoundStep::kOpen:
            run->windows++;
            ASSERT_LT(step.from, step.to);
            ASSERT_LE(step.to, index.lists());
            // Pruning: the first window may be shorter.
            rounds->Opened(step.from == 0 ? 1 + uint32_t((*random)() % step.to) : step.to);
            return;
        case RoundStep::kSearch: {
            uint64_t scored = 0;
            for (uint32_t list = step.from; list < step.to; list++) {
                const size_t rows = index.Push(list, &rounds->collector());
                scored += rows;
                if (run->searched[list]++ == 0) run->entries_scored_first += rows;
            }
            run->most_capacity = std::max(run->most_capacity, rounds->capacity());
            rounds->Searched(scored);
            return;
        }
        case RoundStep::kOrder: {
            ASSERT_GT(step.rows, 0u);
            ASSERT_LE(step.rows, step.most);
            const size_t n = size_t(step.rows + (*random)() % (step.most - step.rows + 1));
            Candidate* lent = rounds->Lend(n);
            std::shuffle(lent, lent + n, *random);
            for (size_t i = 0; i < n; i++) rounds->Keep(lent[i], index.exact(MadeIndex::RowOfTid(lent[i].tid)));
            rounds->Ordered(n);
            return;
        }
        default: FAIL();
    }
}

Outcome Execute(const MadeIndex& index, ScanRounds* rounds, const RoundRules& rules, Settings settings,
                uint64_t expected, size_t limit, uint64_t seed) {
    Outcome run;
    std::mt19937_64 random(seed);
    rounds->Begin(rules, settings(expected), expected);
    for (uint64_t steps = 0; run.rows.size() < limit; steps++) {
        if (rounds->HasRow()) {
            const Candidate& row = rounds->TakeRow();
            run.rows.push_back(MadeIndex::RowOfTid(row.tid));
            run.distances.push_back(row.distance);
            continue;
        }
        const RoundStep step = rounds->Next();
        if (step.kind == RoundStep::kEnd) break;
        if (step.kind != RoundStep::kReturn) Step(index, rounds, step, settings, &random, &run);
        EXPECT_LT(steps, 1000000u);
        if (steps >= 1000000u || testing::Test::HasFatalFailure()) break;
    }
    return run;
}

// Of the settings' kinds: made for a target, whose lists grow with the rows; by hand.
RoundSettings ForTarget(uint64_t rows) {
    const uint32_t lists = uint32_t(std::min<uint64_t>(2 + rows / 8, 24));
    return {lists, lists + uint32_t(rows % 3), size_t(std::min<uint64_t>(2 * rows + 5, 4000)), true};
}
RoundSettings ByHand(uint64_t) { return {3, 3, 0, false}; }

RoundRules RandomRules(const MadeIndex& index, bool replicas, std::mt19937_64* random) {
    RoundRules rules;
    rules.lists = index.lists();
    rules.rows_a_list = double(index.rows()) / index.lists();
    rules.most_capacity = (*random)() % 3 == 0 ? 1 + (*random)() % 40 : 100000;
    rules.rows_per_answer = 1 + (*random)() % 8;
    rules.may_miss = 0.05;
    rules.strict = (*random)() % 3 == 0;
    rules.reorders = (*random)() % 2 == 0;
    rules.by_need = (*random)() % 2 == 0;
    rules.entries_by_hand = !rules.by_need && (*random)() % 2 == 0;
    rules.limit_known = (*random)() % 2 == 0;
    rules.replicas = replicas;
    return rules;
}

constexpr size_t kAll = size_t(-1);
constexpr size_t kTaken[] = {1, 10, 300, kAll};

void ExpectEachOnce(const Outcome& run) {
    EXPECT_EQ(std::set<size_t>(run.rows.begin(), run.rows.end()).size(), run.rows.size()) << "a row came twice";
}

void ExpectInOrder(const Outcome& run, size_t begin, size_t end) {
    EXPECT_TRUE(std::is_sorted(run.distances.begin() + ptrdiff_t(begin), run.distances.begin() + ptrdiff_t(end)));
}

// Calls body(rules, settings, expected, index, seed) for many kinds of scans.
template <class Body>
void ForManyScans(const Body& body) {
    for (uint64_t seed = 0; seed < 400; seed++) {
        std::mt19937_64 random(seed);
        const bool replicas = random() % 2 == 0;
        const MadeIndex index(random() % 1500, 1 + uint32_t(random() % 40), replicas ? 3 : 1, random() % 2 * 2.0, seed);
        const RoundRules rules = RandomRules(index, replicas, &random);
        const Settings settings = random() % 2 == 0 ? ForTarget : ByHand;
        SCOPED_TRACE(testing::Message() << "seed " << seed << ", " << index.rows() << " rows in " << index.lists()
                                        << " lists, most " << rules.most_capacity << (rules.strict ? ", strict" : "")
                                        << (rules.reorders ? ", reorders" : "") << (rules.by_need ? ", by need" : "")
                                        << (replicas ? ", replicas" : "") << (settings == ByHand ? ", by hand" : ""));
        auto capped = +[](uint64_t) { return RoundSettings{1, 1, 0, false}; };
        body(rules, index.lists() >= 24 ? settings : capped, 1 + random() % 40, index, seed);
        if (testing::Test::HasFailure()) return;
    }
}

TEST(ScanRounds, AScanToTheEndReturnsEachRowOnce) {
    ScanRounds rounds;
    ForManyScans([&](RoundRules rules, Settings settings, uint64_t expected, const MadeIndex& index, uint64_t seed) {
        rules.strict = false;
        const Outcome run = Execute(index, &rounds, rules, settings, expected, kAll, seed);
        ExpectEachOnce(run);
        EXPECT_EQ(run.rows.size(), index.rows());
        EXPECT_EQ(run.searched.size(), index.lists());
    });
}

TEST(ScanRounds, TheExecutorMayStopAnywhere) {
    ScanRounds rounds;
    ForManyScans(
        [&](const RoundRules& rules, Settings settings, uint64_t expected, const MadeIndex& index, uint64_t seed) {
            const Outcome all = Execute(index, &rounds, rules, settings, expected, kAll, seed);
            for (const size_t limit : kTaken) {
                const Outcome run = Execute(index, &rounds, rules, settings, expected, limit, seed);
                ExpectEachOnce(run);
                ASSERT_EQ(run.rows.size(), std::min(limit, all.rows.size()));
                EXPECT_TRUE(std::equal(run.rows.begin(), run.rows.end(), all.rows.begin()));
            }
        });
}

TEST(ScanRounds, StrictOrderIsKept) {
    ScanRounds rounds;
    size_t returned = 0, rows = 0;
    ForManyScans([&](RoundRules rules, Settings settings, uint64_t expected, const MadeIndex& index, uint64_t seed) {
        rules.strict = true;
        const Outcome run = Execute(index, &rounds, rules, settings, expected, kAll, seed);
        ExpectEachOnce(run);
        ExpectInOrder(run, 0, run.distances.size());
        returned += run.rows.size();
        rows += index.rows();
    });
    EXPECT_GT(returned, rows / 4);  // what is left out are rows that a further window has too late
}

TEST(ScanRounds, StrictOrderLosesNothingOfAllLists) {
    ScanRounds rounds;
    ForManyScans([&](RoundRules rules, Settings, uint64_t expected, const MadeIndex& index, uint64_t seed) {
        rules.strict = true;
        rules.reorders = rules.replicas;  // codes of replicas differ, so that only exact distances can be in order
        rules.most_capacity = rules.reorders ? 100000 : rules.most_capacity;
        auto all = +[](uint64_t) { return RoundSettings{1000, 1000, 100000, true}; };
        std::mt19937_64 random(seed);
        Outcome run;
        rounds.Begin(rules, all(expected), expected);
        for (;;) {
            if (rounds.HasRow()) {
                run.rows.push_back(MadeIndex::RowOfTid(rounds.TakeRow().tid));
                continue;
            }
            const RoundStep step = rounds.Next();
            if (step.kind == RoundStep::kEnd) break;
            if (step.kind == RoundStep::kReturn) continue;
            if (step.kind == RoundStep::kOpen) rounds.Opened(step.to);
            else Step(index, &rounds, step, all, &random, &run);
        }
        ExpectEachOnce(run);
        EXPECT_EQ(run.rows.size(), index.rows());
    });
}

// So many rows as the settings were made for come in order: no further round may come between them.
TEST(ScanRounds, ThePromisedRowsComeInOrder) {
    ScanRounds rounds;
    ForManyScans([&](RoundRules rules, Settings, uint64_t expected, const MadeIndex& index, uint64_t seed) {
        rules.most_capacity = 100000;
        rules.entries_by_hand = rules.by_need = false;
        auto plenty = +[](uint64_t rows) { return RoundSettings{2 + uint32_t(rows / 8), 2, 5000, true}; };
        const Outcome run = Execute(index, &rounds, rules, plenty, expected, expected, seed);
        if (run.windows == 1) ExpectInOrder(run, 0, run.distances.size());
        ExpectEachOnce(run);
    });
}

// More rows than were promised: the window grows to what the settings for twice as many say before they are returned.
// It need not grow a second time at once: that waits until the old lists' rows are past what was done in them.
TEST(ScanRounds, MoreRowsThanPromisedGetMoreLists) {
    ScanRounds rounds;
    const MadeIndex index(4000, 40, 1, 0, 1);
    RoundRules rules;
    rules.lists = 40;
    rules.rows_a_list = 100;
    rules.most_capacity = 100000;
    auto settings = +[](uint64_t rows) { return RoundSettings{uint32_t(rows), uint32_t(rows), 0, true}; };
    for (const uint64_t expected : {uint64_t(1), uint64_t(2), uint64_t(5)}) {
        for (size_t taken = 1; taken <= 30; taken++) {
            rounds.Begin(rules, settings(expected), expected);
            std::set<uint32_t> searched;
            uint64_t returned = 0;
            while (returned < taken) {
                if (rounds.HasRow()) {
                    rounds.TakeRow();
                    returned++;
                    EXPECT_GE(searched.size(), std::min(returned, 2 * expected))
                        << "a row was returned that the settings say nothing of";
                    continue;
                }
                const RoundStep step = rounds.Next();
                ASSERT_NE(step.kind, RoundStep::kEnd);
                if (step.kind == RoundStep::kChoose) rounds.Chose(settings(step.rows));
                if (step.kind == RoundStep::kOpen) rounds.Opened(step.to);
                if (step.kind != RoundStep::kSearch) continue;
                uint64_t scored = 0;
                for (uint32_t list = step.from; list < step.to; list++) {
                    scored += index.Push(list, &rounds.collector());
                    searched.insert(list);
                }
                rounds.Searched(scored);
            }
        }
    }
}

TEST(ScanRounds, MaxRowsEndTheOpeningOfLists) {
    ScanRounds rounds;
    ForManyScans([&](RoundRules rules, Settings settings, uint64_t expected, const MadeIndex& index, uint64_t seed) {
        for (const uint64_t most : {1, 50, 400}) {
            rules.max_rows = most;
            const Outcome run = Execute(index, &rounds, rules, settings, expected, kAll, seed);
            ExpectEachOnce(run);
            EXPECT_EQ(rounds.entries_seen(), run.entries_scored_first);
            // The window that begins below the limit is searched whole; it is as large as all before it, or the first.
            size_t first = 0, largest = 0;
            std::vector<size_t> sizes;
            for (uint32_t list = 0; list < index.lists(); list++) {
                TopK all;
                all.Reset(1);
                largest = std::max(largest, index.Push(list, &all));
            }
            first = largest * (2 * run.searched.size());
            EXPECT_LE(run.entries_scored_first, std::max<uint64_t>(first, most));
            if (run.searched.size() < index.lists()) {
                EXPECT_GE(run.entries_scored_first, most);
            }
        }
    });
}

TEST(ScanRounds, OneWindowIsOneWindow) {
    ScanRounds rounds;
    ForManyScans([&](RoundRules rules, Settings settings, uint64_t expected, const MadeIndex& index, uint64_t seed) {
        rules.one_window = true;
        const Outcome run = Execute(index, &rounds, rules, settings, expected, kAll, seed);
        ExpectEachOnce(run);
        EXPECT_EQ(run.windows, 1u);
        std::set<size_t> rows;
        rounds.Begin(rules, settings(expected), expected);
        TopK all;
        all.Reset(10000);
        for (const auto& [list, times] : run.searched) index.Push(list, &all);
        size_t count;
        bool overflowed;
        all.Select(&count, &overflowed);
        for (size_t i = 0; i < count; i++) rows.insert(MadeIndex::RowOfTid(all.At(i).tid));
        if (!rules.strict) {
            EXPECT_EQ(run.rows.size(), rows.size()) << "the window's rows, all of them";
        }
    });
}

TEST(ScanRounds, CapacityStaysWithinMemory) {
    ScanRounds rounds;
    ForManyScans([&](RoundRules rules, Settings settings, uint64_t expected, const MadeIndex& index, uint64_t seed) {
        rules.most_capacity = 7;
        rules.strict = false;
        const Outcome run = Execute(index, &rounds, rules, settings, expected, kAll, seed);
        EXPECT_LE(run.most_capacity, 7u);
        EXPECT_EQ(run.rows.size(), index.rows());
    });
}

TEST(ScanRounds, RowsAskedDoesNotOverflow) {
    EXPECT_EQ(RowsAsked(10, 5, 1), 15u);
    EXPECT_EQ(RowsAsked(10, 0, 2.5), 25u);
    EXPECT_EQ(RowsAsked(0, 0, 1), 0u);
    constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
    EXPECT_EQ(RowsAsked(kMost, kMost, 1), uint64_t(1e18));
    EXPECT_EQ(RowsAsked(kMost, 1, 1e300), uint64_t(1e18));
    EXPECT_EQ(RowsExpected(RowsAsked(kMost, kMost, 1), 3), RowsExpected(kMost, 3));
    EXPECT_EQ(RowsExpected(0, 3), 3u);
    EXPECT_EQ(RowsExpected(0, 0), kUsualRows);
}

}  // namespace
}  // namespace vectorq::test
