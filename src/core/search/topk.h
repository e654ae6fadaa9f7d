// Bounded collector of a scan: the `capacity` best candidates by (distance, tid), optionally
// only those after a lower bound (a scan that resumes). Push never allocates or throws, so it
// may be called under a page lock. One thread.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "core/base/matrix.h"

namespace vectorq {

struct Candidate {
    float distance;
    uint32_t pad_or_source;
    uint64_t tid;
};

inline bool operator<(const Candidate& a, const Candidate& b) noexcept {
    return a.distance != b.distance ? a.distance < b.distance : a.tid < b.tid;
}

class TopK {
public:
    // Forgets everything, the lower bound too. Throws std::bad_alloc.
    void Reset(size_t capacity) {
        // At least so much slack that small capacities do not select all the time.
        const size_t needed = capacity + std::max<size_t>(capacity, 128);
        if (buffer_.size() < needed) buffer_.Resize(needed);
        capacity_ = capacity;
        limit_ = needed;
        count_ = 0;
        threshold_ = capacity == 0 ? -kInfinity : kInfinity;
        overflowed_ = has_lower_ = false;
    }
    // From now on only candidates with (distance, tid) strictly greater are taken; the
    // others do not count as dropped.
    void SetLowerBound(float distance, uint64_t tid) noexcept {
        lower_ = Candidate{Ordered(distance), 0, tid};
        has_lower_ = true;
    }
    // Candidates with a distance above it cannot be among the best. Equal ones can, by tid.
    float threshold() const noexcept { return threshold_; }
    // A caller that leaves out candidates because of threshold() says so.
    void NoteDropped() noexcept { overflowed_ = true; }

    // A NaN distance counts as +infinity.
    void Push(float distance, uint64_t tid, uint32_t source = 0) noexcept {
        const Candidate candidate{Ordered(distance), source, tid};
        if (has_lower_ && !(lower_ < candidate)) return;
        if (candidate.distance > threshold_ || capacity_ == 0) {
            overflowed_ = true;
            return;
        }
        buffer_[count_++] = candidate;
        if (count_ == limit_) Shrink();
    }

    // The best ones in ascending order, valid until the next Reset or Push. *overflowed: some
    // candidate that was offered (after the lower bound) is not among them.
    Candidate* Finish(size_t* count, bool* overflowed) noexcept {
        if (count_ > capacity_) Shrink();
        std::sort(buffer_.data(), buffer_.data() + count_);
        *count = count_;
        *overflowed = overflowed_;
        return buffer_.data();
    }

private:
    static constexpr float kInfinity = std::numeric_limits<float>::infinity();
    static float Ordered(float distance) noexcept { return distance == distance ? distance : kInfinity; }
    // Keeps the best `capacity_`.
    void Shrink() noexcept {
        Candidate* last = buffer_.data() + capacity_ - 1;
        std::nth_element(buffer_.data(), last, buffer_.data() + count_);
        threshold_ = last->distance;
        count_ = capacity_;
        overflowed_ = true;
    }

    AlignedArray<Candidate> buffer_;
    // -- set by Reset and SetLowerBound --
    size_t capacity_ = 0, limit_ = 0;
    Candidate lower_{};
    bool has_lower_ = false;
    // -- changed by Push --
    size_t count_ = 0;
    float threshold_ = -kInfinity;
    bool overflowed_ = false;
};

}  // namespace vectorq
