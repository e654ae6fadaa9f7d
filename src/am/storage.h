// Pages of an index: the only place that reads, checks, makes and logs them. Everything else in
// src/am sees regions (byte arrays), directory entries and posting pages.
#pragma once
#include "core/page/layout.h"
#include "core/page/meta_page.h"
#include "core/page/posting_page.h"
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
void init_page(Page page, PageKind kind, uint32 owner, uint16 part, BlockNumber next);

// Why a page cannot be one of the kind and owner that was expected there; NULL if it can.
const char* page_problem(Page page, PageKind kind, uint32 owner, uint16 part);

// Pins and locks a block and checks its kind, owner and part. Returns it locked in `mode`
// (BUFFER_LOCK_SHARE or BUFFER_LOCK_EXCLUSIVE); the caller unlocks and releases.
Buffer read_page(Relation index, BlockNumber block, PageKind kind, uint32 owner, uint16 part, int mode,
                 BufferAccessStrategy strategy = NULL);

// Reads and checks the meta page. Raises ERRCODE_INDEX_CORRUPTED on any doubt.
void read_meta(Relation index, MetaPage* meta);
// Why this meta page cannot be right for an index of so many blocks; NULL if it can.
const char* meta_problem(const MetaPage* meta, BlockNumber blocks);
void seal_meta(MetaPage* meta);  // renews the crc
// Replaces the meta page of a live index, WAL-logged. `change` edits a copy under exclusive lock.
void update_meta(Relation index, void (*change)(MetaPage* meta, void* arg), void* arg);
// How the index codes rows, without the arrays; and the page geometry that follows (capacity 0: none does).
Codec meta_codec(const MetaPage* meta);
ExtentGeometry codec_geometry(const Codec* codec);
ExtentGeometry meta_geometry(const MetaPage* meta);

// Bytes [offset, offset + length) of a region.
void read_region(Relation index, const Region* region, PageKind kind, uint64 offset, uint64 length, void* out);

// Directory.
void read_directory(Relation index, const MetaPage* meta, uint32 list, DirectoryEntry* entry);
// Changes one entry under exclusive lock, WAL-logged. `change` returns false to leave it alone.
void update_directory(Relation index, const MetaPage* meta, uint32 list, bool (*change)(DirectoryEntry*, void*),
                      void* arg);

// Building: appends pages to a relation that nobody else sees. Pages are not logged one by one: the
// builder logs the whole relation at its end (finish_build_wal).
BlockNumber append_built_page(Relation index, ForkNumber fork, Page page);
void overwrite_built_page(Relation index, ForkNumber fork, BlockNumber block, Page page);
Region append_region(Relation index, ForkNumber fork, PageKind kind, const void* bytes, uint64 length);
void finish_build_wal(Relation index, ForkNumber fork);

// Adds `count` (<= kMaxExtentPages) consecutive new pages to a live index; returns the first block.
// The pages are zeroed and not locked. Takes and releases the extension lock.
BlockNumber extend_index(Relation index, uint32 count);

}  // namespace vectorq
