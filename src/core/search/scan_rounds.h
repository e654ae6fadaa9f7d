// The rounds of a scan: which lists to search next, behind which row, how many rows to put in order, and which row
// comes next. Plain arithmetic: whoever has the pages asks Next() what to do, does it, and says what came of it.
//
// A round searches a window of lists and collects the best `capacity` entries, ordered by (distance, tid). It promises
// the wanted recall for so many rows as the scan reckons with. When the executor has had these and asks for more (a
// filter, or a larger LIMIT than last time), the settings for twice as many are asked for:
//   - if they say more lists, the window grows and is searched again: the old lists for entries behind the last one
//     that is done, the new ones for all; rows that were put in order and not yet returned stay in the race. So a
//     window is made of segments, each with how far it is done.
// When the executor has had all that was collected:
//   - if the collector had to drop entries, the same window is searched again for those behind the last one collected,
//     with more room (so LIMIT 100000 or a filter loses nothing);
//   - else the next window of lists is searched, until max_rows were scored.
// A scan with a filter counts matches alone. Its lists are chosen as for rows / share rows without a filter, where
// share is what has been seen of the rows that match; a list that cannot hold a match counts, and is not read. After a
// window was searched, and before its rows are put in order, it is extended: where the share is less than the one it
// was chosen for, where its last lists still brought more of the nearest matches than the target lets a scan miss
// (match_evidence.h), and while it has fewer matches than rows are asked for. Only the new lists are searched then.
//
// The windows are disjoint and a row is in one list, so no row is returned twice. Where replicas put it in several, the
// rounds remember the rows that they have met once they go on to a second one.
//
// A scan with a bound returns rows no farther than it, and ends when it has likely met as many of them as the target
// wants. The rows within are the nearest ones, so the settings for as many rows say which lists hold them. How many
// there are shows only while it goes on: it begins with lists for few rows, and whenever there turn out to be more
// within, it takes the lists for those. All of that is done before the first row is returned, so rows come in order.
//
// Rows that come too late for the order are left out by RoundOrder::kStrict. kStrictThenRest returns them at the end:
// when there is nothing else, all lists opened so far are searched once more for the rows that were not returned.
#pragma once
#include <cstddef>
#include <cstdint>
#include <limits>

#include "core/base/matrix.h"
#include "core/search/match_evidence.h"
#include "core/search/reorder_stop.h"
#include "core/search/tid_set.h"
#include "core/search/topk.h"

namespace vectorq {

// What a scan reckons with that knows nothing of the one before.
inline constexpr uint64_t kUsualRows = 10;

// LIMIT and OFFSET as a number of rows, times `rows_for_one`, as far as the type goes.
uint64_t RowsAsked(int64_t limit, int64_t offset, double rows_for_one) noexcept;

// How many rows the executor is expected to take: `asked` if it is known (not 0), else as many as it `took` from the
// last scan.
uint64_t RowsExpected(uint64_t asked, uint64_t took) noexcept;

enum class RoundOrder : uint8_t {
    kRelaxed,        // a row of a later round may be nearer than one returned before
    kStrict,         // never: such rows are left out
    kStrictThenRest  // such rows come when there are no others, nearest first
};

// What a scan keeps to from its start to its end.
struct RoundRules {
    uint32_t lists = 0;          // that there are
    uint64_t max_rows = 0;       // once so many were read, no further lists are opened; 0 = no limit
    double rows_a_list = 0;      // in the mean
    double entries_a_row = 1;    // in the mean
    size_t most_capacity = 0;    // entries that fit into memory
    size_t rows_per_answer = 0;  // to put in order for each row asked for, where the settings name no number
    double may_miss = 0;         // share of the rows that the target lets a scan miss
    bool one_window = false;     // the scan ends after the first lists
    RoundOrder order = RoundOrder::kRelaxed;
    bool reorders = false;         // rows are put in order by exact distance before they are returned
    bool by_need = false;          // and that may stop when further ones are unlikely to matter
    bool entries_by_hand = false;  // the number of entries to put in order is the user's
    bool limit_known = false;
    bool replicas = false;  // a row may be in several lists
    bool filtered = false;  // only some entries are collected: those that match
    double share = 1;       // of the rows that match, as it is guessed before
    bool bounded = false;   // rows farther than the bound are not wanted
    float bound = std::numeric_limits<float>::infinity();
    float code_bound = std::numeric_limits<float>::infinity();  // in the unit of the codes' distances
    bool lists_by_hand = false;                                 // the number of lists is the user's

    // Lists that max_rows allows after so many entries, where more than the fewest are wished for.
    uint32_t AllowedLists(uint64_t entries_seen, uint32_t fewest, uint32_t wanted) const noexcept;
};

// The settings for a number of rows.
struct RoundSettings {
    uint32_t lists = 0;         // that the mean query needs
    uint32_t own_lists = 0;     // that this one needs
    size_t reorder_rows = 0;    // entries to put in order; 0: by rows_per_answer
    bool keeps_target = false;  // they are made for a target
};

struct RoundStep {
    enum Kind : uint8_t {
        kChoose,  // find the settings for `rows` rows, where `share` of the rows match; then Chose()
        kOpen,    // find out which lists are the from-th to the to-th nearest; then Opened()
        kSearch,  // push the entries of lists [from, to) to collector(), whose bounds are set; then Searched()
        kOrder,  // put candidates in order, `rows` of them or more, `most` at most: Lend(), Keep() each; then Ordered()
        kReturn,  // HasRow() is true: TakeRow()
        kEnd      // there are no more rows
    };
    Kind kind = kEnd;
    uint32_t from = 0, to = 0;
    uint64_t rows = 0, most = 0;
    double share = 1;
};

struct RoundCounts {
    uint64_t lists = 0, collected = 0, reordered = 0, returned = 0, rounds = 0;
};

// What came of searching lists.
struct SearchedEntries {
    uint64_t read = 0;                // scored, or passed by
    uint64_t asked = 0, matches = 0;  // of a filter: by how many its share may be judged, and those of them that match
};

// Not thread-safe. Memory is kept from one scan to the next.
class ScanRounds {
public:
    // A new scan, with the settings for `expected` rows.
    void Begin(const RoundRules& rules, const RoundSettings& settings, uint64_t expected) noexcept;

    // What to do next, again and again until it is kReturn or kEnd. Throws std::bad_alloc.
    RoundStep Next();
    void Chose(const RoundSettings& settings) noexcept;
    // `end`: the end of the window, which need not be the step's where it is the scan's first. Both throw
    // std::bad_alloc.
    void Opened(uint32_t end);
    void Searched(const SearchedEntries& entries);

    // The next n candidates in the order of their codes; they may be moved about among themselves.
    Candidate* Lend(size_t n) noexcept;
    // A lent candidate is a row, and this is its distance: at most once each, in the order in which they lie. Rows take
    // the room of candidates before them.
    void Keep(const Candidate& lent, float distance) noexcept {
        stop_.Add(lent.distance, distance);
        if (distance > rules_.bound) return;
        results_[count_++] = {distance, lent.source, lent.tid};
    }
    void Ordered(size_t n) noexcept;

    // While something else is to be done first, there is none.
    bool HasRow() const noexcept { return next_ < count_ && counts_.returned < promised_ && phase_ == Phase::kRows; }
    const Candidate& TakeRow() noexcept {
        last_ = rules_.reorders ? results_[next_] : collector_.Take(next_);
        next_++;
        counts_.returned++;
        return last_;
    }

    TopK& collector() noexcept { return collector_; }
    const RoundCounts& counts() const noexcept { return counts_; }
    // Rows that are expected to be taken of what a round collects.
    uint64_t asked() const noexcept { return asked_; }
    uint64_t entries_seen() const noexcept { return entries_seen_; }
    // Lists that may be opened now, where more than the fewest are wished for.
    uint32_t AllowedLists(uint32_t fewest, uint32_t wanted) const noexcept {
        return rules_.AllowedLists(entries_seen_, fewest, wanted);
    }
    size_t capacity() const noexcept { return capacity_; }
    // The share of rows that settings for the first lists are to reckon with: of the guess its root. Where matches lie
    // near the query, these are enough, and else the window is extended at once.
    static double FirstShare(const RoundRules& rules) noexcept;
    // Of `expected` rows, as many as the first settings are for.
    static uint64_t FirstRows(const RoundRules& rules, uint64_t expected) noexcept;
    // At the end: there are lists left that a limit or the rules kept from being searched.
    bool ended_short() const noexcept { return phase_ == Phase::kEnded && list_end_ < rules_.lists && !all_met_; }

private:
    enum class Phase : uint8_t {
        kRows,       // return rows, or decide how to go on
        kChoosing,   // waits for Chose()
        kSameLists,  // more rows are promised, without more lists
        kOpening,    // waits for Opened(): the next window
        kGrowing,    // likewise, more lists of the present one
        kJudging,    // waits for Chose(): whether the round at hand needs more lists for its matches
        kExtending,  // waits for Opened(): more lists of the round at hand
        kRound,      // a round begins
        kSearching,  // waits for Searched(): the segment at hand
        kCollected,
        kOrdering,  // waits for Ordered()
        kWithin,    // of a bound: whether there are more rows within than those at hand
        kWidening,  // waits for Chose(): the lists for as many rows as are within
        kEnded
    };

    // Lists of the window, behind those of the segment before, that are all done as far.
    struct Segment {
        uint32_t end;
        Candidate done;  // the last entry, in the order of codes, that is done
    };
    static constexpr size_t kMostSegments = 64;

    void Promise(uint64_t rows) noexcept;
    size_t WantedEntries() const noexcept;
    size_t Fitting(size_t capacity) const noexcept;
    size_t MoreRoom() const noexcept;
    bool FewerMatch() const noexcept;
    // Entries of this round that need no second look: put in order, or returned. The others are collected again if
    // there is another round.
    size_t EntriesDone() const noexcept { return rules_.reorders ? reordered_ : next_; }
    bool MayReadMore() const noexcept {
        return rules_.max_rows == 0 || double(entries_seen_) < double(rules_.max_rows) * rules_.entries_a_row;
    }
    bool HasUnordered() const noexcept { return rules_.reorders && reordered_ < collected_; }
    bool InOrder() const noexcept { return rules_.order != RoundOrder::kRelaxed && !in_rest_; }
    // Whether rounds put all in order that they collect.
    bool OrdersAll() const noexcept {
        return (rules_.order != RoundOrder::kRelaxed && !WantsAllWithin()) || !rules_.by_need;
    }
    bool WantsAllWithin() const noexcept { return rules_.bounded && !rules_.limit_known; }
    void Decide();
    void GoOnWithoutLists();
    void GrowForPromise() noexcept;
    void OpenWindow(uint32_t begin, uint32_t count) noexcept;
    void NoteDone() noexcept;
    void RepeatRound() noexcept;
    void NoteReturned();
    void BeginRest();
    void BeginRound();
    RoundStep SearchStep() noexcept;
    uint32_t EndOfStep() const noexcept;
    void AddSegment(const Candidate& done) noexcept;
    bool MayExtend() const noexcept;
    void EndSearch();
    void EndBoundedSearch();
    void DecideWithin();
    bool NeedsWiderWindow(uint64_t rows) noexcept;
    void WidenWindow(double lists) noexcept;
    uint64_t RowsToProvideFor(uint64_t within) const noexcept;
    void StartSearch();
    void Extend(double lists) noexcept;
    void PlanCheckpoint();
    void NoteCheckpoint();
    uint64_t RowsWithin();
    uint64_t RowsOfEvidence() const noexcept;
    RoundStep ChooseStep(uint64_t rows) noexcept;
    void EndRound();
    void BeginOrdering();
    RoundStep OrderStep() const noexcept;
    bool MayStop() noexcept;
    void FinishOrdering() noexcept;
    void SetPendingAside();
    void LeaveOutNearerThanLast() noexcept;

    // — set by Begin, then constant —
    RoundRules rules_;
    // — by each promise —
    RoundSettings settings_;
    uint64_t promised_ = 0;  // rows that may be returned before the scan looks further
    uint64_t asked_ = 0;
    uint64_t returned_before_ = 0;  // rows that earlier promises were for
    uint64_t settings_rows_ = 0;    // that the settings are for
    // — by each window —
    uint32_t list_begin_ = 0, list_end_ = 0;  // that a round searches
    uint32_t wanted_end_ = 0;                 // of the window that is being opened or that grows
    Segment segments_[kMostSegments];         // of the window
    size_t num_segments_ = 0, segment_ = 0;   // the one that is being searched
    uint32_t searched_to_ = 0;                // the end of the lists that the round has searched
    // — of a filter —
    uint32_t checkpoint_ = 0;    // after these lists the nearest rows are noted
    double settings_share_ = 1;  // the settings are for rows / this
    MatchEvidence evidence_;
    // — of a bound —
    uint64_t rows_noted_ = 0;     // within it, by their codes, at the checkpoint
    uint64_t rows_before_ = 0;    // that were met before the window got wider last
    bool bound_reached_ = false;  // of the round at hand: entries behind those that are done are hardly within
    bool all_met_ = false;        // and further lists hardly have such
    // — by each round —
    size_t capacity_ = 0;          // of the collector
    size_t collected_before_ = 0;  // entries that were done in earlier rounds
    uint64_t entries_seen_ = 0;    // scored in all windows so far, once each
    uint32_t lists_counted_ = 0;   // whose rows are in entries_seen_
    size_t collected_ = 0;         // entries of this round in the collector
    Candidate farthest_{};         // of these, and of those that were a further entry of a row
    size_t calibrated_ = 0;        // of these, as many as the calibration's queries needed
    bool overflowed_ = false;      // the window has entries that the collector dropped
    Phase phase_ = Phase::kEnded;
    // — by each ordering —
    bool ordering_by_need_ = false;
    size_t reordered_ = 0;  // of the collected entries, in the order of their codes, that were put in order
    size_t order_end_ = 0;
    size_t pending_count_ = 0;
    // — by each row —
    size_t count_ = 0, next_ = 0;  // of the rows to return: the results, or the collector's
    Candidate last_{};             // the last row returned
    bool left_out_ = false;        // there may be rows that came too late for the order
    bool in_rest_ = false;         // and it is their turn
    RoundCounts counts_;

    TopK collector_;
    ReorderStop stop_;
    TidSet met_, found_;               // of rows in several lists: those of earlier rounds, of this one
    TidSet returned_;                  // for kStrictThenRest
    AlignedArray<Candidate> results_;  // rows in order
    AlignedArray<Candidate> pending_;  // rows in order that wait while others join them
};

}  // namespace vectorq
