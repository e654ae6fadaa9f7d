// What each backend keeps of an index between scans: the meta page, the compact and the exact centroids if they are not
// too many, and the quantizer. Bounded in bytes, for each index and over all (vectorq.cache_size). An entry is checked
// against the meta page at every use, so it cannot outlive a REINDEX; that of a dropped index goes with the transaction
// that learns of it.
#pragma once
#include "am/options.h"
#include "store/recent_buffers.h"
#include "store/storage.h"
#include "core/quantize/compact_centroids.h"
#include "core/page/calibration_page.h"
#include "core/quantize/codec.h"
#include "pg/pg_headers.h"

namespace vectorq {

// The records of rows: how their vectors are coded, and where within an extent they lie.
struct RecordCodec {
    Codec codec;            // sq8: its offset is in `centroid`, so that norms stay small beside distances
    const float* centroid;  // (dims) sq8 only, else NULL
    ReorderGeometry geometry;
};

// Where EncodeRows puts vectors into records that follow each other by `stride`.
inline RowSink RecordSink(const ReorderGeometry& g, void* records, Size stride, uint8* fits) {
    return {static_cast<uint8*>(records), stride, g.vector_at, kRecordScalarAt, fits};
}

struct IndexCache {
    // — set when loaded, then constant —
    Oid index_oid;
    FileLocator file;
    MemoryContext context;
    Size bytes;
    MetaPage meta;  // what may change in it (rows and the like) is as of the last pin
    PostingGeometry geometry;
    Codec codec;          // its eta_origin once it was needed: see codec_to_encode()
    RecordCodec records;  // if HasRecords(meta)
    Calibration calibration;
    const uint8* compact_bytes;  // of the front and, with keeps_groups, of the groups: see compact_group()
    bool keeps_groups;
    CompactFront compact;
    const float* centroids;  // NULL when too many to keep: see cached_centroid()
    const float* transform;  // (code_dims, dims) and then its offset (code_dims); NULL without one
    // — changed by pins, evictions and invalidations —
    int pins;
    bool doomed;                      // free at the last unpin
    bool maybe_dropped, maybe_grown;  // the index, since it was invalidated
    IndexCache* next;
    // — changed by scans —
    uint64 rows_taken;  // that the executor took from the last one
    RecentBuffers recent;
    // The last scan found pages of lists, records, the table missing from the buffers.
    bool cold, records_cold, heap_cold;
    // — changed by inserts —
    BlockNumber record_target;  // extent where this backend put its last record, or InvalidBlockNumber
};

// Loads or finds the entry and keeps it until `owner` is reset or deleted. Reads the meta page.
IndexCache* index_cache_pin(Relation index, MemoryContext owner);

// An entry of the lists that a meta page describes which is not the index's yet. It goes with `owner`, and nobody else
// finds it.
IndexCache* index_cache_of(Relation index, const MetaPage* meta, MemoryContext owner);

// Raises ERRCODE_T_R_SERIALIZATION_FAILURE if lists that the entry knows were dropped, which happens on a standby only:
// what a scan has read is not to be trusted before it has asked. The record that says so comes before the first change
// to those lists' pages.
void check_recovery_conflict(Relation index, const IndexCache* cache);

// A vector of the column as centroids and codes see it: transformed into `out` (code_dims), or itself.
const float* to_code_space(const IndexCache* cache, const float* vector, float* out);

// The codec, with what only encoding needs: the first time that reads all centroids, where they are too many to keep.
// Holds no lock meanwhile.
const Codec* codec_to_encode(Relation index, IndexCache* cache);

// The exact centroid of a list; `buffer` (dims) is used when the cache does not keep them.
const float* cached_centroid(Relation index, IndexCache* cache, uint32 list, float* buffer);
// Asks for the memory of a centroid that the cache does not keep.
void prefetch_centroid(const IndexCache* cache, uint32 list);
// A group's compact centroids; *buffer (*buffer_bytes, of `context`) is used, and made larger, when the
// cache does not keep them.
const uint8* compact_group(Relation index, IndexCache* cache, uint32 group, uint8** buffer, Size* buffer_bytes,
                           MemoryContext context);

// The same if the cache keeps them, else NULL.
const uint8* kept_compact_group(const IndexCache* cache, uint32 group);
// Likewise the group's coarse codes: of an index that has such (compact_centroids.h).
const uint8* kept_coarse_codes(const IndexCache* cache, uint32 group);

// Points the codec of sq8 records at its numbers: offset (dims) and scale (dims) as trained, and zeros (dims).
void attach_record_params(RecordCodec* records, const float* params, const float* zeros);

}  // namespace vectorq
