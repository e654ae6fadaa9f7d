// See tid_blocks.h.
#include "core/search/tid_blocks.h"

#include <bit>
#include <utility>

namespace vectorq {

namespace {
constexpr uint64_t kBitsPerRow = 16, kMostSieved = 1 << 12;
}  // namespace

void TidBlocks::Reset(size_t expected_blocks) {
    size_t slots = kFewestSlots;
    while (slots < 2 * expected_blocks) slots *= 2;
    // Memory is kept from one set to the next, unless it is far too much.
    if (slots > slots_.size() || 16 * slots < slots_.size()) slots_.Resize(slots);
    slots_.Fill({kNoKey, 0});
    count_ = 0;
    rows_ = lossy_pages_ = 0;
    recheck_ = false;
    sieve_shift_ = 0;
}

void TidBlocks::Grow() {
    AlignedArray<Slot> old = std::move(slots_);
    slots_ = AlignedArray<Slot>();
    slots_.Resize(old.size() < kFewestSlots ? kFewestSlots : 2 * old.size());
    slots_.Fill({kNoKey, 0});
    for (size_t i = 0; i < old.size(); i++)
        if (old[i].key != kNoKey) *const_cast<Slot*>(Find(old[i].key)) = old[i];
}

TidBlocks::Slot* TidBlocks::Take(uint64_t key) {
    sieve_shift_ = 0;
    if (2 * (count_ + 1) > slots_.size()) Grow();
    Slot* slot = const_cast<Slot*>(Find(key));
    if (slot->key == key) return slot;
    *slot = {key, 0};
    count_++;
    return slot;
}

void TidBlocks::Add(uint32_t block, const uint16_t* offsets, size_t count, bool recheck) {
    Slot* slot = nullptr;
    for (size_t i = 0; i < count; i++) {
        const uint64_t row = uint64_t(block) << 16 | offsets[i], key = row & ~kLow;
        if (slot == nullptr || slot->key != key) slot = Take(key);
        const uint64_t bit = uint64_t(1) << (row & kLow);
        rows_ += (slot->bits & bit) == 0;
        slot->bits |= bit;
    }
    recheck_ = recheck_ || recheck;
}

void TidBlocks::AddLossyPage(uint32_t block) {
    Slot* slot = Take(LossyKey(block));
    const uint64_t bit = uint64_t(1) << (block & kLow);
    lossy_pages_ += (slot->bits & bit) == 0;
    slot->bits |= bit;
    recheck_ = true;
}

void TidBlocks::MakeSieve() {
    // Of whole blocks the rows are not known. Of many rows a scan looks up too few to pay for the sieve: it takes 16 ns
    // a row to make, and saves 12 ns a look-up in a set of 1,000 rows, 5 in one of 10,000.
    if (lossy_pages_ > 0 || rows_ > kMostSieved) return;
    const uint64_t bits = std::bit_ceil(rows_ * kBitsPerRow + 64);
    if (sieve_.size() != bits / 64) sieve_.Resize(bits / 64);
    sieve_.Fill(0);
    sieve_shift_ = 64 - uint32_t(std::countr_zero(bits));
    for (size_t i = 0; i < slots_.size(); i++) {
        if (slots_[i].key == kNoKey) continue;
        for (uint64_t left = slots_[i].bits; left != 0; left &= left - 1) {
            const uint64_t bit = Hash(slots_[i].key + uint64_t(std::countr_zero(left))) >> sieve_shift_;
            sieve_[bit / 64] |= uint64_t(1) << (bit % 64);
        }
    }
}

}  // namespace vectorq
