// Which vectors were met: rows that are the same, element by element.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <unordered_map>
#include <vector>

namespace vectorq {

// Not thread-safe. Refers to rows of the caller's, which must stay as they are.
class RowSet {
public:
    static constexpr size_t kNone = ~size_t(0);

    explicit RowSet(size_t dims) : dims_(dims) {}

    // The number of the row that is the same as this one; kNone if there is none.
    size_t Find(const float* row) const noexcept { return FindHashed(row, HashOf(row)); }

    // The same, after adding the row if there was none: rows get the numbers 0, 1, … Throws std::bad_alloc.
    size_t Add(const float* row) {
        const uint64_t hash = HashOf(row);
        const size_t found = FindHashed(row, hash);
        if (found != kNone) return found;
        numbers_.emplace(hash, rows_.size());
        rows_.push_back(row);
        return rows_.size() - 1;
    }

    size_t size() const noexcept { return rows_.size(); }
    const float* row(size_t number) const noexcept { return rows_[number]; }

private:
    static constexpr size_t kHashedElements = 32;

    // Of some elements from all over the row. Adding 0 makes one zero of both.
    uint64_t HashOf(const float* row) const noexcept {
        uint64_t hash = 0;
        for (size_t d = 0, step = dims_ / kHashedElements + 1; d < dims_; d += step) {
            const float element = row[d] + 0.0f;
            uint32_t bits;
            std::memcpy(&bits, &element, sizeof(bits));
            hash = (hash ^ bits) * 0x9E3779B97F4A7C15u;
            hash ^= hash >> 32;
        }
        return hash;
    }

    size_t FindHashed(const float* row, uint64_t hash) const noexcept {
        const auto [first, last] = numbers_.equal_range(hash);
        const auto same = std::find_if(
            first, last, [&](const auto& entry) { return std::equal(row, row + dims_, rows_[entry.second]); });
        return same == last ? kNone : same->second;
    }

    size_t dims_;
    std::vector<const float*> rows_;
    std::unordered_multimap<uint64_t, size_t> numbers_;  // of each hash
};

}  // namespace vectorq
