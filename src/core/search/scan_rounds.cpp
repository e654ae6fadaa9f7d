// See scan_rounds.h.
#include "core/search/scan_rounds.h"

#include <algorithm>
#include <cstring>
#include <limits>

namespace vectorq {

namespace {

// Rows collected in the first round: pushing is cheap (amortised O(1)) beside scoring, and a query with a filter that
// keeps a hundredth of the rows still needs one round for ten results.
constexpr size_t kFirstCapacity = 256;
// Where the LIMIT is known (with what a filter leaves of the rows), so many times that: some rows may be dead.
constexpr size_t kLeastCapacity = 64;
constexpr size_t kRowsPerAsked = 4;
constexpr size_t kCapacityGrowth = 8;
// Each of these costs a visit to the table.
constexpr size_t kReorderGrowth = 4;
constexpr size_t kMaxCapacity = 4 * 1024 * 1024;
// Rows that a scan goes on for when the promised ones do not suffice.
constexpr uint64_t kPromiseGrowth = 2;
// Rows that are prepared for before any is taken: a LIMIT may be larger than what is ever fetched.
constexpr uint64_t kMostExpected = 10000;
// Collected by settings for a target, as a multiple of the entries that the calibration's queries needed: others may
// need more.
constexpr size_t kSpare = 4, kMostSpare = 16384;
// Candidates between two looks at whether they are enough.
constexpr size_t kOrderStep = 16;
// Rows that may be expected beyond where reordering stops, as a part of what the target lets a scan miss: up to as many
// entries as the calibration took, and beyond. They bound all entries left together: a bound on the next one alone
// found recall@1 of 0.77 at a target of 0.99 in clusters so narrow that codes hardly tell rows apart, this one 0.99.
// src/am/README.md has the figures.
constexpr double kMissedShare = 0.2;
constexpr double kMissedShareBeyond = 8;

constexpr Candidate kNothingDone = {-std::numeric_limits<float>::infinity(), 0, 0};
constexpr uint64_t kNoEnd = std::numeric_limits<uint64_t>::max();

}  // namespace

uint64_t RowsAsked(int64_t limit, int64_t offset, double rows_for_one) noexcept {
    const double rows = (double(limit) + double(offset)) * rows_for_one;
    if (!(rows > 0)) return 0;
    return rows < 1e18 ? uint64_t(rows) : uint64_t(1e18);
}

uint64_t RowsExpected(uint64_t asked, uint64_t took) noexcept {
    return std::clamp<uint64_t>(asked > 0 ? asked : took > 0 ? took : kUsualRows, 1, kMostExpected);
}

uint32_t RoundRules::AllowedLists(uint64_t entries_seen, uint32_t fewest, uint32_t wanted) const noexcept {
    if (max_rows == 0 || wanted <= fewest) return wanted;
    const double left = std::max(0.0, (double(max_rows) - double(entries_seen)) / std::max(1.0, rows_a_list));
    return std::max(fewest, uint32_t(std::min<double>(wanted, fewest + left)));
}

// ---- what to do next

void ScanRounds::Begin(const RoundRules& rules, const RoundSettings& settings, uint64_t expected) noexcept {
    rules_ = rules;
    settings_ = settings;
    counts_ = RoundCounts();
    asked_ = expected;
    Promise(expected);
    const size_t few = rules.limit_known ? std::max<size_t>(kLeastCapacity, kRowsPerAsked * asked_)
                                         : std::max<size_t>(kFirstCapacity, asked_);
    capacity_ = Fitting(rules.reorders ? EntriesToCollect() : few);
    collected_before_ = collected_ = calibrated_ = reordered_ = pending_count_ = count_ = next_ = 0;
    entries_seen_ = lists_counted_ = 0;
    overflowed_ = widening_ = false;
    done_before_split_ = done_after_split_ = done_in_old_lists_ = kNothingDone;
    OpenWindow(0, settings.lists);
}

RoundStep ScanRounds::Next() {
    for (;;) switch (phase_) {
            case Phase::kRows:
                if (HasRow()) return {RoundStep::kReturn, 0, 0, 0, 0};
                Decide();
                break;
            case Phase::kChoosing: return {RoundStep::kChoose, 0, 0, promised_ * kPromiseGrowth, 0};
            case Phase::kWidening: Widen(); break;
            case Phase::kOpening:
            case Phase::kGrowing: return {RoundStep::kOpen, list_end_, wanted_end_, 0, 0};
            case Phase::kRound: BeginRound(); break;
            case Phase::kOldLists:
                if (list_begin_ < split_) return SearchStep(list_begin_, split_, done_before_split_);
                phase_ = Phase::kNewLists;
                break;
            case Phase::kNewLists:
                if (split_ < list_end_) return SearchStep(split_, list_end_, done_after_split_);
                phase_ = Phase::kCollected;
                break;
            case Phase::kCollected: EndRound(); break;
            case Phase::kOrdering: return OrderStep();
            case Phase::kEnded: return {RoundStep::kEnd, 0, 0, 0, 0};
        }
}

// The present rows were returned, or as many as were promised.
void ScanRounds::Decide() {
    if (counts_.returned >= promised_) {
        phase_ = Phase::kChoosing;
    } else if (HasUnordered()) {
        BeginOrdering();
    } else if (overflowed_) {
        capacity_ = Fitting(capacity_ * (rules_.reorders ? kReorderGrowth : kCapacityGrowth));
        phase_ = Phase::kRound;
    } else if (list_end_ >= rules_.lists || !MayReadMore() || rules_.one_window) {
        phase_ = Phase::kEnded;
    } else {
        // Twice as many lists each time, so that a rare match costs few rounds.
        OpenWindow(list_end_, std::max(settings_.lists, list_end_));
    }
}

// ---- promises

void ScanRounds::Promise(uint64_t rows) noexcept {
    promised_ = settings_.keeps_target && !rules_.one_window ? rows : kNoEnd;
}

size_t ScanRounds::EntriesToCollect() const noexcept {
    const bool spare = settings_.keeps_target && rules_.by_need && !rules_.strict;
    const size_t rows = settings_.reorder_rows;
    if (rows > 0) return spare ? std::max(rows, std::min(rows * kSpare, kMostSpare)) : rows;
    return 16 + asked_ * rules_.rows_per_answer;
}

size_t ScanRounds::Fitting(size_t capacity) const noexcept {
    return std::max<size_t>(1, std::min({capacity, rules_.most_capacity, kMaxCapacity}));
}

// More rows are wanted than were promised: the next promise is kept by more lists or more rows in order, where it needs
// either.
void ScanRounds::Chose(const RoundSettings& settings) noexcept {
    settings_ = settings;
    Promise(promised_ * kPromiseGrowth);
    const uint64_t waiting = count_ - next_;
    if (promised_ < kNoEnd) asked_ = std::max<uint64_t>(promised_ - std::min(promised_, counts_.returned + waiting), 1);
    wanted_end_ =
        rules_.AllowedLists(entries_seen_, list_end_, std::min(std::max(settings.own_lists, list_end_), rules_.lists));
    widening_ = split_ == list_end_ && wanted_end_ > list_end_ && MayReadMore();
    phase_ = Phase::kWidening;
}

// Whether the entries of this round that are done reach as far as what was done in the old lists before: else one bound
// for all lists of the window would let entries of the old ones through a second time.
bool ScanRounds::PastOldLists() noexcept {
    const size_t done = EntriesDone();
    return done > 0 && !NearerFirst()(collector_.Take(done - 1), done_in_old_lists_);
}

// The window grows after as many rows are put in order as that takes.
void ScanRounds::Widen() {
    if (!widening_) return GoOnWithoutLists();
    if (HasUnordered() && !PastOldLists()) return BeginOrdering();
    widening_ = false;
    if (!PastOldLists()) return GoOnWithoutLists();
    if (EntriesDone() < collected_) done_before_split_ = collector_.Take(EntriesDone() - 1);
    phase_ = Phase::kGrowing;
}

void ScanRounds::GoOnWithoutLists() {
    phase_ = Phase::kRows;
    if (!rules_.reorders) return;
    if (HasUnordered()) return BeginOrdering();
    if (!overflowed_) return;
    GrowForPromise();
    phase_ = Phase::kRound;
}

void ScanRounds::GrowForPromise() noexcept {
    if (!rules_.reorders) return;
    const size_t wanted = EntriesToCollect(), done = collected_before_ + EntriesDone();
    capacity_ = Fitting(rules_.entries_by_hand ? capacity_ * kReorderGrowth
                                               : std::max(wanted - std::min(wanted, done), capacity_));
}

// ---- windows

void ScanRounds::OpenWindow(uint32_t begin, uint32_t count) noexcept {
    list_begin_ = list_end_ = split_ = begin;
    wanted_end_ = begin + std::min(count, rules_.lists - begin);
    phase_ = Phase::kOpening;
}

void ScanRounds::Opened(uint32_t end) noexcept {
    counts_.lists += end - list_end_;
    split_ = list_end_;
    list_end_ = end;
    // In strict order nothing nearer than what was returned is wanted. Reordered rows are compared later.
    const bool bounded = rules_.strict && !rules_.reorders && counts_.returned > 0;
    done_after_split_ = bounded ? Candidate{last_.distance, 0, last_.tid} : kNothingDone;
    if (phase_ == Phase::kGrowing) GrowForPromise();
    phase_ = Phase::kRound;
}

// ---- a round

void ScanRounds::BeginRound() {
    const size_t done = EntriesDone();
    if (counts_.rounds == 0) {
        if (rules_.replicas) met_.Reset(0);
    } else {
        for (size_t i = 0; rules_.replicas && i < done; i++) met_.Add(RowOf(collector_.Take(i)), 0);
        collected_before_ += done;
    }
    collector_.Reset(capacity_);
    counts_.rounds++;
    done_in_old_lists_ = split_ > list_begin_ ? done_before_split_ : kNothingDone;
    phase_ = Phase::kOldLists;
}

RoundStep ScanRounds::SearchStep(uint32_t from, uint32_t to, const Candidate& behind) noexcept {
    if (behind.distance > kNothingDone.distance) collector_.SetLowerBound(behind.distance, behind.tid);
    else collector_.ClearLowerBound();
    return {RoundStep::kSearch, from, to, 0, 0};
}

void ScanRounds::Searched(uint64_t entries_scored) noexcept {
    const bool old_lists = phase_ == Phase::kOldLists;
    const uint32_t end = old_lists ? split_ : list_end_;
    if (end > lists_counted_) {
        entries_seen_ += entries_scored;
        lists_counted_ = end;
    }
    phase_ = old_lists ? Phase::kNewLists : Phase::kCollected;
}

// How far both parts of the window were collected. The farthest entry of a round that had no room for all may lie
// before what an earlier round had reached in the old lists: then the parts stay apart.
void ScanRounds::NoteCollected() noexcept {
    if (collected_ == 0) return;
    const Candidate farthest = collector_.Farthest();
    done_after_split_ = farthest;
    if (split_ > list_begin_ && NearerFirst()(farthest, done_before_split_)) return;
    done_before_split_ = farthest;
    split_ = list_end_;
}

void ScanRounds::EndRound() {
    collector_.Select(&collected_, &overflowed_);
    NoteCollected();
    const size_t entries = collected_;
    if (rules_.replicas) collected_ = collector_.DropReplicas(&found_, met_);
    // The calibration counts entries.
    const size_t usual = settings_.reorder_rows;
    calibrated_ = usual == 0 || usual >= entries ? collected_ : collected_ * usual / entries;
    counts_.collected += collected_;
    if (rules_.reorders) {
        reordered_ = 0;
        BeginOrdering();
    } else {
        next_ = 0;
        count_ = collected_;
        phase_ = Phase::kRows;
    }
}

// ---- putting in order

// The next of the collected rows: as many as seem to be needed, or, when the executor has had those, as many again.
// Rows that wait from before join them.
void ScanRounds::BeginOrdering() {
    SetPendingAside();
    const bool first = reordered_ == 0;
    const bool all = rules_.strict || !rules_.by_need;
    ordering_by_need_ = first && !all;
    order_end_ = first || all ? collected_ : std::min(collected_, 2 * reordered_);
    next_ = count_ = 0;
    if (results_.size() < collected_ + pending_count_) results_.Resize(collected_ + pending_count_);
    if (rules_.reorders) stop_.Reset(ordering_by_need_ ? asked_ : 0);
    phase_ = Phase::kOrdering;
    if (reordered_ >= order_end_) FinishOrdering();
}

RoundStep ScanRounds::OrderStep() const noexcept {
    const uint64_t left = order_end_ - reordered_;
    const uint64_t step = ordering_by_need_ ? std::max<uint64_t>(kOrderStep, asked_ / 4) : left;
    return {RoundStep::kOrder, 0, 0, std::min(step, left), left};
}

Candidate* ScanRounds::Lend(size_t n) noexcept {
    Candidate* lent = results_.data() + count_;
    for (size_t i = 0; i < n; i++) lent[i] = collector_.Take(reordered_ + i);
    return lent;
}

void ScanRounds::Ordered(size_t n) noexcept {
    reordered_ += n;
    counts_.reordered += n;
    if (reordered_ >= order_end_ || (ordering_by_need_ && MayStop())) FinishOrdering();
}

bool ScanRounds::MayStop() noexcept {
    const float next_code = collector_.Take(reordered_).distance;
    const size_t usual = std::min(calibrated_, order_end_);
    if (reordered_ < usual) return stop_.Enough(next_code, usual - reordered_, kMissedShare * rules_.may_miss);
    return stop_.Enough(next_code, order_end_ - reordered_, kMissedShareBeyond * rules_.may_miss);
}

void ScanRounds::FinishOrdering() noexcept {
    if (pending_count_ > 0) {
        std::memcpy(results_.data() + count_, pending_.data(), sizeof(Candidate) * pending_count_);
        count_ += pending_count_;
        pending_count_ = 0;
    }
    std::sort(results_.data(), results_.data() + count_, NearerFirst());
    if (rules_.strict) DropNearerThanLast();
    phase_ = widening_ ? Phase::kWidening : Phase::kRows;
}

void ScanRounds::SetPendingAside() {
    pending_count_ = count_ - next_;
    if (pending_count_ == 0) return;
    if (pending_.size() < pending_count_) pending_.Resize(pending_count_);
    std::memcpy(pending_.data(), results_.data() + next_, sizeof(Candidate) * pending_count_);
}

// strict: rows that should have come before the last one returned are left out.
void ScanRounds::DropNearerThanLast() noexcept {
    if (counts_.returned == 0) return;
    Candidate* end = std::remove_if(results_.data(), results_.data() + count_,
                                    [this](const Candidate& row) { return row.distance < last_.distance; });
    count_ = size_t(end - results_.data());
}

}  // namespace vectorq
