// Making another epoch of an index in use (maintain/README.md, Renewal): what all who do have in common.
#pragma once
#include "core/page/posting_page.h"
#include "store/page_sink.h"
#include "store/posting_builder.h"
#include "store/meta.h"

namespace vectorq {

// What *next, as a build or another epoch describes it, has of the index: numbers, and nothing of the rows yet.
void number_epoch(const MetaPage* meta, MetaPage* next, uint32 free_unit);
// A directory without rows. Everything that the meta page names but rows has to be there before the epoch is published.
void write_empty_directory(PageSink* sink, MetaPage* next);
// From here on inserts put rows into both epochs.
void publish_epoch(Relation index, const MetaPage* next);
// Makes the next meta page known as it is now, with it how far rows were copied. resting: the vacuum may end here, and
// another one goes on; else it would have to begin anew.
void note_copied(Relation index, const MetaPage* next, bool resting);
// Puts the chain that was written for each list (w->directory, w->summaries) before that of the rows that came
// meanwhile, or were copied before.
void attach_lists(Relation index, const MetaPage* next, const PostingBuilder* w);
// Scans that begin from here on search the new lists. One record.
void switch_epochs(Relation index, MetaPage* next);

}  // namespace vectorq
