// How a long computation learns that it must stop. The calling thread polls `poll`
// (a plain function, e.g. "has the backend a cancel request pending?") at least every
// 10 ms; other threads only read the atomic flag.
#pragma once
#include <atomic>

#include "core/base/error.h"

namespace vectorq {

class StopToken {
public:
    using PollFn = bool (*)();
    explicit StopToken(PollFn poll = nullptr) noexcept : poll_(poll) {}

    // Calling thread only. Returns true once the work must stop.
    bool Poll() noexcept {
        if (poll_ != nullptr && poll_()) stopped_.store(true, std::memory_order_relaxed);
        return Stopped();
    }
    // Any thread.
    bool Stopped() const noexcept { return stopped_.load(std::memory_order_relaxed); }
    // Calling thread, outside parallel regions.
    void ThrowIfStopped() {
        if (Poll()) throw Error(ErrorKind::kCancelled, "cancelled");
    }

private:
    PollFn poll_;
    std::atomic<bool> stopped_{false};
};

}  // namespace vectorq
