// See row_set.h. Two ways:
//
// Any plan that makes a bitmap: it is made, and read out.
//
// A single B-tree: its rows go into the set one after the other. A bitmap of 10,000 rows in as many blocks takes as
// long to be hashed, sorted and read out as the index takes to find them, and the set wants no order.
#include "bitmap/row_set.h"

#include <algorithm>

#include "pg/entry.h"

extern "C" {
#include "executor/instrument.h"
#include "nodes/plannodes.h"
}

namespace vectorq {

// ---- one B-tree

static BitmapIndexScanState* single_btree(PlanState* below) {
    if (!IsA(below, BitmapIndexScanState)) return NULL;
    BitmapIndexScanState* node = reinterpret_cast<BitmapIndexScanState*>(below);
    const IndexAmRoutine* am = node->biss_RelationDesc->rd_indam;
    // The server's access methods with an order are never in doubt about a row.
    return am->amcanorder && am->amgettuple != NULL && node->biss_NumArrayKeys == 0 ? node : NULL;
}

// False: the set would be too large, and is to be made of a bitmap. The scan below has then to start anew.
static bool read_btree(BitmapIndexScanState* node, Size most_bytes, TidBlocks* rows) {
    PlanState* ps = &node->ss.ps;
    if (ps->chgParam != NULL) ExecReScan(ps);
    if (ps->instrument != NULL) InstrStartNode(ps->instrument);
    if (!node->biss_RuntimeKeysReady && node->biss_NumRuntimeKeys > 0) ExecReScan(ps);
    const ItemPointerData* tid;
    uint64 found = 0;
    bool fits = true;
    while (fits && (tid = index_getnext_tid(node->biss_ScanDesc, ForwardScanDirection)) != NULL) {
        const OffsetNumber offset = ItemPointerGetOffsetNumber(tid);
        core_call([=] { rows->Add(ItemPointerGetBlockNumber(tid), &offset, 1); });
        if ((++found & 1023) == 0) {
            CHECK_FOR_INTERRUPTS();
            fits = rows->bytes() <= most_bytes;
        }
    }
    if (ps->instrument != NULL) InstrStopNode(ps->instrument, static_cast<double>(found));
    return fits;
}

// ---- any bitmap

static void read_bitmap(PlanState* below, TidBlocks* rows) {
    TIDBitmap* bitmap = reinterpret_cast<TIDBitmap*>(MultiExecProcNode(below));
    if (bitmap == NULL || !IsA(bitmap, TIDBitmap)) elog(ERROR, "unrecognized result from subplan");
    uint32 pages = 0;
    visit_bitmap_pages(bitmap, [&](BlockNumber block, const OffsetNumber* offsets, int count, bool recheck) {
        if ((++pages & 4095) == 0) CHECK_FOR_INTERRUPTS();
        core_call([=] {
            if (offsets == NULL) rows->AddLossyPage(block);
            else rows->Add(block, offsets, static_cast<size_t>(count), recheck);
        });
    });
    tbm_free(bitmap);
}

// Bytes of the set that a block takes, with the room that hashing wants.
static constexpr Size kBlockBytes = 64;

void fill_row_set(PlanState* below, BlockNumber table_blocks, Size most_bytes, TidBlocks* rows) {
    const double guess = std::min(below->plan->plan_rows, static_cast<double>(table_blocks));
    const Size blocks = std::min(static_cast<Size>(std::max(guess, 1.0)), most_bytes / kBlockBytes);
    core_call([=] { rows->Reset(blocks); });
    BitmapIndexScanState* btree = single_btree(below);
    if (btree == NULL || !read_btree(btree, most_bytes, rows)) {
        if (btree != NULL) ExecReScan(below);
        core_call([=] { rows->Reset(blocks); });
        read_bitmap(below, rows);
    }
    core_call([rows] { rows->MakeSieve(); });
}

}  // namespace vectorq
