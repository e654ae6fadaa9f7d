// Writing: meta page, regions, records if there are any, then the lists one after another, each a run of consecutive
// pages, then the directory. Nobody sees the pages before the index exists, so they are logged once at the end.
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

static void write_rows(Build* b, PostingBuilder* w) {
    TupleTableSlot* slot = MakeSingleTupleTableSlot(b->slot->tts_tupleDescriptor, &TTSOpsMinimalTuple);
    while (tuplesort_gettupleslot(b->sort, true, false, slot, NULL)) {
        CHECK_FOR_INTERRUPTS();
        VQ_FAULT("write.row");
        bool isnull;
        const uint32 list = static_cast<uint32>(DatumGetInt64(slot_getattr(slot, 1, &isnull)) >> 32);
        posting_builder_add(w, list, VARDATA_ANY(DatumGetPointer(slot_getattr(slot, 2, &isnull))));
    }
    ExecDropSingleTupleTableSlot(slot);
    VQ_FAULT("sort.end");
    tuplesort_end(b->sort);
}

static Region write_directory(const PostingBuilder* w, uint32 lists) {
    const uint32 per_page = DirectoryEntriesPerPage(BLCKSZ);
    Region region = {w->end, 0, static_cast<uint64>(lists) * sizeof(DirectoryEntry)};
    PGAlignedBlock image;
    for (uint32 list = 0; list < lists; list += per_page) {
        init_page(image.data, PageKind::kDirectory, 0, 0);
        memcpy(page_payload(image.data), &w->directory[list],
               std::min(per_page, lists - list) * sizeof(DirectoryEntry));
        append_built_page(w->index, w->fork, image.data);
        region.blocks++;
    }
    return region;
}

void write_meta(Relation index, ForkNumber fork, MetaPage* meta) {
    PGAlignedBlock image;
    set_meta_crc(meta);
    init_page(image.data, PageKind::kMeta, 0, 0);
    memcpy(page_payload(image.data), meta, sizeof(*meta));
    overwrite_built_page(index, fork, 0, image.data);
}

static void write_centroids(Build* b, ForkNumber fork, MetaPage* meta) {
    BuildObjects* o = b->objects;
    // Untrained indexes have one list and no groups yet.
    if (o->groups.start.empty()) core_call([&] { o->groups = GroupCentroids(o->centroids, 0, false, 0, 1, o->stop); });
    meta->groups = static_cast<uint32>(o->groups.centers.rows());
    const Size compact_bytes = CompactBytes(b->lists, meta->groups, b->codec.dims);
    uint8* compact = static_cast<uint8*>(MemoryContextAllocHuge(b->context, compact_bytes));
    core_call([&] { BuildCompactCentroids(o->centroids, NULL, o->groups, b->threads, o->stop, compact); });
    meta->centroids = append_region(b->index, fork, PageKind::kCentroids, o->centroids.data(),
                                    sizeof(float) * b->lists * static_cast<uint64>(b->codec.dims));
    meta->compact = append_region(b->index, fork, PageKind::kCompactCentroids, compact, compact_bytes);
    meta->centroid_run = {meta->centroids.start, meta->centroids.blocks + meta->compact.blocks};
    meta->quantizer =
        append_region(b->index, fork, PageKind::kQuantizer, o->quantizer.data(), sizeof(float) * o->quantizer.size());
    meta->reorder_params = append_region(b->index, fork, PageKind::kReorderParams, o->record_params.data(),
                                         sizeof(float) * o->record_params.size());
    meta->transform_matrix =
        append_region(b->index, fork, PageKind::kTransform, o->transform.data(), sizeof(float) * o->transform.size());
    meta->calibration = append_calibration(b->index, fork);
    pfree(compact);
    uint32* uses = static_cast<uint32*>(
        MemoryContextAllocExtended(b->context, sizeof(uint32) * b->lists, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO));
    meta->list_uses =
        append_region(b->index, fork, PageKind::kListUses, uses, sizeof(uint32) * static_cast<uint64>(b->lists));
    pfree(uses);
    pg_crc32c crc;
    INIT_CRC32C(crc);
    COMP_CRC32C(crc, o->centroids.data(), sizeof(float) * b->lists * static_cast<Size>(b->codec.dims));
    COMP_CRC32C(crc, o->transform.data(), sizeof(float) * o->transform.size());
    COMP_CRC32C(crc, o->record_params.data(), sizeof(float) * o->record_params.size());
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
    init_page(image.data, PageKind::kMeta, 0, 0);
    append_built_page(b->index, fork, image.data);
    VQ_FAULT("write.centroids");
    write_centroids(b, fork, &meta);
    DirectoryEntry* directory =
        static_cast<DirectoryEntry*>(MemoryContextAllocHuge(b->context, sizeof(DirectoryEntry) * b->lists));
    PostingBuilder w;
    if (b->sort != NULL && KeepsRecords(b->reorder)) build_records(b, fork, &meta);
    posting_builder_begin(&w, b->index, fork, &b->geometry, directory, b->lists);
    meta.postings_start = w.end;
    if (b->sort != NULL) write_rows(b, &w);
    posting_builder_end(&w);
    VQ_FAULT("write.directory");
    meta.directory = write_directory(&w, b->lists);
    VQ_FAULT("write.meta");
    write_meta(b->index, fork, &meta);
    if (b->objects->finder != nullptr) build_calibrate(b, &meta);
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
    b.codec.kind = TraitsOf(opclass->element).code;
    b.codec.dims = static_cast<uint32_t>(dims);
    b.geometry = codec_geometry(&b.codec, b.reorder, false);
    b.objects = make_owned<BuildObjects>(b.context);
    core_call([&] {
        b.objects->centroids = Matrix(1, dims);
        std::fill_n(b.objects->centroids.data(), dims, 0.0f);
    });
    write_index(&b, fork);
}

}  // namespace vectorq
