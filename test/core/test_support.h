// Shared by the core tests: every SIMD target in turn, guarded memory, random data.
#pragma once
#include <gtest/gtest.h>
#include <hwy/highway.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

#include "core/base/error.h"
#include "core/base/matrix.h"
#include "core/base/parallel.h"

namespace vectorq::test {

// Runs body once per SIMD target that this CPU has, then returns to the best one.
template <class Body>
void ForEachTarget(const Body& body) {
    for (const int64_t target : hwy::SupportedAndGeneratedTargets()) {
        hwy::SetSupportedTargetsForTest(target);
        hwy::GetChosenTarget().Update(target);
        SCOPED_TRACE(hwy::TargetName(target));
        body();
    }
    hwy::SetSupportedTargetsForTest(0);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

// Memory whose last byte is followed by a page that must not be touched.
class Guarded {
public:
    explicit Guarded(size_t bytes) {
        const size_t page = size_t(sysconf(_SC_PAGESIZE));
        size_ = (bytes + page - 1) / page * page + page;
        base_ = static_cast<uint8_t*>(mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
        mprotect(base_ + size_ - page, page, PROT_NONE);
        data_ = base_ + size_ - page - bytes;
    }
    ~Guarded() { munmap(base_, size_); }
    Guarded(const Guarded&) = delete;
    Guarded& operator=(const Guarded&) = delete;
    uint8_t* data() { return data_; }

private:
    uint8_t* base_;
    uint8_t* data_;
    size_t size_;
};

inline Matrix RandomMatrix(size_t rows, size_t cols, uint64_t seed, float offset = 0) {
    std::mt19937_64 random(seed);
    std::normal_distribution<float> normal;
    Matrix m(rows, cols);
    for (size_t i = 0; i < rows * cols; i++) m.data()[i] = offset + normal(random);
    return m;
}

inline size_t polls_left;
inline bool StopAfterSomePolls() { return polls_left == 0 || --polls_left == 0; }

// work(stop), in one thread since several poll as they come along, ends with an error if it is stopped at its first
// poll, and at `trials` later ones or more, evenly spread.
template <class Work>
void ExpectCancelsAtAnyPoint(size_t trials, const Work& work) {
    constexpr size_t kMany = 1000000;
    polls_left = kMany;
    StopToken all(&StopAfterSomePolls);
    work(all);
    const size_t polls = kMany - polls_left;
    ASSERT_GT(polls, 30u);
    for (size_t i = 1; i < polls; i += polls / trials) {
        polls_left = i;
        StopToken stop(&StopAfterSomePolls);
        EXPECT_THROW(work(stop), Error) << i;
    }
}

}  // namespace vectorq::test
