// See compact_centroids.h.
#include "core/cluster/compact_centroids.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/simd/dot_u8.h"
#include "core/simd/finish_distances.h"

namespace vectorq {

namespace {
struct View {
    float *middle, *scale, *scalar;
    uint8_t* codes;
    View(uint8_t* bytes, size_t lists, size_t dims) noexcept
        : middle(reinterpret_cast<float*>(bytes)), scale(middle + dims), scalar(scale + dims),
          codes(reinterpret_cast<uint8_t*>(scalar + lists)) {}
};
}  // namespace

size_t CompactCentroidBytes(size_t lists, size_t dims) noexcept { return 8 * dims + 4 * lists + lists * dims; }

static void MiddleAndScale(const Matrix& centroids, float* middle, float* scale) noexcept {
    const size_t dims = centroids.cols();
    for (size_t d = 0; d < dims; d++) {
        float lo = std::numeric_limits<float>::max(), hi = std::numeric_limits<float>::lowest();
        for (size_t list = 0; list < centroids.rows(); list++) {
            lo = std::min(lo, centroids.row(list)[d]);
            hi = std::max(hi, centroids.row(list)[d]);
        }
        if (centroids.rows() == 0) lo = hi = 0;
        middle[d] = lo + (hi - lo) / 2;
        scale[d] = hi / 255 - lo / 255;
    }
}

void BuildCompactCentroids(const Matrix& centroids, uint8_t* bytes) noexcept {
    const size_t lists = centroids.rows(), dims = centroids.cols();
    View view(bytes, lists, dims);
    MiddleAndScale(centroids, view.middle, view.scale);
    for (size_t list = 0; list < lists; list++) {
        const float* c = centroids.row(list);
        uint8_t* code = view.codes + list * dims;
        float sq_norm = 0;
        for (size_t d = 0; d < dims; d++) {
            const float r = c[d] - view.middle[d];
            sq_norm += r * r;
            const float level = view.scale[d] > 0 ? r / view.scale[d] + 127.5f : 0.0f;
            code[d] = static_cast<uint8_t>(std::clamp(std::nearbyint(level), 0.0f, 255.0f));
        }
        view.scalar[list] = sq_norm;
    }
}

void ScoreCompactCentroids(const uint8_t* bytes, size_t lists, size_t dims, Metric metric, const float* query,
                           float* score, float* scratch) noexcept {
    const View view(const_cast<uint8_t*>(bytes), lists, dims);
    const bool dot = metric == Metric::kInnerProduct || metric == Metric::kCosine;
    float constant = 0, largest = 0;
    for (size_t d = 0; d < dims; d++) {
        const float q = dot ? query[d] : query[d] - view.middle[d];
        scratch[d] = q * view.scale[d];
        largest = std::max(largest, std::fabs(scratch[d]));
        constant += dot ? -q * view.middle[d] : q * q;
    }
    // In steps of `unit`: far finer than the codes themselves.
    const float limit = float(DotU8TableLimit(dims));
    const float unit = largest / limit, inverse = largest > std::numeric_limits<float>::min() * limit ? limit / largest : 0.0f;
    int16_t* table = reinterpret_cast<int16_t*>(scratch + dims);
    int64_t sum = 0;
    for (size_t d = 0; d < dims; d++) {
        const float level = std::clamp(std::nearbyint(scratch[d] * inverse), -limit, limit);
        // NaN, from a query with infinite differences, ranks nothing.
        table[d] = level == level ? static_cast<int16_t>(level) : int16_t(0);
        sum += table[d];
    }
    const float shift = 127.5f * float(sum);
    DotU8(table, view.codes, lists, dims, score);
    const float factor = dot ? -unit : -2 * unit;
    FinishDistances(score, dot ? nullptr : view.scalar, constant - factor * shift, factor, lists);
}

}  // namespace vectorq
