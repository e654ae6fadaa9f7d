// See segments.h.
#include "store/segments.h"

namespace vectorq {

Buffer read_segment(Relation index, const PostingGeometry* g, SegmentRef at, uint32 list, int mode,
                    BufferAccessStrategy strategy) {
    if (at.block >= RelationGetNumberOfBlocks(index))
        report_corruption(index, at.block, "a list goes on outside the index");
    Buffer buffer = read_page(index, at.block, PageKind::kPosting, 0, 0, mode, strategy);
    const char* problem = segment_problem(g, BufferGetPage(buffer), at.offset);
    if (problem == NULL && segment_header(BufferGetPage(buffer), at.offset)->list != list)
        problem = "segment of another list";
    if (unlikely(problem != NULL)) {
        UnlockReleaseBuffer(buffer);
        report_corruption(index, at.block, problem);
    }
    return buffer;
}

void take_segment_codes(Relation index, const PostingGeometry* g, BlockNumber block, const char* segment, uint8* codes,
                        BufferAccessStrategy strategy) {
    const SegmentHeader* header = HeaderOf(segment);
    const SegmentLayout layout = LayoutOf(*g, header->capacity);
    TakeCodes(*g, layout, segment, 0, header->count, codes);
    for (uint32 part = 1; part < g->pages; part++) {
        Buffer buffer = read_page(index, block + part, PageKind::kPosting, header->list, static_cast<uint16>(part),
                                  BUFFER_LOCK_SHARE, strategy);
        TakeCodes(*g, layout, page_payload(BufferGetPage(buffer)), part, header->count, codes);
        UnlockReleaseBuffer(buffer);
    }
}

uint64 most_segments(Relation index) {
    return static_cast<uint64>(RelationGetNumberOfBlocks(index)) * (PayloadBytes(BLCKSZ) / sizeof(SegmentHeader));
}

void count_step(Relation index, SegmentRef at, uint64* steps) {
    if ((++*steps & 1023) == 0 && *steps > most_segments(index))
        report_corruption(index, at.block, "list runs in a circle");
}

}  // namespace vectorq
