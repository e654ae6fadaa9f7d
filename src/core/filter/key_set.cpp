// See key_set.h.
#include "core/filter/key_set.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace vectorq {

// Elements that move to make room for one; with two and a half places an element, hardly ever are more needed.
static constexpr int kMaxMoves = 100;

uint8_t KeyTableLog2Places(uint32_t set_size) noexcept {
    return static_cast<uint8_t>(std::countr_zero(std::bit_ceil(static_cast<uint64_t>(set_size) * 5 / 2 + 2)));
}

bool FillKeyTable(const int64_t* set, uint32_t set_size, uint8_t log2_places, int64_t* places) noexcept {
    const int64_t free_place = set[0];
    std::fill(places, places + (uint64_t{1} << log2_places), free_place);
    for (uint32_t k = 1; k < set_size; k++) {
        int64_t moving = set[k];
        uint64_t to = SetPlaces(moving, log2_places).first;
        for (int moves = 0; moving != free_place; moves++) {
            if (moves == kMaxMoves) return false;
            std::swap(moving, places[to]);
            const SetPlaces of_moving(moving, log2_places);
            to = to == of_moving.first ? of_moving.second : of_moving.first;
        }
    }
    return true;
}

uint32_t FirstNotLess(const int64_t* set, uint32_t set_size, int64_t value) noexcept {
    const int64_t* first = set;
    // Each step halves what is left without a branch on the values.
    for (uint32_t left = set_size; left > 0;) {
        const uint32_t half = (left + 1) / 2;
        first = first[half - 1] < value ? first + half : first;
        left -= half;
    }
    return static_cast<uint32_t>(first - set);
}

bool SetHas(const KeyCondition& condition, int64_t value) noexcept {
    if (condition.table.places != nullptr) return TableHas(condition.table, value);
    const uint32_t at = FirstNotLess(condition.set, condition.set_size, value);
    return at < condition.set_size && condition.set[at] == value;
}

}  // namespace vectorq
