// See next_epoch.h.
#include "maintain/next_epoch.h"

#include <algorithm>

#include "build/build.h"
#include "core/filter/list_summary.h"
#include "pg/fault.h"
#include "pg/page_change.h"
#include "store/directory.h"
#include "store/segments.h"

extern "C" {
#include "access/transam.h"
}

namespace vectorq {

void number_epoch(const MetaPage* meta, MetaPage* next, uint32 free_unit) {
    next->generation = meta->generation + 1;
    next->oldest_generation = meta->oldest_generation;
    next->epoch = meta->upkeep.last_epoch + 1;
    next->upkeep = meta->upkeep;
    next->upkeep.last_epoch = next->upkeep.renewing = next->epoch;
    next->upkeep.free_unit = free_unit;
    next->free_head = kInvalidBlock;
    next->old_run = {0, 0};
    next->postings_start = 1;
    next->rows = meta->rows;
}

void write_empty_directory(PageSink* sink, MetaPage* next) {
    DirectoryEntry* none =
        static_cast<DirectoryEntry*>(palloc_extended(sizeof(DirectoryEntry) * next->lists, MCXT_ALLOC_HUGE));
    std::fill_n(none, next->lists, kNoEntry);
    next->directory = write_directory(sink, none, NULL, next->lists, next->key_columns);
    memset(next->more_directory, 0, sizeof(next->more_directory));
    pfree(none);
}

static void put_next_meta(Relation index, const MetaPage* next) {
    MetaPage published = *next;
    set_meta_crc(&published);
    update_meta(
        index,
        [](MetaPage* meta, void* arg) {
            const MetaPage* published = static_cast<const MetaPage*>(arg);
            const Upkeep& upkeep = published->upkeep;
            meta->upkeep.last_epoch = meta->upkeep.renewing = published->epoch;
            meta->upkeep.resting = upkeep.resting;
            meta->upkeep.batches = upkeep.batches;
            meta->upkeep.copied = upkeep.copied;
            meta->upkeep.stripe = upkeep.stripe;
            *next_meta_on(meta) = *published;
        },
        &published);
}

void publish_epoch(Relation index, const MetaPage* next) {
    VQ_FAULT("renew.publish");
    put_next_meta(index, next);
    VQ_FAULT("renew.published");
}

void note_copied(Relation index, const MetaPage* next, bool resting) {
    MetaPage noted = *next;
    noted.upkeep.resting = resting;
    VQ_FAULT("renew.note");
    put_next_meta(index, &noted);
    VQ_FAULT("renew.noted");
}

static void attach_list(Relation index, const MetaPage* next, const PostingBuilder* w, uint32 list) {
    const DirectoryEntry* made = &w->directory[list];
    VQ_FAULT("renew.attach");
    Buffer directory = lock_directory(index, next, list);
    const DirectoryEntry begun = *directory_entry(next, BufferGetPage(directory), list);
    const SegmentRef last = {made->hint, made->hint_offset};
    Buffer buffer = InvalidBuffer;
    if (begun.head != kInvalidBlock) buffer = read_segment(index, w->geometry, last, list, BUFFER_LOCK_EXCLUSIVE);
    PageChange change = begin_change(index, "attach");
    DirectoryEntry* entry = directory_entry(next, change_page(&change, directory), list);
    *entry = *made;
    if (w->summaries != NULL) Join(w->geometry->keys, summary_of_entry(entry), w->summaries + list * w->summary_bytes);
    if (begun.head != kInvalidBlock) {
        SegmentHeader* header = segment_header(change_page(&change, buffer), last.offset);
        header->next_block = begun.head;
        header->next_offset = static_cast<uint16>(begun.head_offset | (header->next_offset & kSegmentMarks));
        entry->hint = begun.hint;
        entry->hint_offset = begun.hint_offset;
        entry->rows += begun.rows;
        entry->segments = static_cast<uint16>(std::min<uint32>(entry->segments + begun.segments, PG_UINT16_MAX));
    }
    finish_change(&change);
}

void attach_lists(Relation index, const MetaPage* next, const PostingBuilder* w) {
    for (uint32 list = 0; list < next->lists; list++) {
        vacuum_delay();
        if (w->directory[list].head != kInvalidBlock) attach_list(index, next, w, list);
    }
}

void switch_epochs(Relation index, MetaPage* next) {
    VQ_FAULT("renew.switch");
    update_meta(
        index,
        [](MetaPage* meta, void* arg) {
            MetaPage* next = static_cast<MetaPage*>(arg);
            next->upkeep.renewing = next->upkeep.batches = next->upkeep.copied = next->upkeep.stripe = 0;
            next->upkeep.resting = 0;
            next->upkeep.garbage = 1;
            // As in rebalance.cpp, switch_lists().
            next->retire_xid = U64FromFullTransactionId(ReadNextFullTransactionId());
            *meta = *next;
        },
        next);
    VQ_FAULT("renew.switched");
}

}  // namespace vectorq
