// The rounds of a scan: which lists to search next, behind which row, how many rows to put in order, and which row
// comes next. Plain arithmetic: whoever has the pages asks Next() what to do, does it, and says what came of it.
//
// A round searches a window of lists and collects the best `capacity` entries, ordered by (distance, tid). It promises
// the wanted recall for so many rows as the scan reckons with. When the executor has had these and asks for more (a
// filter, or a larger LIMIT than last time), the settings for twice as many are asked for:
//   - if they say more lists, the window grows and is searched again: the old lists for entries behind the last one
//     collected, the new ones for all; rows that were put in order and not yet returned stay in the race.
// When the executor has had all that was collected:
//   - if the collector had to drop entries, the same window is searched again for those behind the last one collected,
//     with more room (so LIMIT 100000 or a filter loses nothing);
//   - else the next window of lists is searched, until max_rows were scored.
// The windows are disjoint and a row is in one list, so no row is returned twice. Where replicas put it in several, the
// rounds remember the rows that they have met once they go on to a second one.
#pragma once
#include <cstddef>
#include <cstdint>

#include "core/base/matrix.h"
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

// What a scan keeps to from its start to its end.
struct RoundRules {
    uint32_t lists = 0;            // that there are
    uint64_t max_rows = 0;         // once so many were scored, no further lists are opened; 0 = no limit
    double rows_a_list = 0;        // in the mean
    size_t most_capacity = 0;      // entries that fit into memory
    size_t rows_per_answer = 0;    // to put in order for each row asked for, where the settings name no number
    double may_miss = 0;           // share of the rows that the target lets a scan miss
    bool one_window = false;       // the scan ends after the first lists
    bool strict = false;           // never a row that is nearer than one returned before: such rows are left out
    bool reorders = false;         // rows are put in order by exact distance before they are returned
    bool by_need = false;          // and that may stop when further ones are unlikely to matter
    bool entries_by_hand = false;  // the number of entries to put in order is the user's
    bool limit_known = false;
    bool replicas = false;  // a row may be in several lists

    // Lists that max_rows allows after so many rows, where more than the fewest are wished for.
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
        kChoose,  // find the settings for `rows` rows; then Chose()
        kOpen,    // find out which lists are the from-th to the to-th nearest; then Opened()
        kSearch,  // push the entries of lists [from, to) to collector(), whose bounds are set; then Searched()
        kOrder,  // put candidates in order, `rows` of them or more, `most` at most: Lend(), Keep() each; then Ordered()
        kReturn,  // HasRow() is true: TakeRow()
        kEnd      // there are no more rows
    };
    Kind kind = kEnd;
    uint32_t from = 0, to = 0;
    uint64_t rows = 0, most = 0;
};

struct RoundCounts {
    uint64_t lists = 0, collected = 0, reordered = 0, returned = 0, rounds = 0;
};

// Not thread-safe. Memory is kept from one scan to the next.
class ScanRounds {
public:
    // A new scan, with the settings for `expected` rows.
    void Begin(const RoundRules& rules, const RoundSettings& settings, uint64_t expected) noexcept;

    // What to do next, again and again until it is kReturn or kEnd. Throws std::bad_alloc.
    RoundStep Next();
    void Chose(const RoundSettings& settings) noexcept;
    // `end`: the end of the window, which need not be the step's where it is the scan's first.
    void Opened(uint32_t end) noexcept;
    void Searched(uint64_t entries_scored) noexcept;

    // The next n candidates in the order of their codes; they may be moved about among themselves.
    Candidate* Lend(size_t n) noexcept;
    // A lent candidate is a row, and this is its distance: at most once each, in the order in which they lie. Rows take
    // the room of candidates before them.
    void Keep(const Candidate& lent, float distance) noexcept {
        stop_.Add(lent.distance, distance);
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

private:
    enum class Phase : uint8_t {
        kRows,      // return rows, or decide how to go on
        kChoosing,  // waits for Chose()
        kWidening,  // the window is to grow, once enough rows are in order
        kOpening,   // waits for Opened(): the next window
        kGrowing,   // likewise, more lists of the present one
        kRound,     // a round begins
        kOldLists,  // waits for Searched(): lists before the split
        kNewLists,  // likewise, behind it
        kCollected,
        kOrdering,  // waits for Ordered()
        kEnded
    };

    void Promise(uint64_t rows) noexcept;
    size_t EntriesToCollect() const noexcept;
    size_t Fitting(size_t capacity) const noexcept;
    // Entries of this round that need no second look: put in order, or returned. The others are collected again if
    // there is another round.
    size_t EntriesDone() const noexcept { return rules_.reorders ? reordered_ : next_; }
    bool MayReadMore() const noexcept { return rules_.max_rows == 0 || entries_seen_ < rules_.max_rows; }
    bool HasUnordered() const noexcept { return rules_.reorders && reordered_ < collected_; }
    bool PastOldLists() noexcept;
    void Decide();
    void Widen();
    void GoOnWithoutLists();
    void GrowForPromise() noexcept;
    void OpenWindow(uint32_t begin, uint32_t count) noexcept;
    void BeginRound();
    RoundStep SearchStep(uint32_t from, uint32_t to, const Candidate& behind) noexcept;
    void NoteCollected() noexcept;
    void EndRound();
    void BeginOrdering();
    RoundStep OrderStep() const noexcept;
    bool MayStop() noexcept;
    void FinishOrdering() noexcept;
    void SetPendingAside();
    void DropNearerThanLast() noexcept;

    // — set by Begin, then constant —
    RoundRules rules_;
    // — by each promise —
    RoundSettings settings_;
    uint64_t promised_ = 0;  // rows that may be returned before the scan looks further
    uint64_t asked_ = 0;
    // — by each window —
    uint32_t list_begin_ = 0, list_end_ = 0;  // that a round searches
    uint32_t split_ = 0;                      // of it, lists before this one were searched before
    uint32_t wanted_end_ = 0;                 // of the window that is being opened or that grows
    Candidate done_before_split_{};           // the last entry of these, in the order of codes, that is done
    Candidate done_after_split_{};            // likewise of the others
    Candidate done_in_old_lists_{};           // what the present round went on from in the lists before the split
    // — by each round —
    size_t capacity_ = 0;          // of the collector
    size_t collected_before_ = 0;  // entries that were done in earlier rounds
    uint64_t entries_seen_ = 0;    // scored in all windows so far, once each
    uint32_t lists_counted_ = 0;   // whose rows are in entries_seen_
    size_t collected_ = 0;         // entries of this round in the collector
    size_t calibrated_ = 0;        // of these, as many as the calibration's queries needed
    bool overflowed_ = false;      // the window has entries that the collector dropped
    Phase phase_ = Phase::kEnded;
    // — by each ordering —
    bool ordering_by_need_ = false, widening_ = false;
    size_t reordered_ = 0;  // of the collected entries, in the order of their codes, that were put in order
    size_t order_end_ = 0;
    size_t pending_count_ = 0;
    // — by each row —
    size_t count_ = 0, next_ = 0;  // of the rows to return: the results, or the collector's
    Candidate last_{};             // the last row returned
    RoundCounts counts_;

    TopK collector_;
    ReorderStop stop_;
    TidSet met_, found_;               // of rows in several lists: those of earlier rounds, of this one
    AlignedArray<Candidate> results_;  // rows in order
    AlignedArray<Candidate> pending_;  // rows in order that wait while others join them
};

}  // namespace vectorq
