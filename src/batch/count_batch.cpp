// What a batch adds to the cumulative statistics of its index. Queries that were asked again by a scan of their own are
// counted as such scans, too.
#include "batch/batch_state.h"
#include "stats/stat_table.h"

namespace vectorq {

void count_batch(const Batch* b) {
    const uint64 reordered = rows_reordered(b);
    StatCounts more = {};
    more[StatCount::kBatches] = 1;
    more[StatCount::kBatchQueries] = b->added + b->block_fill;
    more[StatCount::kListsProbed] = b->lists_read;
    more[StatCount::kPagesRead] = b->state->search.pages_read;
    more[StatCount::kCodesScored] = b->entries_scored;
    more[StatCount::kEntriesReordered] = reordered;
    more[StatCount::kHeapRowsVisited] = b->state->reading.from == Reorder::kHeap ? reordered : b->returned;
    more[StatCount::kRowsReturned] = b->returned;
    add_stats(RelationGetRelid(b->form.index), &more);
}

}  // namespace vectorq
