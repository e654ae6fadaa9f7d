// Extents of records, copied whole into another epoch: a record keeps its slot.
#pragma once
#include <algorithm>

#include "core/page/tid.h"
#include "store/meta.h"
#include "store/page_sink.h"

namespace vectorq {

struct MovedExtent {
    BlockNumber from, to;
};
struct MovedExtents {
    MovedExtent* extents;  // (count) in the order of `from`
    Size count, room;
};

// Copies those that have a record in use. To be called once the epoch is published: every entry that is copied has its
// record by then.
MovedExtents move_records(Relation index, const MetaPage* meta, PageSink* sink);
// Where a record lies now; of block kInvalidBlock if its extent has no record in use.
Tid moved_record(const MovedExtents* moved, const Tid& record);

}  // namespace vectorq
