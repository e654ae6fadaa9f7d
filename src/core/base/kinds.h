// The small closed sets that the whole engine speaks about. The numbers are on disk.
#pragma once
#include <cstdint>

namespace vectorq {

enum class Metric : uint8_t { kL2 = 0, kInnerProduct = 1, kCosine = 2, kL1 = 3 };
inline constexpr int kNumMetrics = 4;
// Nearest means the largest inner product, and centroids are of length 1.
inline constexpr bool IsDotMetric(Metric metric) noexcept {
    return metric == Metric::kInnerProduct || metric == Metric::kCosine;
}

// How a row's vector is kept in the posting lists.
// kPq: product codes row after row; kPq4: of 4 bits, in blocks of 32 rows for the register scan.
enum class CodeKind : uint8_t { kF32 = 0, kF16 = 1, kSq8 = 2, kPq = 3, kPq4 = 4 };
inline constexpr int kNumCodeKinds = 5;

// From what the rows that the codes chose are put in order again.
// kF32, kF16, kSq8: copies of the vectors in the index, so coded.
enum class Reorder : uint8_t { kOff = 0, kHeap = 1, kF32 = 2, kF16 = 3, kSq8 = 4 };
inline constexpr int kNumReorders = 5;
inline constexpr bool IsCopy(Reorder reorder) noexcept { return reorder >= Reorder::kF32; }

// Whether a row lies in further lists than the nearest, so that queries just across a border find it: kSoar: in
// a second one whose residual is as orthogonal to the first as can be; kClosure: in those, up to eight in all, that are
// nearly as near as the first (cluster/replicas.h).
enum class Replicas : uint8_t { kNone = 0, kSoar = 1, kClosure = 2 };
inline constexpr int kNumReplicas = 3;
inline constexpr uint32_t kMaxCopies = 8;

}  // namespace vectorq
