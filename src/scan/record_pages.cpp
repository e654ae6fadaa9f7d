// See scan/record_pages.h.
#include "scan/record_pages.h"

#include "pg/entry.h"

namespace vectorq {

RecordPages begin_record_pages(Relation index, ListSearch* search) {
    return {index, search, InvalidBuffer, InvalidBlockNumber};
}

void close_record_page(RecordPages* p) {
    if (BufferIsValid(p->buffer)) UnlockReleaseBuffer(p->buffer);
    p->buffer = InvalidBuffer;
}

const char* open_record_page(RecordPages* p, BlockNumber extent, uint32 part) {
    if (!BufferIsValid(p->buffer) || p->block != extent + part) {
        close_record_page(p);
        p->buffer = read_record_page(p->index, p->search->cache, extent + part, static_cast<uint16>(part));
        p->block = extent + part;
        p->search->pages_read++;
    }
    return page_payload(BufferGetPage(p->buffer));
}

// A record that inserts wrote after this scan began lies beyond what the index had then.
static void check_place(RecordPages* p, BlockNumber extent, uint32 slot) {
    const ReorderGeometry* g = &p->search->cache->records.geometry;
    const uint64 end = static_cast<uint64>(extent) + g->pages;
    const bool sound = slot < g->capacity && extent > 0;
    if (likely(sound && end <= p->search->index_blocks)) return;
    close_record_page(p);
    if (sound && end <= RelationGetNumberOfBlocks(p->index)) return;
    report_corruption(p->index, 0, "a row's record lies outside the index");
}

const char* find_record(RecordPages* p, BlockNumber extent, uint64 tid) {
    const ReorderGeometry* g = &p->search->cache->records.geometry;
    const uint32 slot = record_slot(tid);
    check_place(p, extent, slot);
    const char* record = open_record_page(p, extent, RecordPart(*g, slot)) + RecordOffsetInPart(*g, slot);
    const uint64 row = pack_tid(reinterpret_cast<const ItemPointerData*>(record + kRecordTidAt)) >> 16;
    return row == tid >> 16 ? record : NULL;
}

}  // namespace vectorq
