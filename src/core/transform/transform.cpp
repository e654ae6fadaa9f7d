// Learning of the transforms (see transform.h and README.md).
#include "core/transform/transform.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "core/linear/linear.h"
#include "core/transform/opq.h"
#include "core/linear/symmetric_eigen.h"

namespace vectorq {
namespace {

constexpr size_t kPcaRowsPerDim = 1000;  // as FAISS
constexpr double kMaxPcaWork = 4e11;     // multiply-adds of the covariance: some 3 s on two threads
// Eigenvalues below this share of the largest are taken as this share when whitening: they
// are rounding errors or a sample with fewer rows than dimensions, and dividing by them
// would let noise decide the distances.
constexpr double kWhitenFloor = 1e-6;
constexpr double kMaxWhitenFactor = 1e18;  // whose square is a float still

size_t PcaRows(size_t sample_rows, size_t dims) {
    const size_t fit = size_t(std::min(kMaxPcaWork / (double(dims) * double(dims) + 1), 1e12));
    return std::min({sample_rows, kPcaRowsPerDim * dims, std::max<size_t>(fit, 4096)});
}

bool UsesPca(TransformKind kind) {
    return kind == TransformKind::kPca || kind == TransformKind::kPcaWhiten || kind == TransformKind::kPcaRotate ||
           kind == TransformKind::kPcaWhitenRotate;
}
bool Rotates(TransformKind kind) {
    return kind == TransformKind::kPcaRotate || kind == TransformKind::kPcaWhitenRotate;
}

// b = -A mean, in double: mean and A may be large where the result is small.
void SetOffset(Transform& t, const std::vector<double>& mean) {
    for (size_t i = 0; i < t.out_dims; i++) {
        double sum = 0;
        if (t.matrix.rows() == 0) sum = mean[i];
        else
            for (size_t d = 0; d < t.in_dims; d++) sum += double(t.matrix.row(i)[d]) * mean[d];
        t.offset[i] = float(-sum);
    }
}

Matrix PcaMatrix(const TransformSpec& spec, const CenteredSample& sample, uint64_t seed, const Workers& workers) {
    const size_t dims = sample.mean.size(), out_dims = spec.out_dims;
    const EigenSystem eigen = DecomposeSymmetric(Covariance(sample, workers), workers);
    const double floor = kWhitenFloor * eigen.values[0];
    Matrix a(out_dims, dims);
    for (size_t i = 0; i < out_dims; i++) {
        double factor = 1;
        if (Whitens(spec.kind) && eigen.values[0] > 0) {
            factor = std::min(sample.scale / std::sqrt(std::max(eigen.values[i], floor)), kMaxWhitenFactor);
        }
        for (size_t d = 0; d < dims; d++) a.row(i)[d] = float(eigen.vectors.row(i)[d] * factor);
    }
    if (!Rotates(spec.kind)) return a;
    return MultiplyTransposed(RandomOrthonormal(out_dims, out_dims, seed, workers), Transposed(a), workers);
}

// The parametric solution of Ge et al.: principal components, dealt out to the subspaces.
Matrix OpqStart(const TransformSpec& spec, const CenteredSample& sample, const Workers& workers) {
    const size_t dims = sample.mean.size();
    EigenSystem eigen = DecomposeSymmetric(Covariance(sample, workers), workers);
    eigen.values.resize(spec.out_dims);
    const std::vector<uint32_t> order = BalanceVariance(eigen.values, spec.opq_m);
    Matrix a(spec.out_dims, dims);
    for (size_t i = 0; i < spec.out_dims; i++) {
        for (size_t d = 0; d < dims; d++) a.row(i)[d] = float(eigen.vectors.row(order[i])[d]);
    }
    return a;
}

std::vector<double> Variances(const CenteredSample& sample, const Workers& workers) {
    const size_t dims = sample.mean.size();
    std::vector<double> variance(dims, 0.0);
    std::vector<float> row(dims);
    for (size_t i = 0; i < sample.rows; i++) {
        if (i % 256 == 0) workers.stop.ThrowIfStopped();
        sample.Copy(i, row.data());
        for (size_t d = 0; d < dims; d++) variance[d] += double(row[d]) * row[d];
    }
    return variance;
}

Matrix PermutationMatrix(const std::vector<uint32_t>& order) {
    Matrix a(order.size(), order.size());
    std::memset(a.data(), 0, order.size() * order.size() * sizeof(float));
    for (size_t i = 0; i < order.size(); i++) a.row(i)[order[i]] = 1;
    return a;
}

}  // namespace

Transform TrainTransform(const TransformSpec& given, const Matrix& sample, uint64_t seed, int threads,
                         StopToken& stop) {
    const TransformSpec spec = ResolveTransform(given, sample.cols());
    if (sample.rows() == 0 || sample.cols() == 0) {
        throw Error(ErrorKind::kInvalidArgument, "a transform needs at least one row to learn from");
    }
    stop.ThrowIfStopped();
    const Workers workers{std::max(threads, 1), stop};
    const size_t dims = sample.cols();
    Transform t;
    t.in_dims = uint32_t(dims);
    t.out_dims = spec.out_dims;
    t.offset.Resize(t.out_dims);
    t.offset.Fill(0);
    if (spec.kind == TransformKind::kCenter) {
        SetOffset(t, CenterSample(sample, sample.rows(), workers).mean);
    } else if (UsesPca(spec.kind)) {
        const CenteredSample centered = CenterSample(sample, PcaRows(sample.rows(), dims), workers);
        t.matrix = PcaMatrix(spec, centered, seed, workers);
        SetOffset(t, centered.mean);
    } else if (spec.kind == TransformKind::kRotate) {
        t.matrix = RandomOrthonormal(t.out_dims, dims, seed, workers);
    } else if (spec.kind == TransformKind::kBalance || spec.kind == TransformKind::kCorr) {
        const CenteredSample centered = CenterSample(sample, PcaRows(sample.rows(), dims), workers);
        t.matrix = PermutationMatrix(spec.kind == TransformKind::kCorr
                                         ? GroupCorrelated(Covariance(centered, workers), spec.opq_m)
                                         : BalanceVariance(Variances(centered, workers), spec.opq_m));
    } else if (spec.kind == TransformKind::kOpq) {
        Matrix start = OpqStart(spec, CenterSample(sample, PcaRows(sample.rows(), dims), workers), workers);
        const CenteredSample centered = CenterSample(sample, OpqRows(sample.rows(), dims, t.out_dims), workers);
        t.matrix = TrainOpq(centered, std::move(start), spec.opq_m, seed, workers);
    }
    return t;
}

Transform LearnLeading(CovarianceSum sum, const LeadingShape& shape, uint64_t seed, int threads, StopToken& stop) {
    const Workers workers{std::max(threads, 1), stop};
    std::vector<float> mean;
    Matrix covariance = sum.Finish(mean);
    Transform t;
    t.in_dims = uint32_t(mean.size());
    Matrix basis =
        LeadingSubspace(std::move(covariance), shape.share, shape.least, shape.step, shape.most, seed, workers);
    t.out_dims = uint32_t(basis.rows());
    if (t.out_dims == 0) return t;
    const Matrix rotation = RandomOrthonormal(t.out_dims, t.out_dims, seed, workers);
    const Matrix transposed = Transposed(basis);
    basis = Matrix();
    t.matrix = MultiplyTransposed(rotation, transposed, workers);
    t.offset.Resize(t.out_dims);
    SetOffset(t, std::vector<double>(mean.begin(), mean.end()));
    return t;
}

size_t LearnLeadingBytes(size_t dims, const LeadingShape& shape) noexcept {
    const size_t square = dims * dims * sizeof(float);
    return std::max(CovarianceSum::Bytes(dims),
                    square + LeadingSubspaceBytes(dims, shape.least, shape.step, shape.most));
}

size_t TransformTrainBytes(const TransformSpec& given, size_t sample_rows, size_t in_dims, int threads) noexcept {
    const size_t out_dims = given.out_dims == 0 ? in_dims : given.out_dims;
    const size_t square = in_dims * in_dims, small = (size_t(1) << 20) + in_dims * 64;
    const size_t result = out_dims * in_dims * sizeof(float);
    // Covariance in double, a chunk of rows and its transpose, and tiles of each thread.
    const size_t chunk = 2 * std::max<size_t>(size_t(1) << 20, 1024 * in_dims) * sizeof(float);
    const size_t covariance =
        square * sizeof(double) + chunk + size_t(std::max(threads, 1)) * 64 * in_dims * sizeof(float);
    // The matrix, its vectors and a sorted copy of them.
    const size_t eigen = 3 * square * sizeof(double);
    const size_t pca = std::max(covariance, eigen) + 3 * result;
    if (given.kind == TransformKind::kRotate) return small + 3 * result + 64 * out_dims * sizeof(float);
    if (given.kind == TransformKind::kBalance) return small + result;
    if (given.kind == TransformKind::kCorr) return small + covariance + result;
    if (UsesPca(given.kind)) return small + pca + 3 * out_dims * out_dims * sizeof(float);
    if (given.kind != TransformKind::kOpq) return small;
    const size_t rows = OpqRows(sample_rows, in_dims, out_dims);
    return small + result + std::max(pca, OpqBytes(rows, in_dims, out_dims, std::max<size_t>(given.opq_m, 1), threads));
}

void ApplyTransform(const Transform& t, const float* rows, size_t count, float* out) noexcept {
    ApplyTransform(t.matrix.rows() == 0 ? nullptr : t.matrix.data(), t.offset.data(), t.in_dims, t.out_dims, rows,
                   count, out);
}

std::vector<uint32_t> BalanceVariance(const std::vector<double>& variance, size_t m) {
    const size_t dims = variance.size();
    std::vector<uint32_t> order(dims), result(dims);
    std::iota(order.begin(), order.end(), 0u);
    std::stable_sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return variance[a] > variance[b]; });
    const double least = dims == 0 ? 0 : std::max(variance[order[0]] * 1e-9, 1e-300);
    std::vector<double> log_product(m, 0.0);
    std::vector<size_t> used(m, 0);
    for (const uint32_t d : order) {
        // The next largest goes to the subspace with the smallest product so far that has room.
        size_t best = m;
        for (size_t s = 0; s < m; s++) {
            const size_t room = SubspaceBegin(dims, m, s + 1) - SubspaceBegin(dims, m, s);
            if (used[s] < room && (best == m || log_product[s] < log_product[best])) best = s;
        }
        result[SubspaceBegin(dims, m, best) + used[best]++] = d;
        log_product[best] += std::log(std::max(variance[d], least) / least);
    }
    return result;
}

std::vector<uint32_t> GroupCorrelated(const MatrixF64& covariance, size_t m) {
    const size_t dims = covariance.rows;
    std::vector<uint32_t> result;
    std::vector<char> used(dims, 0);
    for (size_t s = 0; s < m; s++) {
        std::vector<double> score(dims);
        for (size_t d = 0; d < dims; d++) score[d] = covariance.row(d)[d];
        for (size_t begin = result.size(), end = SubspaceBegin(dims, m, s + 1); result.size() < end;) {
            size_t best = dims;
            for (size_t d = 0; d < dims; d++) {
                if (!used[d] && (best == dims || score[d] > score[best])) best = d;
            }
            if (result.size() == begin) std::fill(score.begin(), score.end(), 0.0);
            used[best] = 1;
            result.push_back(uint32_t(best));
            for (size_t d = 0; d < dims; d++) {
                const double scale = std::sqrt(covariance.row(d)[d] * covariance.row(best)[best]);
                if (scale > 0) score[d] += std::fabs(covariance.row(best)[d]) / scale;
            }
        }
    }
    return result;
}

}  // namespace vectorq
