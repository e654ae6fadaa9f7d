// See crew.h.
#include "core/base/crew.h"

#include <pthread.h>
#include <signal.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace vectorq {

struct Crew::Shared {
    int threads;
    std::vector<std::thread> made;
    std::mutex gate;
    std::condition_variable changed;
    // — behind the gate —
    uint64_t turn = 0;  // of Begin
    bool ending = false;
    int inside = 0;  // threads that take tasks
    std::exception_ptr error;
    // — of the turn —
    Body body;
    StopToken* stop = nullptr;  // null: nothing was begun
    size_t tasks = 0;
    std::atomic<size_t> next{0}, left{0};  // left: not done yet

    // Takes tasks until there is none.
    void Work(int thread) noexcept {
        for (;;) {
            if (thread == 0 ? stop->Poll() : stop->Stopped()) return;
            const size_t task = next.fetch_add(1);
            if (task >= tasks) return;
            try {
                body(task, thread);
            } catch (...) {
                const std::lock_guard<std::mutex> hold(gate);
                if (!error) error = std::current_exception();
                next.store(tasks);
            }
            left.fetch_sub(1);
        }
    }

    void Live(int thread) noexcept {
        std::unique_lock<std::mutex> hold(gate);
        for (uint64_t seen = 0;;) {
            changed.wait(hold, [&] { return ending || turn != seen; });
            if (ending) return;
            seen = turn;
            // Of a turn that has ended nothing is left.
            if (stop == nullptr) continue;
            inside++;
            hold.unlock();
            Work(thread);
            hold.lock();
            inside--;
            changed.notify_all();
        }
    }
};

Crew::Crew(int threads) : shared_(new Shared) { shared_->threads = threads; }

Crew::~Crew() {
    Stop();
    {
        const std::lock_guard<std::mutex> hold(shared_->gate);
        shared_->ending = true;
    }
    shared_->changed.notify_all();
    for (std::thread& thread : shared_->made) thread.join();
}

void Crew::Begin(size_t tasks, StopToken& stop, Body body) {
    Shared* s = shared_.get();
    {
        const std::lock_guard<std::mutex> hold(s->gate);
        s->body = std::move(body);
        s->stop = &stop;
        s->tasks = tasks;
        s->error = nullptr;
        s->next.store(0);
        s->left.store(tasks);
        s->turn++;
    }
    // A signal handler of the server must never run on one of these threads.
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    try {
        s->made.reserve(size_t(s->threads));
        while (int(s->made.size()) + 1 < s->threads) {
            const int thread = int(s->made.size()) + 1;
            s->made.emplace_back([s, thread] { s->Live(thread); });
        }
    } catch (const std::exception&) {
        s->threads = int(s->made.size()) + 1;
    }
    pthread_sigmask(SIG_SETMASK, &old, nullptr);
    s->changed.notify_all();
}

bool Crew::Done() const noexcept { return shared_->left.load() == 0; }

void Crew::Finish() {
    Shared* s = shared_.get();
    if (s->stop == nullptr) return;
    s->Work(0);
    std::unique_lock<std::mutex> hold(s->gate);
    while (s->inside > 0) {
        s->changed.wait_for(hold, std::chrono::milliseconds(5));
        s->stop->Poll();
    }
    StopToken* stop = s->stop;
    s->stop = nullptr;
    s->left.store(0);
    const std::exception_ptr error = s->error;
    s->error = nullptr;
    hold.unlock();
    if (error) std::rethrow_exception(error);
    stop->ThrowIfStopped();
}

void Crew::Stop() noexcept {
    Shared* s = shared_.get();
    std::unique_lock<std::mutex> hold(s->gate);
    s->next.store(s->tasks);
    s->changed.wait(hold, [&] { return s->inside == 0; });
    s->stop = nullptr;
    s->left.store(0);
}

}  // namespace vectorq
