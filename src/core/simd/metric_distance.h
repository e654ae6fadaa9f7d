// A metric's distance of one f32 row, as the lists keep it: the order, not the value. Smaller is nearer.
#pragma once
#include <cstddef>

#include "core/base/kinds.h"
#include "core/base/list_score.h"

namespace vectorq {

// Squared L2, negative product (of rows of length 1 for cosine), L1; of vectors of 0 and 1 the distances of their bits.
float MetricDistance(Metric metric, const float* query, const float* row, size_t dims) noexcept;

// Of a row as the table has it, which is not of length 1 for cosine. query: of length 1 then.
float ExactDistance(Metric metric, const float* query, const float* row, size_t dims) noexcept;

// The same as a length, from a score like MetricDistance's and norm = |query| |row|: L2 and L1 as they are, otherwise
// how far apart the two would be at length 1.
float MetricLength(Metric metric, float score, float norm) noexcept;

// What the operator of SQL returns, from such a distance.
double OperatorDistance(Metric metric, float distance) noexcept;

// Chen et al. 2021 (SPANN), section 3.3: of lists in order, 1 or more, those that are no farther than (1 + epsilon)
// times the nearest, so that easy queries read few. Returns their end. norm: of each list, as of MetricLength.
uint32_t PrunedEnd(Metric metric, const ListScore* lists, uint32_t count, float norm, double epsilon) noexcept;

}  // namespace vectorq
