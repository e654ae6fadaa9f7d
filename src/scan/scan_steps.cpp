// Does what the rounds of a scan (core/search/scan_rounds.h) ask for, with pages.
#include <algorithm>

#include "core/simd/metric_distance.h"
#include "scan/list_filter.h"
#include "scan/reorder.h"
#include "store/list_uses.h"
#include "scan/scan_state.h"
#include "core/calibrate/effort.h"
#include "pg/entry.h"

namespace vectorq {

RoundSettings settings_for(ScanState* state, uint64 rows, double share) {
    const IndexCache* cache = state->search.cache;
    const Settings* session = &state->plan.session;
    state->choice = choose_settings(session, &cache->meta, &cache->calibration, static_cast<double>(rows));
    // Matches lie as far as rows / share rows do, but only they are put in order.
    if (share < 1)
        state->choice.nprobe =
            choose_settings(session, &cache->meta, &cache->calibration, static_cast<double>(rows) / share).nprobe;
    RoundSettings settings;
    settings.lists = state->choice.nprobe;
    settings.own_lists = state->choice.by_effort
                             ? ListsWithEffort(state->choice.nprobe, state->chooser.effort, cache->compact.entries)
                             : state->choice.nprobe;
    settings.reorder_rows = state->choice.reorder_rows;
    settings.keeps_target = state->choice.target > 0;
    return settings;
}

// ---- lists

// Of the first window, lists much farther than the nearest are left out. They come first in the next window if the
// executor asks for more rows.
static uint32 pruned_end(Relation index, ScanState* state, uint32 end) {
    const ListScore* lists = state->chooser.scores;
    const float norm = centroid_distance_norm(index, state->search.cache, &state->chooser, lists[0].list);
    return PrunedEnd(state->search.codec.metric, lists, end, norm, state->plan.session.prune_epsilon);
}

// The first lists, as many as this query takes where the mean query takes `mean`; returns how many.
static uint32 open_first_lists(Relation index, ScanState* state, uint32 mean) {
    IndexCache* cache = state->search.cache;
    uint32 count = mean;
    if (state->choice.by_effort) {
        const uint32 own = choose_lists_with_effort(index, cache, &state->chooser, state->search.code_query, mean,
                                                    &cache->calibration.effort);
        count = state->rounds->AllowedLists(std::min(own, mean), own);
    } else {
        choose_lists(index, cache, &state->chooser, state->search.code_query, mean);
    }
    if (state->search.null_query) return count;
    if (state->plan.session.prune_epsilon > 0) count = pruned_end(index, state, count);
    note_list_uses(index, &cache->meta, state->chooser.scores, count);
    return count;
}

// Lists [from, to) become known and ordered; returns the end.
static uint32 open_lists(Relation index, ScanState* state, uint32 from, uint32 to) {
    if (from == 0) to = open_first_lists(index, state, to);
    else choose_more_lists(index, state->search.cache, &state->chooser, from, to - from);
    state->search.lists = state->chooser.scores;
    return to;
}

static SearchedEntries search_lists(Relation index, ListSearch* search, uint32 from, uint32 to) {
    const uint64 read_before = search->entries_read;
    if (search->filter != NULL) search->filter->asked = search->filter->matches = 0;
    search->list_begin = from;
    search->list_end = to;
    scan_lists(index, search);
    check_recovery_conflict(index, search->cache);
    SearchedEntries entries;
    entries.read = search->entries_read - read_before;
    if (search->filter != NULL) {
        entries.asked = search->filter->asked;
        entries.matches = search->filter->matches;
    }
    return entries;
}

// ---- rows

void note_stats(IndexScanDesc scan, const ScanState* state) {
    const RoundCounts& counts = state->rounds->counts();
    last_scan_stats.index = RelationGetRelid(scan->indexRelation);
    last_scan_stats.target = state->first_target;
    last_scan_stats.target_from = state->plan.target_from;
    last_scan_stats.lists_probed = counts.lists;
    last_scan_stats.entries_scored = state->search.entries_scored;
    last_scan_stats.entries_passed = state->search.entries_read - state->search.entries_scored;
    last_scan_stats.lists_skipped = state->filter.lists != NULL ? state->filter.lists->skipped : 0;
    last_scan_stats.ended_short = state->rounds->ended_short();
    last_scan_stats.rows_collected = counts.collected;
    last_scan_stats.rows_reordered = counts.reordered;
    last_scan_stats.rows_returned = counts.returned;
    last_scan_stats.pages_read = state->search.pages_read;
    last_scan_stats.rounds = counts.rounds;
}

static RoundStep next_step(ScanRounds* rounds) {
    RoundStep step;
    core_call([&step, rounds] { step = rounds->Next(); });
    return step;
}

bool find_rows(IndexScanDesc scan, ScanState* state) {
    ScanRounds* rounds = state->rounds;
    Relation index = scan->indexRelation;
    for (;;) {
        CHECK_FOR_INTERRUPTS();
        const RoundStep step = next_step(rounds);
        const uint64 began = begin_stage(state);
        switch (step.kind) {
            case RoundStep::kChoose: rounds->Chose(settings_for(state, step.rows, step.share)); break;
            case RoundStep::kOpen: {
                const uint32 end = open_lists(index, state, step.from, step.to);
                core_call([end, rounds] { rounds->Opened(end); });
                break;
            }
            case RoundStep::kSearch: {
                const SearchedEntries entries = search_lists(index, &state->search, step.from, step.to);
                core_call([&entries, rounds] { rounds->Searched(entries); });
                break;
            }
            case RoundStep::kOrder: put_in_order(scan, state, step.rows, step.most); break;
            case RoundStep::kReturn: note_stats(scan, state); return true;
            case RoundStep::kEnd: note_stats(scan, state); return false;
        }
        end_stage(state, step.kind, began);
    }
}

}  // namespace vectorq
