// See leading_directions.h.
#include "core/linear/leading_directions.h"

#include <algorithm>

#include "core/linear/leading_subspace.h"

namespace vectorq {
namespace {

constexpr int kIterations = 2;

// Rows that it looks at: all of few, or so many that their copies are a quarter of the sample at most.
size_t RowsOf(size_t sample_rows) { return std::min(sample_rows, std::clamp<size_t>(sample_rows / 8, 512, 4096)); }

}  // namespace

Matrix LeadingDirections(const Matrix& sample, size_t count, uint64_t seed, const Workers& workers) {
    const CenteredSample centered = CenterSample(sample, RowsOf(sample.rows()), workers);
    Matrix rows(centered.rows, sample.cols());
    for (size_t i = 0; i < rows.rows(); i++) centered.Copy(i, rows.row(i));
    const Matrix transposed = Transposed(rows);
    Matrix directions = RandomOrthonormal(count, sample.cols(), seed, workers);
    for (int i = 0; i < kIterations; i++) {
        Matrix along = MultiplyTransposed(directions, rows, workers);
        Orthonormalize(along, workers);
        directions = MultiplyTransposed(along, transposed, workers);
        Orthonormalize(directions, workers);
    }
    return directions;
}

size_t LeadingDirectionsBytes(size_t sample_rows, size_t dims, size_t count) noexcept {
    const size_t rows = RowsOf(sample_rows);
    return sizeof(float) * (2 * rows * dims + 3 * count * (rows + dims)) + (3 * sizeof(double) + 8) * count * count;
}

}  // namespace vectorq
