// Linear algebra of the transforms (see linear.h), on top of the kernel in product.h.
#include "core/linear/linear.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "core/simd/distance.h"
#include "core/linear/product.h"

namespace vectorq {
namespace {

// Rows whose products are added up in float before double takes over. Large chunks save
// parallel regions, whose barriers cost milliseconds on a busy machine.
size_t ChunkRows(size_t rows, size_t dims) {
    return std::min(rows, std::clamp<size_t>((size_t(1) << 20) / dims, 1024, 8192));
}
constexpr size_t kTileRows = 16;  // grain of the parallel products: about a millisecond at 1,536 dimensions
constexpr size_t kQrBlock = 64;
constexpr int kMaxPolarSteps = 60;

// to (count, rows; apart by to_stride) = columns [begin, begin + count) of from (rows, stride).
void TransposeColumns(const float* from, size_t stride, size_t rows, size_t begin, size_t count, float* to,
                      size_t to_stride) {
    constexpr size_t kTile = 16;
    for (size_t r0 = 0; r0 < rows; r0 += kTile) {
        const size_t r1 = std::min(r0 + kTile, rows);
        for (size_t c0 = 0; c0 < count; c0 += kTile) {
            const size_t c1 = std::min(c0 + kTile, count);
            for (size_t c = c0; c < c1; c++) {
                for (size_t r = r0; r < r1; r++) to[c * to_stride + r] = from[r * stride + begin + c];
            }
        }
    }
}

// A chunk of rows, transposed: `dims` rows of `rows` floats.
void TransposeChunk(const float* chunk, size_t rows, size_t dims, AlignedArray<float>& to, const Workers& workers) {
    ParallelFor(dims, 64, workers.threads, workers.stop, [&](size_t begin, size_t end, int) {
        TransposeColumns(chunk, dims, rows, begin, end - begin, to.data() + begin * rows, rows);
    });
}

// sum += x^T x of one chunk, which is transposed already; of the elements j >= i (and a few more).
void AddChunkProduct(const AlignedArray<float>& x, size_t rows, MatrixF64& sum, const Workers& workers) {
    const size_t columns = sum.cols;
    std::vector<AlignedArray<float>> part(size_t(std::max(workers.threads, 1)));
    for (auto& p : part) p.Resize(kTileRows * columns);
    ParallelFor(sum.rows, kTileRows, workers.threads, workers.stop, [&](size_t begin, size_t end, int thread) {
        const size_t first = begin, width = columns - first;
        float* out = part[size_t(thread)].data();
        MultiplyRows(x.data() + begin * rows, rows, end - begin, x.data() + first * rows, rows, width, rows, nullptr,
                     out, width, ProductMode::kSet);
        for (size_t i = begin; i < end; i++) {
            for (size_t j = 0; j < width; j++) sum.row(i)[first + j] += double(out[(i - begin) * width + j]);
        }
    });
}

// m = a - b * basis, where b = <rows of m, rows of basis>; basis_t is its transpose.
void RemoveProjection(float* m, size_t rows, const Matrix& basis, const Matrix& basis_t, size_t have,
                      const Workers& workers) {
    if (have == 0) return;
    const size_t cols = basis.cols();
    Matrix coefficients(rows, have);
    ParallelFor(rows, 4, workers.threads, workers.stop, [&](size_t begin, size_t end, int) {
        std::vector<float> part(cols);
        for (size_t i = begin; i < end; i++) {
            MultiplyRows(m + i * cols, cols, 1, basis.data(), cols, have, cols, nullptr, coefficients.row(i), have,
                         ProductMode::kSet);
            MultiplyRows(coefficients.row(i), have, 1, basis_t.data(), basis_t.cols(), cols, have, nullptr, part.data(),
                         cols, ProductMode::kSet);
            for (size_t d = 0; d < cols; d++) m[i * cols + d] -= part[d];
        }
    });
}

// Modified Gram-Schmidt among few rows. False if a row vanished.
bool OrthonormalizeFew(float* m, size_t rows, size_t cols) {
    for (size_t i = 0; i < rows; i++) {
        float* row = m + i * cols;
        for (size_t j = 0; j < i; j++) {
            const float* other = m + j * cols;
            const float dot = DotF32(row, other, cols);
            for (size_t d = 0; d < cols; d++) row[d] -= dot * other[d];
        }
        const float norm = std::sqrt(DotF32(row, row, cols));
        if (!(norm > 1e-6f)) return false;
        for (size_t d = 0; d < cols; d++) row[d] /= norm;
    }
    return true;
}

// |a a^T - 1| over all elements (Frobenius), and a bound of |a| for scaling.
double FrobeniusOf(const Matrix& gram, double diagonal) {
    double sum = 0;
    for (size_t i = 0; i < gram.rows(); i++) {
        for (size_t j = 0; j < gram.cols(); j++) {
            const double x = double(gram.row(i)[j]) - (i == j ? diagonal : 0.0);
            sum += x * x;
        }
    }
    return std::sqrt(sum);
}

void Scale(Matrix& a, double factor) {
    for (size_t i = 0; i < a.rows() * a.cols(); i++) a.data()[i] = float(a.data()[i] * factor);
}

}  // namespace

void CenteredSample::Copy(size_t i, float* to) const noexcept {
    const float* from = row(i);
    for (size_t d = 0; d < mean.size(); d++) to[d] = float((from[d] - mean[d]) * scale);
}

CenteredSample CenterSample(const Matrix& sample, size_t max_rows, const Workers& workers) {
    CenteredSample out;
    out.source = &sample;
    out.rows = std::min(sample.rows(), std::max<size_t>(max_rows, 1));
    const size_t dims = sample.cols();
    out.mean.assign(dims, 0.0);
    // Columns in parallel, so that the order of additions is that of the rows.
    ParallelFor(dims, 32, workers.threads, workers.stop, [&](size_t begin, size_t end, int thread) {
        std::vector<double> sum(end - begin, 0.0);
        for (size_t i = 0; i < out.rows; i++) {
            if (i % 16384 == 0 && thread == 0) workers.stop.Poll();
            if (i % 16384 == 0 && workers.stop.Stopped()) return;
            const float* row = out.row(i);
            for (size_t d = begin; d < end; d++) sum[d - begin] += row[d];
        }
        for (size_t d = begin; d < end; d++) out.mean[d] = sum[d - begin] / double(out.rows);
    });
    std::vector<double> largest(size_t(std::max(workers.threads, 1)), 0.0);
    ParallelFor(out.rows, 1024, workers.threads, workers.stop, [&](size_t begin, size_t end, int thread) {
        double most = largest[size_t(thread)];
        for (size_t i = begin; i < end; i++) {
            const float* row = out.row(i);
            for (size_t d = 0; d < dims; d++) most = std::max(most, std::fabs(row[d] - out.mean[d]));
        }
        largest[size_t(thread)] = most;
    });
    const double most = *std::max_element(largest.begin(), largest.end());
    out.scale = most > 0 && std::isfinite(most) ? 1 / most : 1.0;
    return out;
}

Matrix MultiplyTransposed(const Matrix& a, const Matrix& b, const Workers& workers) {
    Matrix out(a.rows(), b.rows());
    ParallelFor(a.rows(), kTileRows, workers.threads, workers.stop, [&](size_t begin, size_t end, int) {
        MultiplyRows(a.row(begin), a.cols(), end - begin, b.data(), b.cols(), b.rows(), a.cols(), nullptr,
                     out.row(begin), out.cols(), ProductMode::kSet);
    });
    return out;
}

Matrix Transposed(const Matrix& a) {
    Matrix out(a.cols(), a.rows());
    TransposeColumns(a.data(), a.cols(), a.rows(), 0, a.cols(), out.data(), out.cols());
    return out;
}

MatrixF64 Covariance(const CenteredSample& sample, const Workers& workers) {
    const size_t dims = sample.mean.size();
    MatrixF64 sum(dims, dims);
    const size_t chunk_rows = ChunkRows(sample.rows, dims);
    Matrix chunk(chunk_rows, dims);
    AlignedArray<float> transposed(dims * chunk_rows);
    for (size_t first = 0; first < sample.rows; first += chunk_rows) {
        const size_t rows = std::min(chunk_rows, sample.rows - first);
        ParallelFor(rows, 64, workers.threads, workers.stop, [&](size_t begin, size_t end, int) {
            for (size_t i = begin; i < end; i++) sample.Copy(first + i, chunk.row(i));
        });
        TransposeChunk(chunk.data(), rows, dims, transposed, workers);
        AddChunkProduct(transposed, rows, sum, workers);
    }
    for (size_t i = 0; i < dims; i++) {
        for (size_t j = i; j < dims; j++) sum.row(j)[i] = sum.row(i)[j] = sum.row(i)[j] / double(sample.rows);
    }
    return sum;
}

Matrix RandomOrthonormal(size_t rows, size_t cols, uint64_t seed, const Workers& workers) {
    std::mt19937_64 random(seed);
    std::normal_distribution<float> normal;
    Matrix out(rows, cols), transposed(cols, rows);
    for (size_t have = 0; have < rows;) {
        workers.stop.ThrowIfStopped();
        const size_t count = std::min(kQrBlock, rows - have);
        float* block = out.row(have);
        for (size_t i = 0; i < count * cols; i++) block[i] = normal(random);
        // Twice: what a row loses in the first pass magnifies its rounding errors.
        bool good = true;
        for (int pass = 0; pass < 2 && good; pass++) {
            RemoveProjection(block, count, out, transposed, have, workers);
            good = OrthonormalizeFew(block, count, cols);
        }
        if (!good) continue;  // draw the block again
        for (size_t i = 0; i < count; i++) {
            for (size_t d = 0; d < cols; d++) transposed.row(d)[have + i] = block[i * cols + d];
        }
        have += count;
    }
    return out;
}

// Newton-Schulz iteration X <- X (3 - X^T X) / 2, scaled as in Chen and Chow (2014), "A
// stable scaling of Newton-Schulz for improving the sign function computation": products
// only, where an SVD of 1,536 dimensions takes tens of seconds.
void MakePolarFactor(Matrix& a, double smallest, const Workers& workers) {
    double low = std::clamp(smallest, 1e-7, 1.0);
    for (int step = 0; step < kMaxPolarSteps; step++) {
        Matrix gram = MultiplyTransposed(a, a, workers);
        if (step == 0) {
            // |a|_2^2 <= |a a^T|_F: all singular values come into (0, 1].
            const double bound = FrobeniusOf(gram, 0);
            if (!(bound > 0) || !std::isfinite(bound))
                throw Error(ErrorKind::kInternal, "polar factor of a zero matrix");
            Scale(a, 1 / std::sqrt(bound));
            Scale(gram, 1 / bound);
        }
        const bool last = FrobeniusOf(gram, 1) < 1e-3;  // the step ahead squares it
        const double alpha = last ? 1 : std::sqrt(3 / (1 + low + low * low));
        low = std::min(1.0, alpha * low * (3 - alpha * alpha * low * low) / 2);
        Scale(gram, -alpha * alpha * alpha / 2);
        for (size_t i = 0; i < gram.rows(); i++) gram.row(i)[i] += float(1.5 * alpha);
        a = MultiplyTransposed(gram, Transposed(a), workers);
        if (last) return;
    }
}

}  // namespace vectorq
