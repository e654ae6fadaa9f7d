// vectorq_prewarm(regclass, bytes): reads into the shared buffers what scans need: meta page, centroids, codebooks,
// directory, then the lists that scans searched most (store/list_uses.h), then the others, and last the records, until
// so many bytes were read. Locks as a scan does; writes nothing.
#include <algorithm>

#include "maintain/list_table.h"
#include "store/list_uses.h"
#include "scan/readahead.h"
#include "inspect/open.h"
#include "pg/entry.h"

namespace vectorq {

namespace {
struct Prewarm {
    Relation index;
    MetaPage meta;
    PostingGeometry geometry;
    BlockNumber blocks;
    uint8* loaded;      // one bit a block
    int64 pages, most;  // loaded; to load
    int depth;          // maintenance_io_concurrency
};

struct ListUse {
    uint32 list, uses;
};
}  // namespace

// False when there is no room for more.
static bool load_page(Prewarm* p, BlockNumber block) {
    const uint8 bit = static_cast<uint8>(1 << (block & 7));
    if (p->loaded[block >> 3] & bit) return true;
    if (p->pages == p->most) return false;
    CHECK_FOR_INTERRUPTS();
    ReleaseBuffer(ReadBuffer(p->index, block));
    p->loaded[block >> 3] |= bit;
    p->pages++;
    return true;
}

static bool load_run(Prewarm* p, BlockNumber start, uint32 count) {
    count = std::min(count, p->blocks - std::min(start, p->blocks));
    uint32 asked = 0;
    for (uint32 i = 0; i < count; i++) {
        for (asked = std::max(asked, i + 1); asked < count && asked <= i + p->depth && asked - i <= p->most - p->pages;
             asked++)
            ask_for_page(p->index, start + asked, NULL);
        if (!load_page(p, start + i)) return false;
    }
    return true;
}

static bool load_region(Prewarm* p, const Region* region) { return load_run(p, region->start, region->blocks); }

// The pages as built first, in one run, then what inserts added.
static bool load_list(Prewarm* p, uint32 list) {
    DirectoryEntry entry;
    read_directory(p->index, &p->meta, list, &entry);
    if (entry.head == kInvalidBlock) return true;
    if (!load_run(p, entry.head, entry.contiguous_pages)) return false;
    uint64 steps = 0;
    for (SegmentRef at = {entry.head, entry.head_offset}; has_segment(at);) {
        count_step(p->index, at, &steps);
        // A list that grew since we began.
        if (static_cast<uint64>(at.block) + p->geometry.pages > p->blocks) return true;
        for (uint32 part = 0; part < p->geometry.pages; part++)
            if (!load_page(p, at.block + part)) return false;
        Buffer buffer = read_segment(p->index, &p->geometry, at, list, BUFFER_LOCK_SHARE);
        at = next_segment(segment_header(BufferGetPage(buffer), at.offset));
        UnlockReleaseBuffer(buffer);
    }
    return true;
}

// The most used first; of equals, in the order of the file.
static ListUse* lists_by_use(Prewarm* p, uint32* count) {
    uint32* uses = static_cast<uint32*>(palloc_extended(sizeof(uint32) * p->meta.lists, MCXT_ALLOC_HUGE));
    ListUse* lists = static_cast<ListUse*>(palloc_extended(sizeof(ListUse) * p->meta.lists, MCXT_ALLOC_HUGE));
    AllLists table = read_list_table(p->index, &p->meta);
    read_list_uses(p->index, &p->meta, uses);
    uint32 searched = 0;
    for (uint32 list = 0; list < p->meta.lists; list++)
        if (table.searched[list]) lists[searched++] = {list, uses[list]};
    free_list_table(&table);
    *count = searched;
    std::sort(lists, lists + searched,
              [](const ListUse& a, const ListUse& b) { return a.uses != b.uses ? a.uses > b.uses : a.list < b.list; });
    pfree(uses);
    return lists;
}

static void prewarm(Prewarm* p) {
    const MetaPage* meta = &p->meta;
    if (!load_page(p, 0) || !load_region(p, &meta->compact) || !load_region(p, &meta->centroids) ||
        !load_region(p, &meta->quantizer) || !load_region(p, &meta->transform_matrix) ||
        !load_region(p, &meta->reorder_params) || !load_region(p, &meta->calibration) ||
        !load_region(p, &meta->directory) || !load_region(p, &meta->list_uses))
        return;
    for (const Region& region : meta->more_directory)
        if (!load_region(p, &region)) return;
    uint32 count;
    const ListUse* lists = lists_by_use(p, &count);
    for (uint32 i = 0; i < count; i++)
        if (!load_list(p, lists[i].list)) return;
    load_run(p, meta->records_start, meta->records_blocks);
}

}  // namespace vectorq

using namespace vectorq;

VQ_FUNCTION(vectorq_prewarm) {
    const int64 bytes = PG_GETARG_INT64(1);
    if (bytes < 0) ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("bytes must not be negative")));
    OpenedIndex opened = open_index(PG_GETARG_OID(0), AccessShareLock, false);
    Prewarm p{};
    p.index = opened.index;
    read_meta(p.index, &p.meta);
    p.geometry = meta_geometry(&p.meta);
    p.blocks = RelationGetNumberOfBlocks(p.index);
    p.loaded = static_cast<uint8*>(palloc_extended(p.blocks / 8 + 1, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO));
    const int64 buffers = RelationUsesLocalBuffers(p.index) ? num_temp_buffers : NBuffers;
    p.most = bytes > 0 ? std::min(bytes / BLCKSZ, buffers) : buffers;
    p.depth = get_tablespace_maintenance_io_concurrency(p.index->rd_rel->reltablespace);
    prewarm(&p);
    close_index(&opened, AccessShareLock);
    PG_RETURN_INT64(p.pages * BLCKSZ);
}
