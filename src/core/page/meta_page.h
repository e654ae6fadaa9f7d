// Block 0: what the index is and where its regions lie.
#pragma once
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <type_traits>

#include "core/base/kinds.h"
#include "core/page/calibration_page.h"
#include "core/page/layout.h"

namespace vectorq {

inline constexpr uint32_t kMetaMagic = 0x51544356;  // "VCTQ"
inline constexpr uint32_t kFormatVersion = 9;

struct Region {
    uint32_t start;   // first block; 0 when the region is absent
    uint32_t blocks;  // how many; 0 when it is absent
    uint64_t bytes;   // bytes in use, over all payloads
};

// A run of pages that holds centroids and compact centroids, or did.
struct PageRun {
    uint32_t start;  // first block; 0: none
    uint32_t blocks;
};

// The directory grows by so many further regions, each half as large as all before it or larger.
inline constexpr uint32_t kMaxDirectoryRegions = 8;

enum MetaFlags : uint16_t {
    kMetaTrained = 1,
    kMetaLengths = 2,  // Codec::lengths
};

// Why an index was renewed.
enum class RenewReason : uint8_t { kNone = 0, kUntrained = 1, kGrown = 2, kShrunk = 3, kDrifted = 4, kAsked = 5 };
inline constexpr uint32_t kNumRenewReasons = 6;

// What renewal (maintain/README.md) knows of an index; it changes in place.
struct Upkeep {
    uint32_t last_epoch;  // epochs up to this number were given out
    uint32_t renewing;    // the epoch that a vacuum is making beside the present one, whose meta page follows; 0: none
    uint32_t free_unit;   // pages of each run on the list of free ones
    uint32_t renewals;    // how often it was renewed
    uint8_t reason;       // RenewReason of the last time
    uint8_t given_up;     // 1: an epoch was given up, and somebody may know it whom retire_xid tells of
    uint8_t garbage;      // 1: there are pages of other epochs that a vacuum has not collected yet
    uint8_t resting;      // 1: a vacuum may go on with `renewing`, from `copied` on; else who was making it broke off
    uint32_t counted_blocks;  // of the index when its rows were last counted
    uint32_t needed_blocks;   // that it would have had then, with each list in one run and all close together
    uint32_t called_lists;    // that the rule called for when it was trained
    int64_t renewed_at;       // when it ended, as a TimestampTz
    uint32_t renew_millis;    // how long it took
    float measured;           // what led to it: rows, or how many times the lists its rows call for
    // — while another epoch is made; else 0 —
    uint32_t batches;  // that the rows are copied in: those of every so many stripes of the table
    uint32_t copied;   // batches that are in the other epoch
    uint32_t stripe;   // consecutive blocks of the table whose rows are of the same batch
    uint32_t reserved;
};
static_assert(sizeof(Upkeep) == 64);

// v9 (kFormatVersion). The crc covers everything before it; whoever changes a field renews it.
struct MetaPage {
    uint32_t magic;
    uint32_t version;
    uint32_t page_bytes;
    uint32_t dims;           // of the column
    uint8_t access_method;   // AmKind
    uint8_t metric;          // Metric
    uint8_t element;         // ElementType of the column
    uint8_t code;            // CodeKind in the pages; flat when not trained
    uint8_t wanted_code;     // CodeKind that the options ask for
    uint8_t transform;       // TransformKind; 0 = none
    uint16_t flags;          // MetaFlags
    uint32_t lists;          // numbers of lists are below this; not all of them are searched, see live_lists
    uint32_t wanted_lists;   // the option; 0 = automatic
    uint32_t training_rows;  // rows that trained it
    uint32_t seed;
    uint32_t code_dims;        // of centroids and codes: dims, or what a transform makes of them
    uint16_t subvectors;       // m of product codes, else 0
    uint8_t bits;              // of a product code, else 0
    uint8_t reorder;           // Reorder
    uint16_t opq_m;            // of an opq transform, else 0
    uint8_t replicas;          // Replicas
    uint8_t key_columns;       // how many, see key_columns.h
    float eta;                 // codes: weight of the error along a row (quantize/anisotropic.h); 0 = plain
    uint32_t extent_pages;     // geometry of the posting extents, checked at open
    uint32_t extent_capacity;  // rows in an extent
    uint64_t rows;             // as of the last build or vacuum
    Region centroids;
    Region compact;
    Region quantizer;             // sq8: offset, scale; pq: codebook
    Region transform_matrix;      // f32 (code_dims, dims), then f32 offset (code_dims)
    Region directory;             // entries of the first lists; those of later ones in more_directory
    uint32_t postings_start;      // first block of the extents
    uint32_t content_crc;         // of centroids and quantizer: two builds with equal crc score alike
    float anisotropic_threshold;  // the option that eta follows from; 0 = plain
    float closure_epsilon;        // of replicas = closure, else 0
    Region reorder_params;        // reorder = sq8: f32 offset (dims), f32 scale (dims)
    uint32_t records_start;       // first block of the records as built; 0 without records
    uint32_t records_blocks;      // of them; inserts add extents elsewhere
    float entries_per_row;        // as of the last build or vacuum; beyond 65,536 rows vacuum estimates it
    uint32_t groups;              // of compact centroids; 0 = none
    Region list_uses;             // u32 (lists)
    uint32_t live_lists;          // lists that are searched
    uint32_t calibration_id;      // crc of the calibration: backends that keep another one read it again
    Region calibration;           // one page, changed in place; always there
    // — changed by rebalancing (maintain/README.md) —
    uint32_t generation;         // how often lists were replaced
    uint32_t oldest_generation;  // lists retired before it are dropped: a scan that knows only older ones must end
    uint32_t next_list;          // numbers of lists from here on were never given out
    uint32_t free_head;          // first free page of postings (first of an extent); kInvalidBlock: none
    uint64_t retire_xid;         // no snapshot as old as this: no scan knows the lists retired so far
    PageRun centroid_run;        // where centroids, compact and list_uses lie
    PageRun old_run;             // where they lay before; free once oldest_generation = generation
    Region more_directory[kMaxDirectoryRegions];
    uint32_t replacing;  // 1: a vacuum is replacing lists, or broke off while it was
    uint32_t epoch;      // number of what was trained: centroids, codes and page geometry; from 1 on
    Upkeep upkeep;
    uint32_t key_kinds;  // crc of the KeyKind of each key column; 0 without any
    uint32_t crc;
};
inline uint64_t DirectoryPages(const MetaPage& meta) noexcept {
    uint64_t pages = meta.directory.blocks;
    for (const Region& region : meta.more_directory) pages += region.blocks;
    return pages;
}
// Block of the directory's n-th page, n < DirectoryPages.
inline uint32_t DirectoryBlock(const MetaPage& meta, uint64_t n) noexcept {
    const Region* region = &meta.directory;
    const Region* next = meta.more_directory;
    while (n >= region->blocks) {
        n -= region->blocks;
        region = next++;
    }
    return region->start + static_cast<uint32_t>(n);
}

// Pages of all that the meta page names beside rows. Centroids and compact centroids lie in centroid_run; uses of lists
// do once lists were replaced.
inline uint64_t PagesOfRegions(const MetaPage& meta) noexcept {
    const PageRun& run = meta.centroid_run;
    uint64_t pages = DirectoryPages(meta) + run.blocks + meta.old_run.blocks;
    for (const Region* region : {&meta.quantizer, &meta.transform_matrix, &meta.reorder_params, &meta.calibration})
        pages += region->blocks;
    return pages + (meta.list_uses.start - run.start < run.blocks ? 0 : meta.list_uses.blocks);
}

// Whether the block belongs to a region that the meta page names.
inline bool IsInRegions(const MetaPage& meta, uint32_t block) noexcept {
    const auto in = [block](uint32_t start, uint32_t blocks) { return block >= start && block - start < blocks; };
    for (const Region* region : {&meta.centroids, &meta.compact, &meta.quantizer, &meta.transform_matrix,
                                 &meta.directory, &meta.reorder_params, &meta.list_uses, &meta.calibration})
        if (in(region->start, region->blocks)) return true;
    for (const Region& region : meta.more_directory)
        if (in(region.start, region.blocks)) return true;
    return in(meta.centroid_run.start, meta.centroid_run.blocks) || in(meta.old_run.start, meta.old_run.blocks);
}

// True if the index keeps records of the rows.
inline bool HasRecords(const MetaPage& meta) noexcept { return KeepsRecords(static_cast<Reorder>(meta.reorder)); }
// Lists that hold a row, at most. Soar: exactly so many; closure: from 1 on.
inline uint32_t EntriesOfRow(const MetaPage& meta) noexcept {
    return meta.lists <= 1 ? 1 : TraitsOf(static_cast<Replicas>(meta.replicas)).lists;
}
// Some rows have more entries than others.
inline bool EntriesVary(const MetaPage& meta) noexcept {
    return meta.lists > 1 && TraitsOf(static_cast<Replicas>(meta.replicas)).vary;
}
// On average.
inline double EntriesPerRow(const MetaPage& meta) noexcept {
    return EntriesVary(meta) ? meta.entries_per_row : EntriesOfRow(meta);
}
static_assert(std::is_trivially_copyable_v<MetaPage>);
static_assert(sizeof(MetaPage) == 488);
static_assert(offsetof(MetaPage, rows) == 64 && offsetof(MetaPage, reorder_params) == 168 &&
              offsetof(MetaPage, list_uses) == 200 && offsetof(MetaPage, retire_xid) == 256 &&
              offsetof(MetaPage, upkeep) == 416 && offsetof(MetaPage, crc) == 484);
// Block 0 has room for two: while upkeep.renewing is set, that of the next epoch follows.
static_assert(2 * sizeof(MetaPage) <= PayloadBytes(kLeastPageBytes));

}  // namespace vectorq
