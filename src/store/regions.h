// Regions: runs of consecutive pages whose payloads, put end to end, are one byte array (core/page/layout.h).
#pragma once
#include <algorithm>

#include "core/page/meta_page.h"
#include "store/page_sink.h"

namespace vectorq {

// Bytes [offset, offset + length) of a region, from pages that read(block) pins and locks.
template <class Read>
void read_bytes_of_region(const Region* region, uint64 offset, uint64 length, void* out, Read&& read) {
    const uint32 payload = PayloadBytes(BLCKSZ);
    char* to = static_cast<char*>(out);
    for (const uint64 end = offset + length; offset < end;) {
        const uint32 at = static_cast<uint32>(offset % payload);
        const uint32 bytes = static_cast<uint32>(std::min<uint64>(end - offset, payload - at));
        Buffer buffer = read(region->start + static_cast<BlockNumber>(offset / payload));
        memcpy(to, page_payload(BufferGetPage(buffer)) + at, bytes);
        UnlockReleaseBuffer(buffer);
        to += bytes;
        offset += bytes;
    }
}
// The same through shared buffers. owner: meta.generation for centroids and compact centroids, else 0.
void read_region(Relation index, const Region* region, PageKind kind, uint32 owner, uint64 offset, uint64 length,
                 void* out);
// Writes a region over blocks that nobody reads any more or yet, WAL-logged page by page.
void write_region(Relation index, const Region* region, PageKind kind, uint32 owner, const void* bytes);
// A region of so many bytes that lies nowhere yet.
inline Region region_of_bytes(uint64 length) { return {0, static_cast<uint32>(RegionPages(length, BLCKSZ)), length}; }
// Writes a region over a run that was taken for it.
void put_region(PageSink* sink, const Region* region, PageKind kind, uint32 owner, const void* bytes);
// The same in a run of its own.
Region append_region(PageSink* sink, PageKind kind, uint32 owner, const void* bytes, uint64 length);

}  // namespace vectorq
