// See metric_distance.h.
#include "core/simd/metric_distance.h"

#include <algorithm>
#include <cmath>

#include "core/simd/distance.h"

namespace vectorq {

// Jaccard's distance, of vectors between 0 and 1 as of bits: Tanimoto's.
static float Overlap(const float* query, const float* row, size_t dims) noexcept {
    float both, sq_query, sq_row;
    CosinePartsF32(query, row, dims, &both, &sq_query, &sq_row);
    return both > 0 ? 1 - both / (sq_query + sq_row - both) : 1.0f;
}

float MetricDistance(Metric metric, const float* query, const float* row, size_t dims) noexcept {
    switch (TraitsOf(metric).sum) {
        case Sum::kSquares: return L2SquaredF32(query, row, dims);
        case Sum::kAbsolute: return L1F32(query, row, dims);
        case Sum::kOverlap: return Overlap(query, row, dims);
        case Sum::kProducts: break;
    }
    return -DotF32(query, row, dims);
}

float ExactDistance(Metric metric, const float* query, const float* row, size_t dims) noexcept {
    if (!TraitsOf(metric).normalised) return MetricDistance(metric, query, row, dims);
    float dot, query_norm, sq_norm;
    CosinePartsF32(query, row, dims, &dot, &query_norm, &sq_norm);
    return -dot / std::sqrt(sq_norm);
}

float MetricLength(Metric metric, float score, float norm) noexcept {
    switch (TraitsOf(metric).sum) {
        case Sum::kSquares: return std::sqrt(std::max(score, 0.0f));
        case Sum::kAbsolute: return score;
        case Sum::kOverlap: return std::max(score, 0.0f);
        case Sum::kProducts: break;
    }
    return std::sqrt(std::max(2 + 2 * score / norm, 0.0f));
}

double OperatorDistance(Metric metric, float distance) noexcept {
    const double d = distance;
    if (metric == Metric::kL2) return std::sqrt(std::max(d, 0.0));
    if (metric == Metric::kCosine) return 1 + std::clamp(d, -1.0, 1.0);
    return d;
}

uint32_t PrunedEnd(Metric metric, const ListScore* lists, uint32_t count, float norm, double epsilon) noexcept {
    const float limit = float(1 + epsilon) * MetricLength(metric, lists[0].score, norm);
    while (count > 1 && MetricLength(metric, lists[count - 1].score, norm) > limit) count--;
    return count;
}

}  // namespace vectorq
