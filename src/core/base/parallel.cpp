// ParallelFor on OpenMP; the only file that uses it (see parallel.h for the contract).
#include "core/base/parallel.h"

#include <execinfo.h>
#include <omp.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <new>
#include <thread>
#include <vector>

namespace vectorq {
namespace {

// libgomp's threads spin at the end of a region, for tens of milliseconds unless it manages more threads than there
// are processors. On a machine with other load they spin away the time of the thread that they wait for: k-means
// of 6,000 rows took 5 to 25 s beside seven busy processes. One thread more than there is work for, which does
// nothing, makes them sleep: 0.6 s. (OMP_WAIT_POLICY is read before the library can set it.)
constexpr int kIdleThreads = 1;

// Creates the pool while every signal is blocked: threads inherit the mask of their
// creator, and a signal handler of the server must never run on one of ours. The caller's
// own mask is restored before the real work, because cancel requests reach it as signals.
// libgomp keeps the threads of the last region and ends surplus ones; so only a team larger
// than the last one needs new threads.
thread_local constinit int last_team = 1;

// libgomp ends the whole process when it is refused a thread or a little memory. So ask the system first: the
// stacks of these threads, which end at once, are what libgomp's get.
int ThreadsToBeHad(int wanted) {
    pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
    std::vector<pthread_t> made;
    made.reserve(size_t(wanted));
    pthread_mutex_lock(&gate);
    for (int i = 0; i < wanted; i++) {
        pthread_t thread;
        const auto wait = [](void* at) -> void* {
            pthread_mutex_lock(static_cast<pthread_mutex_t*>(at));
            pthread_mutex_unlock(static_cast<pthread_mutex_t*>(at));
            return nullptr;
        };
        if (pthread_create(&thread, nullptr, wait, &gate) != 0) break;
        made.push_back(thread);
    }
    pthread_mutex_unlock(&gate);
    for (pthread_t thread : made) pthread_join(thread, nullptr);
    return int(made.size());
}

// Ending a thread makes glibc load its unwinder, and abort() if there is no memory for that: load it before there
// are any. (backtrace() uses the same one, and only fails.)
void LoadUnwinder() {
    void* frame[1];
    void* room = malloc(1024 * 1024);
    free(room);
    if (room == nullptr || backtrace(frame, 1) == 0) throw std::bad_alloc();
}

// Returns how many threads there are to be: fewer than wanted if the system gives no more.
int CreatePool(int threads) {
    const bool have = threads <= last_team;
    if (have) return last_team = threads;
    sigset_t all, old;
    sigfillset(&all);
    LoadUnwinder();
    pthread_sigmask(SIG_SETMASK, &all, &old);
    threads = std::min(threads, 1 + ThreadsToBeHad(threads - 1 + kIdleThreads) - kIdleThreads);
    if (threads > 1) {
#pragma omp parallel num_threads(threads + kIdleThreads)
        {
            // A body that the compiler cannot drop.
            asm volatile("" ::: "memory");
        }
    }
    pthread_sigmask(SIG_SETMASK, &old, nullptr);
    return last_team = std::max(threads, 1);
}

// What the threads of one region share.
struct Region {
    std::atomic<size_t> next{0};  // first index not handed out
    std::atomic<bool> failed{false};
    std::exception_ptr error;  // written by the thread that set `failed`
};

using Body = std::function<void(size_t, size_t, int)>;

void Work(Region& region, size_t count, size_t grain, int thread, StopToken& stop, const Body& body) noexcept {
    while (!region.failed.load(std::memory_order_relaxed)) {
        if (thread == 0 ? stop.Poll() : stop.Stopped()) return;
        const size_t begin = region.next.fetch_add(grain, std::memory_order_relaxed);
        if (begin >= count) return;
        try {
            body(begin, std::min(begin + grain, count), thread);
        } catch (...) {
            if (!region.failed.exchange(true)) region.error = std::current_exception();
        }
    }
}

}  // namespace

void ParallelFor(size_t count, size_t grain, int threads, StopToken& stop, const Body& body) {
    grain = std::clamp<size_t>(grain, 1, std::max<size_t>(count, 1));
    const size_t ranges = (count + grain - 1) / grain;
    int team = int(std::min<size_t>(size_t(std::max(threads, 1)), ranges));
    if (team > 1) team = CreatePool(team);
    if (team <= 1) {
        for (size_t begin = 0; begin < count; begin += grain) {
            stop.ThrowIfStopped();
            body(begin, std::min(begin + grain, count), 0);
        }
        stop.ThrowIfStopped();
        return;
    }
    Region region;
#pragma omp parallel num_threads(team + kIdleThreads)
    if (omp_get_thread_num() < team) Work(region, count, grain, omp_get_thread_num(), stop, body);
    if (region.error) std::rethrow_exception(region.error);
    stop.ThrowIfStopped();
}

void ParallelTasks(size_t tasks, int threads, StopToken& stop, const std::function<void(size_t, int)>& body) {
    const Body each = [&](size_t begin, size_t, int thread) { body(begin, thread); };
    int team = int(std::min<size_t>(size_t(std::max(threads, 1)), tasks));
    if (team > 1) team = CreatePool(team);
    if (team <= 1) {
        ParallelFor(tasks, 1, 1, stop, each);
        return;
    }
    Region region;
    std::atomic<int> working{0};
#pragma omp parallel num_threads(team + kIdleThreads)
    if (omp_get_thread_num() < team) {
        const int thread = omp_get_thread_num();
        if (thread != 0) working.fetch_add(1);
        Work(region, tasks, 1, thread, stop, each);
        if (thread != 0) working.fetch_sub(1);
        // A worker that has not begun by now finds no task left.
        while (thread == 0 && working.load() > 0 && !stop.Poll())
            std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
    // The idle threads have gone: the next region makes them again, with signals blocked.
    last_team = team - kIdleThreads;
    if (region.error) std::rethrow_exception(region.error);
    stop.ThrowIfStopped();
}

void ReleaseThreads() noexcept {
    omp_pause_resource_all(omp_pause_hard);
    last_team = 1;
}

}  // namespace vectorq
