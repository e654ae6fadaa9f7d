// See leading_subspace.h.
#include "core/linear/leading_subspace.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "core/linear/eigen.h"
#include "core/linear/product.h"

namespace vectorq {
namespace {

constexpr int kIterations = 3;
// Of the least directions so many are looked for at a time: more take more memory.
constexpr size_t kChunk = 64;
constexpr size_t kGrain = 16;

double Trace(const Matrix& m) {
    double sum = 0;
    for (size_t i = 0; i < m.rows(); i++) sum += m.row(i)[i];
    return sum;
}

// m -= x^T z + z^T x, where xt and zt are the transposed ones.
void TakeOff(Matrix& m, const Matrix& xt, const Matrix& zt, const Workers& workers) {
    const size_t dims = m.rows(), count = xt.cols();
    std::vector<AlignedArray<float>> part(size_t(std::max(workers.threads, 1)));
    for (auto& p : part) p.Resize(kGrain * dims);
    ParallelFor(dims, kGrain, workers.threads, workers.stop, [&](size_t begin, size_t end, int thread) {
        float* out = part[size_t(thread)].data();
        MultiplyRows(xt.row(begin), count, end - begin, zt.data(), count, dims, count, nullptr, out, dims,
                     ProductMode::kSet);
        MultiplyRows(zt.row(begin), count, end - begin, xt.data(), count, dims, count, nullptr, out, dims,
                     ProductMode::kAdd);
        for (size_t i = 0; i < (end - begin) * dims; i++) m.row(begin)[i] -= out[i];
    });
}

// Directions that carry most of what is left, which is taken off: c := (1 - x^T x) c (1 - x^T x).
Matrix TakeDirections(Matrix& c, size_t count, std::mt19937_64& random, const Workers& workers) {
    std::normal_distribution<float> normal;
    Matrix x(count, c.cols());
    for (size_t i = 0; i < count * c.cols(); i++) x.data()[i] = normal(random);
    for (int i = 0; i < kIterations; i++) {
        x = MultiplyTransposed(x, c, workers);
        Orthonormalize(x, workers);
    }
    Matrix z = MultiplyTransposed(x, c, workers);
    // z = x c - 1/2 (x c x^T) x
    const Matrix inner = MultiplyTransposed(z, x, workers);
    const Matrix xt = Transposed(x);
    const Matrix twice = MultiplyTransposed(inner, xt, workers);
    for (size_t i = 0; i < count * c.cols(); i++) z.data()[i] -= twice.data()[i] / 2;
    TakeOff(c, xt, Transposed(z), workers);
    return x;
}

// x := x (1 - basis^T basis)
void RemovePart(Matrix& x, const Matrix& basis, const Workers& workers) {
    const Matrix along = MultiplyTransposed(x, basis, workers);
    const Matrix part = MultiplyTransposed(along, Transposed(basis), workers);
    for (size_t i = 0; i < x.rows() * x.cols(); i++) x.data()[i] -= part.data()[i];
}

// One basis of parts that are orthogonal but for rounding.
Matrix Joined(std::vector<Matrix>& parts, size_t dims, const Workers& workers) {
    size_t count = 0;
    for (size_t i = 0; i < parts.size(); i++) {
        for (size_t j = 0; j < i; j++) RemovePart(parts[i], parts[j], workers);
        if (i > 0) Orthonormalize(parts[i], workers);
        count += parts[i].rows();
    }
    Matrix basis(count, dims);
    float* to = basis.data();
    for (Matrix& part : parts) {
        to = std::copy_n(part.data(), part.rows() * dims, to);
        part = Matrix();
    }
    return basis;
}

}  // namespace

CovarianceSum::CovarianceSum(size_t dims)
    : dims_(dims), shift_(dims, 0.0f), sum_(dims, 0.0), products_(dims, dims), block_(dims * kBlockRows) {
    std::fill_n(products_.data(), dims * dims, 0.0f);
}

size_t CovarianceSum::Bytes(size_t dims) noexcept { return dims * (dims + kBlockRows + 3 + 16) * sizeof(float); }

void CovarianceSum::Add(const float* rows, size_t count, const Workers& workers) {
    if (rows_ == 0) {
        for (size_t d = 0; d < dims_; d++) {
            double sum = 0;
            for (size_t i = 0; i < count; i++) sum += rows[i * dims_ + d];
            shift_[d] = float(sum / double(count));
        }
        double most = 0;
        for (size_t i = 0; i < count * dims_; i++)
            most = std::max(most, std::fabs(double(rows[i]) - shift_[i % dims_]));
        scale_ = most > 0 && std::isfinite(most) ? 1 / most : 1;
    }
    ParallelFor(dims_, 64, workers.threads, workers.stop, [&](size_t begin, size_t end, int) {
        for (size_t d = begin; d < end; d++) {
            float* to = block_.data() + d * count;
            double sum = 0;
            for (size_t i = 0; i < count; i++) {
                to[i] = float((double(rows[i * dims_ + d]) - shift_[d]) * scale_);
                sum += to[i];
            }
            sum_[d] += sum;
        }
    });
    ParallelFor(dims_, kGrain, workers.threads, workers.stop, [&](size_t begin, size_t end, int) {
        MultiplyRows(block_.data() + begin * count, count, end - begin, block_.data() + begin * count, count,
                     dims_ - begin, count, nullptr, products_.row(begin) + begin, dims_, ProductMode::kAdd);
    });
    rows_ += count;
}

Matrix CovarianceSum::Finish(std::vector<float>& mean) {
    block_.Resize(0);
    const double n = double(rows_);
    mean.resize(dims_);
    for (size_t i = 0; i < dims_; i++) {
        mean[i] = float(shift_[i] + sum_[i] / n / scale_);
        for (size_t j = i; j < dims_; j++)
            products_.row(i)[j] = products_.row(j)[i] = float(products_.row(i)[j] / n - sum_[i] / n * (sum_[j] / n));
    }
    return std::move(products_);
}

void Orthonormalize(Matrix& m, const Workers& workers) {
    using Square = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
    const Eigen::Index n = Eigen::Index(m.rows());
    Matrix products = MultiplyTransposed(m, m, workers);
    Eigen::Map<Square> mapped(products.data(), n, n);
    Eigen::MatrixXd gram = mapped.cast<double>();
    gram.diagonal().array() += 1e-6 * gram.diagonal().maxCoeff() + 1e-30;
    const Eigen::LLT<Eigen::MatrixXd> factor(gram);
    if (factor.info() != Eigen::Success) return;
    mapped = factor.matrixL().solve(Eigen::MatrixXd::Identity(n, n)).cast<float>();
    m = MultiplyTransposed(products, Transposed(m), workers);
}

Matrix LeadingSubspace(Matrix covariance, double share, size_t least, size_t step, size_t most, uint64_t seed,
                       const Workers& workers) {
    const size_t dims = covariance.rows();
    const double wanted = (1 - share) * Trace(covariance);  // what may be left
    std::mt19937_64 random(seed);
    std::vector<Matrix> found;
    size_t count = 0;
    do {
        const size_t more = count < least ? std::min(kChunk, least - count) : step;
        if (count + more > most) return {};
        found.push_back(TakeDirections(covariance, more, random, workers));
        count += more;
    } while (count < least || Trace(covariance) > wanted);
    covariance = Matrix();
    return Joined(found, dims, workers);
}

size_t LeadingSubspaceBytes(size_t dims, size_t least, size_t step, size_t most) noexcept {
    // What was found, and while a part is looked for, five times that; later all of it twice, without the covariance.
    const size_t chunk = std::max(std::min(kChunk, least), step), rows = std::max(least, most) + 5 * chunk + kGrain;
    return sizeof(float) * dims * rows + 24 * chunk * chunk;
}

}  // namespace vectorq
