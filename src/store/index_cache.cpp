// See index_cache.h.
#include "store/index_cache.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/page/params_page.h"
#include "store/calibration_store.h"
#include "core/simd/distance.h"
#include "core/simd/finish_distances.h"
#include "core/transform/transform.h"
#include "pg/entry.h"
#include "pg/fault.h"
#include "pg/memory.h"

extern "C" {
#include "storage/buf_internals.h"
}

namespace vectorq {

// A backend's bound over all indexes, and the most that one index's centroids may take of it, exact and in compact
// form: 32,000 and 130,000 lists of 128 dimensions. What is more is read through shared buffers.
static constexpr Size kMaxCacheBytes = 256 * 1024 * 1024;
#ifndef VECTORQ_FAULTS
static constexpr Size kMaxCentroidBytes = 16 * 1024 * 1024, kMaxCompactBytes = 24 * 1024 * 1024;
#else  // the tests' indexes are small
static constexpr Size kMaxCentroidBytes = 16 * 1024, kMaxCompactBytes = kMaxCentroidBytes;
#endif
// Lists whose first segment is remembered.
static constexpr uint32 kMaxKnownLists = 64 * 1024;

// Blocks whose buffers are remembered: 4 bytes each, 8 GB of index.
static constexpr BlockNumber kMaxRecentBlocks = 1024 * 1024;

static IndexCache* entries;  // most recently used first
// What is being loaded, or was when an error ended it.
static Oid loading_index;
static uint32 loading_generation;

static bool same_index(const IndexCache* entry, Relation index, const MetaPage* meta) {
    MetaPage now = *meta;
    now.rows = entry->meta.rows;
    now.entries_per_row = entry->meta.entries_per_row;
    now.oldest_generation = entry->meta.oldest_generation;
    now.next_list = entry->meta.next_list;
    now.free_head = entry->meta.free_head;
    now.replacing = entry->meta.replacing;
    now.crc = entry->meta.crc;
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

static void forget_dropped(Datum, Oid index_oid) {
    for (IndexCache *entry = entries, *next; entry != NULL; entry = next) {
        next = entry->next;
        // An index that changed is found out at its next use; here only make room early for
        // one that may be gone.
        if (entry->index_oid == index_oid) doom(entry);
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

static void make_room(Size wanted) {
    Size total = wanted;
    for (IndexCache* entry = entries; entry != NULL; entry = entry->next) total += entry->bytes;
    while (total > kMaxCacheBytes) {
        IndexCache* oldest = NULL;
        for (IndexCache* entry = entries; entry != NULL; entry = entry->next)
            if (entry->pins == 0) oldest = entry;
        if (oldest == NULL) return;
        total -= oldest->bytes;
        free_entry(oldest);
    }
}

static float* load_floats(Relation index, const Region* region, PageKind kind, MemoryContext context,
                          uint32 owner = 0) {
    float* floats = alloc_aligned<float>(context, region->bytes / sizeof(float));
    read_region(index, region, kind, owner, 0, region->bytes, floats);
    return floats;
}

void attach_copy_params(VectorCopies* copies, const float* params, const float* zeros) {
    const Sq8Page page = ViewSq8Page(params, copies->codec.dims);
    copies->centroid = page.offset;
    copies->codec.sq8_offset = zeros;
    copies->codec.sq8_scale = page.scale;
}

static void load_copies(Relation index, IndexCache* entry, MemoryContext context) {
    const MetaPage* meta = &entry->meta;
    entry->copies.codec = copy_codec(entry->codec.metric, static_cast<Reorder>(meta->reorder), meta->dims);
    entry->copies.geometry = meta_reorder_geometry(meta);
    if (meta->reorder_params.bytes == 0) return;
    attach_copy_params(&entry->copies, load_floats(index, &meta->reorder_params, PageKind::kReorderParams, context),
                       static_cast<float*>(MemoryContextAllocZero(context, sizeof(float) * meta->dims)));
}

// As MeanOfCentroids() has it, without all centroids in memory.
static const float* load_eta_origin(Relation index, const IndexCache* entry, MemoryContext context) {
    const MetaPage* meta = &entry->meta;
    const uint32 dims = meta->code_dims;
    float* origin = static_cast<float*>(MemoryContextAllocZero(context, sizeof(float) * dims));
    float* buffer = static_cast<float*>(palloc(sizeof(float) * dims));
    for (uint32 list = 0; list < meta->lists; list++) {
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

static bool keeps_compact(const MetaPage* meta) { return meta->groups == 0 || meta->compact.bytes <= kMaxCompactBytes; }
static bool keeps_exact(const MetaPage* meta) { return meta->centroids.bytes <= kMaxCentroidBytes; }
static Size compact_bytes(const MetaPage* meta) {
    return keeps_compact(meta) ? meta->compact.bytes : CompactFrontBytes(meta->groups, meta->code_dims);
}

static void load_centroids(Relation index, IndexCache* entry, MemoryContext context) {
    const MetaPage* meta = &entry->meta;
    uint8* compact = static_cast<uint8*>(MemoryContextAllocHuge(context, compact_bytes(meta)));
    read_region(index, &meta->compact, PageKind::kCompactCentroids, meta->generation, 0, compact_bytes(meta), compact);
    entry->compact_bytes = compact;
    if (!CompactFrontIsSound(compact, meta->live_lists, meta->groups, meta->code_dims))
        report_corruption(index, meta->compact.start, "impossible groups of centroids");
    entry->compact = ViewCompactFront(compact, meta->code_dims);
    if (keeps_exact(meta))
        entry->centroids = load_floats(index, &meta->centroids, PageKind::kCentroids, context, meta->generation);
}

static void prepare_memory_of_blocks(Relation index, IndexCache* entry, MemoryContext context) {
    entry->known_slots = std::min(entry->meta.lists, kMaxKnownLists);
    entry->known_lists = static_cast<KnownList*>(MemoryContextAlloc(context, sizeof(KnownList) * entry->known_slots));
    for (uint32 slot = 0; slot < entry->known_slots; slot++) entry->known_lists[slot].entry.head = kInvalidBlock;
    entry->bytes += sizeof(KnownList) * entry->known_slots;
    if (RelationUsesLocalBuffers(index)) return;
    entry->recent_blocks = std::min(RelationGetNumberOfBlocks(index), kMaxRecentBlocks);
    entry->recent = static_cast<Buffer*>(MemoryContextAllocHuge(context, sizeof(Buffer) * entry->recent_blocks));
    memset(entry->recent, 0, sizeof(Buffer) * entry->recent_blocks);
    entry->bytes += sizeof(Buffer) * entry->recent_blocks;
}

static IndexCache* load_entry(Relation index, const MetaPage* meta) {
    const Size bytes = compact_bytes(meta) + meta->quantizer.bytes + meta->transform_matrix.bytes +
                       2 * meta->reorder_params.bytes + (keeps_exact(meta) ? meta->centroids.bytes : 0);
    make_room(bytes);
    loading_index = RelationGetRelid(index);
    loading_generation = meta->generation;
    // Under the caller's context until complete, so that an error in between leaves nothing behind.
    MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "vectorq index cache", ALLOCSET_SMALL_SIZES);
    IndexCache* entry = static_cast<IndexCache*>(MemoryContextAllocZero(context, sizeof(IndexCache)));
    entry->index_oid = RelationGetRelid(index);
    entry->file = file_locator(index);
    entry->context = context;
    entry->bytes = bytes;
    entry->meta = *meta;
    entry->geometry = meta_geometry(meta);
    load_centroids(index, entry, context);
    entry->codec = meta_codec(meta);
    if (meta->quantizer.bytes > 0)
        AttachQuantizer(&entry->codec, load_floats(index, &meta->quantizer, PageKind::kQuantizer, context));
    if (HasRecords(*meta)) load_copies(index, entry, context);
    read_calibration(index, meta, &entry->calibration);
    entry->record_target = InvalidBlockNumber;
    entry->cold = entry->records_cold = entry->heap_cold = true;
    if (HasEtaOrigin(entry->codec)) entry->codec.eta_origin = load_eta_origin(index, entry, context);
    if (meta->transform_matrix.bytes > 0)
        entry->transform = load_floats(index, &meta->transform_matrix, PageKind::kTransform, context);
    prepare_memory_of_blocks(index, entry, context);
    VQ_FAULT("cache.keep");
    MemoryContextSetParent(context, CacheMemoryContext);
    loading_index = InvalidOid;
    entry->next = entries;
    entries = entry;
    return entry;
}

IndexCache* index_cache_pin(Relation index, MemoryContext owner) {
    static bool registered = false;
    if (!registered) {
        CacheRegisterRelcacheCallback(forget_dropped, static_cast<Datum>(0));
        registered = true;
    }
    MetaPage meta;
    read_meta(index, &meta);
    MemoryContextCallback* callback =
        static_cast<MemoryContextCallback*>(MemoryContextAlloc(owner, sizeof(MemoryContextCallback)));
    IndexCache* entry = NULL;
    for (IndexCache *each = entries, *next; each != NULL; each = next) {
        next = each->next;
        if (each->index_oid != RelationGetRelid(index) || each->doomed) continue;
        if (same_index(each, index, &meta)) entry = each;
        else doom(each);
    }
    if (entry == NULL) entry = load_entry(index, &meta);
    VQ_FAULT("cache.pin");
    entry->pins++;
    callback->func = unpin;
    callback->arg = entry;
    MemoryContextRegisterResetCallback(owner, callback);
    return entry;
}

const float* to_code_space(const IndexCache* cache, const float* vector, float* out) {
    if (cache->transform == NULL) return vector;
    const uint32 in = cache->meta.dims, made = cache->meta.code_dims;
    const TransformPage page = ViewTransformPage(cache->transform, in, made);
    ApplyTransform(page.matrix, page.offset, in, made, vector, 1, out);
    return out;
}

// The look-up in the buffer table was a fifth of a flat query, an eighth of an sq8 one. A remembered buffer
// is checked by the server to still hold the block. That way of pinning does not count as use of the
// page, so each sixteenth read takes the ordinary way: hot pages stay hot for the clock sweep.
Buffer pin_recent(Relation relation, BlockNumber block, Buffer* recent, uint32* turn) {
    if (recent != NULL && *recent != InvalidBuffer && ((*turn)++ & 15) != 0 &&
        ReadRecentBuffer(file_locator(relation), MAIN_FORKNUM, block, *recent)) {
        pgstat_count_buffer_read(relation);
        pgstat_count_buffer_hit(relation);
        return *recent;
    }
    const Buffer buffer = ReadBuffer(relation, block);
    if (recent != NULL) *recent = buffer;
    return buffer;
}

static Buffer read_recent(Relation index, IndexCache* cache, BlockNumber block, PageKind kind, uint32 owner,
                          uint16 part) {
    const Buffer buffer = pin_recent(index, block, recent_buffer(cache, block), &cache->recent_turn);
    LockBuffer(buffer, BUFFER_LOCK_SHARE);
    const char* problem = page_problem(BufferGetPage(buffer), kind, owner, part);
    if (unlikely(problem != NULL)) {
        UnlockReleaseBuffer(buffer);
        report_corruption(index, block, problem);
    }
    return buffer;
}

void list_head(Relation index, IndexCache* cache, uint32 list, DirectoryEntry* entry) {
    KnownList* known = &cache->known_lists[list % cache->known_slots];
    if (unlikely(known->entry.head == kInvalidBlock || known->list != list)) {
        read_directory(index, &cache->meta, list, &known->entry);
        known->list = list;
    }
    *entry = known->entry;
}

void index_cache_track_heap(IndexCache* cache, Relation heap) {
    if (likely(cache->heap_recent != NULL && same_file(cache->heap_file, file_locator(heap)))) return;
    if (cache->heap_recent != NULL) pfree(cache->heap_recent);
    cache->heap_file = file_locator(heap);
    cache->heap_recent_blocks = 0;
    const BlockNumber blocks = std::min(RelationGetNumberOfBlocks(heap), kMaxRecentBlocks);
    cache->heap_recent = static_cast<Buffer*>(MemoryContextAllocExtended(
        cache->context, sizeof(Buffer) * std::max<Size>(blocks, 1), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO));
    cache->heap_recent_blocks = blocks;
    cache->bytes += sizeof(Buffer) * blocks;
}

Buffer read_posting(Relation index, IndexCache* cache, BlockNumber block, uint32 list, uint16 part) {
    return read_recent(index, cache, block, PageKind::kPosting, part > 0 ? list : 0, part);
}

Buffer read_record_page(Relation index, IndexCache* cache, BlockNumber block, uint16 part) {
    return read_recent(index, cache, block, PageKind::kReorder, 0, part);
}

// Bytes [offset, offset + length) of centroids, as read_region() does, mostly without look-ups in the buffer table.
static void read_recent_region(Relation index, IndexCache* cache, const Region* region, PageKind kind, uint64 offset,
                               uint64 length, void* out) {
    const uint32 payload = PayloadBytes(BLCKSZ);
    char* to = static_cast<char*>(out);
    while (length > 0) {
        const uint32 at = static_cast<uint32>(offset % payload);
        const uint32 part = static_cast<uint32>(std::min<uint64>(length, payload - at));
        Buffer buffer = read_recent(index, cache, region->start + static_cast<BlockNumber>(offset / payload), kind,
                                    cache->meta.generation, 0);
        memcpy(to, page_payload(BufferGetPage(buffer)) + at, part);
        UnlockReleaseBuffer(buffer);
        to += part;
        offset += part;
        length -= part;
    }
}

const float* cached_centroid(Relation index, IndexCache* cache, uint32 list, float* buffer) {
    const uint64 dims = cache->meta.code_dims;
    if (likely(cache->centroids != NULL)) return cache->centroids + list * dims;
    read_recent_region(index, cache, &cache->meta.centroids, PageKind::kCentroids, list * dims * sizeof(float),
                       dims * sizeof(float), buffer);
    return buffer;
}

void prefetch_page(const IndexCache* cache, BlockNumber block, uint32 from, uint32 to) {
    if (block >= cache->recent_blocks || cache->recent[block] == InvalidBuffer) return;
    const char* page = static_cast<const char*>(BufferGetPage(cache->recent[block]));
    __builtin_prefetch(GetBufferDescriptor(cache->recent[block] - 1), 1);
    __builtin_prefetch(page);
    __builtin_prefetch(page + BLCKSZ - sizeof(PageTail));
    prefetch_bytes(page + from, to - std::min(from, to));
}

void prefetch_centroid(const IndexCache* cache, uint32 list) {
    if (cache->centroids != NULL) return;
    const uint32 payload = PayloadBytes(BLCKSZ), bytes = cache->meta.code_dims * sizeof(float);
    const uint64 offset = static_cast<uint64>(list) * bytes;
    const uint32 from = SizeOfPageHeaderData + static_cast<uint32>(offset % payload);
    prefetch_page(cache, cache->meta.centroids.start + static_cast<BlockNumber>(offset / payload), from,
                  std::min<uint32>(from + bytes, BLCKSZ));
}

const uint8* kept_compact_part(const IndexCache* cache, uint32 group) {
    const CompactFront* front = &cache->compact;
    if (unlikely(!keeps_compact(&cache->meta))) return NULL;
    return cache->compact_bytes +
           CompactPartOffset(front->groups, front->dims, group, RangeOfPart(*front, group).start);
}

const uint8* kept_coarse_codes(const IndexCache* cache, uint32 group) {
    const CompactFront* front = &cache->compact;
    if (unlikely(!keeps_compact(&cache->meta))) return NULL;
    return cache->compact_bytes +
           CoarseOffset(front->entries, front->groups, front->dims, group, RangeOfPart(*front, group).start);
}

const uint8* compact_part(Relation index, IndexCache* cache, uint32 group, uint8** buffer, Size* buffer_bytes,
                          MemoryContext context) {
    const uint8* kept = kept_compact_part(cache, group);
    if (likely(kept != NULL)) return kept;
    const CompactFront* front = &cache->compact;
    const PartRange range = RangeOfPart(*front, group);
    const Size offset = CompactPartOffset(front->groups, front->dims, group, range.start);
    const Size bytes = CompactPartBytes(range.count, front->dims);
    if (*buffer_bytes < bytes) {
        if (*buffer != NULL) pfree(*buffer);
        *buffer = static_cast<uint8*>(MemoryContextAllocHuge(context, bytes));
        *buffer_bytes = bytes;
    }
    read_recent_region(index, cache, &cache->meta.compact, PageKind::kCompactCentroids, offset, bytes, *buffer);
    return *buffer;
}

}  // namespace vectorq
