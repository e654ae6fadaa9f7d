// Which rows were met, for lists that hold some rows several times. Open addressing, grows by doubling.
#pragma once
#include <cstddef>
#include <cstdint>

#include "core/base/matrix.h"

namespace vectorq {

// Not thread-safe. A tid is a number below 2^48, so all bits set is no tid.
class TidSet {
public:
    static constexpr uint32_t kNone = 0xFFFFFFFFu;

    // Empties it, with room for so many tids. Throws std::bad_alloc.
    void Reset(size_t expected) {
        size_t slots = 64;
        while (slots < 2 * expected) slots *= 2;
        if (slots > slots_.size() || 16 * slots < slots_.size()) slots_.Resize(slots);
        Clear();
    }

    // Adds a tid with a number of the caller's. Returns kNone if it was new, else the number it was added with.
    // Throws std::bad_alloc.
    uint32_t Add(uint64_t tid, uint32_t number) {
        if (2 * (count_ + 1) > slots_.size()) Grow();
        Slot* slot = Find(tid);
        if (slot->tid == tid) return slot->number;
        *slot = {tid, number};
        count_++;
        return kNone;
    }

    // Adds a tid with 1, or adds 1 to its number. Throws std::bad_alloc.
    void Count(uint64_t tid) {
        if (2 * (count_ + 1) > slots_.size()) Grow();
        Slot* slot = Find(tid);
        if (slot->tid != tid) {
            *slot = {tid, 0};
            count_++;
        }
        slot->number++;
    }

    // Calls use(tid, number) for each, in no order.
    template <class Use>
    void ForEach(const Use& use) const {
        for (size_t i = 0; i < slots_.size(); i++)
            if (slots_[i].tid != ~uint64_t(0)) use(slots_[i].tid, slots_[i].number);
    }

    bool Has(uint64_t tid) const noexcept { return count_ > 0 && const_cast<TidSet*>(this)->Find(tid)->tid == tid; }
    size_t size() const noexcept { return count_; }

private:
    struct Slot {
        uint64_t tid;
        uint32_t number;
    };

    void Clear() {
        for (size_t i = 0; i < slots_.size(); i++) slots_[i] = {~uint64_t(0), 0};
        count_ = 0;
    }

    Slot* Find(uint64_t tid) noexcept {
        const size_t mask = slots_.size() - 1;
        // Fibonacci hashing: the high bits of the product depend on all of the tid.
        size_t at = size_t((tid * 0x9E3779B97F4A7C15ull) >> 32) & mask;
        while (slots_[at].tid != tid && slots_[at].tid != ~uint64_t(0)) at = (at + 1) & mask;
        return &slots_[at];
    }

    void Grow() {
        AlignedArray<Slot> old = std::move(slots_);
        slots_ = AlignedArray<Slot>();
        slots_.Resize(old.size() < 32 ? 64 : 2 * old.size());
        const size_t n = old.size();
        Clear();
        for (size_t i = 0; i < n; i++) {
            if (old[i].tid == ~uint64_t(0)) continue;
            *Find(old[i].tid) = old[i];
            count_++;
        }
    }

    AlignedArray<Slot> slots_;
    size_t count_ = 0;
};

}  // namespace vectorq
