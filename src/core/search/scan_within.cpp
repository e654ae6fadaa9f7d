// The part of scan_rounds.h that is about scans with a bound: how many rows are within, and whether the lists and the
// entries that were looked at are enough for them.
#include <algorithm>
#include <cmath>

#include "core/search/scan_rounds.h"

namespace vectorq {

namespace {

// What the room for entries grows by at once, where there is too little of it.
constexpr size_t kWithinGrowth = 16;
// Of fewer lists the last do not tell what others have. What lists are extended to, as a multiple.
constexpr uint32_t kFewestLists = 4;
constexpr double kFurtherLists = 1.5;
// Settings do for so many times the rows that they are for.
constexpr double kRowsSlack = 1.1;
// No target wants more: a share of the rows within that is met, at least.
constexpr double kLeastShare = 0.05;

}  // namespace

uint64_t ScanRounds::FirstRows(const RoundRules& rules, uint64_t expected) noexcept {
    return rules.bounded && !rules.one_window ? std::min(expected, kUsualRows) : expected;
}

// Where so many were met, so many are within: the settings find the target's share of them.
uint64_t ScanRounds::RowsToProvideFor(uint64_t within) const noexcept {
    const double rows = std::ceil(double(within) / std::max(kLeastShare, 1 - rules_.may_miss));
    return std::min(promised_, uint64_t(rows));
}

// That were collected, by their codes.
uint64_t ScanRounds::RowsWithin() {
    return rules_.replicas ? collector_.RowsWithin(rules_.code_bound, &found_)
                           : collector_.EntriesWithin(rules_.code_bound);
}

// The window has been searched. Codes tell about how many rows are within: before rows are put in order, there may be
// room for them, and the lists that they lie in. Rows may lie in clusters, many of which begin where a bound ends: so
// it goes on, too, while the last lists brought more rows than the target lets a scan miss.
void ScanRounds::EndBoundedSearch() {
    const size_t entries = collector_.EntriesWithin(rules_.code_bound), room = Fitting(kWithinGrowth * capacity_);
    if (collector_.overflowed() && 2 * entries > capacity_ && counts_.returned + capacity_ < promised_ &&
        room > capacity_) {
        capacity_ = room;
        return StartSearch();
    }
    if (!MayExtend() || !settings_.keeps_target) return EndRound();
    const uint64_t within = RowsWithin(), rows = RowsToProvideFor(within);
    if (rows > settings_rows_ || FewerMatch()) {
        settings_rows_ = std::max(settings_rows_, rows);
        phase_ = Phase::kJudging;
    } else if (within == 0 || counts_.returned + within >= promised_) {
        EndRound();
    } else if (list_end_ < kFewestLists) {
        Extend(kFewestLists);
    } else if (double(within - rows_noted_) > evidence_.NewRowsAllowed(within, list_end_, rules_.may_miss)) {
        Extend(kFurtherLists * list_end_);
    } else {
        EndRound();
    }
}

// Rows within are at hand. Before they are returned: whether there are more.
void ScanRounds::DecideWithin() {
    const uint64_t waiting = count_ - next_, rows = counts_.returned + waiting;
    phase_ = Phase::kRows;
    // As many as are wanted, or as fit into memory.
    if (rows >= promised_ || (waiting > 0 && waiting >= Fitting(kMostCollected))) return;
    if (waiting > 0 && !rules_.reorders && overflowed_ && MoreRoom() <= capacity_) return;
    if (!bound_reached_ && HasUnordered()) return BeginOrdering();
    if (!bound_reached_ && overflowed_) {
        capacity_ = MoreRoom();
        return RepeatRound();
    }
    if (in_rest_ || !NeedsWiderWindow(rows)) {
        all_met_ = true;
    } else if (!rules_.one_window && MayReadMore() && num_segments_ < kMostSegments) {
        rows_before_ = rows;
        if (!settings_.keeps_target) return WidenWindow(2.0 * list_end_);
        settings_rows_ = RowsToProvideFor(rows);
        phase_ = Phase::kWidening;
    } else if (waiting == 0) {
        phase_ = Phase::kEnded;
    }
}

bool ScanRounds::NeedsWiderWindow(uint64_t rows) noexcept {
    if (list_end_ >= rules_.lists) return false;
    if (settings_.keeps_target) return double(RowsToProvideFor(rows)) > kRowsSlack * double(settings_rows_);
    // Nobody knows which lists it takes: until a window brings few of the rows.
    if (rules_.lists_by_hand) return false;
    return rules_.may_miss == 0 || double(rows - rows_before_) > rules_.may_miss * double(rows);
}

void ScanRounds::WidenWindow(double lists) noexcept {
    const uint32_t wanted = uint32_t(std::min<double>(lists, rules_.lists));
    phase_ = Phase::kWithin;
    if (wanted <= list_end_) return;
    wanted_end_ = rules_.AllowedLists(entries_seen_, list_end_ + 1, wanted);
    if (WantsAllWithin()) asked_ = settings_rows_;
    NoteDone();
    phase_ = Phase::kGrowing;
}

}  // namespace vectorq
