// Symmetric eigenproblem (see symmetric_eigen.h).
//
// Block Jacobi, two-sided, cyclic (round robin): the matrix is cut into blocks of kBlock
// rows; each round pairs all blocks disjointly, diagonalises each pair's (2 kBlock)^2 matrix
// with Eigen and applies all of its rotations to C (from both sides) and to the vectors, as
// matrix products. A sweep meets every pair once; convergence is quadratic at the end.
#include "core/transform/symmetric_eigen.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "core/transform/eigen.h"
#include "core/transform/product.h"

namespace vectorq {
namespace {

constexpr size_t kBlock = 32;
constexpr int kMaxSweeps = 30;
// Off-diagonal norm over the whole norm at which it ends. The input is a sum of float products.
constexpr double kTolerance = 1e-7;
// A pair whose off-diagonal part is below this share of the norm is left alone.
constexpr double kSkip = 1e-9;

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

class Jacobi {
public:
    Jacobi(MatrixF64& c, const Workers& workers)
        : c_(c), workers_(workers), n_(c.rows), blocks_((n_ + kBlock - 1) / kBlock), vectors_t_(n_, n_) {
        for (size_t i = 0; i < n_; i++) vectors_t_.row(i)[i] = 1;
        norm_ = std::sqrt(SumSquares(false));
    }
    // Makes c diagonal. Afterwards column i of vectors_t() is the vector of c[i][i].
    void Run() {
        for (int sweep = 0; sweep < kMaxSweeps; sweep++) {
            if (std::sqrt(SumSquares(true)) <= kTolerance * norm_) return;
            const size_t players = blocks_ + blocks_ % 2;  // an odd one out meets nobody
            for (size_t round = 0; round + 1 < players; round++) Round(players, round);
        }
    }
    const MatrixF64& vectors_t() const { return vectors_t_; }

private:
    // Two blocks of columns and the transposed rotation of both (size, size).
    struct Pair {
        size_t begin[2], length[2];
        bool skip = false;
        AlignedArray<double> rotation;
        size_t size() const { return length[0] + length[1]; }
    };

    double SumSquares(bool off_diagonal) const {
        double sum = 0;
        for (size_t i = 0; i < n_; i++) {
            for (size_t j = 0; j < n_; j++) {
                if (!off_diagonal || i != j) sum += c_.row(i)[j] * c_.row(i)[j];
            }
        }
        return sum;
    }

    void Round(size_t players, size_t round) {
        std::vector<Pair> pairs;
        for (size_t i = 0; i < players / 2; i++) {
            // The circle method: the last player stays, the others move on by one a round.
            const size_t ring = players - 1;
            const size_t a = i == 0 ? ring : (round + i) % ring, b = (round + ring - i) % ring;
            if (a >= blocks_ || b >= blocks_) continue;
            Pair pair;
            const size_t block[2] = {std::min(a, b), std::max(a, b)};
            for (int k = 0; k < 2; k++) {
                pair.begin[k] = block[k] * kBlock;
                pair.length[k] = std::min(kBlock, n_ - pair.begin[k]);
            }
            pairs.push_back(std::move(pair));
        }
        ParallelFor(pairs.size(), 1, workers_.threads, workers_.stop, [&](size_t begin, size_t end, int) {
            for (size_t i = begin; i < end; i++) Solve(pairs[i]);
        });
        std::erase_if(pairs, [](const Pair& pair) { return pair.skip; });
        if (pairs.empty()) return;
        RotateColumns(pairs, c_);
        TransposeSquare(c_);
        RotateColumns(pairs, c_);
        RotateColumns(pairs, vectors_t_);
    }

    void Solve(Pair& pair) const {
        const size_t size = pair.size();
        std::vector<double> part(size * size), values(size);
        double off = 0;
        for (size_t r = 0; r < size; r++) {
            for (size_t c = 0; c < size; c++) {
                const double x = c_.row(Index(pair, r))[Index(pair, c)];
                part[r * size + c] = x;
                if (r != c) off += x * x;
            }
        }
        pair.skip = std::sqrt(off) <= kSkip * norm_;
        if (pair.skip) return;
        pair.rotation.Resize(size * size);
        DirectEigen(part.data(), size, values.data(), pair.rotation.data());
    }
    static size_t Index(const Pair& pair, size_t i) {
        return i < pair.length[0] ? pair.begin[0] + i : pair.begin[1] + i - pair.length[0];
    }

    // m <- m Q, where Q is block diagonal over the pairs.
    void RotateColumns(const std::vector<Pair>& pairs, MatrixF64& m) const {
        constexpr size_t kRows = 32;
        ParallelFor(n_, kRows, workers_.threads, workers_.stop, [&](size_t begin, size_t end, int) {
            alignas(64) double in[kRows * 2 * kBlock], out[kRows * 2 * kBlock];
            for (const Pair& pair : pairs) {
                const size_t size = pair.size();
                for (size_t r = begin; r < end; r++) {
                    double* to = in + (r - begin) * size;
                    std::memcpy(to, m.row(r) + pair.begin[0], pair.length[0] * sizeof(double));
                    std::memcpy(to + pair.length[0], m.row(r) + pair.begin[1], pair.length[1] * sizeof(double));
                }
                MultiplyRows(in, size, end - begin, pair.rotation.data(), size, size, size, nullptr, out, size,
                             ProductMode::kSet);
                for (size_t r = begin; r < end; r++) {
                    const double* from = out + (r - begin) * size;
                    std::memcpy(m.row(r) + pair.begin[0], from, pair.length[0] * sizeof(double));
                    std::memcpy(m.row(r) + pair.begin[1], from + pair.length[0], pair.length[1] * sizeof(double));
                }
            }
        });
    }

    // Tiles (i, j) and (j, i) change places; a range is some rows of tiles.
    void TransposeSquare(MatrixF64& m) const {
        constexpr size_t kTile = 32;
        ParallelFor((n_ + kTile - 1) / kTile, 1, workers_.threads, workers_.stop, [&](size_t begin, size_t end, int) {
            for (size_t i0 = begin * kTile; i0 < std::min(end * kTile, n_); i0 += kTile) {
                for (size_t j0 = i0; j0 < n_; j0 += kTile) {
                    for (size_t i = i0; i < std::min(i0 + kTile, n_); i++) {
                        for (size_t j = std::max(j0, i + 1); j < std::min(j0 + kTile, n_); j++) {
                            std::swap(m.row(i)[j], m.row(j)[i]);
                        }
                    }
                }
            }
        });
    }

    MatrixF64& c_;
    const Workers& workers_;
    const size_t n_, blocks_;
    MatrixF64 vectors_t_;
    double norm_ = 0;
};

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
        Jacobi jacobi(matrix, workers);
        jacobi.Run();
        std::vector<size_t> order(n);
        std::iota(order.begin(), order.end(), size_t(0));
        std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return matrix.row(a)[a] > matrix.row(b)[b]; });
        for (size_t i = 0; i < n; i++) out.values[i] = matrix.row(order[i])[order[i]];
        for (size_t d = 0; d < n; d++) {
            for (size_t i = 0; i < n; i++) out.vectors.row(i)[d] = jacobi.vectors_t().row(d)[order[i]];
        }
    }
    for (double& value : out.values) value = std::max(value, 0.0);
    FixSigns(out.vectors);
    return out;
}

}  // namespace vectorq
