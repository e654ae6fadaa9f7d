// How core code learns of a cancel, and answers other sessions: StopToken polls this from the backend's own thread.
#pragma once

namespace vectorq {

// True when CHECK_FOR_INTERRUPTS() would end the statement or the session. Answers barriers of other sessions (DROP
// DATABASE waits for them) as CHECK_FOR_INTERRUPTS() does. No error leaves it, so it is safe below C++ frames.
bool interrupt_is_pending() noexcept;

}  // namespace vectorq
