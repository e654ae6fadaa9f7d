// See index_cache.h.
#include "am/index_cache.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/cluster/compact_centroids.h"
#include "core/cluster/replicas.h"
#include "core/simd/distance.h"
#include "core/simd/finish_distances.h"
#include "core/simd/topk_filter.h"
#include "core/transform/transform.h"
#include "pg/entry.h"
#include "pg/fault.h"

namespace vectorq {

// A backend's bound over all indexes, and the most that one index's exact centroids may take of it.
static constexpr Size kMaxCacheBytes = 256 * 1024 * 1024;
static constexpr Size kMaxExactBytes = 64 * 1024 * 1024;

// Blocks whose buffers are remembered: 4 bytes each, 8 GB of index.
static constexpr BlockNumber kMaxRecentBlocks = 1024 * 1024;

static IndexCache* entries;  // most recently used first

static bool same_index(const IndexCache* entry, Relation index, const MetaPage* meta) {
    MetaPage now = *meta;
    now.rows = entry->meta.rows;
    now.entries_per_row = entry->meta.entries_per_row;
    now.crc = entry->meta.crc;
    return RelFileNodeEquals(entry->node, index->rd_node) && memcmp(&now, &entry->meta, sizeof(now)) == 0;
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

static float* load_floats(Relation index, const Region* region, PageKind kind, MemoryContext context) {
    float* floats = static_cast<float*>(MemoryContextAllocHuge(context, region->bytes));
    read_region(index, region, kind, 0, region->bytes, floats);
    return floats;
}

void attach_quantizer(Codec* codec, const float* quantizer) {
    if (IsProductCode(codec->kind)) {
        codec->codebook = quantizer;
    } else if (codec->kind == CodeKind::kSq8) {
        codec->sq8_offset = quantizer;
        codec->sq8_scale = quantizer + codec->dims;
    }
}

void attach_copy_params(VectorCopies* copies, const float* params, const float* zeros) {
    copies->centroid = params;
    copies->codec.sq8_offset = zeros;
    copies->codec.sq8_scale = params + copies->codec.dims;
}

static void load_copies(Relation index, IndexCache* entry, MemoryContext context) {
    const MetaPage* meta = &entry->meta;
    entry->copies.codec = copy_codec(entry->codec.metric, static_cast<Reorder>(meta->reorder), meta->dims);
    entry->copies.geometry = meta_reorder_geometry(meta);
    if (meta->reorder_params.bytes == 0) return;
    attach_copy_params(&entry->copies, load_floats(index, &meta->reorder_params, PageKind::kReorderParams, context),
                       static_cast<float*>(MemoryContextAllocZero(context, sizeof(float) * meta->dims)));
}

static const float* load_eta_origin(Relation index, const IndexCache* entry, MemoryContext context) {
    const MetaPage* meta = &entry->meta;
    const float* centroids =
        entry->centroids != NULL ? entry->centroids : load_floats(index, &meta->centroids, PageKind::kCentroids, CurrentMemoryContext);
    float* origin = static_cast<float*>(MemoryContextAlloc(context, sizeof(float) * meta->code_dims));
    MeanOfCentroids(centroids, meta->lists, meta->code_dims, origin);
    if (entry->centroids == NULL) pfree(const_cast<float*>(centroids));
    return origin;
}

static IndexCache* load_entry(Relation index, const MetaPage* meta) {
    const bool keep_exact = meta->centroids.bytes <= kMaxExactBytes;
    const Size bytes = meta->compact.bytes + meta->quantizer.bytes + meta->transform_matrix.bytes + 2 * meta->reorder_params.bytes + (keep_exact ? meta->centroids.bytes : 0);
    make_room(bytes);
    // Under the caller's context until complete, so that an error in between leaves nothing behind.
    MemoryContext context =
        AllocSetContextCreate(CurrentMemoryContext, "vectorq index cache", ALLOCSET_SMALL_SIZES);
    IndexCache* entry = static_cast<IndexCache*>(MemoryContextAllocZero(context, sizeof(IndexCache)));
    entry->index_oid = RelationGetRelid(index);
    entry->node = index->rd_node;
    entry->context = context;
    entry->bytes = bytes;
    entry->meta = *meta;
    entry->geometry = meta_geometry(meta);
    uint8* compact = static_cast<uint8*>(MemoryContextAllocHuge(context, meta->compact.bytes));
    read_region(index, &meta->compact, PageKind::kCompactCentroids, 0, meta->compact.bytes, compact);
    entry->compact = compact;
    if (keep_exact) entry->centroids = load_floats(index, &meta->centroids, PageKind::kCentroids, context);
    entry->codec = meta_codec(meta);
    if (meta->quantizer.bytes > 0)
        attach_quantizer(&entry->codec, load_floats(index, &meta->quantizer, PageKind::kQuantizer, context));
    if (HasRecords(*meta)) load_copies(index, entry, context);
    entry->record_target = InvalidBlockNumber;
    entry->cold = entry->records_cold = entry->heap_cold = true;
    if (HasEtaOrigin(entry->codec)) entry->codec.eta_origin = load_eta_origin(index, entry, context);
    if (meta->transform_matrix.bytes > 0)
        entry->transform = load_floats(index, &meta->transform_matrix, PageKind::kTransform, context);
    entry->directory = static_cast<DirectoryEntry*>(MemoryContextAllocHuge(context, sizeof(DirectoryEntry) * meta->lists));
    for (uint32 list = 0; list < meta->lists; list++) entry->directory[list].head = kInvalidBlock;
    entry->bytes += sizeof(DirectoryEntry) * meta->lists;
    if (!RelationUsesLocalBuffers(index)) {
        entry->recent_blocks = std::min(RelationGetNumberOfBlocks(index), kMaxRecentBlocks);
        entry->recent = static_cast<Buffer*>(MemoryContextAllocHuge(context, sizeof(Buffer) * entry->recent_blocks));
        memset(entry->recent, 0, sizeof(Buffer) * entry->recent_blocks);
        entry->bytes += sizeof(Buffer) * entry->recent_blocks;
    }
    VQ_FAULT("cache.keep");
    MemoryContextSetParent(context, CacheMemoryContext);
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
        if (same_index(each, index, &meta))
            entry = each;
        else
            doom(each);
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
    const size_t in = cache->meta.dims, made = cache->meta.code_dims;
    ApplyTransform(cache->transform, cache->transform + in * made, in, made, vector, 1, out);
    return out;
}

// The look-up in the buffer table was a fifth of a flat query, an eighth of an sq8 one. A remembered buffer
// is checked by the server to still hold the block. That way of pinning does not count as use of the
// page, so each sixteenth read takes the ordinary way: hot pages stay hot for the clock sweep.
Buffer pin_recent(Relation relation, BlockNumber block, Buffer* recent, uint32* turn) {
    if (recent != NULL && *recent != InvalidBuffer && ((*turn)++ & 15) != 0 &&
        ReadRecentBuffer(relation->rd_node, MAIN_FORKNUM, block, *recent)) {
        pgstat_count_buffer_read(relation);
        pgstat_count_buffer_hit(relation);
        return *recent;
    }
    const Buffer buffer = ReadBuffer(relation, block);
    if (recent != NULL) *recent = buffer;
    return buffer;
}

static Buffer read_recent(Relation index, IndexCache* cache, BlockNumber block, PageKind kind, uint32 owner, uint16 part) {
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
    *entry = cache->directory[list];
    if (likely(entry->head != kInvalidBlock)) return;
    read_directory(index, &cache->meta, list, entry);
    cache->directory[list] = *entry;
}

void index_cache_track_heap(IndexCache* cache, Relation heap) {
    if (likely(cache->heap_recent != NULL && RelFileNodeEquals(cache->heap_node, heap->rd_node))) return;
    if (cache->heap_recent != NULL) pfree(cache->heap_recent);
    cache->heap_node = heap->rd_node;
    cache->heap_recent_blocks = 0;
    const BlockNumber blocks = std::min(RelationGetNumberOfBlocks(heap), kMaxRecentBlocks);
    cache->heap_recent = static_cast<Buffer*>(
        MemoryContextAllocExtended(cache->context, sizeof(Buffer) * std::max<Size>(blocks, 1), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO));
    cache->heap_recent_blocks = blocks;
    cache->bytes += sizeof(Buffer) * blocks;
}

Buffer read_posting(Relation index, IndexCache* cache, BlockNumber block, uint32 list, uint16 part) {
    return read_recent(index, cache, block, PageKind::kPosting, part > 0 ? list : 0, part);
}

Buffer read_record_page(Relation index, IndexCache* cache, BlockNumber block, uint16 part) {
    return read_recent(index, cache, block, PageKind::kReorder, 0, part);
}

const float* cached_centroid(Relation index, const IndexCache* cache, uint32 list, float* buffer) {
    const uint64 dims = cache->meta.code_dims;
    if (likely(cache->centroids != NULL)) return cache->centroids + list * dims;
    read_region(index, &cache->meta.centroids, PageKind::kCentroids, list * dims * sizeof(float),
                dims * sizeof(float), buffer);
    return buffer;
}

void score_lists(const IndexCache* cache, const float* query, float* flat, float* scratch) {
    ScoreCompactCentroids(cache->compact, cache->meta.lists, cache->meta.code_dims, cache->codec.metric, query, flat, scratch);
}

// How many lists a wish for `count` looks at exactly: eight bits misplace neighbours in the ranking,
// hardly more, so a quarter and eight more.
static uint32 refined_lists(uint32 lists, uint32 from, uint32 count) {
    return std::min(lists, from + count + count / 4 + 8);
}

// The want-th smallest of values[0 .. n), through a buffer of 2 * want: nearly all values are skipped
// by SIMD, where nth_element over all lists took a fifth of a small query.
static float select_threshold(const float* values, uint32 n, uint32 want, float* buffer) {
    constexpr uint32 kBlock = 256;
    uint16 below[kBlock + 64];
    float threshold = get_float4_infinity();
    uint32 count = 0;
    for (uint32 begin = 0; begin < n; begin += kBlock) {
        const size_t found = CompressBelow(values + begin, std::min(kBlock, n - begin), threshold, below);
        for (size_t i = 0; i < found; i++) {
            buffer[count++] = values[begin + below[i]];
            if (count < 2 * want) continue;
            std::nth_element(buffer, buffer + want - 1, buffer + count);
            count = want;
            threshold = buffer[want - 1];
        }
    }
    std::nth_element(buffer, buffer + want - 1, buffer + count);
    return buffer[want - 1];
}

// Lists at a time that are compared with the threshold.
static constexpr uint32 kSelectBlock = 256;

uint32 select_lists(float* flat, uint32 lists, uint32 count, ListScore* scores) {
    const uint32 want = refined_lists(lists, 0, count);
    float threshold = get_float4_infinity();
    if (want < lists) {
        float* buffer = static_cast<float*>(palloc_extended(sizeof(float) * 2 * want, MCXT_ALLOC_HUGE));
        threshold = select_threshold(flat, lists, want, buffer);
        pfree(buffer);
    }
    uint16 below[kSelectBlock + 64];
    uint32 chosen = 0;
    for (uint32 begin = 0; begin < lists; begin += kSelectBlock) {
        const size_t found = CompressBelow(flat + begin, std::min(kSelectBlock, lists - begin), threshold, below);
        for (size_t i = 0; i < found; i++) scores[chosen++] = {flat[begin + below[i]], begin + below[i]};
    }
    // Ties with the threshold may not all fit: those of low number do.
    for (uint32 i = chosen; i-- > 0 && chosen > want;) {
        if (scores[i].score < threshold) continue;
        memmove(scores + i, scores + i + 1, sizeof(ListScore) * (chosen - i - 1));
        chosen--;
    }
    for (uint32 i = 0; i < chosen; i++) flat[scores[i].list] = get_float4_nan();
    return chosen;
}

void add_other_lists(const float* flat, uint32 lists, uint32 chosen, ListScore* scores) {
    for (uint32 list = 0; list < lists; list++)
        if (flat[list] == flat[list]) scores[chosen++] = {flat[list], list};
}

float metric_distance(Metric metric, const float* query, const float* centroid, uint32 dims) {
    switch (metric) {
        case Metric::kL2: return L2SquaredF32(query, centroid, dims);
        case Metric::kL1: return L1F32(query, centroid, dims);
        default: return -DotF32(query, centroid, dims);
    }
}

void order_lists(Relation index, const IndexCache* cache, const float* query, ListScore* scores, uint32 from,
                 uint32 count, float* buffer) {
    const uint32 lists = cache->meta.lists, dims = cache->meta.code_dims;
    const auto nearer = [](const ListScore& a, const ListScore& b) {
        return a.score < b.score || (a.score == b.score && a.list < b.list);
    };
    const uint32 refined = refined_lists(lists, from, count);
    if (from > 0 && refined < lists) std::nth_element(scores + from, scores + refined, scores + lists, nearer);
    for (uint32 i = from; i < refined; i++)
        scores[i].score = metric_distance(cache->codec.metric, query,
                                           cached_centroid(index, cache, scores[i].list, buffer), dims);
    std::sort(scores + from, scores + refined, nearer);
}

// The further lists of a row are looked for among so many nearest ones: as good as the table of neighbours that
// builds use (cluster/replicas.h).
static constexpr uint32 kCopyCandidates = 64;

// Of scores[1 .. n), the lists that hold the row beside scores[0]: to row_lists[1 ..). Returns how many hold it.
static uint32 further_lists(Relation index, const IndexCache* cache, const float* row, const ListScore* scores, uint32 n,
                            uint32* row_lists) {
    const uint32 dims = cache->meta.code_dims;
    const bool spherical = cache->codec.metric == Metric::kInnerProduct || cache->codec.metric == Metric::kCosine;
    float* near = static_cast<float*>(palloc_extended(sizeof(float) * dims * n, MCXT_ALLOC_HUGE));
    float* scratch = static_cast<float*>(palloc(sizeof(float) * (2 * n + dims)));
    for (uint32 i = 0; i < n; i++) {
        const float* centroid = cached_centroid(index, cache, scores[i].list, near + i * dims);
        if (centroid != near + i * dims) memcpy(near + i * dims, centroid, sizeof(float) * dims);
    }
    uint32 chosen[kMaxCopies] = {0}, copies = 2;
    if (CopiesVary(cache->meta))
        copies = static_cast<uint32>(ClosureListsOfOne(near, n, dims, spherical, row, cache->meta.closure_epsilon, kMaxCopies, chosen, scratch));
    else
        chosen[1] = SoarSecondOfOne(near, n, dims, spherical, row, 0, kSoarLambda, scratch);
    for (uint32 copy = 1; copy < copies; copy++) row_lists[copy] = scores[chosen[copy]].list;
    pfree(near);
    pfree(scratch);
    return copies;
}

uint32 lists_of_row(Relation index, const IndexCache* cache, const float* row, uint32* row_lists) {
    const uint32 lists = cache->meta.lists, dims = cache->meta.code_dims;
    row_lists[0] = 0;
    if (lists == 1) return 1;
    uint32 copies = CopiesOfRow(cache->meta);
    const uint32 wanted = copies > 1 ? std::min(kCopyCandidates, lists) : 1;
    ListScore* scores = static_cast<ListScore*>(palloc_extended(sizeof(ListScore) * lists, MCXT_ALLOC_HUGE));
    float* flat = static_cast<float*>(palloc_extended(sizeof(float) * lists, MCXT_ALLOC_HUGE));
    float* scratch = static_cast<float*>(palloc(sizeof(float) * 3 * dims));
    score_lists(cache, row, flat, scratch);
    select_lists(flat, lists, wanted, scores);
    // Rows belong to the list that is nearest by L2 under L1 too, as at build.
    IndexCache as_built = *cache;
    if (as_built.codec.metric == Metric::kL1) as_built.codec.metric = Metric::kL2;
    order_lists(index, &as_built, row, scores, 0, wanted, scratch + 2 * dims);
    row_lists[0] = scores[0].list;
    if (copies > 1) copies = further_lists(index, cache, row, scores, wanted, row_lists);
    pfree(scores);
    pfree(flat);
    pfree(scratch);
    return copies;
}

// Recall@10 of 0.95 took 36 of 565 lists (20,000 SIFT rows, make demo) and 45 to 55 of 4,000 (a million):
// a rule of thumb through both, a little generous, until an index calibrates itself.
static double automatic_nprobe(uint32 lists) { return 6.5 * std::pow(static_cast<double>(lists), 0.27); }

// Two lists to find a row in: 24 probes instead of 55 for recall@10 of 0.95 on a million SIFT rows, 15 instead of 46 on
// sentence embeddings by cosine, 24 instead of 80 by inner product. Generous, as above.
static constexpr double kSoarProbes = 0.6;

// A fifth fewer lists for any recall (src/core/README.md).
static constexpr double kClosureProbes = 0.8;

uint32 effective_nprobe(const MetaPage* meta) {
    const double share = CopiesVary(*meta) ? kClosureProbes : CopiesOfRow(*meta) > 1 ? kSoarProbes : 1;
    const double automatic = automatic_nprobe(meta->lists) * share;
    const uint32 wanted = settings.nprobe > 0 ? static_cast<uint32>(settings.nprobe) : static_cast<uint32>(std::ceil(automatic));
    return std::max<uint32>(1, std::min(wanted, meta->lists));
}

}  // namespace vectorq
