// Pages of an index: the only place that reads, checks, makes and logs them. Everything else in
// src/am sees regions (byte arrays), directory entries and posting pages.
#pragma once
#include "core/page/layout.h"
#include "core/page/meta_page.h"
#include "core/page/posting_page.h"
#include "core/page/reorder_page.h"
#include "core/quantize/codec.h"
#include "pg/pg_headers.h"

namespace vectorq {

inline char* page_payload(Page page) { return static_cast<char*>(page) + kPageHeaderBytes; }
inline PageTail* page_tail(Page page) {
    return reinterpret_cast<PageTail*>(static_cast<char*>(page) + BLCKSZ - sizeof(PageTail));
}

// Raises ERRCODE_INDEX_CORRUPTED with a hint to REINDEX.
[[noreturn]] void report_corruption(Relation index, BlockNumber block, const char* problem);

// Writes an empty page of the given kind into `page` (BLCKSZ bytes).
void init_page(Page page, PageKind kind, uint32 owner, uint16 part);

// Why a page cannot be one of the kind and owner that was expected there; NULL if it can.
const char* page_problem(Page page, PageKind kind, uint32 owner, uint16 part);

// Whether the page is of centroids or of the directory: beyond the regions that the meta page names, of those before
// the last rebalancing, or what a crash has left.
bool holds_regions_of_lists(Page page);

// Pins and locks a block and checks its kind, owner and part. Returns it locked in `mode`
// (BUFFER_LOCK_SHARE or BUFFER_LOCK_EXCLUSIVE); the caller unlocks and releases.
Buffer read_page(Relation index, BlockNumber block, PageKind kind, uint32 owner, uint16 part, int mode,
                 BufferAccessStrategy strategy = NULL);

// Reads and checks the meta page. Raises ERRCODE_INDEX_CORRUPTED on any doubt.
void read_meta(Relation index, MetaPage* meta);
// Why this meta page cannot be right for an index of so many blocks; NULL if it can.
const char* meta_problem(const MetaPage* meta, BlockNumber blocks);
uint32 crc_of(const void* bytes, Size size);  // CRC-32C
void seal_meta(MetaPage* meta);               // renews the crc
// Replaces the meta page of a live index, WAL-logged. `change` edits a copy under exclusive lock.
void update_meta(Relation index, void (*change)(MetaPage* meta, void* arg), void* arg);
// How the index codes rows, without the arrays; and the page geometry that follows (capacity 0: none does).
Codec meta_codec(const MetaPage* meta);
// one_long_list: hardly a byte of an extent may stay unused, whatever its size.
PostingGeometry codec_geometry(const Codec* codec, Reorder reorder, bool one_long_list);
PostingGeometry meta_geometry(const MetaPage* meta);
// The same for the copies of the vectors that reordering reads; only of an index that has them.
Codec copy_codec(Metric metric, Reorder reorder, uint32 dims);
ReorderGeometry copy_geometry(const Codec* codec);
ReorderGeometry meta_reorder_geometry(const MetaPage* meta);

// Where a segment of a list begins: its (first) page and the offset within its payload.
struct SegmentRef {
    BlockNumber block;
    uint16 offset;
};
inline constexpr SegmentRef kNoSegment = {InvalidBlockNumber, 0};
inline bool has_segment(SegmentRef at) { return at.block != InvalidBlockNumber; }
inline bool same_segment(SegmentRef a, SegmentRef b) { return a.block == b.block && a.offset == b.offset; }
inline char* segment_at(Page page, uint32 offset) { return page_payload(page) + offset; }
inline SegmentHeader* segment_header(Page page, uint32 offset) {
    return reinterpret_cast<SegmentHeader*>(segment_at(page, offset));
}
inline SegmentRef next_segment(const SegmentHeader* header) {
    return {header->next_block, static_cast<uint16>(header->next_offset & ~kSegmentSealed)};
}
inline bool segment_is_sealed(const SegmentHeader* header) { return (header->next_offset & kSegmentSealed) != 0; }
inline bool is_live(const DirectoryEntry* entry) { return entry->state == static_cast<uint8>(ListState::kLive); }
inline ItemPointerData* segment_tids(char* segment) {
    return reinterpret_cast<ItemPointerData*>(segment + sizeof(SegmentHeader));
}
// NULL without records.
inline ItemPointerData* segment_pointers(const PostingGeometry* g, const SegmentLayout* layout, char* segment) {
    return g->pointer_bytes > 0 ? reinterpret_cast<ItemPointerData*>(segment + layout->pointers_offset) : NULL;
}
// Why there can be no segment of this geometry at that offset of a posting page; NULL if there can.
const char* segment_problem(const PostingGeometry* g, Page page, uint32 offset);
// The segments of a posting page, one after another:
//   for (uint32 at = 0; at < segments_end(g, page); at = segment_after(g, page, at))
// after segment_problem has found nothing at `at`.
inline uint32 segments_end(const PostingGeometry* g, Page page) { return g->pages == 1 ? page_tail(page)->used : 1; }
inline uint32 segment_after(const PostingGeometry* g, Page page, uint32 at) {
    return at + LayoutOf(*g, segment_header(page, at)->capacity).bytes;
}
// Why there can be no extent of records that begins on this page; NULL if there can.
const char* extent_problem(const ReorderGeometry* g, Page page);
inline ReorderHeader* extent_header(Page page) { return reinterpret_cast<ReorderHeader*>(page_payload(page)); }
// The tid of a record, on the page of its extent where RecordPart says that it lies.
inline ItemPointer record_tid(const ReorderGeometry* g, Page page, uint32 slot) {
    return reinterpret_cast<ItemPointer>(page_payload(page) + RecordOffsetInPart(*g, slot) + kRecordTidAt);
}
// Slots [*first, return) of an extent with so many have their tids on page `part`.
uint32 slots_of_part(const ReorderGeometry* g, uint32 count, uint32 part, uint32* first);
// Pins and locks the (first) page of a list's segment and checks both.
Buffer read_segment(Relation index, const PostingGeometry* g, SegmentRef at, uint32 list, int mode);
// More segments than this on a chain means that it runs in a circle.
uint64 most_segments(Relation index);
// Who goes along a chain counts its segments, from 0: raises an error when there are too many.
void count_step(Relation index, SegmentRef at, uint64* steps);

// Bytes [offset, offset + length) of a region. owner: meta.generation for centroids and compact centroids, else 0.
void read_region(Relation index, const Region* region, PageKind kind, uint32 owner, uint64 offset, uint64 length,
                 void* out);
// Writes an image over a block of a live index that nobody reads any more or yet, WAL-logged.
void write_page(Relation index, BlockNumber block, Page image);
// Writes a region over blocks that nobody reads any more or yet, WAL-logged page by page.
void write_region(Relation index, const Region* region, PageKind kind, uint32 owner, const void* bytes);
// Raises what a scan gets whose lists were replaced and dropped under it; only a standby's can be. Of all scans of the
// index in this backend; index_cache.cpp has it for one.
void check_recovery_conflict(Relation index);

// Directory.
void read_directory(Relation index, const MetaPage* meta, uint32 list, DirectoryEntry* entry);
// The page of a list's entry, exclusively locked, and the entry on it or on a copy.
Buffer lock_directory(Relation index, const MetaPage* meta, uint32 list);
DirectoryEntry* directory_entry(Page page, uint32 list);
// Changes one entry under exclusive lock, WAL-logged. `change` returns false to leave it alone.
void update_directory(Relation index, const MetaPage* meta, uint32 list, bool (*change)(DirectoryEntry*, void*),
                      void* arg);

// Building: appends pages to a relation that nobody else sees. Pages are not logged one by one: the
// builder logs the whole relation at its end (finish_build_wal).
BlockNumber append_built_page(Relation index, ForkNumber fork, Page page);
void overwrite_built_page(Relation index, ForkNumber fork, BlockNumber block, Page page);
Region append_region(Relation index, ForkNumber fork, PageKind kind, const void* bytes, uint64 length);
void finish_build_wal(Relation index, ForkNumber fork);

// Adds `count` consecutive new pages to a live index; returns the first block.
// The pages are zeroed and not locked. Takes and releases the extension lock.
BlockNumber extend_index(Relation index, uint32 count);

}  // namespace vectorq
