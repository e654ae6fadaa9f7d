// See list_table.h. maintain/README.md, Rebalancing, has the protocol.
#include "maintain/list_table.h"

#include <algorithm>

#include "core/quantize/compact_centroids.h"
#include "pg/fault.h"
#include "pg/page_change.h"
#include "store/geometry.h"
#include "store/regions.h"
#include "store/segments.h"

namespace vectorq {

static void read_directory_page(Relation index, const MetaPage* meta, uint32 first, AllLists* table) {
    Buffer buffer = lock_directory(index, meta, first, BUFFER_LOCK_SHARE);
    const uint32 end = std::min(first + directory_entries_per_page(meta), table->lists);
    for (uint32 list = first; list < end; list++)
        table->entries[list] = *directory_entry(meta, BufferGetPage(buffer), list);
    UnlockReleaseBuffer(buffer);
}

static void mark_searched(Relation index, const MetaPage* meta, AllLists* table) {
    uint8* bytes = static_cast<uint8*>(palloc_extended(meta->compact.bytes, MCXT_ALLOC_HUGE));
    read_region(index, &meta->compact, PageKind::kCompactCentroids, meta->generation, 0, meta->compact.bytes, bytes);
    if (!CompactFrontIsSound(bytes, meta->live_lists, meta->groups, meta->code_dims))
        report_corruption(index, meta->compact.start, "impossible groups of centroids");
    const uint32 all[2] = {0, meta->live_lists};
    const uint32* start = meta->groups > 0 ? ViewCompactFront(bytes, meta->code_dims).start : all;
    for (uint32 g = 0; g < std::max<uint32>(meta->groups, 1); g++) {
        const uint32 entries = start[g + 1] - start[g];
        const CompactGroup part = ViewCompactGroup(
            bytes + CompactGroupOffset(meta->groups, meta->code_dims, g, start[g]), entries, meta->code_dims);
        for (uint32 i = 0; i < entries; i++) {
            if (part.list[i] >= table->lists)
                report_corruption(index, meta->compact.start, "impossible groups of centroids");
            table->searched[part.list[i]] = 1;
        }
    }
    pfree(bytes);
}

AllLists read_list_table(Relation index, const MetaPage* meta) {
    AllLists table{};
    table.lists = meta->lists;
    table.entries =
        static_cast<DirectoryEntry*>(palloc_extended(sizeof(DirectoryEntry) * meta->lists, MCXT_ALLOC_HUGE));
    table.searched = static_cast<uint8*>(palloc_extended(meta->lists, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO));
    for (uint32 first = 0; first < meta->lists; first += directory_entries_per_page(meta))
        read_directory_page(index, meta, first, &table);
    mark_searched(index, meta, &table);
    return table;
}

void free_list_table(AllLists* table) {
    pfree(table->entries);
    pfree(table->searched);
}

static bool change_state(DirectoryEntry* entry, char*, void* arg) {
    const ListState state = *static_cast<ListState*>(arg);
    if (state >= ListState::kDropped) *entry = kNoEntry;
    entry->state = static_cast<uint8>(state);
    return true;
}

void set_list_state(Relation index, const MetaPage* meta, AllLists* table, uint32 list, ListState state) {
    VQ_FAULT("list_state.set");
    update_directory(index, meta, list, change_state, &state);
    change_state(&table->entries[list], NULL, &state);
}

// Nothing is ever put there: it has no free slot, and others follow. Such segments are left as they are, as a mark on a
// page may cost a full page of WAL.
static bool closes_by_itself(Page page, SegmentRef at) {
    const SegmentHeader* header = segment_header(page, at.offset);
    return has_segment(next_segment(header)) && FreeSlot(segment_at(page, at.offset)) == header->capacity;
}

// Sets or clears the mark of each segment of a chain, from its head to its end: a segment that an insert adds meanwhile
// comes behind one that is not marked yet.
static void mark_chain(Relation index, const MetaPage* meta, uint32 list, bool sealed, BufferAccessStrategy strategy) {
    const PostingGeometry g = meta_geometry(index, meta);
    DirectoryEntry entry;
    read_directory(index, meta, list, &entry);
    uint64 steps = 0;
    for (SegmentRef at = {entry.head, entry.head_offset}; has_segment(at);) {
        CHECK_FOR_INTERRUPTS();
        count_step(index, at, &steps);
        Buffer buffer = read_segment(index, &g, at, list, BUFFER_LOCK_EXCLUSIVE, strategy);
        const SegmentHeader* header = segment_header(BufferGetPage(buffer), at.offset);
        const SegmentRef next = next_segment(header);
        if (segment_is_sealed(header) != sealed && !(sealed && closes_by_itself(BufferGetPage(buffer), at))) {
            PageChange change = begin_change(index, "seal");
            segment_header(change_page(&change, buffer), at.offset)->next_offset ^= kSegmentSealed;
            finish_change(&change);
        } else {
            UnlockReleaseBuffer(buffer);
        }
        at = next;
    }
}

// The directory first: then an empty list gets no first segment any more.
void seal_list(Relation index, const MetaPage* meta, AllLists* table, uint32 list, BufferAccessStrategy strategy) {
    set_list_state(index, meta, table, list, ListState::kSealed);
    mark_chain(index, meta, list, true, strategy);
}

void unseal_list(Relation index, const MetaPage* meta, AllLists* table, uint32 list, BufferAccessStrategy strategy) {
    mark_chain(index, meta, list, false, strategy);
    set_list_state(index, meta, table, list, ListState::kLive);
}

bool may_drop_lists(Relation heap, const MetaPage* meta) {
    return meta->oldest_generation < meta->generation &&
           GlobalVisCheckRemovableFullXid(heap, FullTransactionIdFromU64(meta->retire_xid));
}

static void note_settled(Relation index, MetaPage* known, uint32 oldest_generation) {
    if (known->oldest_generation == oldest_generation && known->replacing == 0) return;
    known->oldest_generation = oldest_generation;
    known->replacing = 0;
    VQ_FAULT("settle.meta");
    update_meta(
        index,
        [](MetaPage* meta, void* arg) {
            meta->oldest_generation = static_cast<MetaPage*>(arg)->oldest_generation;
            meta->replacing = 0;
        },
        known);
}

void settle_lists(Relation index, Relation heap, MetaPage* meta, AllLists* table, BufferAccessStrategy strategy) {
    // Scans on a standby must know before the first page changes.
    if (may_drop_lists(heap, meta)) note_settled(index, meta, meta->generation);
    const bool gone = meta->oldest_generation == meta->generation;
    for (uint32 list = 0; list < table->lists; list++) {
        const ListState state = static_cast<ListState>(table->entries[list].state);
        if (table->searched[list] && state == ListState::kSealed) unseal_list(index, meta, table, list, strategy);
        // Replaced, or written by a vacuum that did not come to its end.
        if (!table->searched[list] && state < ListState::kDropped && gone)
            set_list_state(index, meta, table, list, ListState::kDropped);
        if ((list & 255) == 0) vacuum_delay();
    }
    note_settled(index, meta, meta->oldest_generation);
}

void release_numbers(Relation index, const MetaPage* meta, AllLists* table) {
    for (uint32 list = 0; list < table->lists; list++)
        if (table->entries[list].state == static_cast<uint8>(ListState::kDropped))
            set_list_state(index, meta, table, list, ListState::kUnused);
}

}  // namespace vectorq
