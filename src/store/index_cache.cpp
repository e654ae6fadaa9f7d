// See index_cache.h.
#include "store/index_cache.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/page/params_page.h"
#include "store/kept_indexes.h"
#include "store/calibration_store.h"
#include "core/simd/distance.h"
#include "core/simd/finish_distances.h"
#include "core/transform/transform.h"
#include "pg/entry.h"
#include "pg/fault.h"
#include "pg/memory.h"

extern "C" {
#include "access/xact.h"
}

namespace vectorq {

// The most that one index's centroids may take, exact and in compact form: 32,000 and 130,000 lists of 128 dimensions;
// and each at most this part of vectorq.cache_size. What is more is read through shared buffers.
static constexpr Size kCentroidShare = 4;
#ifndef VECTORQ_FAULTS
static constexpr Size kMaxCentroidBytes = 16 * 1024 * 1024, kMaxCompactBytes = 24 * 1024 * 1024;
#else  // the tests' indexes are small
static constexpr Size kMaxCentroidBytes = 16 * 1024, kMaxCompactBytes = kMaxCentroidBytes;
#endif
static IndexCache* entries;  // most recently used first
// What is being loaded, or was when an error ended it.
static Oid loading_index;
static uint32 loading_generation;

static Size cache_size() { return static_cast<Size>(settings.cache_size) * 1024; }

static bool same_index(const IndexCache* entry, Relation index, const MetaPage* meta) {
    MetaPage now = *meta;
    now.rows = entry->meta.rows;
    now.entries_per_row = entry->meta.entries_per_row;
    now.oldest_generation = entry->meta.oldest_generation;
    now.next_list = entry->meta.next_list;
    now.free_head = entry->meta.free_head;
    now.replacing = entry->meta.replacing;
    now.upkeep = entry->meta.upkeep;
    // Of an epoch that was loaded before it became the present one.
    now.retire_xid = entry->meta.retire_xid;
    now.old_run = entry->meta.old_run;
    now.crc = entry->meta.crc;
    // Each vacuum that removes rows counts them in the calibration. Scans that go on keep theirs.
    if (entry->pins == 0) now.calibration_id = entry->meta.calibration_id;
    return same_file(entry->file, file_locator(index)) && memcmp(&now, &entry->meta, sizeof(now)) == 0;
}

static void free_entry(IndexCache* entry) {
    for (IndexCache** link = &entries; *link != NULL; link = &(*link)->next)
        if (*link == entry) {
            *link = entry->next;
            break;
        }
    MemoryContextDelete(entry->context);
}

static void unpin(void* arg) {
    IndexCache* entry = static_cast<IndexCache*>(arg);
    if (--entry->pins == 0 && entry->doomed) free_entry(entry);
}

static void doom(IndexCache* entry) {
    entry->doomed = true;
    if (entry->pins == 0) free_entry(entry);
}

// An index that changed is found out at its next use, and one that is gone when the transaction ends: here, catalogs
// may not be read.
static void note_invalidation(Datum, Oid index_oid) {
    for (IndexCache* entry = entries; entry != NULL; entry = entry->next)
        if (entry->index_oid == index_oid || index_oid == InvalidOid) entry->maybe_dropped = entry->maybe_grown = true;
}

static void forget_dropped(XactEvent event, void*) {
    if (event != XACT_EVENT_PRE_COMMIT) return;
    for (IndexCache *entry = entries, *next; entry != NULL; entry = next) {
        next = entry->next;
        if (!entry->maybe_dropped || entry->doomed) continue;
        entry->maybe_dropped = false;
        // The look-up may invalidate entries, and frees none.
        if (!SearchSysCacheExists1(RELOID, ObjectIdGetDatum(entry->index_oid))) doom(entry);
    }
}

// On the primary lists are dropped only when no snapshot is left that knew them. A standby's snapshots are not asked.
static uint32 oldest_generation(Relation index) {
    Buffer buffer = ReadBuffer(index, 0);
    LockBuffer(buffer, BUFFER_LOCK_SHARE);
    const uint32 oldest = reinterpret_cast<const MetaPage*>(page_payload(BufferGetPage(buffer)))->oldest_generation;
    UnlockReleaseBuffer(buffer);
    return oldest;
}

static void raise_if_dropped(Relation index, uint32 generation) {
    if (generation >= oldest_generation(index)) return;
    ereport(ERROR,
            (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE), errmsg("canceling statement due to conflict with recovery"),
             errdetail("Lists of index \"%s\" were replaced on the primary.", RelationGetRelationName(index)),
             errhint("Try again; hot_standby_feedback prevents it.")));
}

void check_recovery_conflict(Relation index, const IndexCache* cache) {
    if (unlikely(RecoveryInProgress())) raise_if_dropped(index, cache->meta.generation);
}

void check_recovery_conflict(Relation index) {
    if (!RecoveryInProgress()) return;
    if (loading_index == RelationGetRelid(index)) raise_if_dropped(index, loading_generation);
    for (const IndexCache* entry = entries; entry != NULL; entry = entry->next)
        if (entry->index_oid == RelationGetRelid(index) && entry->pins > 0)
            raise_if_dropped(index, entry->meta.generation);
}

// Frees entries that are not in use, those unused for longest first, until all others and `wanted` bytes have room.
static void make_room(Size wanted) {
    Size total = wanted;
    for (IndexCache* entry = entries; entry != NULL; entry = entry->next) total += entry->bytes;
    while (total > cache_size()) {
        IndexCache* oldest = NULL;
        for (IndexCache* entry = entries; entry != NULL; entry = entry->next)
            if (entry->pins == 0) oldest = entry;
        if (oldest == NULL) return;
        total -= oldest->bytes;
        free_entry(oldest);
    }
}

bool read_kept_index(int number, KeptIndex* kept) {
    const IndexCache* entry = entries;
    for (; entry != NULL && number > 0; number--) entry = entry->next;
    if (entry == NULL) return false;
    *kept = {entry->index_oid, MemoryContextMemAllocated(entry->context, true), entry->pins > 0, entry->keeps_groups,
             entry->centroids != NULL};
    return true;
}

static float* load_floats(Relation index, const Region* region, PageKind kind, MemoryContext context,
                          uint32 owner = 0) {
    float* floats = alloc_aligned<float>(context, region->bytes / sizeof(float));
    read_region(index, region, kind, owner, 0, region->bytes, floats);
    return floats;
}

void attach_record_params(RecordCodec* records, const float* params, const float* zeros) {
    const Sq8Page page = ViewSq8Page(params, records->codec.dims);
    records->centroid = page.offset;
    records->codec.sq8_offset = zeros;
    records->codec.sq8_scale = page.scale;
}

static void load_records(Relation index, IndexCache* entry, MemoryContext context) {
    const MetaPage* meta = &entry->meta;
    entry->records.codec = record_codec(entry->codec.metric, static_cast<Reorder>(meta->reorder), meta->dims);
    entry->records.geometry = meta_reorder_geometry(meta);
    if (meta->reorder_params.bytes == 0) return;
    attach_record_params(&entry->records, load_floats(index, &meta->reorder_params, PageKind::kReorderParams, context),
                         static_cast<float*>(MemoryContextAllocZero(context, sizeof(float) * meta->dims)));
}

static bool keeps_compact(const MetaPage* meta) {
    return meta->groups == 0 || meta->compact.bytes <= std::min(kMaxCompactBytes, cache_size() / kCentroidShare);
}
static bool keeps_exact(const MetaPage* meta) {
    return meta->centroids.bytes <= std::min(kMaxCentroidBytes, cache_size() / kCentroidShare);
}
static Size compact_bytes(const MetaPage* meta, bool keeps_groups) {
    return keeps_groups ? meta->compact.bytes : CompactFrontBytes(meta->groups, meta->code_dims);
}

static void load_centroids(Relation index, IndexCache* entry, MemoryContext context) {
    const MetaPage* meta = &entry->meta;
    const Size bytes = compact_bytes(meta, entry->keeps_groups);
    uint8* compact = static_cast<uint8*>(MemoryContextAllocHuge(context, bytes));
    read_region(index, &meta->compact, PageKind::kCompactCentroids, meta->generation, 0, bytes, compact);
    entry->compact_bytes = compact;
    if (!CompactFrontIsSound(compact, meta->live_lists, meta->groups, meta->code_dims))
        report_corruption(index, meta->compact.start, "impossible groups of centroids");
    entry->compact = ViewCompactFront(compact, meta->code_dims);
    if (keeps_exact(meta))
        entry->centroids = load_floats(index, &meta->centroids, PageKind::kCentroids, context, meta->generation);
}

// An entry that nobody finds yet, in a context of the current one.
static IndexCache* load_entry(Relation index, const MetaPage* meta) {
    const bool keeps_groups = keeps_compact(meta);
    const Size bytes = compact_bytes(meta, keeps_groups) + meta->quantizer.bytes + meta->transform_matrix.bytes +
                       2 * meta->reorder_params.bytes + (keeps_exact(meta) ? meta->centroids.bytes : 0);
    make_room(bytes);
    MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "vectorq index cache", ALLOCSET_SMALL_SIZES);
    IndexCache* entry = static_cast<IndexCache*>(MemoryContextAllocZero(context, sizeof(IndexCache)));
    entry->index_oid = RelationGetRelid(index);
    entry->file = file_locator(index);
    entry->context = context;
    entry->bytes = bytes;
    entry->meta = *meta;
    entry->keeps_groups = keeps_groups;
    entry->geometry = meta_geometry(index, meta);
    load_centroids(index, entry, context);
    entry->codec = meta_codec(meta);
    if (meta->quantizer.bytes > 0)
        AttachQuantizer(&entry->codec, load_floats(index, &meta->quantizer, PageKind::kQuantizer, context));
    if (HasRecords(*meta)) load_records(index, entry, context);
    read_calibration(index, meta, &entry->calibration);
    entry->record_target = entry->posting_target = InvalidBlockNumber;
    entry->cold = entry->records_cold = entry->heap_cold = true;
    if (meta->transform_matrix.bytes > 0)
        entry->transform = load_floats(index, &meta->transform_matrix, PageKind::kTransform, context);
    entry->bytes += prepare_recent(index, meta->lists, &entry->recent, context);
    return entry;
}

static IndexCache* keep_entry(Relation index, const MetaPage* meta) {
    loading_index = RelationGetRelid(index);
    loading_generation = meta->generation;
    // Under the caller's context until complete, so that an error in between leaves nothing behind.
    IndexCache* entry = load_entry(index, meta);
    VQ_FAULT("cache.keep");
    MemoryContextSetParent(entry->context, CacheMemoryContext);
    loading_index = InvalidOid;
    entry->next = entries;
    entries = entry;
    return entry;
}

// The entry of an index that is the same but for what may change: no page is read, or that of the calibration.
static void refresh_entry(Relation index, IndexCache* entry, const MetaPage* meta) {
    if (unlikely(entry->meta.calibration_id != meta->calibration_id)) {
        Calibration calibration;
        read_calibration(index, meta, &calibration);
        entry->calibration = calibration;
    }
    entry->meta = *meta;
    if (likely(!entry->maybe_grown)) return;
    entry->bytes += grow_recent(index, &entry->recent, entry->context);
    entry->recent.heap_maybe_grown = true;
    entry->maybe_grown = false;
}

static IndexCache* pin(Relation index, const MetaPage* meta, MemoryContext owner) {
    static bool registered = false;
    if (!registered) {
        CacheRegisterRelcacheCallback(note_invalidation, static_cast<Datum>(0));
        RegisterXactCallback(forget_dropped, NULL);
        registered = true;
    }
    MemoryContextCallback* callback =
        static_cast<MemoryContextCallback*>(MemoryContextAlloc(owner, sizeof(MemoryContextCallback)));
    IndexCache* entry = NULL;
    for (IndexCache *each = entries, *next; each != NULL; each = next) {
        next = each->next;
        if (each->index_oid != RelationGetRelid(index) || each->doomed) continue;
        // Of another epoch: that which is being made, or that which is searched meanwhile.
        if (each->meta.epoch > meta->epoch || (meta->upkeep.renewing == meta->epoch && each->meta.epoch < meta->epoch))
            continue;
        if (same_index(each, index, meta)) entry = each;
        else doom(each);
    }
    if (entry == NULL) entry = keep_entry(index, meta);
    else refresh_entry(index, entry, meta);
    VQ_FAULT("cache.pin");
    entry->pins++;
    make_room(0);
    callback->func = unpin;
    callback->arg = entry;
    MemoryContextRegisterResetCallback(owner, callback);
    return entry;
}

IndexCache* index_cache_pin(Relation index, MemoryContext owner) {
    MetaPage meta;
    read_meta(index, &meta);
    return pin(index, &meta, owner);
}

IndexCache* index_cache_pin_next(Relation index, MemoryContext owner) {
    MetaPage next;
    return read_next_meta(index, &next) ? pin(index, &next, owner) : NULL;
}

const float* to_code_space(const IndexCache* cache, const float* vector, float* out) {
    if (cache->transform == NULL) return vector;
    const uint32 in = cache->meta.dims, made = cache->meta.code_dims;
    const TransformPage page = ViewTransformPage(cache->transform, in, made);
    ApplyTransform(page.matrix, page.offset, in, made, vector, 1, out);
    return out;
}

const float* cached_centroid(Relation index, IndexCache* cache, uint32 list, float* buffer) {
    const uint64 dims = cache->meta.code_dims;
    if (likely(cache->centroids != NULL)) return cache->centroids + list * dims;
    read_recent_region(index, cache, &cache->meta.centroids, PageKind::kCentroids, list * dims * sizeof(float),
                       dims * sizeof(float), buffer);
    return buffer;
}

// As MeanOfCentroids() has it, without all centroids in memory.
static float* mean_of_centroids(Relation index, const IndexCache* entry) {
    const MetaPage* meta = &entry->meta;
    const uint32 dims = meta->code_dims;
    float* origin = static_cast<float*>(palloc0(sizeof(float) * dims));
    float* buffer = static_cast<float*>(palloc(sizeof(float) * dims));
    for (uint32 list = 0; list < meta->lists; list++) {
        CHECK_FOR_INTERRUPTS();
        const uint64 at = static_cast<uint64>(list) * dims;
        if (entry->centroids == NULL)
            read_region(index, &meta->centroids, PageKind::kCentroids, meta->generation, at * sizeof(float),
                        dims * sizeof(float), buffer);
        const float* centroid = entry->centroids == NULL ? buffer : entry->centroids + at;
        for (uint32 d = 0; d < dims; d++) origin[d] += centroid[d];
    }
    for (uint32 d = 0; d < dims; d++) origin[d] /= static_cast<float>(meta->lists);
    pfree(buffer);
    return origin;
}

const Codec* codec_to_encode(Relation index, IndexCache* cache) {
    if (likely(!HasEtaOrigin(cache->codec) || cache->codec.eta_origin != NULL)) return &cache->codec;
    const Size bytes = sizeof(float) * cache->meta.code_dims;
    float* origin = mean_of_centroids(index, cache);
    float* kept = static_cast<float*>(MemoryContextAlloc(cache->context, bytes));
    memcpy(kept, origin, bytes);
    pfree(origin);
    cache->codec.eta_origin = kept;
    cache->bytes += bytes;
    return &cache->codec;
}

void prefetch_centroid(const IndexCache* cache, uint32 list) {
    if (cache->centroids != NULL) return;
    const uint32 payload = PayloadBytes(BLCKSZ), bytes = cache->meta.code_dims * sizeof(float);
    const uint64 offset = static_cast<uint64>(list) * bytes;
    const uint32 from = SizeOfPageHeaderData + static_cast<uint32>(offset % payload);
    prefetch_page(cache, cache->meta.centroids.start + static_cast<BlockNumber>(offset / payload), from,
                  std::min<uint32>(from + bytes, BLCKSZ));
}

const uint8* kept_compact_group(const IndexCache* cache, uint32 group) {
    const CompactFront* front = &cache->compact;
    if (unlikely(!cache->keeps_groups)) return NULL;
    return cache->compact_bytes +
           CompactGroupOffset(front->groups, front->dims, group, RangeOfGroup(*front, group).start);
}

const uint8* kept_coarse_codes(const IndexCache* cache, uint32 group) {
    const CompactFront* front = &cache->compact;
    if (unlikely(!cache->keeps_groups)) return NULL;
    return cache->compact_bytes +
           CoarseOffset(front->entries, front->groups, front->dims, group, RangeOfGroup(*front, group).start);
}

const uint8* compact_group(Relation index, IndexCache* cache, uint32 group, uint8** buffer, Size* buffer_bytes,
                           MemoryContext context) {
    const uint8* kept = kept_compact_group(cache, group);
    if (likely(kept != NULL)) return kept;
    const CompactFront* front = &cache->compact;
    const GroupRange range = RangeOfGroup(*front, group);
    const Size offset = CompactGroupOffset(front->groups, front->dims, group, range.start);
    const Size bytes = CompactGroupBytes(range.count, front->dims);
    if (*buffer_bytes < bytes) {
        if (*buffer != NULL) pfree(*buffer);
        *buffer = static_cast<uint8*>(MemoryContextAllocHuge(context, bytes));
        *buffer_bytes = bytes;
    }
    read_recent_region(index, cache, &cache->meta.compact, PageKind::kCompactCentroids, offset, bytes, *buffer);
    return *buffer;
}

}  // namespace vectorq
