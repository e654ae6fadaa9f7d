// The rows of a segment that a filter lets pass.
#pragma once
#include "scan/list_search.h"
#include "store/tid.h"

namespace vectorq {

// search->mask: which of rows [0, count) of the segment match, or may match where the filter asks_late. Returns how
// many bits it has. front: of the segment, all before its codes; under a lock, or a copy.
uint32 mask_segment(ListSearch* search, const SegmentLayout* layout, const char* front, uint32 capacity, uint32 count);

// Whether the bitmap has the row.
inline bool in_rows(const RowFilter* filter, const ItemPointerData* tid) {
    return filter->rows->Contains(pack_tid(tid) >> 16);
}

}  // namespace vectorq
