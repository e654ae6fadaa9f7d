// Runs of rows that a mask has: bit i % 32 of word i / 32 belongs to row i.
#pragma once
#include <algorithm>
#include <bit>
#include <cstdint>

namespace vectorq {

inline bool InMask(const uint32_t* mask, uint32_t row) noexcept { return (mask[row / 32] >> (row % 32) & 1) != 0; }

// The first row from `row` on that is in the mask, or `end`. Of the last word no bits beyond `end` count.
inline uint32_t NextInMask(const uint32_t* mask, uint32_t row, uint32_t end) noexcept {
    if (row >= end) return end;
    uint32_t word = row / 32, bits = mask[word] & ~uint32_t(0) << (row % 32);
    while (bits == 0) {
        if (++word * 32 >= end) return end;
        bits = mask[word];
    }
    return std::min(end, word * 32 + uint32_t(std::countr_zero(bits)));
}

// Calls use(first, count) for runs of rows of [begin, end) that have all rows of the mask between them. A run begins
// with a row of the mask; up to `gap` others may lie between two of them.
template <class Use>
void ForEachRowRun(const uint32_t* mask, uint32_t begin, uint32_t end, uint32_t gap, const Use& use) {
    for (uint32_t first = NextInMask(mask, begin, end); first < end;) {
        uint32_t last = first, next;
        while ((next = NextInMask(mask, last + 1, end)) < end && next - last - 1 <= gap) last = next;
        use(first, last + 1 - first);
        first = next;
    }
}

// The same in blocks of 32 rows: use(first block, blocks), up to `gap` blocks without a row between two with some.
template <class Use>
void ForEachBlockRun(const uint32_t* mask, uint32_t begin, uint32_t end, uint32_t gap, const Use& use) {
    for (uint32_t block = begin; block < end; block++) {
        if (mask[block] == 0) continue;
        uint32_t last = block;
        for (uint32_t next = block + 1; next < end && next - last - 1 <= gap; next++)
            if (mask[next] != 0) last = next;
        use(block, last + 1 - block);
        block = last;
    }
}

}  // namespace vectorq
