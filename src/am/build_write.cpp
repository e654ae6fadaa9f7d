// Writing: meta page, regions, then the lists one after another, each a run of consecutive extents,
// then the directory. Nobody sees the pages before the index exists, so they are logged once at the end.
#include <algorithm>

#include "am/build.h"
#include "core/cluster/compact_centroids.h"
#include "core/page/posting_codes.h"
#include "pg/memory.h"

extern "C" {
#include "port/pg_crc32c.h"
}

namespace vectorq {

namespace {
// Fills extents in memory and appends their pages.
struct ExtentWriter {
    Relation index;
    ForkNumber fork;
    const ExtentGeometry* geometry;
    char* images;         // (pages, BLCKSZ)
    uint32 list;          // of the extent in memory
    BlockNumber next_block;
    DirectoryEntry* directory;
};
}  // namespace

static void begin_extent(ExtentWriter* w, uint32 list) {
    for (uint32 part = 0; part < w->geometry->pages; part++)
        init_page(w->images + part * BLCKSZ, PageKind::kPosting, list, static_cast<uint16>(part), InvalidBlockNumber);
    w->list = list;
}

static void flush_extent(ExtentWriter* w, bool last_of_list) {
    const BlockNumber head = w->next_block;
    DirectoryEntry* entry = &w->directory[w->list];
    if (entry->head == kInvalidBlock) entry->head = head;
    entry->insert_hint = head;
    entry->contiguous_pages += w->geometry->pages;
    w->next_block += w->geometry->pages;
    if (!last_of_list) page_tail(w->images)->next = w->next_block;
    for (uint32 part = 0; part < w->geometry->pages; part++) {
        const BlockNumber block = append_built_page(w->index, w->fork, w->images + part * BLCKSZ);
        if (block != head + part) elog(ERROR, "unexpected block %u while building", block);
    }
}

static void put_row(ExtentWriter* w, const char* row) {
    const ExtentGeometry* g = w->geometry;
    char* first = page_payload(w->images);
    PostingHeader* header = reinterpret_cast<PostingHeader*>(first);
    const uint32 slot = header->count++;
    memcpy(first + sizeof(PostingHeader) + slot * kTidBytes, row, kTidBytes);
    if (g->scalar_bytes > 0) memcpy(first + g->scalars_offset + slot * g->scalar_bytes, row + 8, g->scalar_bytes);
    if (g->block_bytes > 0) {
        PutBlockCode(*g, first, slot, reinterpret_cast<const uint8*>(row + 12));
        return;
    }
    uint64 at = g->codes_offset + static_cast<uint64>(slot) * g->code_bytes;
    for (uint32 done = 0; done < g->code_bytes;) {
        const uint32 part = static_cast<uint32>(at / g->payload), within = static_cast<uint32>(at % g->payload);
        const uint32 length = std::min(g->code_bytes - done, g->payload - within);
        memcpy(page_payload(w->images + part * BLCKSZ) + within, row + 12 + done, length);
        done += length;
        at += length;
    }
}

static bool extent_is_full(const ExtentWriter* w) {
    return reinterpret_cast<const PostingHeader*>(page_payload(w->images))->count == w->geometry->capacity;
}

// Ends the list in memory and gives every list before `list` that has no rows one empty extent.
static void advance_to_list(ExtentWriter* w, bool open, uint32 list) {
    uint32 next = 0;
    if (open) {
        flush_extent(w, true);
        next = w->list + 1;
    }
    for (; next < list; next++) {
        begin_extent(w, next);
        flush_extent(w, true);
    }
}

static void write_rows(Build* b, ExtentWriter* w) {
    TupleTableSlot* slot = MakeSingleTupleTableSlot(b->slot->tts_tupleDescriptor, &TTSOpsMinimalTuple);
    bool open = false;
    while (tuplesort_gettupleslot(b->sort, true, false, slot, NULL)) {
        CHECK_FOR_INTERRUPTS();
        bool isnull;
        const uint32 list = static_cast<uint32>(DatumGetInt64(slot_getattr(slot, 1, &isnull)) >> 32);
        const char* row = VARDATA_ANY(DatumGetPointer(slot_getattr(slot, 2, &isnull)));
        if (!open || list != w->list) {
            advance_to_list(w, open, list);
            begin_extent(w, list);
            open = true;
        } else if (extent_is_full(w)) {
            flush_extent(w, false);
            begin_extent(w, list);
        }
        put_row(w, row);
        w->directory[list].rows++;
    }
    advance_to_list(w, open, b->lists);
    ExecDropSingleTupleTableSlot(slot);
    tuplesort_end(b->sort);
}

static Region write_directory(ExtentWriter* w, uint32 lists) {
    const uint32 per_page = DirectoryEntriesPerPage(BLCKSZ);
    Region region = {w->next_block, 0, static_cast<uint64>(lists) * sizeof(DirectoryEntry)};
    PGAlignedBlock image;
    for (uint32 list = 0; list < lists; list += per_page) {
        init_page(image.data, PageKind::kDirectory, 0, 0, InvalidBlockNumber);
        memcpy(page_payload(image.data), &w->directory[list],
               std::min(per_page, lists - list) * sizeof(DirectoryEntry));
        append_built_page(w->index, w->fork, image.data);
        region.blocks++;
    }
    return region;
}

static void write_meta(Relation index, ForkNumber fork, MetaPage* meta) {
    PGAlignedBlock image;
    seal_meta(meta);
    init_page(image.data, PageKind::kMeta, 0, 0, InvalidBlockNumber);
    memcpy(page_payload(image.data), meta, sizeof(*meta));
    overwrite_built_page(index, fork, 0, image.data);
}

static void write_centroids(Build* b, ForkNumber fork, MetaPage* meta) {
    BuildObjects* o = b->objects;
    const Size compact_bytes = CompactCentroidBytes(b->lists, b->codec.dims);
    uint8* compact = static_cast<uint8*>(MemoryContextAllocHuge(b->context, compact_bytes));
    BuildCompactCentroids(o->centroids, compact);
    meta->centroids = append_region(b->index, fork, PageKind::kCentroids, o->centroids.data(),
                                    sizeof(float) * b->lists * static_cast<uint64>(b->codec.dims));
    meta->compact = append_region(b->index, fork, PageKind::kCompactCentroids, compact, compact_bytes);
    meta->quantizer = append_region(b->index, fork, PageKind::kQuantizer, o->quantizer.data(),
                                    sizeof(float) * o->quantizer.size());
    meta->transform_matrix = append_region(b->index, fork, PageKind::kTransform, o->transform.data(),
                                           sizeof(float) * o->transform.size());
    pfree(compact);
    pg_crc32c crc;
    INIT_CRC32C(crc);
    COMP_CRC32C(crc, o->centroids.data(), sizeof(float) * b->lists * static_cast<Size>(b->codec.dims));
    COMP_CRC32C(crc, o->transform.data(), sizeof(float) * o->transform.size());
    COMP_CRC32C(crc, o->quantizer.data(), sizeof(float) * o->quantizer.size());
    FIN_CRC32C(crc);
    meta->content_crc = crc;
}

static MetaPage describe(const Build* b) {
    MetaPage meta;
    memset(&meta, 0, sizeof(meta));
    meta.magic = kMetaMagic;
    meta.version = kFormatVersion;
    meta.page_bytes = BLCKSZ;
    meta.dims = static_cast<uint32>(b->dims);
    meta.access_method = static_cast<uint8>(am_of_index(b->index));
    meta.metric = static_cast<uint8>(b->opclass->metric);
    meta.element = static_cast<uint8>(b->opclass->element);
    meta.code = static_cast<uint8>(b->codec.kind);
    meta.wanted_code = static_cast<uint8>(b->options.quantizer);
    meta.code_dims = b->codec.dims;
    meta.subvectors = static_cast<uint16>(b->codec.pq.m);
    meta.opq_m = b->objects->transform.size() > 0 ? static_cast<uint16>(b->opq_m) : 0;
    meta.bits = static_cast<uint8>(b->codec.pq.bits);
    meta.reorder = static_cast<uint8>(b->reorder);
    meta.transform = b->objects->transform.size() > 0 ? static_cast<uint8>(b->transform_kind) : 0;
    meta.flags = b->trained ? kMetaTrained : 0;
    meta.lists = b->lists;
    meta.wanted_lists = static_cast<uint32>(b->options.lists);
    meta.training_rows = b->training_rows;
    meta.seed = static_cast<uint32>(b->options.seed);
    meta.extent_pages = b->geometry.pages;
    meta.extent_capacity = b->geometry.capacity;
    meta.rows = static_cast<uint64>(b->indexed_rows);
    return meta;
}

static void write_index(Build* b, ForkNumber fork) {
    MetaPage meta = describe(b);
    PGAlignedBlock image;
    init_page(image.data, PageKind::kMeta, 0, 0, InvalidBlockNumber);
    append_built_page(b->index, fork, image.data);
    write_centroids(b, fork, &meta);
    ExtentWriter w;
    w.index = b->index;
    w.fork = fork;
    w.geometry = &b->geometry;
    w.images = static_cast<char*>(palloc(b->geometry.pages * BLCKSZ));
    w.list = 0;
    w.next_block = RelationGetNumberOfBlocksInFork(b->index, fork);
    w.directory =
        static_cast<DirectoryEntry*>(MemoryContextAllocHuge(b->context, sizeof(DirectoryEntry) * b->lists));
    for (uint32 list = 0; list < b->lists; list++) w.directory[list] = {kInvalidBlock, 0, kInvalidBlock, 0};
    meta.postings_start = w.next_block;
    if (b->sort != NULL)
        write_rows(b, &w);
    else
        advance_to_list(&w, false, b->lists);
    meta.directory = write_directory(&w, b->lists);
    write_meta(b->index, fork, &meta);
    finish_build_wal(b->index, fork);
}

void build_write(Build* b) { write_index(b, MAIN_FORKNUM); }

void write_empty_index(Relation index, ForkNumber fork, const OpclassInfo* opclass, int dims) {
    Build b;
    memset(static_cast<void*>(&b), 0, sizeof(b));
    b.index = index;
    b.opclass = opclass;
    b.options = index_options(index);
    b.dims = dims;
    b.context = CurrentMemoryContext;
    b.lists = 1;
    b.codec.metric = opclass->metric;
    b.codec.kind = opclass->element == ElementType::kF16 ? CodeKind::kF16 : CodeKind::kF32;
    b.codec.dims = static_cast<uint32_t>(dims);
    b.geometry = codec_geometry(&b.codec);
    b.objects = make_owned<BuildObjects>(b.context);
    core_call([&] {
        b.objects->centroids = Matrix(1, dims);
        std::fill_n(b.objects->centroids.data(), dims, 0.0f);
    });
    write_index(&b, fork);
}

}  // namespace vectorq
