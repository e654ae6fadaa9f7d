// How core code learns of a cancel: StopToken polls this from the backend's own thread.
#pragma once

namespace vectorq {

// True when CHECK_FOR_INTERRUPTS() would end the statement or the session. Calls nothing of
// PostgreSQL, so it is safe below C++ frames.
bool interrupt_is_pending() noexcept;

}  // namespace vectorq
