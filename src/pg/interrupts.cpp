// See interrupts.h.
#include "pg/interrupts.h"

#include "pg/pg_headers.h"

namespace vectorq {

bool interrupt_is_pending() noexcept {
    return InterruptPending && (QueryCancelPending || ProcDiePending) && InterruptHoldoffCount == 0;
}

}  // namespace vectorq
