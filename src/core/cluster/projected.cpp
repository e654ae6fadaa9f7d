// See projected.h.
#include "core/cluster/projected.h"

#include <algorithm>

#include "core/linear/leading_directions.h"
#include "core/linear/product.h"

namespace vectorq {

// Rows of fewer dimensions, and few lists, are trained on as they are: the projection costs more than it saves.
static constexpr size_t kLeastDims = 256, kLeastLists = 256;
static constexpr size_t kLeastProjected = 128, kMostProjected = 192, kShare = 4;
static constexpr size_t kBlockRows = 256;

size_t ProjectedDims(size_t sample_rows, size_t dims, const KMeansOptions& options) noexcept {
    if (dims < kLeastDims || options.lists < kLeastLists || sample_rows <= options.lists) return 0;
    return std::clamp(dims / kShare, kLeastProjected, kMostProjected);
}

Matrix ProjectRows(const Matrix& sample, size_t count, const KMeansOptions& options, StopToken& stop) {
    const size_t dims = sample.cols();
    const Matrix directions = LeadingDirections(sample, count, options.seed, {options.threads, stop});
    Matrix projected(sample.rows(), count);
    ParallelFor(sample.rows(), kBlockRows, options.threads, stop, [&](size_t begin, size_t end, int) {
        MultiplyRows(sample.row(begin), dims, end - begin, directions.data(), dims, count, dims, nullptr,
                     projected.row(begin), count, ProductMode::kSet);
    });
    return projected;
}

}  // namespace vectorq
