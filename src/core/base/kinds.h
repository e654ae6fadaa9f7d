// The small closed sets that the whole engine speaks about. The numbers are on disk.
#pragma once
#include <cstdint>

namespace vectorq {

enum class Metric : uint8_t { kL2 = 0, kInnerProduct = 1, kCosine = 2, kL1 = 3 };
inline constexpr int kNumMetrics = 4;

// How a row's vector is kept in the posting lists.
enum class CodeKind : uint8_t { kF32 = 0, kF16 = 1, kSq8 = 2 };
inline constexpr int kNumCodeKinds = 3;

}  // namespace vectorq
