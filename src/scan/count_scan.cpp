// What a scan did, and what it adds, when it ends, to the cumulative statistics of its index.
#include <chrono>

#include "scan/scan_state.h"
#include "stats/stat_table.h"

namespace vectorq {

StatCounts counts_of_scan(const ScanState* state) {
    const RoundCounts& counts = state->rounds->counts();
    StatCounts more = {};
    more[StatCount::kScans] = 1;
    more[StatCount::kShortScans] = state->rounds->ended_short() ? 1 : 0;
    more[StatCount::kRounds] = counts.rounds;
    more[StatCount::kListsProbed] = counts.lists;
    more[StatCount::kPagesRead] = state->search.pages_read;
    more[StatCount::kCodesScored] = state->search.entries_scored;
    more[StatCount::kEntriesReordered] = counts.reordered;
    // The executor visits each row that it is given.
    more[StatCount::kHeapRowsVisited] =
        counts.returned + (state->reading.from == Reorder::kHeap ? counts.reordered : 0);
    more[StatCount::kRowsReturned] = counts.returned;
    more[StatCount::kChooseNanos] = state->times.choose;
    more[StatCount::kSearchNanos] = state->times.search;
    more[StatCount::kOrderNanos] = state->times.order;
    return more;
}

void count_ended_scan(IndexScanDesc scan, ScanState* state) {
    if (!state->started) return;
    const StatCounts counts = counts_of_scan(state);
    add_stats(RelationGetRelid(scan->indexRelation), &counts);
    if (unlikely(state->plan.explained)) add_counts(&state->explained, &counts);
}

static uint64 nanoseconds() {
    return static_cast<uint64>(
        std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
            .count());
}

uint64 begin_stage(const ScanState* state) { return state->plan.session.track_timing ? nanoseconds() : 0; }

void end_stage(ScanState* state, RoundStep::Kind kind, uint64 began) {
    if (began == 0) return;
    const uint64 took = nanoseconds() - began;
    switch (kind) {
        case RoundStep::kOpen: state->times.choose += took; break;
        case RoundStep::kSearch: state->times.search += took; break;
        case RoundStep::kOrder: state->times.order += took; break;
        default: break;
    }
}

}  // namespace vectorq
