// What each backend keeps of an index between scans: the meta page, the compact and the exact centroids
// if they are not too many, and the quantizer. Bounded in bytes, for each index and over all; an
// entry is checked against the meta page at every use, so it cannot outlive a REINDEX.
#pragma once
#include "am/options.h"
#include "store/storage.h"
#include "core/quantize/compact_centroids.h"
#include "core/page/calibration_page.h"
#include "core/quantize/codec.h"
#include "pg/pg_headers.h"

namespace vectorq {

// Copies of the vectors for reordering: how they are coded, and where within an extent they lie.
struct VectorCopies {
    Codec codec;            // sq8: its offset is in `centroid`, so that norms stay small beside distances
    const float* centroid;  // (dims) sq8 only, else NULL
    ReorderGeometry geometry;
};

// Where EncodeRows puts copies into records that follow each other by `stride`.
inline RowSink RecordSink(const ReorderGeometry& g, void* records, Size stride, uint8* fits) {
    return {static_cast<uint8*>(records), stride, g.vector_at, kRecordScalarAt, fits};
}

// Where a list begins, as far as it is remembered; only heads stay true.
struct KnownList {
    DirectoryEntry entry;  // head kInvalidBlock: none
    uint32 list;
};

struct IndexCache {
    // — set when loaded, then constant —
    Oid index_oid;
    FileLocator file;
    MemoryContext context;
    Size bytes;
    MetaPage meta;  // rows may be out of date
    PostingGeometry geometry;
    Codec codec;
    VectorCopies copies;  // if HasRecords(meta)
    Calibration calibration;
    const uint8* compact_bytes;  // of the front and, unless they are too many, of the parts: see compact_part()
    CompactFront compact;
    const float* centroids;  // NULL when too many to keep: see cached_centroid()
    const float* transform;  // (code_dims, dims) and then its offset (code_dims); NULL without one
    // — changed by pins, evictions and invalidations —
    int pins;
    bool doomed;  // free at the last unpin
    IndexCache* next;
    // — changed by scans —
    KnownList* known_lists;  // (known_slots): slot list % known_slots; see list_head()
    uint32 known_slots;
    uint64 rows_taken;  // that the executor took from the last one
    Buffer* recent;     // (recent_blocks): the buffer that last held each block; 0 = not known
    BlockNumber recent_blocks;
    uint32 recent_turn;   // counts reads, see pin_recent()
    Buffer* heap_recent;  // (heap_recent_blocks): likewise of the table; NULL until reordered from
    BlockNumber heap_recent_blocks;
    FileLocator heap_file;
    bool cold, records_cold,
        heap_cold;  // the last scan found pages of lists, records, the table missing from the buffers
    // — changed by inserts —
    BlockNumber record_target;  // extent where this backend put its last record, or InvalidBlockNumber
};

// Loads or finds the entry and keeps it until `owner` is reset or deleted. Reads the meta page.
IndexCache* index_cache_pin(Relation index, MemoryContext owner);

// Raises ERRCODE_T_R_SERIALIZATION_FAILURE if lists that the entry knows were dropped, which happens on a standby only:
// what a scan has read is not to be trusted before it has asked. The record that says so comes before the first change
// to those lists' pages.
void check_recovery_conflict(Relation index, const IndexCache* cache);

// A vector of the column as centroids and codes see it: transformed into `out` (code_dims), or itself.
const float* to_code_space(const IndexCache* cache, const float* vector, float* out);

// Pins a block, mostly without a look-up in the buffer table. *recent: the buffer that last held it, if known; kept
// up to date. recent NULL: the ordinary way.
Buffer pin_recent(Relation relation, BlockNumber block, Buffer* recent, uint32* turn);

// Where the cache notes which buffer last held a block of the index; NULL: nowhere.
inline Buffer* recent_buffer(IndexCache* cache, BlockNumber block) {
    return block < cache->recent_blocks ? &cache->recent[block] : NULL;
}

// Pins and locks in share mode a page of a list, as read_page() does, mostly without a look-up in the
// buffer table.
Buffer read_posting(Relation index, IndexCache* cache, BlockNumber block, uint32 list, uint16 part);

// Where a list begins. Once a list has a first segment, that stays the first as long as the entry knows the list.
void list_head(Relation index, IndexCache* cache, uint32 list, DirectoryEntry* entry);

// Remembers from now on which buffers held the table's blocks. A table that was rewritten is found out here.
void index_cache_track_heap(IndexCache* cache, Relation heap);
// The same for a page of records.
Buffer read_record_page(Relation index, IndexCache* cache, BlockNumber block, uint16 part);

// The exact centroid of a list; `buffer` (dims) is used when the cache does not keep them.
const float* cached_centroid(Relation index, IndexCache* cache, uint32 list, float* buffer);
// Asks for the memory of so many bytes, which may be anything by now.
inline void prefetch_bytes(const void* from, Size bytes) {
    for (Size at = 0; at < bytes; at += PG_CACHE_LINE_SIZE / 2)
        __builtin_prefetch(static_cast<const char*>(from) + at, 0, 2);
}
// Asks for the memory of bytes [from, to) of a page and of what is looked at before them. No pin protects the buffer,
// so nothing is read from it.
void prefetch_page(const IndexCache* cache, BlockNumber block, uint32 from, uint32 to);
// The same for a centroid that the cache does not keep.
void prefetch_centroid(const IndexCache* cache, uint32 list);
// A group's part of the compact centroids; *buffer (*buffer_bytes, of `context`) is used, and made larger, when the
// cache does not keep them.
const uint8* compact_part(Relation index, IndexCache* cache, uint32 group, uint8** buffer, Size* buffer_bytes,
                          MemoryContext context);

// The same if the cache keeps them, else NULL.
const uint8* kept_compact_part(const IndexCache* cache, uint32 group);
// Likewise the group's coarse codes: of an index that has such (compact_centroids.h).
const uint8* kept_coarse_codes(const IndexCache* cache, uint32 group);

// Points the codec of sq8 copies at its numbers: offset (dims) and scale (dims) as trained, and zeros (dims).
void attach_copy_params(VectorCopies* copies, const float* params, const float* zeros);

}  // namespace vectorq
