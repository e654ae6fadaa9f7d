// When enough rows have been put in order: a candidate's code tells its distance up to an error, and the rows
// reordered so far tell how large that error is, for this query and these codes. Candidates come in the order of
// their codes, so once a row's code distance, less what codes err, lies above the k-th exact distance, no row after
// it is likely to be among the k nearest. Nothing has to be chosen: coarse codes and crowded queries reorder more.
// Where only rows within a bound are wanted, the bound takes the place of the k-th distance until there are k of them.
// Errors are taken for normally distributed.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

#include "core/base/matrix.h"

namespace vectorq {

// ---- how many candidates there are

// Collected by settings for a target, as a multiple of the entries that the calibration's queries needed: others may
// need more.
inline constexpr size_t kSpareOfScan = 4, kMostSpare = 16384;
inline constexpr size_t kMostCollected = 4 * 1024 * 1024;

// Entries to collect for putting `asked` rows in order. rows: as the settings say, times `spare` then; 0: they name no
// number.
inline size_t EntriesToCollect(size_t rows, size_t spare, size_t asked, size_t rows_per_answer) noexcept {
    if (rows == 0) return 16 + asked * rows_per_answer;
    return std::max(rows, std::min(rows * spare, kMostSpare));
}

// ---- how many of them are put in order

// Candidates between two looks at whether they are enough.
inline constexpr size_t kOrderStep = 16;
// Rows that may be expected beyond where reordering stops, as a part of what the target lets a scan miss: up to as many
// entries as the calibration took, and beyond. They bound all entries left together: a bound on the next one alone
// found recall@1 of 0.77 at a target of 0.99 in clusters so narrow that codes hardly tell rows apart, this one 0.99.
// docs/measurements/reordering.md has the figures.
inline constexpr double kMissedShare = 0.2, kMissedShareBeyond = 8;

// Not thread-safe. Distances are in the metric's order, codes' and exact ones in the same unit.
class ReorderStop {
public:
    // k: rows that are wanted; 0: all within `bound`. Throws std::bad_alloc.
    void Reset(size_t k, float bound = std::numeric_limits<float>::infinity()) {
        if (nearest_.size() < k) nearest_.Resize(k);
        k_ = k;
        bound_ = bound;
        kept_ = seen_ = within_ = 0;
        shift_ = sum_ = squares_ = 0;
    }

    // A candidate that has been reordered.
    void Add(float code, float exact) noexcept {
        AddError(code, exact);
        if (exact > bound_) return;
        within_++;
        float* heap = nearest_.data();
        if (kept_ < k_) {
            heap[kept_++] = exact;
            std::push_heap(heap, heap + kept_);
        } else if (k_ > 0 && exact < heap[0]) {
            std::pop_heap(heap, heap + kept_);
            heap[kept_ - 1] = exact;
            std::push_heap(heap, heap + kept_);
        }
    }

    // Whether the next candidate and the `left - 1` behind it may stay as they are: of all of them together, were each
    // as likely as the next, no more than `missed` * k are expected among the k nearest. So the more are left, the
    // surer it must be of each: where codes tell rows apart badly, thousands are left and the nearest is any of them.
    bool Enough(float next_code, size_t left, double missed) const noexcept {
        const float limit = HasAll() ? nearest_[0] : bound_;
        if (!(limit < std::numeric_limits<float>::infinity()) || seen_ < kFewest) return false;
        const double n = static_cast<double>(seen_), mean = sum_ / n;
        const double deviation = std::sqrt(std::max(squares_ / n - mean * mean, 0.0));
        const double above = next_code + shift_ + mean - limit;
        if (!(above > 0)) return false;
        const double likely = deviation > 0 ? 0.5 * std::erfc(above / deviation / std::sqrt(2.0)) : 0;
        const size_t wanted = HasAll() ? k_ : std::max<size_t>(within_, 1);
        return static_cast<double>(left) * likely <= missed * static_cast<double>(wanted);
    }

    // There are k rows.
    bool HasAll() const noexcept { return k_ > 0 && kept_ >= k_; }

private:
    // Duplicates come one after another and tell nothing new: ten of one row would look like errors that are all
    // the same.
    void AddError(float code, float exact) noexcept {
        if (seen_ > 0 && code == last_code_ && exact == last_exact_) return;
        last_code_ = code;
        last_exact_ = exact;
        const double error = static_cast<double>(exact) - code;
        if (seen_++ == 0) shift_ = error;
        sum_ += error - shift_;
        squares_ += (error - shift_) * (error - shift_);
    }

    static constexpr size_t kFewest = 8;  // errors to judge by
    AlignedArray<float> nearest_;         // max-heap of the k smallest exact distances
    float bound_ = std::numeric_limits<float>::infinity();
    size_t k_ = 0, kept_ = 0, seen_ = 0, within_ = 0;  // seen_: errors; within_: rows within the bound
    float last_code_ = 0, last_exact_ = 0;
    double shift_ = 0, sum_ = 0, squares_ = 0;  // of errors, less the first one
};

}  // namespace vectorq
