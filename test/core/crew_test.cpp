// A crew works while its caller does something else.
#include "core/base/crew.h"

#include <signal.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>

#include "test_support.h"

namespace vectorq::test {
namespace {

TEST(Crew, DoesEachTaskOnceTurnAfterTurn) {
    for (const int threads : {1, 2, 5}) {
        Crew crew(threads);
        StopToken stop;
        crew.Finish();  // of nothing
        EXPECT_TRUE(crew.Done());
        for (int turn = 0; turn < 50; turn++) {
            std::vector<std::atomic<int>> done(size_t(turn) * 3);
            crew.Begin(done.size(), stop, [&](size_t task, int thread) {
                ASSERT_TRUE(thread >= 0 && thread < threads);
                done[task]++;
            });
            crew.Finish();
            EXPECT_TRUE(crew.Done());
            for (const std::atomic<int>& count : done) ASSERT_EQ(count.load(), 1);
        }
    }
}

TEST(Crew, WorksWithoutItsCaller) {
    Crew crew(3);
    StopToken stop;
    std::atomic<bool> by_caller{false};
    crew.Begin(20, stop, [&](size_t, int thread) { by_caller = by_caller || thread == 0; });
    for (int i = 0; i < 5000 && !crew.Done(); i++) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    EXPECT_TRUE(crew.Done());
    EXPECT_FALSE(by_caller);
    crew.Finish();
}

TEST(Crew, RethrowsAndGoesOn) {
    Crew crew(2);
    StopToken stop;
    crew.Begin(100, stop, [](size_t task, int) {
        if (task == 7) throw std::runtime_error("seven");
    });
    EXPECT_THROW(crew.Finish(), std::runtime_error);
    std::atomic<int> done{0};
    crew.Begin(10, stop, [&](size_t, int) { done++; });
    crew.Finish();
    EXPECT_EQ(done, 10);
}

bool stop_now = false;

TEST(Crew, StopsWhenItsTokenDoes) {
    stop_now = false;
    StopToken stop([] { return stop_now; });
    Crew crew(2);
    crew.Begin(2, stop, [&](size_t, int thread) {
        while (KeepGoing(stop, thread)) std::this_thread::sleep_for(std::chrono::microseconds(100));
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    EXPECT_FALSE(crew.Done());
    stop_now = true;
    EXPECT_THROW(crew.Finish(), Error);
}

// As when an error leaves the caller's work: what tasks work on may go afterwards.
TEST(Crew, IsQuietOnceStopped) {
    stop_now = false;
    StopToken stop([] { return stop_now; });
    std::atomic<int> working{0};
    Crew crew(4);
    crew.Begin(1000, stop, [&](size_t, int thread) {
        working++;
        while (KeepGoing(stop, thread)) std::this_thread::sleep_for(std::chrono::microseconds(100));
        working--;
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    stop_now = true;
    stop.Poll();
    crew.Stop();
    EXPECT_EQ(working, 0);
    crew.Stop();
}

TEST(Crew, BlocksSignalsInItsThreads) {
    Crew crew(2);
    StopToken stop;
    std::atomic<bool> blocked{false};
    crew.Begin(1, stop, [&](size_t, int) {
        sigset_t mask;
        pthread_sigmask(SIG_SETMASK, nullptr, &mask);
        blocked = sigismember(&mask, SIGINT) == 1 && sigismember(&mask, SIGTERM) == 1;
    });
    for (int i = 0; i < 5000 && !crew.Done(); i++) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    EXPECT_TRUE(blocked);
    crew.Finish();
}

}  // namespace
}  // namespace vectorq::test
