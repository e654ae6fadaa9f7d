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

// Page i of a region of so many bytes.
static void make_region_page(Page page, PageKind kind, uint32 owner, uint32 i, const void* bytes, uint64 length) {
    const uint64 payload = PayloadBytes(BLCKSZ), offset = i * payload;
    init_page(page, kind, owner, 0);
    if (offset < length)
        memcpy(page_payload(page), static_cast<const char*>(bytes) + offset, std::min(payload, length - offset));
}

void write_region(Relation index, const Region* region, PageKind kind, uint32 owner, const void* bytes) {
    PGAlignedBlock image;
    for (uint32 i = 0; i < region->blocks; i++) {
        CHECK_FOR_INTERRUPTS();
        make_region_page(image.data, kind, owner, i, bytes, region->bytes);
        write_page(index, region->start + i, image.data);
    }
}

Region append_region(Relation index, ForkNumber fork, PageKind kind, const void* bytes, uint64 length) {
    Region region = {0, static_cast<uint32>(RegionPages(length, BLCKSZ)), length};
    PGAlignedBlock image;
    for (uint32 i = 0; i < region.blocks; i++) {
        make_region_page(image.data, kind, 0, i, bytes, length);
        const BlockNumber block = append_built_page(index, fork, image.data);
        if (i == 0) region.start = block;
        CHECK_FOR_INTERRUPTS();
    }
    return region;
}

}  // namespace vectorq
