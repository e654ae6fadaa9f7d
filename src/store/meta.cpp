// See meta.h.
#include "store/meta.h"

#include "am/keys.h"
#include "am/options.h"
#include "core/page/compact_page.h"
#include "core/page/params_page.h"
#include "core/quantize/codec.h"
#include "pg/page_change.h"
#include "store/geometry.h"
#include "types/element.h"

extern "C" {
#include "port/pg_crc32c.h"
}

namespace vectorq {

static_assert(PayloadBytes(BLCKSZ) >= 2 * sizeof(MetaPage));

uint32 crc_of(const void* bytes, Size size) {
    pg_crc32c crc;
    INIT_CRC32C(crc);
    COMP_CRC32C(crc, bytes, size);
    FIN_CRC32C(crc);
    return crc;
}

static uint32 meta_crc(const MetaPage* meta) { return crc_of(meta, offsetof(MetaPage, crc)); }

void set_meta_crc(MetaPage* meta) { meta->crc = meta_crc(meta); }

static bool region_fits(const Region* region, uint64 bytes, BlockNumber blocks) {
    if (bytes == 0) return region->blocks == 0 && region->bytes == 0;
    return region->bytes == bytes && region->start > 0 && region->start < blocks &&
           region->blocks == RegionPages(bytes, BLCKSZ) && region->blocks <= blocks - region->start;
}

static uint64 quantizer_bytes(const MetaPage* meta) {
    return sizeof(float) * static_cast<uint64>(QuantizerFloats(meta_codec(meta)));
}

// Records as built: whole extents between the regions and the postings.
static const char* records_problem(const MetaPage* meta, BlockNumber blocks) {
    const bool sq8 = meta->reorder == static_cast<uint8>(Reorder::kSq8);
    if (!region_fits(&meta->reorder_params, sq8 ? Sq8PageBytes(meta->dims) : 0, blocks))
        return "meta page points outside the index";
    if (!HasRecords(*meta))
        return meta->records_start == 0 && meta->records_blocks == 0 ? NULL : "records without reordering";
    const ReorderGeometry g = meta_reorder_geometry(meta);
    if (meta->records_start < 1 || meta->records_start > meta->postings_start ||
        meta->records_blocks != meta->postings_start - meta->records_start || meta->records_blocks % g.pages != 0)
        return "meta page points outside the index";
    return NULL;
}

static bool run_fits(const PageRun* run, BlockNumber blocks) {
    return run->start < blocks && run->blocks <= blocks - run->start;
}

static bool directory_fits(const MetaPage* meta, BlockNumber blocks) {
    if (meta->directory.start < 1 || meta->directory.start >= blocks ||
        meta->directory.blocks > blocks - meta->directory.start)
        return false;
    for (const Region& region : meta->more_directory)
        if (region.blocks > 0 && (region.start < 1 || region.start >= blocks || region.blocks > blocks - region.start))
            return false;
    return meta->next_list >= meta->lists &&
           DirectoryPages(*meta) * DirectoryEntriesPerPage(BLCKSZ, meta->key_columns) >= meta->lists;
}

static uint32 max_dims(const MetaPage* meta) {
    return static_cast<uint32>(TraitsOf(static_cast<ElementType>(meta->element)).max_dims);
}

// Bit strings have distances and a code of their own.
static bool bits_agree(const MetaPage* meta) {
    const bool bits = TraitsOf(static_cast<Metric>(meta->metric)).bits;
    return bits == (meta->element == static_cast<uint8>(ElementType::kBit)) &&
           bits == (meta->code == static_cast<uint8>(CodeKind::kBits));
}

static bool keys_agree(Relation index, const MetaPage* meta) {
    const KeyColumns& keys = key_columns_of_index(index)->keys;
    return meta->key_columns == keys.count && meta->key_kinds == crc_of_kinds(&keys);
}

const char* meta_problem(Relation index, const MetaPage* meta, BlockNumber blocks) {
    if (meta->magic != kMetaMagic) return "no vectorq meta page";
    if (meta->version != kFormatVersion) return "made by another version of vectorq";
    if (meta->crc != meta_crc(meta)) return "meta page has a wrong checksum";
    if (meta->page_bytes != BLCKSZ) return "made by a server with another page size";
    if (meta->element >= kNumElements || meta->dims < 1 || meta->dims > max_dims(meta) || meta->code_dims < 1 ||
        meta->code_dims > meta->dims || meta->metric >= kNumMetrics || meta->code >= kNumCodeKinds ||
        meta->wanted_code >= kNumCodeKinds || meta->access_method >= kNumAms || meta->replicas >= kNumReplicas ||
        meta->reorder >= kNumReorders || !(meta->eta >= 0) ||
        !(meta->entries_per_row >= 1 && meta->entries_per_row <= kMaxEntriesOfRow) || meta->lists < 1 ||
        meta->live_lists < 1 || meta->live_lists > meta->lists || meta->groups > meta->live_lists || !bits_agree(meta))
        return "meta page has impossible values";
    if (meta->epoch < 1 || meta->epoch > meta->upkeep.last_epoch || meta->upkeep.renewing > meta->upkeep.last_epoch ||
        meta->upkeep.reason >= kNumRenewReasons || meta->upkeep.free_unit < 1 ||
        meta->upkeep.copied > meta->upkeep.batches || (meta->upkeep.stripe < 1 && meta->upkeep.batches > 0))
        return "meta page has impossible values";
    if (!(TraitsOf(static_cast<CodeKind>(meta->code)).ams & (1 << meta->access_method)))
        return "meta page has a code that its access method does not make";
    if (!keys_agree(index, meta)) return "built for other columns";
    const PostingGeometry g = meta_geometry(index, meta);
    if (g.capacity == 0 || g.capacity != meta->extent_capacity) return "unknown page geometry";
    const uint64 lists = meta->lists, dims = meta->code_dims;
    const uint64 transform_bytes = meta->transform == 0 ? 0 : TransformPageBytes(meta->dims, meta->code_dims);
    if (!region_fits(&meta->centroids, lists * dims * 4, blocks) ||
        !region_fits(&meta->compact, CompactBytes(meta->live_lists, meta->groups, dims), blocks) ||
        !region_fits(&meta->quantizer, quantizer_bytes(meta), blocks) ||
        !region_fits(&meta->transform_matrix, transform_bytes, blocks) || !directory_fits(meta, blocks) ||
        !region_fits(&meta->calibration, sizeof(Calibration), blocks) ||
        !region_fits(&meta->list_uses, meta->list_uses.bytes, blocks) || meta->list_uses.bytes % 4 != 0 ||
        meta->list_uses.bytes > 4 * lists || !run_fits(&meta->centroid_run, blocks) ||
        !run_fits(&meta->old_run, blocks) || meta->postings_start >= blocks ||
        (meta->free_head >= blocks && meta->free_head != kInvalidBlock) || meta->oldest_generation > meta->generation)
        return "meta page points outside the index";
    return records_problem(meta, blocks);
}

void read_meta(Relation index, MetaPage* meta) {
    const BlockNumber blocks = RelationGetNumberOfBlocks(index);
    if (blocks == 0) report_corruption(index, 0, "no meta page");
    Buffer buffer = read_page(index, 0, PageKind::kMeta, 0, 0, BUFFER_LOCK_SHARE);
    memcpy(meta, page_payload(BufferGetPage(buffer)), sizeof(MetaPage));
    UnlockReleaseBuffer(buffer);
    const char* problem = meta_problem(index, meta, blocks);
    // Vacuum may have put centroids behind the end since we looked for it.
    if (unlikely(problem != NULL)) problem = meta_problem(index, meta, RelationGetNumberOfBlocks(index));
    if (unlikely(problem != NULL)) report_corruption(index, 0, problem);
}

bool read_next_meta(Relation index, MetaPage* next) {
    Buffer buffer = read_page(index, 0, PageKind::kMeta, 0, 0, BUFFER_LOCK_SHARE);
    MetaPage* meta = meta_on(BufferGetPage(buffer));
    const uint32 renewing = meta->upkeep.renewing;
    *next = *next_meta_on(meta);
    UnlockReleaseBuffer(buffer);
    if (renewing == 0) return false;
    const char* problem = meta_problem(index, next, RelationGetNumberOfBlocks(index));
    if (problem == NULL && next->epoch != renewing) problem = "meta page of another epoch";
    if (problem != NULL) report_corruption(index, 0, problem);
    return true;
}

MetaPage* meta_on(Page page) { return reinterpret_cast<MetaPage*>(page_payload(page)); }

void update_meta(Relation index, void (*change)(MetaPage* meta, void* arg), void* arg) {
    Buffer buffer = read_page(index, 0, PageKind::kMeta, 0, 0, BUFFER_LOCK_EXCLUSIVE);
    PageChange page_change = begin_change(index, "meta");
    MetaPage* meta = meta_on(change_page(&page_change, buffer));
    change(meta, arg);
    set_meta_crc(meta);
    finish_change(&page_change);
}

}  // namespace vectorq
