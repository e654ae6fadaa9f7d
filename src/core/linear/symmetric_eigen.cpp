// Symmetric eigenproblem (see symmetric_eigen.h): small ones in one call of Eigen.
#include "core/linear/symmetric_eigen.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/linear/eigen.h"
#include "core/linear/tridiagonal.h"

namespace vectorq {
namespace {

using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// Eigenvectors as rows of `vectors` (n, n), by decreasing eigenvalue.
void DirectEigen(const double* matrix, size_t n, double* values, double* vectors) {
    const Eigen::Index size = Eigen::Index(n);
    const Eigen::SelfAdjointEigenSolver<RowMajor> solver(Eigen::Map<const RowMajor>(matrix, size, size));
    if (solver.info() != Eigen::Success) throw Error(ErrorKind::kInternal, "no eigenvectors found");
    for (Eigen::Index i = 0; i < size; i++) {
        const Eigen::Index from = size - 1 - i;
        values[i] = solver.eigenvalues()[from];
        for (Eigen::Index d = 0; d < size; d++) vectors[i * size + d] = solver.eigenvectors()(d, from);
    }
}

void FixSigns(MatrixF64& vectors) {
    for (size_t i = 0; i < vectors.rows; i++) {
        double* row = vectors.row(i);
        size_t largest = 0;
        for (size_t d = 1; d < vectors.cols; d++) {
            if (std::fabs(row[d]) > std::fabs(row[largest])) largest = d;
        }
        if (vectors.cols == 0 || row[largest] >= 0) continue;
        for (size_t d = 0; d < vectors.cols; d++) row[d] = -row[d];
    }
}

}  // namespace

EigenSystem DecomposeSymmetric(MatrixF64 matrix, const Workers& workers, size_t direct_dims) {
    const size_t n = matrix.rows;
    EigenSystem out;
    out.values.resize(n);
    out.vectors = MatrixF64(n, n);
    workers.stop.ThrowIfStopped();
    if (n <= direct_dims) {
        if (n > 0) DirectEigen(matrix.data.data(), n, out.values.data(), out.vectors.data.data());
    } else {
        std::vector<double> values;
        DecomposeTridiagonal(matrix, workers, values, out.vectors);
        std::vector<size_t> order(n);
        std::iota(order.begin(), order.end(), size_t(0));
        std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return values[a] > values[b]; });
        for (size_t i = 0; i < n; i++) {
            out.values[i] = values[order[i]];
            std::copy_n(out.vectors.row(order[i]), n, matrix.row(i));
        }
        out.vectors = std::move(matrix);
    }
    for (double& value : out.values) value = std::max(value, 0.0);
    FixSigns(out.vectors);
    return out;
}

}  // namespace vectorq
