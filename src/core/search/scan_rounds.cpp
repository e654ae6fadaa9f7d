// See scan_rounds.h.
#include "core/search/scan_rounds.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

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
// Rows that a scan goes on for when the promised ones do not suffice.
constexpr uint64_t kPromiseGrowth = 2;
// Rows that are prepared for before any is taken: a LIMIT may be larger than what is ever fetched.
constexpr uint64_t kMostExpected = 10000;
// A share of matches that is less than the one the settings are for, by more than this, takes other settings.
constexpr double kShareLess = 0.9;
// What lists are extended to, as a multiple: for further matches, and where there are fewer than are asked for.
constexpr double kFurtherLists = 1.5, kMoreLists = 2;
// Where the rows within a bound alone are collected.
constexpr size_t kWithinCapacity = 4096;
// Rows whose nearness tells whether lists are enough: more tell no more.
constexpr uint64_t kMostEvidence = 1000;

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
    const double left =
        std::max(0.0, (double(max_rows) * entries_a_row - double(entries_seen)) / std::max(1.0, rows_a_list));
    return std::max(fewest, uint32_t(std::min<double>(wanted, fewest + left)));
}

// ---- what to do next

double ScanRounds::FirstShare(const RoundRules& rules) noexcept {
    if (!rules.filtered) return 1;
    const double share = std::clamp(rules.share, 1e-9, 1.0);
    return rules.one_window ? share : std::sqrt(share);
}

void ScanRounds::Begin(const RoundRules& rules, const RoundSettings& settings, uint64_t expected) noexcept {
    rules_ = rules;
    settings_ = settings;
    counts_ = RoundCounts();
    settings_rows_ = FirstRows(rules, expected);
    asked_ = WantsAllWithin() ? settings_rows_ : expected;
    Promise(expected);
    const size_t few = WantsAllWithin()    ? kWithinCapacity
                       : rules.limit_known ? std::max<size_t>(kLeastCapacity, kRowsPerAsked * asked_)
                                           : std::max<size_t>(kFirstCapacity, asked_);
    capacity_ = Fitting(rules.reorders ? WantedEntries() : few);
    collected_before_ = collected_ = calibrated_ = reordered_ = pending_count_ = count_ = next_ = 0;
    entries_seen_ = lists_counted_ = rows_before_ = 0;
    overflowed_ = left_out_ = in_rest_ = bound_reached_ = all_met_ = false;
    farthest_ = kNothingDone;
    settings_share_ = FirstShare(rules);
    evidence_.Begin(rules.share);
    OpenWindow(0, settings.lists);
}

RoundStep ScanRounds::Next() {
    for (;;) switch (phase_) {
            case Phase::kRows:
                if (HasRow()) return {RoundStep::kReturn, 0, 0, 0, 0};
                Decide();
                break;
            case Phase::kChoosing: return ChooseStep(promised_ * kPromiseGrowth);
            case Phase::kJudging: return ChooseStep(rules_.bounded ? settings_rows_ : promised_);
            case Phase::kWidening: return ChooseStep(settings_rows_);
            case Phase::kWithin: DecideWithin(); break;
            case Phase::kSameLists: GoOnWithoutLists(); break;
            case Phase::kOpening:
            case Phase::kGrowing:
            case Phase::kExtending: return {RoundStep::kOpen, list_end_, wanted_end_, 0, 0};
            case Phase::kRound: BeginRound(); break;
            case Phase::kSearching:
                while (segment_ < num_segments_ && segments_[segment_].end <= searched_to_) segment_++;
                if (segment_ < num_segments_) return SearchStep();
                phase_ = Phase::kCollected;
                break;
            case Phase::kCollected: EndSearch(); break;
            case Phase::kOrdering: return OrderStep();
            case Phase::kEnded: return {RoundStep::kEnd, 0, 0, 0, 0};
        }
}

// The present rows were returned, or as many as were promised.
void ScanRounds::Decide() {
    if (counts_.returned >= promised_) {
        phase_ = Phase::kChoosing;
    } else if (rules_.bounded && !all_met_) {
        DecideWithin();
    } else if (rules_.bounded) {
        if (left_out_ && InOrder() && rules_.order == RoundOrder::kStrictThenRest) BeginRest();
        else phase_ = Phase::kEnded;
    } else if (HasUnordered()) {
        BeginOrdering();
    } else if (overflowed_) {
        capacity_ = MoreRoom();
        RepeatRound();
    } else if (list_end_ >= rules_.lists || !MayReadMore() || rules_.one_window) {
        if (left_out_ && InOrder() && rules_.order == RoundOrder::kStrictThenRest) BeginRest();
        else phase_ = Phase::kEnded;
    } else {
        // Twice as many lists each time, so that a rare match costs few rounds.
        OpenWindow(list_end_, std::max(settings_.lists, list_end_));
    }
}

// ---- promises

void ScanRounds::Promise(uint64_t rows) noexcept {
    promised_ = settings_.keeps_target && !rules_.one_window && !WantsAllWithin() ? rows : kNoEnd;
    returned_before_ = counts_.returned;
}

size_t ScanRounds::WantedEntries() const noexcept {
    const bool spare = settings_.keeps_target && !OrdersAll();
    return EntriesToCollect(settings_.reorder_rows, spare ? kSpareOfScan : 1, asked_, rules_.rows_per_answer);
}

size_t ScanRounds::Fitting(size_t capacity) const noexcept {
    return std::max<size_t>(1, std::min({capacity, rules_.most_capacity, kMostCollected}));
}

size_t ScanRounds::MoreRoom() const noexcept {
    return Fitting(capacity_ * (rules_.reorders ? kReorderGrowth : kCapacityGrowth));
}

// Than the settings are for.
bool ScanRounds::FewerMatch() const noexcept {
    return rules_.filtered && evidence_.share() < kShareLess * settings_share_;
}

RoundStep ScanRounds::ChooseStep(uint64_t rows) noexcept {
    if (rules_.filtered) settings_share_ = evidence_.share();
    return {RoundStep::kChoose, 0, 0, rows, 0, settings_share_};
}

// More rows are wanted than were promised: the next promise is kept by more lists or more rows in order, where it needs
// either.
void ScanRounds::Chose(const RoundSettings& settings) noexcept {
    settings_ = settings;
    if (phase_ == Phase::kJudging) return Extend(settings.own_lists);
    if (phase_ == Phase::kWidening) return WidenWindow(settings.own_lists);
    Promise(promised_ * kPromiseGrowth);
    settings_rows_ = std::max(settings_rows_, promised_ < kNoEnd ? promised_ : 0);
    const uint64_t waiting = count_ - next_;
    if (promised_ < kNoEnd) asked_ = std::max<uint64_t>(promised_ - std::min(promised_, counts_.returned + waiting), 1);
    wanted_end_ =
        rules_.AllowedLists(entries_seen_, list_end_, std::min(std::max(settings.own_lists, list_end_), rules_.lists));
    if (wanted_end_ > list_end_ && num_segments_ < kMostSegments && MayReadMore()) {
        NoteDone();
        phase_ = Phase::kGrowing;
    } else {
        phase_ = Phase::kSameLists;
    }
}

void ScanRounds::GoOnWithoutLists() {
    phase_ = Phase::kRows;
    if (!rules_.reorders || rules_.bounded) return;
    if (HasUnordered()) return BeginOrdering();
    if (!overflowed_) return;
    GrowForPromise();
    RepeatRound();
}

void ScanRounds::GrowForPromise() noexcept {
    if (!rules_.reorders) return;
    const size_t wanted = WantedEntries(), done = collected_before_ + EntriesDone();
    capacity_ = Fitting(rules_.entries_by_hand ? capacity_ * kReorderGrowth
                                               : std::max(wanted - std::min(wanted, done), capacity_));
}

// ---- windows

void ScanRounds::OpenWindow(uint32_t begin, uint32_t count) noexcept {
    list_begin_ = list_end_ = begin;
    num_segments_ = 0;
    wanted_end_ = begin + std::min(count, rules_.lists - begin);
    phase_ = Phase::kOpening;
}

void ScanRounds::Opened(uint32_t end) {
    counts_.lists += end - list_end_;
    list_end_ = end;
    // In order nothing nearer than what was returned is wanted. Reordered rows are compared later.
    const bool bounded = InOrder() && !rules_.reorders && counts_.returned > 0;
    AddSegment(bounded ? Candidate{last_.distance, 0, last_.tid} : kNothingDone);
    left_out_ = left_out_ || bounded;
    if (phase_ == Phase::kExtending) {
        segment_ = num_segments_ - 1;
        phase_ = Phase::kSearching;
        PlanCheckpoint();
        return;
    }
    if (phase_ == Phase::kGrowing) GrowForPromise();
    phase_ = Phase::kRound;
}

// The lists that were opened last. Where a round is extended they are one segment with those before that are done as
// far.
void ScanRounds::AddSegment(const Candidate& done) noexcept {
    const Segment* before = num_segments_ > 0 ? &segments_[num_segments_ - 1] : nullptr;
    const bool as_far = before != nullptr && before->done.distance == done.distance && before->done.tid == done.tid;
    if (!as_far || phase_ != Phase::kExtending) num_segments_++;
    segments_[num_segments_ - 1] = {list_end_, done};
}

// The round at hand is left. How far it got counts for all of its segments, but for those that were done farther:
// others brought nearer rows.
void ScanRounds::NoteDone() noexcept {
    const size_t done = EntriesDone(), segments = num_segments_;
    bool joins = false;
    if (done == 0 && collected_ > 0) return;
    const Candidate last = done < collected_ ? collector_.Take(done - 1) : farthest_;
    num_segments_ = 0;
    for (size_t i = 0; i < segments; i++) {
        Segment segment = segments_[i];
        const bool as_far = !NearerFirst()(last, segment.done);
        if (as_far) segment.done = last;
        // Those that are done as far become one.
        if (as_far && joins) num_segments_--;
        joins = as_far;
        segments_[num_segments_++] = segment;
    }
}

void ScanRounds::RepeatRound() noexcept {
    NoteDone();
    phase_ = Phase::kRound;
}

// ---- rows that came too late

// To be called before the rows at hand are forgotten.
void ScanRounds::NoteReturned() {
    if (rules_.order != RoundOrder::kStrictThenRest || in_rest_) return;
    for (size_t i = 0; i < next_; i++) returned_.Add(RowOf(rules_.reorders ? results_[i] : collector_.Take(i)), 0);
}

// All lists once more, for the rows that were not returned.
void ScanRounds::BeginRest() {
    NoteReturned();
    in_rest_ = true;
    all_met_ = false;
    std::swap(met_, returned_);
    collected_ = reordered_ = count_ = next_ = 0;
    promised_ = kNoEnd;
    list_begin_ = 0;
    num_segments_ = 1;
    segments_[0] = {list_end_, kNothingDone};
    phase_ = Phase::kRound;
}

// ---- a round

void ScanRounds::BeginRound() {
    const size_t done = EntriesDone();
    if (counts_.rounds == 0) {
        if (rules_.replicas) met_.Reset(0);
        if (rules_.order == RoundOrder::kStrictThenRest) returned_.Reset(0);
    } else {
        for (size_t i = 0; rules_.replicas && i < done; i++) met_.Add(RowOf(collector_.Take(i)), 0);
        if (!rules_.reorders) NoteReturned();
        collected_before_ += done;
    }
    counts_.rounds++;
    StartSearch();
}

void ScanRounds::StartSearch() {
    collector_.Reset(capacity_);
    if (rules_.bounded && !rules_.reorders) collector_.SetLimit(rules_.code_bound);
    segment_ = 0;
    searched_to_ = list_begin_;
    phase_ = Phase::kSearching;
    PlanCheckpoint();
}

// Of the segment at hand, where the next search ends: at the checkpoint, if that lies within.
uint32_t ScanRounds::EndOfStep() const noexcept {
    const uint32_t end = segments_[segment_].end;
    return searched_to_ < checkpoint_ && checkpoint_ < end ? checkpoint_ : end;
}

RoundStep ScanRounds::SearchStep() noexcept {
    const Segment& segment = segments_[segment_];
    if (segment.done.distance > kNothingDone.distance)
        collector_.SetLowerBound(segment.done.distance, segment.done.tid);
    else collector_.ClearLowerBound();
    return {RoundStep::kSearch, searched_to_, EndOfStep(), 0, 0};
}

void ScanRounds::Searched(const SearchedEntries& entries) {
    searched_to_ = EndOfStep();
    if (searched_to_ == checkpoint_) NoteCheckpoint();
    if (searched_to_ <= lists_counted_) return;
    entries_seen_ += entries.read;
    evidence_.Add(entries.asked, entries.matches);
    lists_counted_ = searched_to_;
}

// ---- of a filter: whether the lists are enough

// Rows that the promise is for, less those that were returned.
uint64_t ScanRounds::RowsOfEvidence() const noexcept { return std::min(asked_, kMostEvidence); }

// Only before the first row of a promise is returned: further lists may have nearer ones.
bool ScanRounds::MayExtend() const noexcept {
    return (rules_.filtered || rules_.bounded) && counts_.returned == returned_before_ && !rules_.one_window &&
           !in_rest_ && list_begin_ == 0 && list_end_ < rules_.lists && num_segments_ < kMostSegments && MayReadMore();
}

// Where half of the lists are searched, or, where that is behind, where new lists begin.
void ScanRounds::PlanCheckpoint() {
    checkpoint_ = 0;
    if (MayExtend() && settings_.keeps_target) checkpoint_ = std::max(searched_to_, list_end_ / 2);
    if (checkpoint_ == searched_to_ && checkpoint_ > 0) NoteCheckpoint();
}

void ScanRounds::NoteCheckpoint() {
    if (!rules_.bounded) return evidence_.Note(&collector_, RowsOfEvidence(), checkpoint_);
    rows_noted_ = RowsWithin();
    evidence_.NoteLists(checkpoint_);
}

// The window has been searched. Before its rows are put in order: whether it takes more lists.
void ScanRounds::EndSearch() {
    if (rules_.bounded) return EndBoundedSearch();
    if (!MayExtend()) return EndRound();
    const uint64_t k = RowsOfEvidence();
    if (settings_.keeps_target && promised_ < kNoEnd && FewerMatch()) {
        phase_ = Phase::kJudging;
    } else if (evidence_.NearestRows(&collector_, k) < k && !collector_.overflowed()) {
        Extend(kMoreLists * list_end_);
    } else if (settings_.keeps_target &&
               evidence_.NewRows() > evidence_.NewRowsAllowed(k, list_end_, rules_.may_miss)) {
        Extend(kFurtherLists * list_end_);
    } else {
        EndRound();
    }
}

// To so many lists, if there are more now; else the window is looked at again, which has no other share then.
void ScanRounds::Extend(double lists) noexcept {
    const uint32_t wanted = uint32_t(std::min<double>(std::ceil(lists), rules_.lists));
    wanted_end_ = rules_.AllowedLists(entries_seen_, list_end_ + 1, std::max(wanted, list_end_));
    phase_ = wanted_end_ > list_end_ ? Phase::kExtending : Phase::kCollected;
}

void ScanRounds::EndRound() {
    collector_.Select(&collected_, &overflowed_);
    farthest_ = collected_ > 0 ? collector_.Farthest() : kNothingDone;
    const size_t entries = collected_;
    if (rules_.replicas || in_rest_) collected_ = collector_.DropReplicas(&found_, met_);
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
        phase_ = rules_.bounded ? Phase::kWithin : Phase::kRows;
    }
}

// ---- putting in order

// The next of the collected rows: as many as seem to be needed, or, when the executor has had those, as many again.
// Rows that wait from before join them.
void ScanRounds::BeginOrdering() {
    NoteReturned();
    SetPendingAside();
    const bool first = reordered_ == 0, all = OrdersAll();
    ordering_by_need_ = (first || rules_.bounded) && !all;
    order_end_ = first || all || rules_.bounded ? collected_ : std::min(collected_, 2 * reordered_);
    next_ = count_ = 0;
    if (results_.size() < collected_ + pending_count_) results_.Resize(collected_ + pending_count_);
    if (rules_.reorders) stop_.Reset(ordering_by_need_ && !WantsAllWithin() ? asked_ : 0, rules_.bound);
    bound_reached_ = false;
    phase_ = Phase::kOrdering;
    if (reordered_ >= order_end_) FinishOrdering();
}

RoundStep ScanRounds::OrderStep() const noexcept {
    const uint64_t left = order_end_ - reordered_;
    const uint64_t usual = rules_.bounded ? reordered_ : asked_;
    const uint64_t step = ordering_by_need_ ? std::max<uint64_t>(kOrderStep, usual / 4) : left;
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
    if (reordered_ >= order_end_) return FinishOrdering();
    if (!ordering_by_need_ || !MayStop()) return;
    bound_reached_ = !stop_.HasAll();
    FinishOrdering();
}

bool ScanRounds::MayStop() noexcept {
    const float next_code = collector_.Take(reordered_).distance;
    const size_t usual = std::min(calibrated_, order_end_);
    if (reordered_ < usual) return stop_.Enough(next_code, usual - reordered_, kMissedShare * rules_.may_miss);
    return stop_.Enough(next_code, order_end_ - reordered_, kMissedShareBeyond * rules_.may_miss);
}

void ScanRounds::FinishOrdering() noexcept {
    // Without a better sign: so many entries brought few of the rows within.
    if (rules_.bounded && !ordering_by_need_ && rules_.may_miss > 0)
        bound_reached_ = double(count_) <= rules_.may_miss * double(counts_.returned + count_ + pending_count_);
    if (pending_count_ > 0) {
        std::memcpy(results_.data() + count_, pending_.data(), sizeof(Candidate) * pending_count_);
        count_ += pending_count_;
        pending_count_ = 0;
    }
    std::sort(results_.data(), results_.data() + count_, NearerFirst());
    if (InOrder()) LeaveOutNearerThanLast();
    phase_ = rules_.bounded ? Phase::kWithin : Phase::kRows;
}

void ScanRounds::SetPendingAside() {
    pending_count_ = count_ - next_;
    if (pending_count_ == 0) return;
    if (pending_.size() < pending_count_) pending_.Resize(pending_count_);
    std::memcpy(pending_.data(), results_.data() + next_, sizeof(Candidate) * pending_count_);
}

// Rows that should have come before the last one returned.
void ScanRounds::LeaveOutNearerThanLast() noexcept {
    if (counts_.returned == 0) return;
    Candidate* end = std::remove_if(results_.data(), results_.data() + count_,
                                    [this](const Candidate& row) { return row.distance < last_.distance; });
    left_out_ = left_out_ || end < results_.data() + count_;
    count_ = size_t(end - results_.data());
}

}  // namespace vectorq
