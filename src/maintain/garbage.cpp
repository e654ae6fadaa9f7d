// See garbage.h.
#include "maintain/garbage.h"

#include <algorithm>

#include "pg/fault.h"
#include "pg/interrupts.h"
#include "pg/page_change.h"
#include "store/free_pages.h"
#include "store/pages.h"

extern "C" {
#include "access/xact.h"
#include "catalog/storage.h"
#include "storage/lmgr.h"
}

namespace vectorq {

// The file is cut where so many blocks, or this part of it, can go: as VACUUM does with a table.
static constexpr BlockNumber kLeastCut = 1000, kCutShare = 16;

Garbage make_garbage(BlockNumber blocks) {
    Garbage garbage = {NULL, blocks, 0, 0, 1, 0, 1};
    garbage.bits = static_cast<uint8*>(palloc_extended(blocks / 8 + 1, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO));
    return garbage;
}

static bool is_garbage(const MetaPage* meta, Page page, BlockNumber block) {
    if (page_tail(page)->magic != kPageMagic) return false;
    return page_is_of_another_epoch(page, meta->epoch) || (holds_region(page) && !IsInRegions(*meta, block));
}

bool note_garbage(Garbage* garbage, const MetaPage* meta, Page page, BlockNumber block) {
    // A new page is somebody's who will fill it in a moment, or was left by a crash.
    if (PageIsNew(page) || block < garbage->skip) return false;
    if (!is_garbage(meta, page, block)) {
        const PageKind kind = static_cast<PageKind>(page_tail(page)->kind);
        // A run that was taken from the list and not filled has old pages behind its first.
        const bool run = kind == PageKind::kFree || (kind == PageKind::kPosting && page_tail(page)->part == 0);
        if (run) garbage->skip = block + meta->upkeep.free_unit;
        if (kind == PageKind::kFree) garbage->listed += meta->upkeep.free_unit;
        garbage->end = std::max(garbage->end, run ? garbage->skip : block + 1);
        return false;
    }
    garbage->bits[block >> 3] |= static_cast<uint8>(1 << (block & 7));
    garbage->count++;
    return true;
}

static bool has(const Garbage* garbage, BlockNumber block) {
    return (garbage->bits[block >> 3] & (1 << (block & 7))) != 0;
}

BlockNumber garbage_within(const Garbage* garbage) {
    BlockNumber within = 0;
    for (BlockNumber block = 0; block < std::min(garbage->end, garbage->blocks); block++) within += has(garbage, block);
    return within;
}

// The first run of so many blocks that are garbage.
static BlockNumber find_garbage(void* arg, uint32 pages) {
    Garbage* garbage = static_cast<Garbage*>(arg);
    for (BlockNumber block = 1, run = 0; block < garbage->blocks; block++) {
        // Where there is none, not even for a single page, nothing is looked at twice.
        if (pages == 1 && block < garbage->searched) block = garbage->searched;
        run = block < garbage->blocks && has(garbage, block) ? run + 1 : 0;
        if (pages == 1) garbage->searched = block;
        if (run < pages) continue;
        for (BlockNumber taken = block + 1 - pages; taken <= block; taken++)
            garbage->bits[taken >> 3] &= static_cast<uint8>(~(1 << (taken & 7)));
        garbage->count -= pages;
        return block + 1 - pages;
    }
    return InvalidBlockNumber;
}

void use_garbage(Garbage* garbage, PageSink* sink) {
    sink->find_run = find_garbage;
    sink->arg = garbage;
}

// Nobody may have the index open meanwhile: not even who has learnt of a block that goes. A standby holds the lock
// until this transaction ends.
static void cut_file(Relation index, Garbage* garbage) {
    const BlockNumber gone = garbage->blocks - std::min(garbage->blocks, garbage->end);
    if (gone < kLeastCut && gone < garbage->blocks / kCutShare) return;
    if (gone == 0 || IsInParallelMode() || !ConditionalLockRelation(index, AccessExclusiveLock)) return;
    // Nothing was added since the blocks were counted.
    if (RelationGetNumberOfBlocks(index) == garbage->blocks) {
        VQ_FAULT("garbage.cut");
        RelationTruncate(index, garbage->end);
        garbage->blocks = garbage->end;
    }
    VQ_FAULT("garbage.cut_unlock");
    UnlockRelation(index, AccessExclusiveLock);
}

void give_back_garbage(Relation index, const MetaPage* meta, Garbage* garbage, bool may_cut,
                       BufferAccessStrategy strategy) {
    if (may_cut) cut_file(index, garbage);
    const uint32 unit = meta->upkeep.free_unit;
    for (BlockNumber block = 1, run = 0; block < garbage->blocks; block++) {
        run = has(garbage, block) ? run + 1 : 0;
        if (run < unit) continue;
        vacuum_delay();
        Buffer buffer = lock_block(index, block + 1 - unit, "garbage", strategy);
        put_free_page(index, buffer);
        UnlockReleaseBuffer(buffer);
        run = 0;
    }
}

}  // namespace vectorq
