// See pages.h.
#include "store/pages.h"

#include "pg/fault.h"
#include "pg/page_change.h"

namespace vectorq {

static_assert(kPageHeaderBytes == MAXALIGN(SizeOfPageHeaderData));
static_assert(BLCKSZ >= kLeastPageBytes && BLCKSZ <= kMostPageBytes);
static_assert(PayloadBytes(BLCKSZ) % 8 == 0);
static_assert(kInvalidBlock == InvalidBlockNumber);

void report_corruption(Relation index, BlockNumber block, const char* problem) {
    check_recovery_conflict(index);
    ereport(ERROR, (errcode(ERRCODE_INDEX_CORRUPTED),
                    errmsg("index \"%s\" is damaged at block %u: %s", RelationGetRelationName(index), block, problem),
                    errhint("REINDEX it; the table itself is not affected.")));
    pg_unreachable();
}

void init_page(Page page, PageKind kind, uint32 owner, uint16 part, uint32 epoch) {
    PageInit(page, BLCKSZ, sizeof(PageTail));
    // No hole between the bounds: generic WAL and full page images must keep every byte.
    reinterpret_cast<PageHeader>(page)->pd_lower = reinterpret_cast<PageHeader>(page)->pd_upper;
    PageTail* tail = page_tail(page);
    tail->used = 0;
    tail->owner = owner;
    tail->part = part;
    tail->kind = static_cast<uint16>(kind);
    tail->epoch = static_cast<uint16>(epoch);
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

bool holds_region(Page page) {
    if (PageIsNew(page) || page_tail(page)->magic != kPageMagic) return false;
    switch (static_cast<PageKind>(page_tail(page)->kind)) {
        case PageKind::kCentroids:
        case PageKind::kCompactCentroids:
        case PageKind::kQuantizer:
        case PageKind::kTransform:
        case PageKind::kReorderParams:
        case PageKind::kListUses:
        case PageKind::kCalibration:
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

void write_page(Relation index, BlockNumber block, Page image) {
    Buffer buffer = lock_block(index, block, "write_page");
    PageChange change = begin_change(index, "write_page");
    memcpy(change_page(&change, buffer, kWholePage), image, BLCKSZ);
    finish_change(&change);
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

void finish_build_wal(Relation index, ForkNumber fork) {
    VQ_FAULT("built.wal");
    if (RelationNeedsWAL(index) || fork == INIT_FORKNUM)
        log_newpage_range(index, fork, 0, RelationGetNumberOfBlocksInFork(index, fork), true);
    VQ_FAULT("built.logged");
}

}  // namespace vectorq
