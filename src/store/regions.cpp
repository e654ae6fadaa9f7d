// See regions.h.
#include "store/regions.h"

#include <algorithm>

namespace vectorq {

void read_region(Relation index, const Region* region, PageKind kind, uint32 owner, uint64 offset, uint64 length,
                 void* out) {
    Assert(offset + length <= region->bytes);
    read_bytes_of_region(region, offset, length, out,
                         [&](BlockNumber block) { return read_page(index, block, kind, owner, 0, BUFFER_LOCK_SHARE); });
}

// Bytes of page i of a region.
static void fill_region_page(Page page, uint32 i, const void* bytes, uint64 length) {
    const uint64 payload = PayloadBytes(BLCKSZ), offset = i * payload;
    if (offset < length)
        memcpy(page_payload(page), static_cast<const char*>(bytes) + offset, std::min(payload, length - offset));
}

void write_region(Relation index, const Region* region, PageKind kind, uint32 owner, const void* bytes) {
    PageSink sink = live_pages(index, 0);
    put_region(&sink, region, kind, owner, bytes);
}

void put_region(PageSink* sink, const Region* region, PageKind kind, uint32 owner, const void* bytes) {
    PGAlignedBlock image;
    for (uint32 i = 0; i < region->blocks; i++) {
        vacuum_delay();
        init_sink_page(sink, image.data, kind, owner, 0);
        fill_region_page(image.data, i, bytes, region->bytes);
        put_page(sink, region->start + i, image.data);
    }
}

Region append_region(PageSink* sink, PageKind kind, uint32 owner, const void* bytes, uint64 length) {
    Region region = region_of_bytes(length);
    if (region.blocks == 0) return region;
    region.start = take_run(sink, region.blocks);
    put_region(sink, &region, kind, owner, bytes);
    return region;
}

}  // namespace vectorq
