// The best rows of a scan so far: a bounded collector with a running threshold.
//
// Candidates go into a buffer of twice the capacity; when it is full, the best half is selected and
// the threshold falls to the worst of it. So a push costs a constant on average, and the scan skips
// everything above the threshold without a push.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "core/base/matrix.h"

namespace vectorq {

struct Candidate {
    float distance;
    uint32_t source;  // free for the caller; not part of the order
    uint64_t tid;
};

// Order of results: by distance, ties by tid, so that a scan can be continued after any row.
inline bool Nearer(const Candidate& a, const Candidate& b) noexcept {
    return a.distance < b.distance || (a.distance == b.distance && a.tid < b.tid);
}

// Not thread-safe. Push and Finish do not allocate.
class TopK {
public:
    // Empties it and sets how many rows are kept. Throws std::bad_alloc.
    void Reset(size_t capacity) {
        if (capacity != capacity_ || buffer_.size() == 0) buffer_.Resize(2 * capacity);
        capacity_ = capacity;
        count_ = 0;
        overflowed_ = false;
        threshold_ = std::numeric_limits<float>::infinity();
        bounded_ = false;
    }

    // Only rows strictly after this one, in the order above, are kept from now on.
    void SetLowerBound(float distance, uint64_t tid) noexcept {
        bounded_ = true;
        bound_ = {distance, 0, tid};
    }

    // A row with a larger distance will not be kept; one with an equal distance may, for its tid.
    float threshold() const noexcept { return threshold_; }

    void Push(float distance, uint64_t tid, uint32_t source = 0) noexcept {
        // NaN has no place in an order: such a row comes last.
        if (!(distance == distance)) distance = std::numeric_limits<float>::infinity();
        const Candidate candidate{distance, source, tid};
        if (bounded_ && !Nearer(bound_, candidate)) return;
        if (distance > threshold_) {
            overflowed_ = true;
            return;
        }
        buffer_[count_++] = candidate;
        if (count_ == buffer_.size()) Shrink();
    }

    // A row was skipped because of the threshold: tells Finish that there were more.
    void NoteSkipped() noexcept { overflowed_ = true; }

    // The best rows in order; valid until the next Reset. overflowed: others were dropped.
    const Candidate* Finish(size_t* count, bool* overflowed) noexcept {
        if (count_ > capacity_) Shrink();
        std::sort(buffer_.data(), buffer_.data() + count_, Nearer);
        *count = count_;
        *overflowed = overflowed_;
        return buffer_.data();
    }

private:
    void Shrink() noexcept {
        Candidate* data = buffer_.data();
        std::nth_element(data, data + (capacity_ - 1), data + count_, Nearer);
        count_ = capacity_;
        threshold_ = data[capacity_ - 1].distance;
        overflowed_ = true;
    }

    AlignedArray<Candidate> buffer_;
    size_t capacity_ = 0, count_ = 0;
    float threshold_ = std::numeric_limits<float>::infinity();
    Candidate bound_{};
    bool bounded_ = false, overflowed_ = false;
};

}  // namespace vectorq
