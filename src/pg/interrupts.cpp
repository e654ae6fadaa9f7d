// See interrupts.h.
#include "pg/interrupts.h"

#include "pg/pg_headers.h"

extern "C" {
#include "storage/procsignal.h"
}

namespace vectorq {

// What another session waits for each backend to do, e.g. DROP DATABASE: close the files that are open. An error stays
// on this frame. The server keeps a request that failed pending, so the next poll tries again, and the first
// CHECK_FOR_INTERRUPTS() of PostgreSQL's own code reports it.
static void answer_barriers() noexcept {
    MemoryContext before = CurrentMemoryContext;
    PG_TRY();
    { ProcessProcSignalBarrier(); }
    PG_CATCH();
    {
        MemoryContextSwitchTo(before);
        FlushErrorState();
    }
    PG_END_TRY();
}

bool interrupt_is_pending() noexcept {
    if (likely(!InterruptPending) || InterruptHoldoffCount != 0 || CritSectionCount != 0) return false;
    if (ProcSignalBarrierPending) answer_barriers();
    return QueryCancelPending || ProcDiePending;
}

}  // namespace vectorq
