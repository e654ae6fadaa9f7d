// Records, copied close together into another epoch.
#pragma once
#include "core/page/reorder_page.h"
#include "core/page/tid.h"
#include "store/meta.h"
#include "store/page_sink.h"

namespace vectorq {

// An old extent: where its records went. They keep their order, so a record's place follows from how many in use lie
// before it.
struct MovedExtent {
    BlockNumber from;
    uint64 first;  // number of its first record among those that were moved
};
struct MovedRecords {
    ReorderGeometry geometry;
    MovedExtent* extents;  // (count) in the order of `from`
    Size count, room;
    uint8* in_use;    // (count, bytes_of_extent): one bit a slot
    BlockNumber* to;  // (new_count): new extents
    Size new_count, new_room;
    uint64 records;
};

// Copies those in use. To be called once the epoch is published: every entry that is copied has its record by then.
MovedRecords move_records(Relation index, const MetaPage* meta, PageSink* sink, BufferAccessStrategy strategy);
// Where a record lies now; of block kInvalidBlock if there is none.
Tid moved_record(const MovedRecords* moved, const Tid& record);

}  // namespace vectorq
