// Threads. parallel.cpp is the only file with OpenMP in it.
#pragma once
#include <cstddef>
#include <functional>

#include "core/base/stop_token.h"

namespace vectorq {

// Calls body(begin, end, thread) on disjoint ranges that cover [0, count), each at most
// `grain` long, on `threads` threads (the caller is thread 0). Ranges are handed out
// dynamically, so results must not depend on which thread gets which range. Signals are
// blocked in the worker threads. The caller polls `stop` between its ranges, so choose
// `grain` such that a range takes at most some milliseconds. The first exception thrown by
// a body is rethrown here after all threads have stopped; throws Error(kCancelled) when
// stopped. threads == 1 starts no thread at all.
void ParallelFor(size_t count, size_t grain, int threads, StopToken& stop,
                 const std::function<void(size_t begin, size_t end, int thread)>& body);

// Calls body(task, thread) for each of `tasks` long tasks. Bodies must look at `stop` themselves
// every few milliseconds (KeepGoing) and return once it says so. The caller polls on while it
// waits for the others' last tasks. Otherwise as ParallelFor.
void ParallelTasks(size_t tasks, int threads, StopToken& stop,
                   const std::function<void(size_t task, int thread)>& body);

// For bodies of ParallelTasks: false once the work must stop. Polls on thread 0.
inline bool KeepGoing(StopToken& stop, int thread) noexcept { return !(thread == 0 ? stop.Poll() : stop.Stopped()); }

// Ends the idle worker threads, so that none stays behind in a server process.
void ReleaseThreads() noexcept;

}  // namespace vectorq
