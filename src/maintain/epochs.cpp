// See epochs.h.
#include "maintain/epochs.h"

#include "pg/fault.h"
#include "store/meta.h"

extern "C" {
#include "access/transam.h"
#include "access/xact.h"
#include "storage/lock.h"
#include "storage/procarray.h"
}

namespace vectorq {

void give_up_epoch(Relation index, MetaPage* meta) {
    if (meta->upkeep.renewing == 0) return;
    VQ_FAULT("epoch.give_up");
    update_meta(
        index,
        [](MetaPage* on_page, void* arg) {
            on_page->upkeep.renewing = on_page->upkeep.batches = on_page->upkeep.copied = on_page->upkeep.stripe = 0;
            on_page->upkeep.resting = 0;
            on_page->upkeep.given_up = on_page->upkeep.garbage = 1;
            on_page->retire_xid = U64FromFullTransactionId(ReadNextFullTransactionId());
            *static_cast<MetaPage*>(arg) = *on_page;
        },
        meta);
}

bool one_epoch_is_known(Relation heap, const MetaPage* meta) {
    if (meta->upkeep.renewing != 0 || meta->oldest_generation != meta->generation) return false;
    return meta->upkeep.given_up == 0 ||
           GlobalVisCheckRemovableFullXid(heap, FullTransactionIdFromU64(meta->retire_xid));
}

void forget_garbage(Relation index, MetaPage* meta) {
    meta->upkeep.given_up = meta->upkeep.garbage = 0;
    VQ_FAULT("epoch.forget");
    update_meta(
        index, [](MetaPage* on_page, void*) { on_page->upkeep.given_up = on_page->upkeep.garbage = 0; }, NULL);
}

// Who has known older lists holds a lock until it knows them no more: scans until their transaction ends, inserts until
// their statement does. Who comes from now on reads the present meta page.
bool somebody_uses(Relation index) {
    LOCKTAG tag;
    SET_LOCKTAG_RELATION(tag, index->rd_lockInfo.lockRelId.dbId, index->rd_lockInfo.lockRelId.relId);
    int users;
    VirtualTransactionId* conflicts = GetLockConflicts(&tag, AccessExclusiveLock, &users);
    pfree(conflicts);
    return users > 0;
}

bool may_cut_file(Relation index, Relation heap) {
    const StdRdOptions* options = reinterpret_cast<const StdRdOptions*>(heap->rd_options);
    return !IsInParallelMode() && (options == NULL || options->vacuum_truncate) && !somebody_uses(index);
}

void settle_if_unused(Relation index, MetaPage* meta) {
    if (meta->oldest_generation == meta->generation && meta->upkeep.given_up == 0) return;
    if (somebody_uses(index)) return;
    VQ_FAULT("epoch.settle");
    update_meta(
        index,
        [](MetaPage* on_page, void* arg) {
            on_page->oldest_generation = on_page->generation;
            on_page->retire_xid = FirstNormalTransactionId;  // before every snapshot
            on_page->upkeep.garbage = 1;
            *static_cast<MetaPage*>(arg) = *on_page;
        },
        meta);
}

}  // namespace vectorq
