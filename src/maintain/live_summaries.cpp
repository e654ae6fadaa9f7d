// See live_summaries.h.
#include "maintain/live_summaries.h"

#include "core/filter/list_summary.h"
#include "store/segments.h"

namespace vectorq {

LiveSummaries begin_live_summaries(Relation index, const MetaPage* meta, const KeyColumns* keys) {
    LiveSummaries live = {keys, NULL, KeySummaryBytes(*keys)};
    if (live.bytes == 0) return live;
    live.summaries = static_cast<char*>(palloc_extended(live.bytes * meta->lists, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO));
    mark_summaries(index, meta);
    return live;
}

void end_live_summaries(LiveSummaries* live) {
    if (live->summaries != NULL) pfree(live->summaries);
}

void summarize_segment(const LiveSummaries* live, const PostingGeometry* g, const char* segment, const bool* dead) {
    if (live->summaries == NULL) return;
    const SegmentHeader* header = HeaderOf(segment);
    const SegmentLayout layout = LayoutOf(*g, header->capacity);
    char* summary = live->summaries + header->list * live->bytes;
    char packed[kMostPackedKeyBytes];
    for (uint32 slot = 0; slot < header->count; slot++) {
        if (dead[slot]) continue;
        TakeKeys(*g, layout, segment, header->capacity, slot, packed);
        Widen(*live->keys, summary, packed);
    }
}

bool tighten_summary(const LiveSummaries* live, uint32 list, char* summary) {
    if (live->summaries == NULL || !no_row_since(summary)) return false;
    char* narrow = live->summaries + list * live->bytes;
    mark_summary(narrow, true);
    if (memcmp(narrow, summary, live->bytes) == 0) return false;
    memcpy(summary, narrow, live->bytes);
    return true;
}

}  // namespace vectorq
