// See page_change.h.
#include "pg/page_change.h"

#include "pg/fault.h"

namespace vectorq {

Buffer lock_block(Relation index, BlockNumber block, [[maybe_unused]] const char* name, BufferAccessStrategy strategy) {
    VQ_FAULT_STEP(name, "read");
    Buffer buffer = ReadBufferExtended(index, MAIN_FORKNUM, block, RBM_NORMAL, strategy);
    VQ_FAULT_STEP(name, "lock");
    LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
    return buffer;
}

PageChange begin_change(Relation index, const char* name) {
    PageChange change;
    memset(&change, 0, sizeof(change));
    change.name = name;
    VQ_FAULT_STEP(name, "start");
    change.xlog = GenericXLogStart(index);
    return change;
}

Page change_page(PageChange* change, Buffer buffer, int flags) {
    VQ_FAULT_STEP(change->name, "register");
    int n = 0;
    while (n < change->count && change->buffers[n] != buffer) n++;
    Page page = GenericXLogRegisterBuffer(change->xlog, buffer, (flags & kWholePage) ? GENERIC_XLOG_FULL_IMAGE : 0);
    if (n == change->count) change->buffers[change->count++] = buffer;
    if (flags & kKeepPageLocked) change->kept[n] = true;
    return page;
}

void finish_change(PageChange* change) {
    VQ_FAULT_STEP(change->name, "finish");
    GenericXLogFinish(change->xlog);
    VQ_FAULT_STEP(change->name, "release");
    for (int i = 0; i < change->count; i++)
        if (!change->kept[i]) UnlockReleaseBuffer(change->buffers[i]);
}

}  // namespace vectorq
