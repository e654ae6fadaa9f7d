// Segments of lists (core/page/posting_page.h) in the server's terms: which block, under which lock. Their bytes are
// checked and changed by core/page/segment_edits.h.
#pragma once
#include "core/page/segment_edits.h"
#include "store/pages.h"

namespace vectorq {

// Where a segment of a list begins: its (first) page and the offset within its payload.
struct SegmentRef {
    BlockNumber block;
    uint16 offset;
};
inline constexpr SegmentRef kNoSegment = {InvalidBlockNumber, 0};
inline bool has_segment(SegmentRef at) { return at.block != InvalidBlockNumber; }
inline bool same_segment(SegmentRef a, SegmentRef b) { return a.block == b.block && a.offset == b.offset; }
inline char* segment_at(Page page, uint32 offset) { return page_payload(page) + offset; }
inline SegmentHeader* segment_header(Page page, uint32 offset) { return HeaderOf(segment_at(page, offset)); }
inline SegmentRef next_segment(const SegmentHeader* header) {
    return {header->next_block, static_cast<uint16>(header->next_offset & ~kSegmentMarks)};
}
inline bool segment_is_sealed(const SegmentHeader* header) { return (header->next_offset & kSegmentSealed) != 0; }
inline bool segment_is_late(const SegmentHeader* header) { return (header->next_offset & kSegmentLate) != 0; }
inline ItemPointerData* segment_tids(char* segment) {
    return reinterpret_cast<ItemPointerData*>(segment + sizeof(SegmentHeader));
}
// NULL without records.
inline ItemPointerData* segment_pointers(const PostingGeometry* g, const SegmentLayout* layout, char* segment) {
    if (!HasColumn(g->columns, kRecordColumn)) return NULL;
    return reinterpret_cast<ItemPointerData*>(segment + layout->column_offset[kRecordColumn]);
}
// Why there can be no segment of this geometry at that offset of a posting page; NULL if there can.
inline const char* segment_problem(const PostingGeometry* g, Page page, uint32 offset) {
    return SegmentProblem(*g, page_payload(page), page_tail(page)->used, offset);
}
// The segments of a posting page, one after another:
//   for (uint32 at = 0; at < segments_end(g, page); at = segment_after(g, page, at))
// after segment_problem has found nothing at `at`.
inline uint32 segments_end(const PostingGeometry* g, Page page) { return SegmentsEnd(*g, page_tail(page)->used); }
inline uint32 segment_after(const PostingGeometry* g, Page page, uint32 at) {
    return SegmentAfter(*g, page_payload(page), at);
}
inline bool has_late_segment(const PostingGeometry* g, Page page) {
    for (uint32 at = 0; at < segments_end(g, page); at = segment_after(g, page, at))
        if (segment_is_late(segment_header(page, at))) return true;
    return false;
}
// Pins and locks the (first) page of a list's segment and checks both.
Buffer read_segment(Relation index, const PostingGeometry* g, SegmentRef at, uint32 list, int mode,
                    BufferAccessStrategy strategy = NULL);
// The codes of a segment, row after row into codes (capacity, code_bytes). segment: where it begins in its first page
// or in a copy of that; its other pages, from `block` on, are read here.
void take_segment_codes(Relation index, const PostingGeometry* g, BlockNumber block, const char* segment, uint8* codes,
                        BufferAccessStrategy strategy = NULL);
// More segments than this on a chain means that it runs in a circle.
uint64 most_segments(Relation index);
// Who goes along a chain counts its segments, from 0: raises an error when there are too many.
void count_step(Relation index, SegmentRef at, uint64* steps);

}  // namespace vectorq
