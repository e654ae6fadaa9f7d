// Counting sort by group: lists of rows, groups of centroids.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <vector>

namespace vectorq {

// Items 0 .. n - 1, item i in group[i] < groups: those of group g become order[start[g] .. start[g + 1]), ascending.
// `start` gets groups + 1 entries, order has room for n.
template <class Position>
void SortByGroup(const uint32_t* group, size_t n, size_t groups, std::vector<Position>& start, uint32_t* order) {
    start.assign(groups + 1, 0);
    for (size_t i = 0; i < n; i++) start[group[i] + 1]++;
    std::partial_sum(start.begin(), start.end(), start.begin());
    std::vector<Position> next(start.begin(), start.end() - 1);
    for (size_t i = 0; i < n; i++) order[next[group[i]]++] = uint32_t(i);
}

}  // namespace vectorq
