// Tables of 4-bit codes, merged in pairs for the scan row after row (pq_scan.h).
#pragma once
#include <cstddef>

namespace vectorq {

// For 4-bit codes: merged ((m + 1) / 2, 256) := the sums of the two tables that one byte of code
// names, merged[b][byte] = table[2b][byte & 15] + table[2b + 1][byte >> 4]. ScanPqRows with it and the
// shape {dims, (m + 1) / 2, 8} does half as many lookups; worth it from some 24 rows a table on.
void MergePqTables(const float* table, size_t m, float* merged) noexcept;

}  // namespace vectorq
