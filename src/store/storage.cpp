// See storage.h.
#include "store/storage.h"

#include <algorithm>
#include <cstring>

#include "am/options.h"
#include "core/quantize/compact_centroids.h"
#include "core/simd/lut16_scan.h"
#include "types/element.h"
#include "pg/entry.h"
#include "pg/fault.h"

extern "C" {
#include "port/pg_crc32c.h"
}

namespace vectorq {

static_assert(kPageHeaderBytes == MAXALIGN(SizeOfPageHeaderData));
static_assert(sizeof(ItemPointerData) == kTidBytes);
static_assert(PayloadBytes(BLCKSZ) % 8 == 0);
static_assert(PayloadBytes(BLCKSZ) >= sizeof(MetaPage));
static_assert(kInvalidBlock == InvalidBlockNumber);

void report_corruption(Relation index, BlockNumber block, const char* problem) {
    check_recovery_conflict(index);
    ereport(ERROR, (errcode(ERRCODE_INDEX_CORRUPTED),
                    errmsg("index \"%s\" is damaged at block %u: %s", RelationGetRelationName(index), block, problem),
                    errhint("REINDEX it; the table itself is not affected.")));
    pg_unreachable();
}

void init_page(Page page, PageKind kind, uint32 owner, uint16 part) {
    PageInit(page, BLCKSZ, sizeof(PageTail));
    // No hole between the bounds: generic WAL and full page images must keep every byte.
    reinterpret_cast<PageHeader>(page)->pd_lower = reinterpret_cast<PageHeader>(page)->pd_upper;
    PageTail* tail = page_tail(page);
    tail->used = 0;
    tail->owner = owner;
    tail->part = part;
    tail->kind = static_cast<uint16>(kind);
    tail->reserved = 0;
    tail->magic = kPageMagic;
}

const char* page_problem(Page page, PageKind kind, uint32 owner, uint16 part) {
    if (PageIsNew(page)) return "page is empty";
    const PageTail* tail = page_tail(page);
    if (tail->magic != kPageMagic || PageGetSpecialSize(page) != sizeof(PageTail)) return "not a vectorq page";
    if (tail->kind != static_cast<uint16>(kind)) return "page of another kind";
    if (tail->owner != owner) return "page of another list";
    if (tail->part != part) return "page of another part of an extent";
    return NULL;
}

bool holds_regions_of_lists(Page page) {
    if (PageIsNew(page) || page_tail(page)->magic != kPageMagic) return false;
    switch (static_cast<PageKind>(page_tail(page)->kind)) {
        case PageKind::kCentroids:
        case PageKind::kCompactCentroids:
        case PageKind::kListUses:
        case PageKind::kDirectory: return true;
        default: return false;
    }
}

Buffer read_page(Relation index, BlockNumber block, PageKind kind, uint32 owner, uint16 part, int mode,
                 BufferAccessStrategy strategy) {
    VQ_FAULT("page.read");
    Buffer buffer = ReadBufferExtended(index, MAIN_FORKNUM, block, RBM_NORMAL, strategy);
    VQ_FAULT("page.lock");
    LockBuffer(buffer, mode);
    VQ_FAULT("page.check");
    const char* problem = page_problem(BufferGetPage(buffer), kind, owner, part);
    if (unlikely(problem != NULL)) {
        UnlockReleaseBuffer(buffer);
        report_corruption(index, block, problem);
    }
    return buffer;
}

// ---- meta page

uint32 crc_of(const void* bytes, Size size) {
    pg_crc32c crc;
    INIT_CRC32C(crc);
    COMP_CRC32C(crc, bytes, size);
    FIN_CRC32C(crc);
    return crc;
}

static uint32 meta_crc(const MetaPage* meta) { return crc_of(meta, offsetof(MetaPage, crc)); }

void seal_meta(MetaPage* meta) { meta->crc = meta_crc(meta); }

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
    if (!region_fits(&meta->reorder_params, sq8 ? 8ull * meta->dims : 0, blocks))
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
    for (const Region& part : meta->more_directory)
        if (part.blocks > 0 && (part.start < 1 || part.start >= blocks || part.blocks > blocks - part.start))
            return false;
    return meta->next_list >= meta->lists && DirectoryPages(*meta) * DirectoryEntriesPerPage(BLCKSZ) >= meta->lists;
}

const char* meta_problem(const MetaPage* meta, BlockNumber blocks) {
    if (meta->magic != kMetaMagic) return "no vectorq meta page";
    if (meta->version != kFormatVersion) return "made by another version of vectorq";
    if (meta->crc != meta_crc(meta)) return "meta page has a wrong checksum";
    if (meta->page_bytes != BLCKSZ) return "made by a server with another page size";
    if (meta->dims < 1 || meta->dims > kMaxDims || meta->code_dims < 1 || meta->code_dims > meta->dims ||
        meta->metric >= kNumMetrics || meta->element >= kNumElements || meta->code >= kNumCodeKinds ||
        meta->wanted_code >= kNumCodeKinds || meta->access_method >= kNumAms || meta->replicas >= kNumReplicas ||
        !(TraitsOf(static_cast<CodeKind>(meta->code)).ams & (1 << meta->access_method)) ||
        meta->reorder >= kNumReorders || !(meta->eta >= 0) ||
        !(meta->entries_per_row >= 1 && meta->entries_per_row <= kMaxCopies) || meta->lists < 1 ||
        meta->live_lists < 1 || meta->live_lists > meta->lists || meta->groups > meta->live_lists)
        return "meta page has impossible values";
    const PostingGeometry g = meta_geometry(meta);
    if (g.capacity == 0 || g.capacity != meta->extent_capacity) return "unknown page geometry";
    const uint64 lists = meta->lists, dims = meta->code_dims;
    const uint64 transform_bytes = meta->transform == 0 ? 0 : (static_cast<uint64>(meta->dims) + 1) * dims * 4;
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
    const char* problem = meta_problem(meta, blocks);
    // Vacuum may have put centroids behind the end since we looked for it.
    if (unlikely(problem != NULL)) problem = meta_problem(meta, RelationGetNumberOfBlocks(index));
    if (unlikely(problem != NULL)) report_corruption(index, 0, problem);
}

void update_meta(Relation index, void (*change)(MetaPage* meta, void* arg), void* arg) {
    Buffer buffer = read_page(index, 0, PageKind::kMeta, 0, 0, BUFFER_LOCK_EXCLUSIVE);
    VQ_FAULT("meta.start");
    GenericXLogState* xlog = GenericXLogStart(index);
    VQ_FAULT("meta.register");
    MetaPage* meta = reinterpret_cast<MetaPage*>(page_payload(GenericXLogRegisterBuffer(xlog, buffer, 0)));
    change(meta, arg);
    seal_meta(meta);
    VQ_FAULT("meta.finish");
    GenericXLogFinish(xlog);
    VQ_FAULT("meta.release");
    UnlockReleaseBuffer(buffer);
}

Codec meta_codec(const MetaPage* meta) {
    Codec codec;
    memset(&codec, 0, sizeof(codec));
    codec.metric = static_cast<Metric>(meta->metric);
    codec.kind = static_cast<CodeKind>(meta->code);
    codec.dims = meta->code_dims;
    codec.pq = {meta->code_dims, meta->subvectors, meta->bits};
    codec.eta = meta->eta;
    codec.lengths = (meta->flags & kMetaLengths) != 0;
    return codec;
}

static PostingRow posting_row(const Codec* codec, Reorder reorder) {
    return {static_cast<uint32>(CodeBytes(*codec)), static_cast<uint32>(CodeBlockBytes(*codec)), CodeHasScalar(*codec),
            IsCopy(reorder)};
}

// 0: there is no product code of that shape. Product codes row after row stay on one page: their table is not cut.
static uint32 most_extent_pages(const Codec* codec) {
    if (IsProductCode(codec->kind) && !PqShapeIsValid(codec->pq)) return 0;
    return TraitsOf(codec->kind).stored == Stored::kCodewords ? 1 : kMaxExtentPages;
}

PostingGeometry codec_geometry(const Codec* codec, Reorder reorder, bool one_long_list) {
    const uint32 most_pages = most_extent_pages(codec);
    if (most_pages == 0) return PostingGeometry{};
    return ChooseGeometry(BLCKSZ, posting_row(codec, reorder), most_pages,
                          one_long_list ? kWasteOfOneList : kWasteOfLists);
}

PostingGeometry meta_geometry(const MetaPage* meta) {
    const Codec codec = meta_codec(meta);
    if (meta->extent_pages < 1 || meta->extent_pages > most_extent_pages(&codec)) return PostingGeometry{};
    return GeometryOfPages(BLCKSZ, posting_row(&codec, static_cast<Reorder>(meta->reorder)), meta->extent_pages);
}

// Cosine: copies are of unit vectors, whose squared L2 distance has the same order and, for near rows, far less
// of the rounding in it than the product has.
Codec copy_codec(Metric metric, Reorder reorder, uint32 dims) {
    Codec codec;
    memset(&codec, 0, sizeof(codec));
    codec.metric = TraitsOf(metric).normalised && reorder != Reorder::kF32 ? Metric::kL2 : metric;
    codec.kind = TraitsOf(reorder).code;
    codec.dims = dims;
    return codec;
}

ReorderGeometry copy_geometry(const Codec* codec) {
    return ChooseReorderGeometry(BLCKSZ, static_cast<uint32>(CodeBytes(*codec)), CodeHasScalar(*codec));
}

ReorderGeometry meta_reorder_geometry(const MetaPage* meta) {
    const Codec codec = copy_codec(static_cast<Metric>(meta->metric), static_cast<Reorder>(meta->reorder), meta->dims);
    return copy_geometry(&codec);
}

// ---- records

const char* extent_problem(const ReorderGeometry* g, Page page) {
    const char* problem = page_problem(page, PageKind::kReorder, 0, 0);
    if (problem != NULL) return problem;
    const ReorderHeader* header = extent_header(page);
    return header->count > g->capacity || header->free > header->count ? "more records than fit the page" : NULL;
}

uint32 slots_of_part(const ReorderGeometry* g, uint32 count, uint32 part, uint32* first) {
    // Records begin before the page's end and after the one before ends.
    const auto from = [&](uint64 page) {
        const uint64 begin = page * g->payload;
        if (begin <= sizeof(ReorderHeader)) return static_cast<uint64>(0);
        return (begin - sizeof(ReorderHeader) + g->record_bytes - 1) / g->record_bytes;
    };
    *first = static_cast<uint32>(std::min<uint64>(from(part), count));
    return static_cast<uint32>(std::min<uint64>(from(static_cast<uint64>(part) + 1), count));
}

// ---- segments

const char* segment_problem(const PostingGeometry* g, Page page, uint32 offset) {
    const uint32 used = g->pages == 1 ? page_tail(page)->used : g->payload;
    if (offset % 8 != 0 || used > g->payload || offset + sizeof(SegmentHeader) > used)
        return "no segment of a list there";
    const SegmentHeader* header = segment_header(page, offset);
    if (header->capacity < 1 || header->capacity > g->capacity || header->count > header->capacity ||
        header->dead > header->count || (g->block_bytes > 0 && header->capacity % kBlockRows != 0))
        return "more rows than fit the page";
    if (g->pages > 1 && (offset != 0 || header->capacity != g->capacity)) return "segment of an unknown size";
    if (g->pages == 1 && offset + LayoutOf(*g, header->capacity).bytes > used)
        return "segment runs over the end of its page";
    return header->count == header->capacity || TidIsZero(segment_at(page, offset), header->count)
               ? NULL
               : "rows beyond the row count";
}

Buffer read_segment(Relation index, const PostingGeometry* g, SegmentRef at, uint32 list, int mode) {
    if (at.block >= RelationGetNumberOfBlocks(index))
        report_corruption(index, at.block, "a list goes on outside the index");
    Buffer buffer = read_page(index, at.block, PageKind::kPosting, 0, 0, mode);
    const char* problem = segment_problem(g, BufferGetPage(buffer), at.offset);
    if (problem == NULL && segment_header(BufferGetPage(buffer), at.offset)->list != list)
        problem = "segment of another list";
    if (unlikely(problem != NULL)) {
        UnlockReleaseBuffer(buffer);
        report_corruption(index, at.block, problem);
    }
    return buffer;
}

uint64 most_segments(Relation index) {
    return static_cast<uint64>(RelationGetNumberOfBlocks(index)) * (PayloadBytes(BLCKSZ) / sizeof(SegmentHeader));
}

void count_step(Relation index, SegmentRef at, uint64* steps) {
    if ((++*steps & 1023) == 0 && *steps > most_segments(index))
        report_corruption(index, at.block, "list runs in a circle");
}

// ---- regions and directory

void read_region(Relation index, const Region* region, PageKind kind, uint32 owner, uint64 offset, uint64 length,
                 void* out) {
    const uint32 payload = PayloadBytes(BLCKSZ);
    Assert(offset + length <= region->bytes);
    char* to = static_cast<char*>(out);
    while (length > 0) {
        const BlockNumber block = region->start + static_cast<BlockNumber>(offset / payload);
        const uint32 at = static_cast<uint32>(offset % payload);
        const uint32 part = static_cast<uint32>(std::min<uint64>(length, payload - at));
        Buffer buffer = read_page(index, block, kind, owner, 0, BUFFER_LOCK_SHARE);
        memcpy(to, page_payload(BufferGetPage(buffer)) + at, part);
        UnlockReleaseBuffer(buffer);
        to += part;
        offset += part;
        length -= part;
    }
}

void write_page(Relation index, BlockNumber block, Page image) {
    VQ_FAULT("write_page.read");
    Buffer buffer = ReadBuffer(index, block);
    VQ_FAULT("write_page.lock");
    LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
    VQ_FAULT("write_page.start");
    GenericXLogState* xlog = GenericXLogStart(index);
    VQ_FAULT("write_page.register");
    memcpy(GenericXLogRegisterBuffer(xlog, buffer, GENERIC_XLOG_FULL_IMAGE), image, BLCKSZ);
    VQ_FAULT("write_page.finish");
    GenericXLogFinish(xlog);
    VQ_FAULT("write_page.release");
    UnlockReleaseBuffer(buffer);
}

// Page i of a region of so many bytes.
static void make_region_page(Page page, PageKind kind, uint32 owner, uint32 i, const void* bytes, uint64 length) {
    const uint64 payload = PayloadBytes(BLCKSZ), offset = i * payload;
    init_page(page, kind, owner, 0);
    if (offset < length)
        memcpy(page_payload(page), static_cast<const char*>(bytes) + offset, std::min(payload, length - offset));
}

void write_region(Relation index, const Region* region, PageKind kind, uint32 owner, const void* bytes) {
    PGAlignedBlock image;
    for (uint32 i = 0; i < region->blocks; i++) {
        CHECK_FOR_INTERRUPTS();
        make_region_page(image.data, kind, owner, i, bytes, region->bytes);
        write_page(index, region->start + i, image.data);
    }
}

static BlockNumber directory_block(const MetaPage* meta, uint32 list) {
    return DirectoryBlock(*meta, list / DirectoryEntriesPerPage(BLCKSZ));
}

DirectoryEntry* directory_entry(Page page, uint32 list) {
    return reinterpret_cast<DirectoryEntry*>(page_payload(page)) + list % DirectoryEntriesPerPage(BLCKSZ);
}

void read_directory(Relation index, const MetaPage* meta, uint32 list, DirectoryEntry* entry) {
    const BlockNumber block = directory_block(meta, list);
    Buffer buffer = read_page(index, block, PageKind::kDirectory, 0, 0, BUFFER_LOCK_SHARE);
    *entry = *directory_entry(BufferGetPage(buffer), list);
    UnlockReleaseBuffer(buffer);
    if (entry->state > static_cast<uint8>(ListState::kUnused))
        report_corruption(index, block, "directory entry of an unknown state");
    if (entry->head < meta->postings_start || (entry->head == kInvalidBlock) != (entry->hint == kInvalidBlock))
        report_corruption(index, block, "directory entry points outside the postings");
}

Buffer lock_directory(Relation index, const MetaPage* meta, uint32 list) {
    return read_page(index, directory_block(meta, list), PageKind::kDirectory, 0, 0, BUFFER_LOCK_EXCLUSIVE);
}

void update_directory(Relation index, const MetaPage* meta, uint32 list, bool (*change)(DirectoryEntry*, void*),
                      void* arg) {
    Buffer buffer = lock_directory(index, meta, list);
    DirectoryEntry entry = *directory_entry(BufferGetPage(buffer), list);
    if (change(&entry, arg)) {
        VQ_FAULT("directory.start");
        GenericXLogState* xlog = GenericXLogStart(index);
        VQ_FAULT("directory.register");
        *directory_entry(GenericXLogRegisterBuffer(xlog, buffer, 0), list) = entry;
        VQ_FAULT("directory.finish");
        GenericXLogFinish(xlog);
        VQ_FAULT("directory.release");
    }
    UnlockReleaseBuffer(buffer);
}

// ---- building

static void fill_built_page(Buffer buffer, Page page) {
    VQ_FAULT("built.lock");
    LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
    memcpy(BufferGetPage(buffer), page, BLCKSZ);
    VQ_FAULT("built.dirty");
    MarkBufferDirty(buffer);
    VQ_FAULT("built.release");
    UnlockReleaseBuffer(buffer);
}

BlockNumber append_built_page(Relation index, ForkNumber fork, Page page) {
    VQ_FAULT("built.extend");
    Buffer buffer = ReadBufferExtended(index, fork, P_NEW, RBM_ZERO_AND_LOCK, NULL);
    const BlockNumber block = BufferGetBlockNumber(buffer);
    VQ_FAULT("built.fill");
    memcpy(BufferGetPage(buffer), page, BLCKSZ);
    MarkBufferDirty(buffer);
    VQ_FAULT("built.unlock");
    UnlockReleaseBuffer(buffer);
    return block;
}

void overwrite_built_page(Relation index, ForkNumber fork, BlockNumber block, Page page) {
    VQ_FAULT("built.read");
    fill_built_page(ReadBufferExtended(index, fork, block, RBM_NORMAL, NULL), page);
}

Region append_region(Relation index, ForkNumber fork, PageKind kind, const void* bytes, uint64 length) {
    Region region = {0, static_cast<uint32>(RegionPages(length, BLCKSZ)), length};
    PGAlignedBlock image;
    for (uint32 i = 0; i < region.blocks; i++) {
        make_region_page(image.data, kind, 0, i, bytes, length);
        const BlockNumber block = append_built_page(index, fork, image.data);
        if (i == 0) region.start = block;
        CHECK_FOR_INTERRUPTS();
    }
    return region;
}

void finish_build_wal(Relation index, ForkNumber fork) {
    VQ_FAULT("built.wal");
    if (RelationNeedsWAL(index) || fork == INIT_FORKNUM)
        log_newpage_range(index, fork, 0, RelationGetNumberOfBlocksInFork(index, fork), true);
    VQ_FAULT("built.logged");
}

BlockNumber extend_index(Relation index, uint32 count) {
    BlockNumber first = InvalidBlockNumber;
    const bool lock = !RELATION_IS_LOCAL(index);
    VQ_FAULT("extend.lock");
    if (lock) LockRelationForExtension(index, ExclusiveLock);
    for (uint32 i = 0; i < count; i++) {
        VQ_FAULT("extend.read");
        Buffer buffer = ReadBuffer(index, P_NEW);
        if (i == 0) first = BufferGetBlockNumber(buffer);
        VQ_FAULT("extend.release");
        ReleaseBuffer(buffer);
    }
    VQ_FAULT("extend.unlock");
    if (lock) UnlockRelationForExtension(index, ExclusiveLock);
    return first;
}

}  // namespace vectorq
