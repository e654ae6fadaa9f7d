// See tid_blocks.h.
#include "core/search/tid_blocks.h"

#include <utility>

namespace vectorq {

void TidBlocks::Reset(size_t expected_blocks) {
    size_t slots = kFewestSlots;
    while (slots < 2 * expected_blocks) slots *= 2;
    // Memory is kept from one set to the next, unless it is far too much.
    if (slots > slots_.size() || 16 * slots < slots_.size()) slots_.Resize(slots);
    slots_.Fill({kNoKey, 0});
    count_ = 0;
    rows_ = lossy_pages_ = 0;
    recheck_ = false;
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
    const size_t before = count_;
    Take(uint64_t(block) << 16 | kLossy);
    lossy_pages_ += count_ - before;
    recheck_ = true;
}

}  // namespace vectorq
