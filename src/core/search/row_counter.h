// How many entries a row has on average, where rows lie in different numbers of lists. Exact up to kSample rows; beyond
// that of a sample of them: the rows whose hash lies below a limit, which halves whenever they get too many.
#pragma once
#include <cstddef>
#include <cstdint>
#include <utility>

#include "core/search/tid_set.h"

namespace vectorq {

// Not thread-safe. Some 2 MB at most, and as much again while the limit halves.
class RowCounter {
public:
    // 65,536 rows with a spread of half an entry: the mean is wrong by 0.2 %.
    static constexpr size_t kSample = 65536;

    // An entry of the row with this tid (48 bits). Throws std::bad_alloc.
    void Add(uint64_t tid) {
        if (Hash(tid) > limit_) return;
        entries_++;
        rows_.Count(tid);
        while (rows_.size() > kSample) Halve();
    }

    double EntriesPerRow() const noexcept { return rows_.size() == 0 ? 1 : double(entries_) / double(rows_.size()); }
    bool IsExact() const noexcept { return limit_ == ~uint64_t(0); }

private:
    // Another one than TidSet's, whose slots would otherwise fill from one end.
    static uint64_t Hash(uint64_t tid) noexcept {
        tid = (tid ^ (tid >> 29)) * 0xBF58476D1CE4E5B9ull;
        return (tid ^ (tid >> 32)) * 0x94D049BB133111EBull;
    }

    void Halve() {
        limit_ /= 2;
        TidSet kept;
        uint64_t entries = 0;
        kept.Reset(kSample);
        rows_.ForEach([&](uint64_t tid, uint32_t number) {
            if (Hash(tid) > limit_) return;
            kept.Add(tid, number);
            entries += number;
        });
        rows_ = std::move(kept);
        entries_ = entries;
    }

    TidSet rows_;  // with the number of each one's entries
    uint64_t entries_ = 0, limit_ = ~uint64_t(0);
};

}  // namespace vectorq
