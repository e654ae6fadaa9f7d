// See record_writer.h. Room is found through the free space map, which knows the extents with free slots and is
// only a hint: it may be lost or stale, and what it says is checked.
#include "insert/record_writer.h"

#include <algorithm>

#include "pg/fault.h"
#include "pg/page_change.h"
#include "store/extents.h"

namespace vectorq {

void begin_record(const ReorderGeometry* g, ItemPointer heap_tid, char* record) {
    memset(record, 0, g->record_bytes);
    memcpy(record + kRecordTidAt, heap_tid, sizeof(*heap_tid));
}

// A free slot of the extent whose first page is locked, or its capacity when it is full. Looks at the extent's
// other pages, one share lock at a time, only if there are free ones.
static uint32 free_record_slot(Relation index, const ReorderGeometry* g, Buffer head) {
    const ReorderHeader* header = extent_header(BufferGetPage(head));
    for (uint32 part = 0; header->free > 0 && part < g->pages; part++) {
        const SlotRange slots = SlotsOnPage(*g, header->count, part);
        if (slots.first == slots.end) continue;
        Buffer buffer = part == 0 ? head
                                  : read_page(index, BufferGetBlockNumber(head) + part, PageKind::kReorder, 0,
                                              static_cast<uint16>(part), BUFFER_LOCK_SHARE);
        const uint32 found = FreeRecordSlot(*g, page_payload(BufferGetPage(buffer)), part, header->count);
        if (part > 0) UnlockReleaseBuffer(buffer);
        if (found < g->capacity) return found;
    }
    return header->count;
}

// The record's parts on pages 1 .. of an extent, each logged for itself. fresh: the pages are new.
static void put_other_parts(Relation index, const IndexCache* cache, BlockNumber extent, uint32 slot,
                            const char* record, bool fresh) {
    const ReorderGeometry* g = &cache->records.geometry;
    const PageRange pages = fresh ? PageRange{1, g->pages - 1} : PagesOfRecord(*g, slot);
    for (uint32 part = std::max<uint32>(pages.first, 1); part <= pages.last; part++) {
        Buffer buffer = fresh ? lock_block(index, extent + part, "record_part")
                              : read_page(index, extent + part, PageKind::kReorder, 0, static_cast<uint16>(part),
                                          BUFFER_LOCK_EXCLUSIVE);
        PageChange change = begin_change(index, "record_part");
        Page page = change_page(&change, buffer, fresh ? kWholePage : kChangedBytes);
        if (fresh) init_page(page, PageKind::kReorder, 0, static_cast<uint16>(part), cache->meta.epoch);
        PutRecordPart(*g, page_payload(page), part, slot, record);
        finish_change(&change);
    }
}

static ItemPointerData record_at(BlockNumber extent, uint32 slot) {
    ItemPointerData at;
    ItemPointerSet(&at, extent, static_cast<OffsetNumber>(slot));
    return at;
}

// False when the extent has no room, or is none: what the hints say may be out of date.
static bool put_in_extent(Relation index, const IndexCache* cache, BlockNumber extent, const char* record,
                          ItemPointerData* at) {
    const ReorderGeometry* g = &cache->records.geometry;
    if (extent == 0 || static_cast<uint64>(extent) + g->pages > RelationGetNumberOfBlocks(index)) return false;
    Buffer head = lock_block(index, extent, "record");
    uint32 slot = g->capacity;
    if (page_is_of_epoch(BufferGetPage(head), cache->meta.epoch) && extent_problem(g, BufferGetPage(head)) == NULL)
        slot = free_record_slot(index, g, head);
    if (slot == g->capacity) {
        UnlockReleaseBuffer(head);
        return false;
    }
    put_other_parts(index, cache, extent, slot, record, false);
    PageChange change = begin_change(index, "record");
    Page page = change_page(&change, head);
    PutRecordPart(*g, page_payload(page), 0, slot, record);
    CountRecord(extent_header(page), slot);
    finish_change(&change);
    *at = record_at(extent, slot);
    return true;
}

// The first page is logged last: a crash before leaves unused pages.
static BlockNumber put_in_new_extent(Relation index, const IndexCache* cache, const char* record) {
    const ReorderGeometry* g = &cache->records.geometry;
    const BlockNumber extent = extend_index(index, g->pages);
    put_other_parts(index, cache, extent, 0, record, true);
    PGAlignedBlock head;
    init_page(head.data, PageKind::kReorder, 0, 0, cache->meta.epoch);
    PutRecordPart(*g, page_payload(head.data), 0, 0, record);
    CountRecord(extent_header(head.data), 0);
    write_page(index, extent, head.data);
    return extent;
}

// Full extents that the map is asked about before a new one is made.
static constexpr int kMaxTries = 8;

ItemPointerData record_append(Relation index, IndexCache* cache, const char* record) {
    const ReorderGeometry* g = &cache->records.geometry;
    ItemPointerData at;
    BlockNumber extent = cache->record_target;
    for (int tries = 0; tries < kMaxTries; tries++) {
        if (extent == InvalidBlockNumber) {
            VQ_FAULT("record_map.ask");
            extent = GetPageWithFreeSpace(index, BLCKSZ / 2);
        }
        if (extent == InvalidBlockNumber) break;
        if (put_in_extent(index, cache, extent, record, &at)) {
            cache->record_target = extent;
            return at;
        }
        VQ_FAULT("record_map.used");
        RecordUsedIndexPage(index, extent);
        extent = InvalidBlockNumber;
    }
    extent = put_in_new_extent(index, cache, record);
    cache->record_target = extent;
    if (g->capacity > 1) {  // other backends may fill it
        VQ_FAULT("record_map.free");
        RecordFreeIndexPage(index, extent);
        VQ_FAULT("record_map.vacuum");
        FreeSpaceMapVacuumRange(index, extent, extent + 1);
    }
    return record_at(extent, 0);
}

}  // namespace vectorq
