// What the rows that live have in common in their key columns, list by list: vacuum's pass over the pages finds out,
// and narrows the summaries in the directory to it. maintain/README.md, Summaries, says why no row is lost to one.
#pragma once
#include "core/page/posting_page.h"
#include "maintain/list_table.h"

namespace vectorq {

struct LiveSummaries {
    const KeyColumns* keys;
    char* summaries;  // (lists, bytes); NULL without key columns
    Size bytes;       // of a list
};

// Before the first page is read. keys stay the caller's.
LiveSummaries begin_live_summaries(Relation index, const MetaPage* meta, const KeyColumns* keys);
void end_live_summaries(LiveSummaries* live);
// Adds the rows of a segment but those that `dead` marks.
void summarize_segment(const LiveSummaries* live, const PostingGeometry* g, const char* segment, const bool* dead);
// Narrows the summary of a list, a copy of the directory's, unless a row has come since the begin. True if it has
// changed.
bool tighten_summary(const LiveSummaries* live, uint32 list, char* summary);

}  // namespace vectorq
