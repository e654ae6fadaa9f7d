// Sets of numbers of a condition (IN): whether a number is one of them.
//
// A large set has a table beside it, by cuckoo hashing (Pagh and Rodler 2004): an element is at one of the two places
// that its hashes name, so a few comparisons without a branch answer. Free places hold the set's first element, which
// has no place of its own.
#pragma once
#include <cstdint>

#include "core/filter/key_condition.h"

namespace vectorq {

// Places that the table of so many elements has at least, as a power of two.
uint8_t KeyTableLog2Places(uint32_t set_size) noexcept;
// Fills places (2 ^ log2_places) with a set that is not empty. False if the elements do not fit: twice as many places
// may do.
bool FillKeyTable(const int64_t* set, uint32_t set_size, uint8_t log2_places, int64_t* places) noexcept;
inline KeyTable TableOf(const int64_t* set, const int64_t* places, uint8_t log2_places) noexcept {
    return {places, set[0], log2_places};
}

// Whether the set, ascending, has the value.
bool SetHas(const KeyCondition& condition, int64_t value) noexcept;
// The first element that is not less than the value; set_size if all are less.
uint32_t FirstNotLess(const int64_t* set, uint32_t set_size, int64_t value) noexcept;

// The table's two places of a value.
struct SetPlaces {
    uint64_t first, second;
    SetPlaces(int64_t value, uint8_t log2_places) noexcept {
        const uint64_t hash = static_cast<uint64_t>(value) * 0x9E3779B97F4A7C15u;
        first = hash >> (64 - log2_places);
        second = ((hash ^ hash >> 32) * 0xD6E8FEB86659FD93u) >> (64 - log2_places);
    }
};
inline bool TableHas(const KeyTable& table, int64_t value) noexcept {
    const SetPlaces places(value, table.log2_places);
    return (table.places[places.first] == value) | (table.places[places.second] == value) | (table.first == value);
}

}  // namespace vectorq
