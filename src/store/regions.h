// Regions: runs of consecutive pages whose payloads, put end to end, are one byte array (core/page/layout.h).
#pragma once
#include "core/page/meta_page.h"
#include "store/pages.h"

namespace vectorq {

// Bytes [offset, offset + length) of a region. owner: meta.generation for centroids and compact centroids, else 0.
void read_region(Relation index, const Region* region, PageKind kind, uint32 owner, uint64 offset, uint64 length,
                 void* out);
// Writes a region over blocks that nobody reads any more or yet, WAL-logged page by page.
void write_region(Relation index, const Region* region, PageKind kind, uint32 owner, const void* bytes);
// Building: appends one to a relation that nobody else sees, not logged.
Region append_region(Relation index, ForkNumber fork, PageKind kind, const void* bytes, uint64 length);

}  // namespace vectorq
