// How near a list is to a query.
#pragma once
#include <cstdint>

namespace vectorq {

// A list and how far the query is from its centroid (squared L2, negative inner product, or L1).
struct ListScore {
    float score;
    uint32_t list;
};

}  // namespace vectorq
