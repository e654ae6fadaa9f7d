// How near a list is to a query.
#pragma once
#include <cstdint>

namespace vectorq {

// A list and how far the query is from its centroid (squared L2, negative inner product, or L1).
struct ListScore {
    float score;
    uint32_t list;
};

// A type, as NearerFirst is (core/search/topk.h): called through a pointer it took 5 % of a query.
struct NearerList {
    bool operator()(const ListScore& a, const ListScore& b) const noexcept {
        return a.score < b.score || (a.score == b.score && a.list < b.list);
    }
};

}  // namespace vectorq
