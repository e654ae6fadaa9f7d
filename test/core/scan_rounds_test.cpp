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
// A filter is made of further entries in each list that do not match.
class MadeIndex {
public:
    MadeIndex(size_t rows, uint32_t lists, size_t most_entries, double error, uint64_t seed)
        : lists_(lists), codes_are_exact_(error == 0) {
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
    bool codes_are_exact() const { return codes_are_exact_; }
    // What the first `lists` lists have, nearest by code first.
    std::vector<Candidate> EntriesOf(uint32_t lists) const {
        std::vector<Candidate> entries;
        for (uint32_t list = 0; list < lists; list++)
            for (const Entry& entry : lists_[list]) entries.push_back({entry.code, list, TidOf(entry.row)});
        std::sort(entries.begin(), entries.end(), NearerFirst());
        return entries;
    }

    SearchedEntries Push(uint32_t list, TopK* collector) const {
        for (const Entry& entry : lists_[list]) collector->Push(entry.code, TidOf(entry.row), list);
        const uint64_t matches = lists_[list].size(), all = matches + others_a_list_;
        return {all, all, matches};
    }
    void SetOthers(size_t a_list) { others_a_list_ = a_list; }

private:
    struct Entry {
        size_t row;
        float code;
    };
    std::vector<float> exact_;
    std::vector<std::vector<Entry>> lists_;
    size_t others_a_list_ = 0;
    bool codes_are_exact_;
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

using Settings = RoundSettings (*)(uint64_t rows, double share);

void Step(const MadeIndex& index, ScanRounds* rounds, const RoundStep& step, Settings settings, std::mt19937_64* random,
          bool prunes, Outcome* run) {
    switch (step.kind) {
        case RoundStep::kChoose: rounds->Chose(settings(step.rows, step.share)); return;
        case RoundStep::kOpen:
            run->windows++;
            ASSERT_LT(step.from, step.to);
            ASSERT_LE(step.to, index.lists());
            // The first window may be shorter.
            rounds->Opened(prunes && step.from == 0 ? 1 + uint32_t((*random)() % step.to) : step.to);
            return;
        case RoundStep::kSearch: {
            SearchedEntries sum;
            ASSERT_LT(step.from, step.to);
            for (uint32_t list = step.from; list < step.to; list++) {
                const SearchedEntries entries = index.Push(list, &rounds->collector());
                sum = {sum.read + entries.read, sum.asked + entries.asked, sum.matches + entries.matches};
                if (run->searched[list]++ == 0) run->entries_scored_first += entries.read;
            }
            run->most_capacity = std::max(run->most_capacity, rounds->capacity());
            rounds->Searched(sum);
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
                uint64_t expected, size_t limit, uint64_t seed, bool prunes = true) {
    Outcome run;
    std::mt19937_64 random(seed);
    rounds->Begin(rules, settings(expected, ScanRounds::FirstShare(rules)), expected);
    for (uint64_t steps = 0; run.rows.size() < limit; steps++) {
        if (rounds->HasRow()) {
            const Candidate& row = rounds->TakeRow();
            run.rows.push_back(MadeIndex::RowOfTid(row.tid));
            run.distances.push_back(row.distance);
            continue;
        }
        const RoundStep step = rounds->Next();
        if (step.kind == RoundStep::kEnd) break;
        if (step.kind != RoundStep::kReturn) Step(index, rounds, step, settings, &random, prunes, &run);
        EXPECT_LT(steps, 1000000u);
        if (steps >= 1000000u || testing::Test::HasFatalFailure()) break;
    }
    return run;
}

// Of the settings' kinds: made for a target, whose lists grow with the rows; by hand.
RoundSettings ForTarget(uint64_t rows, double share) {
    const uint32_t lists = uint32_t(std::min(2 + double(rows) / share / 8, 24.0));
    return {lists, lists + uint32_t(rows % 3), size_t(std::min<uint64_t>(2 * rows + 5, 4000)), true};
}
RoundSettings ByHand(uint64_t, double) { return {3, 3, 0, false}; }

RoundRules RandomRules(const MadeIndex& index, bool replicas, std::mt19937_64* random) {
    RoundRules rules;
    rules.lists = index.lists();
    rules.rows_a_list = double(index.rows()) / index.lists();
    rules.most_capacity = (*random)() % 3 == 0 ? 1 + (*random)() % 40 : 100000;
    rules.rows_per_answer = 1 + (*random)() % 8;
    rules.may_miss = 0.05;
    rules.order = RoundOrder((*random)() % 3);
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
        MadeIndex index(random() % 1500, 1 + uint32_t(random() % 40), replicas ? 3 : 1, random() % 2 * 2.0, seed);
        RoundRules rules = RandomRules(index, replicas, &random);
        rules.filtered = seed % 2 == 1;
        rules.share = 1 / double(1 + random() % 30);
        if (rules.filtered) index.SetOthers(random() % 3 * (random() % 500));
        const Settings settings = random() % 2 == 0 ? ForTarget : ByHand;
        SCOPED_TRACE(testing::Message() << "seed " << seed << ", " << index.rows() << " rows in " << index.lists()
                                        << " lists, most " << rules.most_capacity << ", order " << int(rules.order)
                                        << (rules.reorders ? ", reorders" : "") << (rules.by_need ? ", by need" : "")
                                        << (replicas ? ", replicas" : "") << (rules.filtered ? ", filtered" : "")
                                        << (settings == ByHand ? ", by hand" : ""));
        auto capped = +[](uint64_t, double) { return RoundSettings{1, 1, 0, false}; };
        body(rules, index.lists() >= 24 ? settings : capped, 1 + random() % 40, index, seed);
        if (testing::Test::HasFailure()) return;
    }
}

TEST(ScanRounds, AScanToTheEndReturnsEachRowOnce) {
    ScanRounds rounds;
    ForManyScans([&](RoundRules rules, Settings settings, uint64_t expected, const MadeIndex& index, uint64_t seed) {
        rules.order = RoundOrder::kRelaxed;
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
        rules.order = RoundOrder::kStrict;
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
        rules.order = RoundOrder::kStrict;
        rules.reorders = rules.replicas;  // codes of replicas differ, so that only exact distances can be in order
        rules.most_capacity = rules.reorders ? 100000 : rules.most_capacity;
        auto all = +[](uint64_t, double) { return RoundSettings{1000, 1000, 100000, true}; };
        const Outcome run = Execute(index, &rounds, rules, all, expected, kAll, seed, false);
        ExpectEachOnce(run);
        EXPECT_EQ(run.rows.size(), index.rows());
    });
}

// First what a strict scan returns, then all others.
TEST(ScanRounds, RowsTooLateForTheOrderComeAtTheEnd) {
    ScanRounds rounds;
    size_t late = 0;
    ForManyScans([&](RoundRules rules, Settings settings, uint64_t expected, const MadeIndex& index, uint64_t seed) {
        rules.order = RoundOrder::kStrict;
        const Outcome strict = Execute(index, &rounds, rules, settings, expected, kAll, seed);
        rules.order = RoundOrder::kStrictThenRest;
        const Outcome run = Execute(index, &rounds, rules, settings, expected, kAll, seed);
        ExpectEachOnce(run);
        EXPECT_EQ(run.rows.size(), index.rows());
        ASSERT_GE(run.rows.size(), strict.rows.size());
        EXPECT_TRUE(std::equal(strict.rows.begin(), strict.rows.end(), run.rows.begin()));
        ExpectInOrder(run, 0, strict.rows.size());
        if (index.codes_are_exact() || !(rules.reorders || rules.replicas))
            ExpectInOrder(run, strict.rows.size(), run.rows.size());
        late += run.rows.size() - strict.rows.size();
    });
    EXPECT_GT(late, 10000u);
}

TEST(ScanRounds, RowsTooLateComeOfTheListsThatMaxRowsAllow) {
    ScanRounds rounds;
    ForManyScans([&](RoundRules rules, Settings settings, uint64_t expected, const MadeIndex& index, uint64_t seed) {
        rules.order = RoundOrder::kStrictThenRest;
        rules.max_rows = 200;
        const Outcome run = Execute(index, &rounds, rules, settings, expected, kAll, seed);
        std::set<size_t> rows;
        for (const Candidate& entry : index.EntriesOf(uint32_t(run.searched.size())))
            rows.insert(MadeIndex::RowOfTid(entry.tid));
        ExpectEachOnce(run);
        EXPECT_EQ(std::set<size_t>(run.rows.begin(), run.rows.end()), rows);
    });
}

// Of the rows that come, so many are among the k nearest of the index.
size_t Hits(const MadeIndex& index, const std::vector<size_t>& rows, size_t k) {
    std::vector<float> exact;
    for (size_t row = 0; row < index.rows(); row++) exact.push_back(index.exact(row));
    std::sort(exact.begin(), exact.end());
    const float farthest = exact[std::min(k, exact.size()) - 1];
    size_t hits = 0;
    for (const size_t row : rows) hits += index.exact(row) <= farthest;
    return std::min(hits, k);
}

// The k rows that the settings give: the best entries of so many lists by code, those put in order.
std::vector<size_t> RowsOfSettings(const MadeIndex& index, const RoundSettings& settings, bool reorders, size_t k) {
    std::vector<Candidate> entries = index.EntriesOf(std::min(settings.lists, index.lists()));
    if (reorders && entries.size() > settings.reorder_rows) entries.resize(settings.reorder_rows);
    for (Candidate& entry : entries)
        if (reorders) entry.distance = index.exact(MadeIndex::RowOfTid(entry.tid));
    std::sort(entries.begin(), entries.end(), NearerFirst());
    std::vector<size_t> rows;
    std::set<size_t> met;
    for (const Candidate& entry : entries)
        if (rows.size() < k && met.insert(MadeIndex::RowOfTid(entry.tid)).second)
            rows.push_back(MadeIndex::RowOfTid(entry.tid));
    return rows;
}

TEST(ScanRounds, ThePromisedRowsHaveTheRecallOfTheSettings) {
    ScanRounds rounds;
    size_t hits_by_need = 0, hits_of_all = 0, hits_missed = 0, wanted = 0;
    ForManyScans([&](RoundRules rules, Settings, uint64_t expected, const MadeIndex& index, uint64_t seed) {
        if (index.rows() == 0) return;
        if (rules.reorders) rules.most_capacity = 100000;
        rules.entries_by_hand = false;
        // Further lists bring rows that are nearer by their codes alone.
        if (!index.codes_are_exact()) rules.filtered = false;
        const std::vector<size_t> direct = RowsOfSettings(index, ForTarget(expected, 1), rules.reorders, expected);
        const Outcome run = Execute(index, &rounds, rules, ForTarget, expected, expected, seed, false);
        ExpectEachOnce(run);
        EXPECT_GE(run.rows.size(), direct.size());
        const size_t hits = Hits(index, run.rows, expected), least = Hits(index, direct, expected);
        if (rules.reorders && rules.by_need && rules.order == RoundOrder::kRelaxed) {
            hits_by_need += hits;
            hits_of_all += least;
        } else {
            EXPECT_GE(hits, least);
            ExpectInOrder(run, 0, std::min(direct.size(), run.rows.size()));
        }
        wanted += std::min<size_t>(expected, index.rows());
        hits_missed += std::min<size_t>(expected, index.rows()) - least;
    });
    // What stops by need may miss a little of it.
    EXPECT_GT(hits_of_all, 300u);
    EXPECT_GE(double(hits_by_need), 0.95 * double(hits_of_all));
    EXPECT_GT(hits_missed, wanted / 10) << "a test of recall needs settings that miss something";
}

// More rows than were promised: the window grows to what the settings for twice as many say before they are returned,
// and again for four times as many. Each promise's rows are the nearest of these lists that were not returned before.
TEST(ScanRounds, MoreRowsThanPromisedGetMoreLists) {
    ScanRounds rounds;
    auto settings = +[](uint64_t rows, double) {
        return RoundSettings{uint32_t(rows), uint32_t(rows), size_t(200 * rows), true};
    };
    for (uint64_t seed = 0; seed < 200; seed++) {
        std::mt19937_64 random(seed);
        const MadeIndex index(4000, 40, 1, 0, seed);
        RoundRules rules;
        rules.lists = 40;
        rules.rows_a_list = 100;
        rules.most_capacity = 100000;
        rules.replicas = random() % 2 == 0;
        rules.reorders = random() % 2 == 0;
        const uint64_t expected = 1 + random() % 5;
        SCOPED_TRACE(testing::Message() << "seed " << seed << ", expected " << expected);
        const Outcome run = Execute(index, &rounds, rules, settings, expected, 40, seed, false);
        std::vector<float> wanted;
        std::set<size_t> returned;
        for (uint64_t promised = expected; wanted.size() < 40; promised *= 2) {
            for (const Candidate& entry : index.EntriesOf(uint32_t(std::min<uint64_t>(promised, 40)))) {
                if (wanted.size() >= std::min<uint64_t>(promised, 40)) break;
                if (!returned.insert(MadeIndex::RowOfTid(entry.tid)).second) continue;
                wanted.push_back(entry.distance);
            }
        }
        EXPECT_EQ(run.distances, wanted);
        if (testing::Test::HasFailure()) return;
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
                largest = std::max(largest, size_t(index.Push(list, &all).read));
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
        rounds.Begin(rules, settings(expected, ScanRounds::FirstShare(rules)), expected);
        TopK all;
        all.Reset(10000);
        for (const auto& [list, times] : run.searched) index.Push(list, &all);
        size_t count;
        bool overflowed;
        all.Select(&count, &overflowed);
        for (size_t i = 0; i < count; i++) rows.insert(MadeIndex::RowOfTid(all.At(i).tid));
        if (rules.order != RoundOrder::kStrict) {
            EXPECT_EQ(run.rows.size(), rows.size()) << "the window's rows, all of them";
        }
    });
}

TEST(ScanRounds, CapacityStaysWithinMemory) {
    ScanRounds rounds;
    ForManyScans([&](RoundRules rules, Settings settings, uint64_t expected, const MadeIndex& index, uint64_t seed) {
        rules.most_capacity = 7;
        rules.order = RoundOrder::kRelaxed;
        const Outcome run = Execute(index, &rounds, rules, settings, expected, kAll, seed);
        EXPECT_LE(run.most_capacity, 7u);
        EXPECT_EQ(run.rows.size(), index.rows());
    });
}

// ---- filters

// The lists that a scan for k rows searches before it returns the first one.
size_t ListsBeforeFirstRow(const MadeIndex& index, const RoundRules& rules, uint64_t k, uint64_t* rounds_taken) {
    ScanRounds rounds;
    const Outcome run = Execute(index, &rounds, rules, ForTarget, k, 1, 1, false);
    *rounds_taken = rounds.counts().rounds;
    return run.searched.size();
}

RoundRules FilterRules(const MadeIndex& index, double guess) {
    RoundRules rules;
    rules.lists = index.lists();
    rules.rows_a_list = 100;
    rules.most_capacity = 100000;
    rules.may_miss = 0.5;  // so that no new rows are ever too many
    rules.filtered = true;
    rules.share = guess;
    return rules;
}

TEST(ScanRounds, ListsFollowTheShareThatWasSeen) {
    // 20 matches and 60 others a list.
    MadeIndex index(800, 40, 1, 0, 1);
    index.SetOthers(60);
    for (const double guess : {1.0, 0.25, 0.1}) {
        uint64_t rounds;
        const size_t lists = ListsBeforeFirstRow(index, FilterRules(index, guess), 10, &rounds);
        EXPECT_EQ(rounds, 1u);
        EXPECT_NEAR(double(lists), 2 + 10 / 0.25 / 8, 2) << "guess " << guess;
    }
}

TEST(ScanRounds, AScanGoesOnUntilItHasTheMatchesThatItIsAskedFor) {
    MadeIndex index(7, 40, 1, 0, 1);
    index.SetOthers(100);
    uint64_t rounds;
    EXPECT_EQ(ListsBeforeFirstRow(index, FilterRules(index, 0.5), 10, &rounds), 40u);
    EXPECT_EQ(rounds, 1u);
    RoundRules rules = FilterRules(index, 0.5);
    rules.max_rows = 1000;
    EXPECT_LT(ListsBeforeFirstRow(index, rules, 10, &rounds), 40u);
}

TEST(ScanRounds, RowsCountOnceHoweverManyEntriesTheyHave) {
    MadeIndex index(4000, 40, 1, 0, 1);
    RoundRules rules = FilterRules(index, 1);
    rules.filtered = false;
    rules.max_rows = 2000;
    rules.entries_a_row = 2;
    ScanRounds rounds;
    EXPECT_EQ(Execute(index, &rounds, rules, ForTarget, 10, kAll, 1, false).rows.size(), 4000u);
    EXPECT_FALSE(rounds.ended_short());
    rules.max_rows = 500;
    EXPECT_LT(Execute(index, &rounds, rules, ForTarget, 10, kAll, 1, false).rows.size(), 4000u);
    EXPECT_TRUE(rounds.ended_short());
}

TEST(MatchEvidence, NewRowsOfTheLastListsAreAllowedAsFarAsTheTargetLets) {
    MatchEvidence evidence;
    evidence.Begin(0.5);
    TopK collector;
    collector.Reset(100);
    for (uint64_t row = 1; row <= 20; row++) collector.Push(float(row), row << 16);
    evidence.Note(&collector, 10, 20);
    EXPECT_EQ(evidence.NearestRows(&collector, 10), 10u);
    EXPECT_EQ(evidence.NewRows(), 0u);
    for (uint64_t row = 1; row <= 4; row++) collector.Push(0.5f, (100 + row) << 16);
    EXPECT_EQ(evidence.NearestRows(&collector, 10), 10u);
    EXPECT_EQ(evidence.NewRows(), 4u);
    EXPECT_LT(evidence.NewRowsAllowed(10, 40, 0.05), 4);
    EXPECT_GT(evidence.NewRowsAllowed(10, 40, 0.2), 4);
    EXPECT_LT(evidence.NewRowsAllowed(10, 30, 0.2), evidence.NewRowsAllowed(10, 40, 0.2));
    EXPECT_EQ(evidence.NearestRows(&collector, 1000), 24u);
}

TEST(MatchEvidence, TheGuessCountsAsOneMatch) {
    MatchEvidence evidence;
    evidence.Begin(0.01);
    EXPECT_DOUBLE_EQ(evidence.share(), 0.01);
    evidence.Add(900, 0);
    EXPECT_DOUBLE_EQ(evidence.share(), 0.001);
    evidence.Add(99000, 49999);
    EXPECT_DOUBLE_EQ(evidence.share(), 0.5);
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

// ---- a bound

std::vector<size_t> RowsWithin(const MadeIndex& index, float bound) {
    std::vector<size_t> rows;
    for (size_t row = 0; row < index.rows(); row++)
        if (index.exact(row) <= bound) rows.push_back(row);
    return rows;
}

RoundRules Bounded(RoundRules rules, float bound) {
    rules.bounded = true;
    rules.bound = rules.code_bound = bound;
    rules.limit_known = false;
    return rules;
}

RoundSettings AllLists(uint64_t, double) { return {1000, 1000, 50, true}; }

// At a target of 1 nothing may be missed, whatever the codes err.
TEST(ScanRounds, OfAllListsEachRowWithinTheBoundComes) {
    ScanRounds rounds;
    ForManyScans([&](const RoundRules& given, Settings, uint64_t expected, const MadeIndex& index, uint64_t seed) {
        for (const float bound : {-1.0f, 0.0f, 1.0f, 7.0f, 30.0f, 1000.0f}) {
            RoundRules rules = Bounded(given, bound);
            rules.reorders = rules.reorders || !index.codes_are_exact();
            rules.may_miss = 0;
            const Outcome run = Execute(index, &rounds, rules, AllLists, expected, kAll, seed, false);
            ExpectEachOnce(run);
            std::vector<size_t> rows = run.rows;
            std::sort(rows.begin(), rows.end());
            if (rules.order == RoundOrder::kStrict && rules.most_capacity < 100000) {
                for (const size_t row : rows) EXPECT_LE(index.exact(row), bound);
                ExpectInOrder(run, 0, run.distances.size());
            } else {
                EXPECT_EQ(rows, RowsWithin(index, bound)) << "bound " << bound;
            }
            if (rules.most_capacity == 100000) ExpectInOrder(run, 0, run.distances.size());
            EXPECT_FALSE(rounds.ended_short());
        }
    });
}

// Whatever the settings: none outside, none twice, an end; in order where memory does not force another round.
TEST(ScanRounds, NoRowOutsideTheBoundComes) {
    ScanRounds rounds;
    ForManyScans([&](RoundRules rules, Settings settings, uint64_t expected, const MadeIndex& index, uint64_t seed) {
        const float bound = float(seed % 25);
        const bool limit_known = rules.limit_known;
        rules = Bounded(rules, bound);
        rules.limit_known = limit_known;
        rules.lists_by_hand = seed % 3 == 0;
        rules.one_window = seed % 7 == 0;
        for (const size_t limit : kTaken) {
            const Outcome run = Execute(index, &rounds, rules, settings, expected, limit, seed);
            ExpectEachOnce(run);
            const size_t end = rules.reorders || index.codes_are_exact() ? run.rows.size() : 0;
            for (size_t i = 0; i < end; i++) EXPECT_LE(index.exact(run.rows[i]), bound);
            if (rules.order == RoundOrder::kStrict) ExpectInOrder(run, 0, run.distances.size());
        }
    });
}

// Rows lie the farther apart in the lists the farther they are: of the k nearest, 95 of 100 in the first 4 + sqrt(k).
class NearIndex {
public:
    NearIndex(size_t rows, uint32_t lists, double error, uint64_t seed) : lists_(lists), exact_(rows) {
        std::mt19937_64 random(seed);
        std::normal_distribution<double> normal;
        for (size_t i = 0; i < rows; i++) {
            exact_[i] = float(i + 1);
            const bool far = random() % 25 == 0;
            const uint32_t near = std::min(lists, ListsOf(i + 1));
            const uint32_t list = uint32_t(random() % (far ? lists : near));
            lists_[list].push_back(
                {float(exact_[i] + error * std::sqrt(double(i + 1)) * normal(random)), 0, MadeIndex::TidOf(i)});
        }
    }
    static uint32_t ListsOf(uint64_t rows) { return uint32_t(4 + std::sqrt(double(rows))); }
    static RoundSettings Settings(uint64_t rows, double) {
        return {ListsOf(rows), ListsOf(rows), size_t(3 * rows + 30), true};
    }
    // Rows within the bound that a scan returns; *lists, *ordered: what it looked at.
    size_t Scan(ScanRounds* rounds, RoundRules rules, uint64_t expected) const {
        rules.lists = uint32_t(lists_.size());
        rounds->Begin(rules, Settings(ScanRounds::FirstRows(rules, expected), 1), expected);
        size_t rows = 0;
        for (RoundStep step = rounds->Next(); step.kind != RoundStep::kEnd; step = rounds->Next()) {
            for (; rounds->HasRow(); rows++) EXPECT_LE(rounds->TakeRow().distance, rules.bound);
            if (step.kind == RoundStep::kChoose) rounds->Chose(Settings(step.rows, step.share));
            if (step.kind == RoundStep::kOpen) rounds->Opened(step.to);
            if (step.kind == RoundStep::kSearch) Search(rounds, step.from, step.to);
            if (step.kind == RoundStep::kOrder) {
                const Candidate* lent = rounds->Lend(size_t(step.rows));
                for (uint64_t i = 0; i < step.rows; i++) {
                    const Candidate candidate = lent[i];
                    rounds->Keep(candidate, exact_[MadeIndex::RowOfTid(candidate.tid)]);
                }
                rounds->Ordered(size_t(step.rows));
            }
        }
        return rows;
    }

private:
    void Search(ScanRounds* rounds, uint32_t from, uint32_t to) const {
        uint64_t read = 0;
        for (uint32_t list = from; list < to; list++)
            for (const Candidate& entry : lists_[list]) {
                if (entry.distance <= rounds->collector().threshold())
                    rounds->collector().Push(entry.distance, entry.tid);
                read++;
            }
        rounds->Searched({read, read, read});
    }

    std::vector<std::vector<Candidate>> lists_;
    std::vector<float> exact_;
};

TEST(ScanRounds, TheTargetIsMetForHoweverManyRowsAreWithin) {
    ScanRounds rounds;
    for (const bool reorders : {false, true}) {
        for (const size_t within : {0, 1, 10, 100, 1000, 10000}) {
            size_t found = 0, lists = 0, ordered = 0;
            const size_t trials = within < 100 ? 200 : 10;
            for (uint64_t seed = 0; seed < trials; seed++) {
                const NearIndex index(50000, 400, reorders ? 0.5 : 0, seed);
                RoundRules rules;
                rules.bounded = true;
                rules.bound = rules.code_bound = float(within) + 0.5f;
                rules.reorders = rules.by_need = reorders;
                rules.may_miss = 0.05;
                rules.most_capacity = 1000000;
                found += index.Scan(&rounds, rules, 5000);
                lists += rounds.counts().lists;
                ordered += rounds.counts().reordered;
                EXPECT_FALSE(rounds.ended_short());
            }
            SCOPED_TRACE(testing::Message() << within << " rows within" << (reorders ? ", reordered" : ""));
            EXPECT_GE(double(found), 0.945 * double(within * trials));
            EXPECT_LE(lists, trials * 1.6 * NearIndex::ListsOf(std::max<size_t>(10, within * 20 / 19)));
            EXPECT_LE(ordered, trials * (2 * within + 150));
        }
    }
}

// A LIMIT that is less than what is within: as many lists as for so many rows.
TEST(ScanRounds, ALimitBoundsTheLists) {
    ScanRounds rounds;
    const NearIndex index(50000, 400, 0, 1);
    RoundRules rules;
    rules.bounded = rules.limit_known = true;
    rules.bound = rules.code_bound = 5000;
    rules.may_miss = 0.05;
    rules.most_capacity = 1000000;
    rules.lists = 400;
    rounds.Begin(rules, NearIndex::Settings(ScanRounds::FirstRows(rules, 5), 1), 5);
    RoundStep step = rounds.Next();
    ASSERT_EQ(step.kind, RoundStep::kOpen);
    EXPECT_EQ(step.to, NearIndex::ListsOf(5));
    EXPECT_EQ(rounds.capacity(), 64u);
}

TEST(ScanRounds, ListsByHandAreNotWidened) {
    ScanRounds rounds;
    ForManyScans([&](RoundRules rules, Settings, uint64_t expected, const MadeIndex& index, uint64_t seed) {
        rules = Bounded(rules, 1000);
        rules.lists_by_hand = true;
        rules.filtered = false;
        const Outcome run = Execute(index, &rounds, rules, ByHand, expected, kAll, seed, false);
        EXPECT_EQ(run.searched.size(), std::min(3u, index.lists()));
        EXPECT_EQ(run.windows, 1u);
    });
}

}  // namespace
}  // namespace vectorq::test
