// A set of rows as an index of another kind makes it (a TIDBitmap of PostgreSQL): rows of table blocks, or whole blocks
// where it had no room for their rows. Open addressing; 64 rows of a block, or 64 whole blocks, share a slot of 16
// bytes. In front of it lies a sieve (Bloom 1970, with one hash): 16 bits a row or more, in the first caches of the
// processor, by which 15 of 16 rows that are not in the set are turned away.
#pragma once
#include <cstddef>
#include <cstdint>

#include "core/base/matrix.h"

namespace vectorq {

// Not thread-safe while it is filled; then it may be read by any number of threads.
class TidBlocks {
public:
    // Empties it, with room for rows of so many blocks. Throws std::bad_alloc.
    void Reset(size_t expected_blocks);

    // Rows of a block; offsets from 1 on, in any order. recheck: some may not satisfy the condition. Throws
    // std::bad_alloc.
    void Add(uint32_t block, const uint16_t* offsets, size_t count, bool recheck = false);
    // All rows of a block, which may or may not satisfy the condition. Throws std::bad_alloc.
    void AddLossyPage(uint32_t block);

    // Makes the sieve, once all rows are in. Throws std::bad_alloc.
    void MakeSieve();

    // row: block << 16 | offset, as RowOf (topk.h) has it.
    bool Contains(uint64_t row) const noexcept {
        if (sieve_shift_ > 0 && !PassesSieve(row)) return false;
        if (HasBit(row)) return true;
        if (lossy_pages_ == 0) return false;
        const uint64_t key = LossyKey(row >> 16);
        const Slot* slot = Find(key);
        return slot->key == key && (slot->bits >> (row >> 16 & kLow) & 1) != 0;
    }

    bool empty() const noexcept { return count_ == 0; }
    uint64_t size() const noexcept { return rows_; }  // rows, but for those of lossy pages
    uint64_t lossy_pages() const noexcept { return lossy_pages_; }
    // A row that is in the set has to be looked at.
    bool needs_recheck() const noexcept { return recheck_; }
    size_t bytes() const noexcept { return slots_.size() * sizeof(Slot) + sieve_.size() * sizeof(uint64_t); }

private:
    // key: row with the low 6 bits of the offset left out; of lossy pages LossyKey.
    struct Slot {
        uint64_t key, bits;
    };
    static constexpr uint64_t kLow = 63, kLossy = 0xFFFF, kNoKey = ~uint64_t(0);
    static constexpr size_t kFewestSlots = 64;

    static constexpr uint64_t LossyKey(uint64_t block) noexcept { return (block & ~kLow) << 16 | kLossy; }
    // Fibonacci hashing: the high bits of the product depend on all of the number.
    static constexpr uint64_t Hash(uint64_t number) noexcept { return number * 0x9E3779B97F4A7C15ull; }

    bool PassesSieve(uint64_t row) const noexcept {
        const uint64_t bit = Hash(row) >> sieve_shift_;
        return (sieve_[bit / 64] >> (bit % 64) & 1) != 0;
    }

    bool HasBit(uint64_t row) const noexcept {
        if (count_ == 0) return false;
        const Slot* slot = Find(row & ~kLow);
        return slot->key == (row & ~kLow) && (slot->bits >> (row & kLow) & 1) != 0;
    }

    // The slot of the key, or the empty one where it belongs. There are empty slots.
    const Slot* Find(uint64_t key) const noexcept {
        const size_t mask = slots_.size() - 1;
        size_t at = static_cast<size_t>(Hash(key) >> 32) & mask;
        while (slots_[at].key != key && slots_[at].key != kNoKey) at = (at + 1) & mask;
        return &slots_[at];
    }

    Slot* Take(uint64_t key);
    void Grow();

    AlignedArray<Slot> slots_;
    AlignedArray<uint64_t> sieve_;
    uint32_t sieve_shift_ = 0;  // of a hash, to be the number of a bit; 0: there is no sieve
    size_t count_ = 0;          // slots in use
    uint64_t rows_ = 0, lossy_pages_ = 0;
    bool recheck_ = false;
};

}  // namespace vectorq
