// How dimensions are cut into subspaces; on disk through the codebooks.
#pragma once
#include <cstddef>

namespace vectorq {

// First dimension of subspace s of m; sizes differ by one where m does not divide dims.
inline size_t SubspaceBegin(size_t dims, size_t m, size_t s) noexcept { return s * dims / m; }

}  // namespace vectorq
