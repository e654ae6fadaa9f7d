// A condition on a key column (core/page/key_columns.h), as numbers: what a scan's conditions of SQL become.
#pragma once
#include <cstdint>

#include "core/page/key_columns.h"

namespace vectorq {

// A large set's elements by their hashes (key_set.h).
struct KeyTable {
    const int64_t* places = nullptr;  // whoever made the condition keeps it; without it the set itself is searched
    int64_t first = 0;                // the set's
    uint8_t log2_places = 0;
};

struct KeyCondition {
    enum Kind : uint8_t {
        kRange,  // least <= value <= greatest: = < <= > >= BETWEEN of ordered kinds, = of hashes
        kSet,   // the value is in set[0 .. set_size), ascending and without repetition: IN, of ordered kinds and hashes
        kNull,  // IS NULL
        kNotNull,   // IS NOT NULL
        kOverlaps,  // of signatures: a common bit; &&
        kContains,  // of signatures: all bits of it; @>
        kNever,     // no row at all: compared with NULL, an interval or set that is empty; of no column
    };
    Kind kind = kNever;
    uint8_t column = 0;  // from 0 on: the column of the index behind the vector's
    // A row that satisfies it may not satisfy SQL's condition, and has to be looked at.
    bool lossy = false;
    int64_t least = 0, greatest = 0;  // of hashes both are the hash, from 0 to 2^32 - 1
    uint64_t signature = 0;
    const int64_t* set = nullptr;  // whoever made the condition keeps it
    uint32_t set_size = 0;
    KeyTable table;  // of a set of more than kMaxFewKeys elements; without it the scan is slower
};

}  // namespace vectorq
