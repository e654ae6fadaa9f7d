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
#include "core/search/tid_set.h"
#include "core/simd/topk_filter.h"

namespace vectorq {

struct Candidate {
    float distance;
    uint32_t source;  // free for the caller; not part of the order
    uint64_t tid;     // in the upper 48 bits, so that order is by it; the lower 16 are the caller's
};

// The tid alone.
inline uint64_t RowOf(const Candidate& candidate) noexcept { return candidate.tid >> 16; }

// Order of results: by distance, ties by tid, so that a scan can be continued after any row.
// A type, not a function: through a function pointer the comparisons took 15 % of a query.
struct NearerFirst {
    bool operator()(const Candidate& a, const Candidate& b) const noexcept {
        return a.distance < b.distance || (a.distance == b.distance && a.tid < b.tid);
    }
};

// Not thread-safe. Push and Finish do not allocate.
class TopK {
public:
    // Empties it and sets how many rows are kept. Throws std::bad_alloc.
    void Reset(size_t capacity) {
        if (buffer_.size() != 2 * capacity) buffer_.Resize(2 * capacity);
        if (distances_.size() != 2 * capacity) distances_.Resize(2 * capacity);
        capacity_ = capacity;
        count_ = 0;
        overflowed_ = false;
        threshold_ = limit_ = std::numeric_limits<float>::infinity();
        bounded_ = false;
    }

    // Rows with a larger distance are not wanted, from a Reset until the next; they do not count as dropped.
    void SetLimit(float distance) noexcept { threshold_ = limit_ = distance; }

    // Only rows strictly after this one, in the order above, are kept from now on.
    void SetLowerBound(float distance, uint64_t tid) noexcept {
        bounded_ = true;
        bound_ = {distance, 0, tid};
    }

    void ClearLowerBound() noexcept { bounded_ = false; }

    // A row with a larger distance will not be kept; one with an equal distance may, for its tid.
    float threshold() const noexcept { return threshold_; }

    // Some row was dropped because there were nearer ones.
    bool overflowed() const noexcept { return overflowed_; }

    void Push(float distance, uint64_t tid, uint32_t source = 0) noexcept {
        // NaN has no place in an order: such a row comes last.
        if (!(distance == distance)) distance = std::numeric_limits<float>::infinity();
        const Candidate candidate{distance, source, tid};
        if (bounded_ && !NearerFirst()(bound_, candidate)) return;
        if (distance > threshold_ || capacity_ == 0) {
            overflowed_ = overflowed_ || distance <= limit_;
            return;
        }
        buffer_[count_++] = candidate;
        if (count_ == buffer_.size()) Shrink();
    }

    // How many entries so far are no farther than this, and how many rows they are of. Between two pushes. The second
    // throws std::bad_alloc.
    size_t EntriesWithin(float distance) const noexcept {
        return size_t(std::count_if(buffer_.data(), buffer_.data() + count_,
                                    [distance](const Candidate& candidate) { return candidate.distance <= distance; }));
    }
    size_t RowsWithin(float distance, TidSet* rows) const {
        rows->Reset(count_);
        for (size_t i = 0; i < count_; i++)
            if (buffer_[i].distance <= distance) rows->Add(RowOf(buffer_[i]), 0);
        return rows->size();
    }

    // The rows of the nearest entries so far, k of them if there are as many, each once. Between two pushes. Throws
    // std::bad_alloc.
    void NearestRows(size_t k, TidSet* rows) {
        rows->Reset(k);
        sorted_ = 0;
        for (size_t i = 0; i < count_ && rows->size() < k; i++) rows->Add(RowOf(Take(i)), 0);
    }

    // Ends the pushing. *count: how many Take() has; *overflowed: others were dropped.
    void Select(size_t* count, bool* overflowed) noexcept {
        if (count_ > capacity_) Shrink();
        sorted_ = 0;
        *count = count_;
        *overflowed = overflowed_;
    }

    // The one that comes last, in the order above; after Select, when there is one.
    Candidate Farthest() const noexcept {
        return *std::max_element(buffer_.data(), buffer_.data() + count_, NearerFirst());
    }

    // Of rows that were pushed several times only the nearest entry stays, and none that is in `before`. After Select,
    // before Take; returns the new count. Throws std::bad_alloc.
    size_t DropReplicas(TidSet* found, const TidSet& before) {
        found->Reset(count_);
        size_t kept = 0;
        for (size_t i = 0; i < count_; i++) {
            const Candidate candidate = buffer_[i];
            if (before.Has(RowOf(candidate))) continue;
            const uint32_t at = found->Add(RowOf(candidate), uint32_t(kept));
            if (at == TidSet::kNone) buffer_[kept++] = candidate;
            else if (NearerFirst()(candidate, buffer_[at])) buffer_[at] = candidate;
        }
        return count_ = kept;
    }

    // The kept rows in no order, i < count; after Select.
    const Candidate& At(size_t i) const noexcept { return buffer_[i]; }

    // The i-th best, i < count; after Select. Sorts only as far as is taken: a query mostly wants
    // ten of a thousand, and sorting all took a tenth of its time.
    const Candidate& Take(size_t i) noexcept {
        if (i >= sorted_) SortOn(i);
        return buffer_[i];
    }

    // The best rows in order, all at once; valid until the next Reset.
    const Candidate* Finish(size_t* count, bool* overflowed) noexcept {
        Select(count, overflowed);
        if (count_ > 0) SortOn(count_ - 1);
        return buffer_.data();
    }

private:
    // Puts in order what follows the sorted front, as far as i and at least as much again.
    void SortOn(size_t i) noexcept {
        Candidate* data = buffer_.data();
        const size_t end = std::min(count_, std::max(i + kSortStep, 2 * sorted_));
        if (end < count_) std::nth_element(data + sorted_, data + end, data + count_, NearerFirst());
        std::sort(data + sorted_, data + end, NearerFirst());
        sorted_ = end;
    }

    // Without a branch on any distance: to select among the candidates themselves took 8 % of a query.
    void Shrink() noexcept {
        Candidate* data = buffer_.data();
        for (size_t i = 0; i < count_; i++) distances_[i] = data[i].distance;
        threshold_ = KthSmallest(distances_.data(), count_, capacity_);
        size_t kept = 0;
        for (size_t i = 0; i < count_; i++) {
            data[kept] = data[i];
            kept += distances_[i] <= threshold_;
        }
        // Of those that tie with the last one kept, the first by their tids.
        if (kept > capacity_) std::nth_element(data, data + (capacity_ - 1), data + kept, NearerFirst());
        count_ = capacity_;
        overflowed_ = true;
    }

    AlignedArray<Candidate> buffer_;
    AlignedArray<float> distances_;
    static constexpr size_t kSortStep = 32;
    size_t capacity_ = 0, count_ = 0, sorted_ = 0;
    float threshold_ = std::numeric_limits<float>::infinity();
    float limit_ = std::numeric_limits<float>::infinity();
    Candidate bound_{};
    bool bounded_ = false, overflowed_ = false;
};

}  // namespace vectorq
