// Writing: meta page, regions, records if there are any, then the lists one after another, each a run of consecutive
// pages, then the directory. The pages go into a sink (store/page_sink.h): of a new index, whose pages nobody sees
// before it exists, so that they are logged once at the end; or of an index in use, where nobody is led to them yet.
#include <algorithm>

#include "build/build.h"
#include "store/calibration_store.h"
#include "store/posting_builder.h"
#include "core/quantize/compact_centroids.h"
#include "pg/fault.h"
#include "pg/memory.h"

extern "C" {
#include "port/pg_crc32c.h"
}

namespace vectorq {

void write_sorted_rows(Build* b, PostingBuilder* w) {
    TupleTableSlot* slot = MakeSingleTupleTableSlot(b->slot->tts_tupleDescriptor, &TTSOpsMinimalTuple);
    while (tuplesort_gettupleslot(b->sort, true, false, slot, NULL)) {
        vacuum_delay();
        VQ_FAULT("write.row");
        bool isnull;
        const uint32 list = static_cast<uint32>(DatumGetInt64(slot_getattr(slot, 1, &isnull)) >> 32);
        posting_builder_add(w, list, VARDATA_ANY(DatumGetPointer(slot_getattr(slot, 2, &isnull))));
    }
    ExecDropSingleTupleTableSlot(slot);
    VQ_FAULT("sort.end");
    tuplesort_end(b->sort);
    b->sort = NULL;
}

Region write_directory(PageSink* sink, const DirectoryEntry* directory, const char* summaries, uint32 lists,
                       uint32 key_columns) {
    const uint32 per_page = DirectoryEntriesPerPage(BLCKSZ, key_columns);
    const Size stride = DirectoryStride(key_columns), summary = KeySummaryBytes(key_columns);
    Region region = {0, (lists + per_page - 1) / per_page, static_cast<uint64>(lists) * stride};
    region.start = take_run(sink, region.blocks);
    PGAlignedBlock image;
    for (uint32 page = 0; page < region.blocks; page++) {
        init_sink_page(sink, image.data, PageKind::kDirectory, 0, 0);
        for (uint32 list = page * per_page; list < std::min((page + 1) * per_page, lists); list++) {
            char* to = page_payload(image.data) + list % per_page * stride;
            memcpy(to, &directory[list], sizeof(DirectoryEntry));
            if (summaries != NULL) memcpy(to + sizeof(DirectoryEntry), summaries + list * summary, summary);
        }
        put_page(sink, region.start + page, image.data);
    }
    return region;
}

// Of an index that is being built: block 0 was taken first.
static void put_meta(PageSink* sink, MetaPage* meta) {
    PGAlignedBlock image;
    set_meta_crc(meta);
    init_sink_page(sink, image.data, PageKind::kMeta, 0, 0);
    memcpy(page_payload(image.data), meta, sizeof(*meta));
    put_page(sink, 0, image.data);
}

// Of all that codes depend on.
static uint32 content_crc(const Build* b) {
    const BuildObjects* o = b->objects;
    pg_crc32c crc;
    INIT_CRC32C(crc);
    COMP_CRC32C(crc, o->centroids.data(), sizeof(float) * b->lists * static_cast<Size>(b->codec.dims));
    COMP_CRC32C(crc, o->transform.data(), sizeof(float) * o->transform.size());
    COMP_CRC32C(crc, o->record_params.data(), sizeof(float) * o->record_params.size());
    COMP_CRC32C(crc, o->quantizer.data(), sizeof(float) * o->quantizer.size());
    FIN_CRC32C(crc);
    return crc;
}

// Centroids and compact centroids, in one run: rebalancing takes them for that.
static void write_centroids(Build* b, PageSink* sink, MetaPage* meta) {
    BuildObjects* o = b->objects;
    // Untrained indexes have one list and no groups yet.
    if (o->groups.start.empty()) core_call([&] { o->groups = GroupCentroids(o->centroids, 0, false, 0, 1, o->stop); });
    meta->groups = static_cast<uint32>(o->groups.centers.rows());
    meta->centroids = region_of_bytes(sizeof(float) * b->lists * static_cast<uint64>(b->codec.dims));
    meta->compact = region_of_bytes(CompactBytes(b->lists, meta->groups, b->codec.dims));
    uint8* compact = static_cast<uint8*>(MemoryContextAllocHuge(b->context, meta->compact.bytes));
    core_call([&] { BuildCompactCentroids(o->centroids, NULL, o->groups, b->threads, o->stop, compact); });
    const uint32 blocks = meta->centroids.blocks + meta->compact.blocks;
    meta->centroid_run = {take_run(sink, blocks), blocks};
    meta->centroids.start = meta->centroid_run.start;
    meta->compact.start = meta->centroids.start + meta->centroids.blocks;
    put_region(sink, &meta->centroids, PageKind::kCentroids, meta->generation, o->centroids.data());
    put_region(sink, &meta->compact, PageKind::kCompactCentroids, meta->generation, compact);
    pfree(compact);
}

void write_build_regions(Build* b, PageSink* sink, MetaPage* meta) {
    const auto append = [&](PageKind kind, const AlignedArray<float>& floats) {
        return append_region(sink, kind, 0, floats.data(), sizeof(float) * floats.size());
    };
    VQ_FAULT("write.centroids");
    write_centroids(b, sink, meta);
    meta->quantizer = append(PageKind::kQuantizer, b->objects->quantizer);
    meta->reorder_params = append(PageKind::kReorderParams, b->objects->record_params);
    meta->transform_matrix = append(PageKind::kTransform, b->objects->transform);
    meta->calibration = append_calibration(sink);
    const Size uses_bytes = sizeof(uint32) * static_cast<Size>(b->lists);
    void* uses = MemoryContextAllocExtended(b->context, uses_bytes, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
    meta->list_uses = append_region(sink, PageKind::kListUses, 0, uses, uses_bytes);
    pfree(uses);
    meta->content_crc = content_crc(b);
}

MetaPage describe_build(const Build* b) {
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
    meta.opq_m = b->objects->transform.size() > 0 ? static_cast<uint16>(b->transform_spec.opq_m) : 0;
    meta.bits = static_cast<uint8>(b->codec.pq.bits);
    meta.reorder = static_cast<uint8>(b->reorder);
    meta.replicas = static_cast<uint8>(b->replicas);
    meta.closure_epsilon = b->replicas == Replicas::kClosure ? static_cast<float>(b->options.closure_epsilon) : 0;
    meta.entries_per_row =
        b->indexed_rows > 0 ? static_cast<float>(static_cast<double>(b->indexed_entries) / b->indexed_rows) : 1;
    meta.eta = b->codec.eta;
    meta.anisotropic_threshold = b->codec.eta > 0 ? static_cast<float>(b->options.anisotropic_threshold) : 0;
    meta.transform = b->objects->transform.size() > 0 ? static_cast<uint8>(b->transform_spec.kind) : 0;
    meta.flags = static_cast<uint16>((b->trained ? kMetaTrained : 0) | (b->codec.lengths ? kMetaLengths : 0));
    meta.lists = meta.live_lists = meta.next_list = b->lists;
    meta.free_head = kInvalidBlock;
    meta.epoch = meta.upkeep.last_epoch = 1;
    meta.upkeep.free_unit = b->geometry.pages;
    meta.key_columns = b->key_columns->keys.count;
    meta.key_kinds = crc_of_kinds(&b->key_columns->keys);
    meta.wanted_lists = static_cast<uint32>(b->options.lists);
    meta.training_rows = b->training_rows;
    meta.seed = static_cast<uint32>(b->options.seed);
    meta.extent_pages = b->geometry.pages;
    meta.extent_capacity = b->geometry.capacity;
    meta.rows = static_cast<uint64>(b->indexed_rows);
    return meta;
}

void write_build_lists(Build* b, PageSink* sink, MetaPage* meta) {
    // Records and lists of an index in use may lie anywhere: no run of blocks is theirs alone.
    const bool records = b->sort != NULL && KeepsRecords(b->reorder);
    if (records) {
        meta->records_start = sink->live ? 1 : sink->end;
        write_build_records(b, sink);
        meta->records_blocks = sink->live ? 0 : sink->end - meta->records_start;
    }
    meta->postings_start = sink->live ? 1 : sink->end;
    DirectoryEntry* directory =
        static_cast<DirectoryEntry*>(MemoryContextAllocHuge(b->context, sizeof(DirectoryEntry) * b->lists));
    PostingBuilder w;
    posting_builder_begin(&w, sink, &b->geometry, directory, b->lists);
    if (b->sort != NULL) write_sorted_rows(b, &w);
    posting_builder_end(&w);
    VQ_FAULT("write.directory");
    meta->directory = write_directory(sink, directory, w.summaries, b->lists, meta->key_columns);
    if (w.summaries != NULL) pfree(w.summaries);
    pfree(directory);
}

static void write_calibration(Build* b, PageSink* sink, MetaPage* meta) {
    Calibration calibration;
    if (!measure_build(b, index_cache_pin(b->index, b->context), &calibration)) return;
    put_calibration(sink, &calibration, meta);
    put_meta(sink, meta);
}

static void write_index(Build* b, ForkNumber fork) {
    PageSink sink = built_pages(b->index, fork);
    MetaPage meta = describe_build(b);
    PGAlignedBlock image;
    init_sink_page(&sink, image.data, PageKind::kMeta, 0, 0);
    put_page(&sink, take_run(&sink, 1), image.data);
    write_build_regions(b, &sink, &meta);
    write_build_lists(b, &sink, &meta);
    meta.upkeep.counted_blocks = sink.end;
    meta.upkeep.called_lists =
        lists_for(am_of_index(b->index), b->opclass->metric, static_cast<double>(b->indexed_rows));
    VQ_FAULT("write.meta");
    put_meta(&sink, &meta);
    if (b->objects->finder != nullptr) write_calibration(b, &sink, &meta);
    finish_build_wal(b->index, fork);
}

void build_write(Build* b) { write_index(b, MAIN_FORKNUM); }

void write_empty_index(Relation index, ForkNumber fork, const OpclassInfo* opclass, int dims) {
    Build b;
    memset(static_cast<void*>(&b), 0, sizeof(b));
    b.index = index;
    b.opclass = opclass;
    b.key_columns = key_columns_of_index(index);
    b.options = index_options(index);
    b.dims = dims;
    b.context = CurrentMemoryContext;
    b.lists = 1;
    b.codec.metric = opclass->metric;
    b.codec.kind = TraitsOf(opclass->element).code;
    b.codec.dims = static_cast<uint32_t>(dims);
    b.geometry = codec_geometry(&b.codec, b.reorder, false, &b.key_columns->keys);
    b.objects = make_owned<BuildObjects>(b.context);
    core_call([&] {
        b.objects->centroids = Matrix(1, dims);
        std::fill_n(b.objects->centroids.data(), dims, 0.0f);
    });
    write_index(&b, fork);
}

}  // namespace vectorq
