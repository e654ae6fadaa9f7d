// Threads that work on tasks while their caller does something else, which ParallelTasks (parallel.h) cannot.
#pragma once
#include <cstddef>
#include <functional>
#include <memory>

#include "core/base/stop_token.h"

namespace vectorq {

// One caller's. Its threads are made when they are first needed, with all signals blocked; fewer than wanted, even
// none, if the system gives no more: then the caller does the work, in Finish.
class Crew {
public:
    using Body = std::function<void(size_t task, int thread)>;
    // threads: with the caller, who is thread 0. Throws std::bad_alloc.
    explicit Crew(int threads);
    // Stops, and ends the threads.
    ~Crew();

    // Hands out body(task, thread) for each of `tasks` tasks, and returns at once. As for ParallelTasks, bodies look at
    // `stop` themselves. What was begun before has been finished or stopped.
    void Begin(size_t tasks, StopToken& stop, Body body);
    // Whether no task is left to take or in work.
    bool Done() const noexcept;
    // The caller takes tasks, too, and waits for the others' last ones, polling `stop`. Throws what a body threw first,
    // or Error(kCancelled).
    void Finish();
    // No further task is begun; returns when no thread works. Whoever stops `stop` first does not wait long.
    void Stop() noexcept;

private:
    struct Shared;
    std::unique_ptr<Shared> shared_;
};

}  // namespace vectorq
