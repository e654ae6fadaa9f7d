// See compact_page.h.
#include "core/page/compact_page.h"

#include <algorithm>

#include "core/simd/lut16_scan.h"

namespace vectorq {

namespace {
// Groups of 16,384 lists. There all of choosing is 25 us, of which coarse codes would save a half.
constexpr size_t kCoarseGroups = 640, kLeastCoarseDims = 48;
// Sums are of 16 bits.
constexpr size_t kMostCoarseSubspaces = 256;
}  // namespace

size_t CompactFrontBytes(size_t groups, size_t dims) noexcept {
    return sizeof(CompactHeader) + 8 * dims +
           (groups > 0 ? 4 * groups + 4 * (groups + 1) + CompactPadded(groups * dims) : 0) +
           (CoarseSubspaces(groups, dims) > 0 ? 4 * kCoarseCodewords * dims : 0);
}

size_t CompactGroupBytes(size_t entries, size_t dims) noexcept { return CompactPadded(entries * (8 + dims)); }

// Each group may need up to 3 bytes of padding: 4 more for each group before it are always enough, and no table is
// needed.
size_t CompactGroupOffset(size_t groups, size_t dims, size_t group, size_t start) noexcept {
    return CompactFrontBytes(groups, dims) + CompactGroupBytes(start, dims) + 4 * group;
}

size_t CompactBytes(size_t entries, size_t groups, size_t dims) noexcept {
    if (CoarseSubspaces(groups, dims) > 0) return CoarseScalarOffset(entries, groups, dims) + 4 * entries;
    return CompactGroupOffset(groups, dims, std::max<size_t>(groups, 1), entries);
}

size_t CoarseSubspaces(size_t groups, size_t dims) noexcept {
    return groups < kCoarseGroups || dims < kLeastCoarseDims ? 0 : std::min((dims + 1) / 2, kMostCoarseSubspaces);
}

// A group's last block may be partly empty: one more for each group before it is always enough.
size_t CoarseOffset(size_t entries, size_t groups, size_t dims, size_t group, size_t start) noexcept {
    const size_t groups_end = CompactGroupOffset(groups, dims, groups, entries);
    return (groups_end + 63) / 64 * 64 +
           (start / kLut16BlockRows + group) * Lut16BlockBytes(CoarseSubspaces(groups, dims));
}

size_t CoarseScalarOffset(size_t entries, size_t groups, size_t dims) noexcept {
    return CoarseOffset(entries, groups, dims, groups, entries);
}

size_t CoarseBytes(size_t entries, size_t groups, size_t dims) noexcept {
    return (entries + kLut16BlockRows - 1) / kLut16BlockRows * Lut16BlockBytes(CoarseSubspaces(groups, dims));
}

}  // namespace vectorq
