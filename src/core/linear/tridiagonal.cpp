// Symmetric eigenproblem by Householder reflections to tridiagonal form and implicit QL (Golub and
// Van Loan, Matrix Computations, 8.3; the steps are those of EISPACK's tred2 and tql2), arranged so
// that memory is read little and the calling thread polls every few milliseconds:
//   - a reflection's update of the matrix and the next one's product share one pass over the lower triangle;
//   - the QL rotations are recorded and applied in batches to stripes of kStripe columns, on all threads;
//   - reflections are applied to a few eigenvectors at a time, on all threads.
#include "core/linear/tridiagonal.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/linear/tridiagonal.cpp"
#include "hwy/foreach_target.h"
//
#include "hwy/highway.h"

#ifndef VECTORQ_CORE_TRANSFORM_TRIDIAGONAL_ONCE_
#define VECTORQ_CORE_TRANSFORM_TRIDIAGONAL_ONCE_
namespace vectorq {
constexpr size_t kStripe = 32;  // columns; 1,536 rows of them are 400 kB
struct Rotation {
    uint32_t row;  // of the pair row, row + 1
    double cosine, sine;
};
// One pass over the rows [0, size) of the lower triangle, see Reduce.
struct PassArgs {
    double* matrix;
    size_t stride, size;
    const double *old_v, *old_q;  // the update that is due: a -= v q^T + q v^T
    const double* v;
    double* product;  // (size): updated a times v
};
}  // namespace vectorq
#endif

HWY_BEFORE_NAMESPACE();
namespace vectorq {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using DD = hn::CappedTag<double, 8>;
using VD = hn::Vec<DD>;

void Pass(const PassArgs& a) {
    const DD d;
    const size_t N = hn::Lanes(d);
    for (size_t r = 0; r < a.size; r++) {
        double* HWY_RESTRICT row = a.matrix + r * a.stride;
        const double v_r = a.old_v[r], q_r = a.old_q[r], x_r = a.v[r];
        const VD vr = hn::Set(d, v_r), qr = hn::Set(d, q_r), xr = hn::Set(d, x_r);
        VD dots = hn::Zero(d);
        size_t j = 0;
        for (; j + N <= r; j += N) {
            VD x = hn::NegMulAdd(vr, hn::LoadU(d, a.old_q + j), hn::LoadU(d, row + j));
            x = hn::NegMulAdd(qr, hn::LoadU(d, a.old_v + j), x);
            hn::StoreU(x, d, row + j);
            dots = hn::MulAdd(x, hn::LoadU(d, a.v + j), dots);
            hn::StoreU(hn::MulAdd(x, xr, hn::LoadU(d, a.product + j)), d, a.product + j);
        }
        double dot = hn::GetLane(hn::SumOfLanes(d, dots));
        for (; j <= r; j++) {
            row[j] -= v_r * a.old_q[j] + q_r * a.old_v[j];
            dot += row[j] * a.v[j];
            if (j < r) a.product[j] += row[j] * x_r;
        }
        a.product[r] = dot;  // later rows add to it
    }
}

void Rotate(const Rotation* rotations, size_t count, double* stripe) {
    const DD d;
    for (size_t i = 0; i < count; i++) {
        double* HWY_RESTRICT low = stripe + rotations[i].row * kStripe;
        double* HWY_RESTRICT high = low + kStripe;
        const VD c = hn::Set(d, rotations[i].cosine), s = hn::Set(d, rotations[i].sine);
        for (size_t j = 0; j < kStripe; j += hn::Lanes(d)) {
            const VD x = hn::LoadU(d, low + j), y = hn::LoadU(d, high + j);
            hn::StoreU(hn::MulAdd(s, x, hn::Mul(c, y)), d, high + j);
            hn::StoreU(hn::NegMulAdd(s, y, hn::Mul(c, x)), d, low + j);
        }
    }
}

// row -= factor * <row, v> v over `size` elements.
void Reflect(double* HWY_RESTRICT row, const double* HWY_RESTRICT v, double factor, size_t size) {
    const DD d;
    const size_t N = hn::Lanes(d);
    VD a = hn::Zero(d), b = a;
    size_t j = 0;
    for (; j + 2 * N <= size; j += 2 * N) {
        a = hn::MulAdd(hn::LoadU(d, row + j), hn::LoadU(d, v + j), a);
        b = hn::MulAdd(hn::LoadU(d, row + j + N), hn::LoadU(d, v + j + N), b);
    }
    double dot = hn::GetLane(hn::SumOfLanes(d, hn::Add(a, b)));
    for (; j < size; j++) dot += row[j] * v[j];
    const double scale = -factor * dot;
    const VD scales = hn::Set(d, scale);
    for (j = 0; j + N <= size; j += N)
        hn::StoreU(hn::MulAdd(scales, hn::LoadU(d, v + j), hn::LoadU(d, row + j)), d, row + j);
    for (; j < size; j++) row[j] += scale * v[j];
}

// All reflections, from the smallest on, of `count` rows of n.
void ReflectAll(double* rows, size_t count, const double* matrix, const double* factor, size_t n) {
    for (size_t i = 1; i < n; i++) {
        if (factor[i] == 0) continue;
        for (size_t r = 0; r < count; r++) Reflect(rows + r * n, matrix + i * n, factor[i], i);
    }
}

}  // namespace HWY_NAMESPACE
}  // namespace vectorq
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vectorq {
HWY_EXPORT(Pass);
HWY_EXPORT(Rotate);
HWY_EXPORT(ReflectAll);

namespace {

constexpr size_t kBatch = size_t(1) << 17;  // rotations; a stripe takes about a millisecond
constexpr size_t kGroup = 4;                // eigenvectors that reflections are applied to together
constexpr int kMaxSteps = 100;              // of QL for one eigenvalue; three are usual
// Off-diagonal elements below this share of the largest element are zero. The input is a sum of
// float products, so that this is far below its own error.
constexpr double kTolerance = 1e-15;

class Tridiagonal {
public:
    Tridiagonal(MatrixF64& a, const Workers& workers)
        : a_(a), workers_(workers), n_(a.rows), diagonal_(n_, 0.0), off_(n_, 0.0), factor_(n_, 0.0) {}

    // Row i of the matrix becomes the vector v of the reflection 1 - factor[i] v v^T, over the first i dimensions.
    void Reduce() {
        std::vector<double> old_v(n_, 0.0), old_q(n_, 0.0), product(n_);
        for (size_t i = n_ - 1; i > 0; i--) {
            workers_.stop.ThrowIfStopped();
            double* x = a_.row(i);
            // The update that is due, of this row first, as the pass needs its reflection.
            for (size_t j = 0; j <= i; j++) x[j] -= old_v[i] * old_q[j] + old_q[i] * old_v[j];
            diagonal_[i] = x[i];
            MakeReflection(i);
            HWY_DYNAMIC_DISPATCH(Pass)(PassArgs{a_.data.data(), n_, i, old_v.data(), old_q.data(), x, product.data()});
            // q = p - (factor / 2) <v, p> v with p = factor A v
            double dot = 0;
            for (size_t j = 0; j < i; j++) dot += x[j] * product[j];
            const double f = factor_[i], half = f * f * dot / 2;
            for (size_t j = 0; j < i; j++) {
                old_q[j] = f * product[j] - half * x[j];
                old_v[j] = f == 0 ? 0 : x[j];
            }
        }
        if (n_ > 0) diagonal_[0] = a_.row(0)[0] - 2 * old_v[0] * old_q[0];
    }

    // Makes diagonal() the eigenvalues; the vectors of the tridiagonal matrix go to the stripes.
    void Diagonalize() {
        stripes_ = MatrixF64((n_ + kStripe - 1) / kStripe, n_ * kStripe);
        for (size_t i = 0; i < n_; i++) Component(i, i) = 1;
        double largest = 0;
        for (size_t i = 0; i < n_; i++) largest = std::max({largest, std::fabs(diagonal_[i]), std::fabs(off_[i])});
        // off_[i] joins i and i + 1 from here on.
        for (size_t i = 1; i < n_; i++) off_[i - 1] = off_[i];
        if (n_ > 0) off_[n_ - 1] = 0;
        for (size_t l = 0; l < n_; l++) {
            for (int step = 0;; step++) {
                size_t m = l;
                while (m + 1 < n_ && std::fabs(off_[m]) > kTolerance * largest) m++;
                if (m == l) break;
                if (step == kMaxSteps) throw Error(ErrorKind::kInternal, "no eigenvectors found");
                ImplicitStep(l, m);
                if (rotations_.size() >= kBatch) ApplyRotations();
            }
        }
        ApplyRotations();
    }

    void WriteVectors(MatrixF64& vectors) {
        ParallelTasks((n_ + kGroup - 1) / kGroup, workers_.threads, workers_.stop, [&](size_t group, int) {
            const size_t first = group * kGroup, last = std::min(first + kGroup, n_);
            for (size_t i = first; i < last; i++) {
                for (size_t d = 0; d < n_; d++) vectors.row(i)[d] = Component(i, d);
            }
            HWY_DYNAMIC_DISPATCH(ReflectAll)(vectors.row(first), last - first, a_.data.data(), factor_.data(), n_);
        });
    }
    const std::vector<double>& diagonal() const { return diagonal_; }

private:
    double& Component(size_t i, size_t d) { return stripes_.row(d / kStripe)[i * kStripe + d % kStripe]; }

    // Of row i: x[0..i) becomes v, all of whose image but the last element is zero.
    void MakeReflection(size_t i) {
        double* x = a_.row(i);
        double sum = 0;
        for (size_t j = 0; j + 1 < i; j++) sum += x[j] * x[j];
        off_[i] = x[i - 1];
        factor_[i] = 0;
        if (!(sum > 0)) return;
        const double norm = std::sqrt(sum + x[i - 1] * x[i - 1]);
        off_[i] = x[i - 1] > 0 ? -norm : norm;
        x[i - 1] -= off_[i];
        factor_[i] = 2 / (sum + x[i - 1] * x[i - 1]);
        if (std::isfinite(factor_[i])) return;
        factor_[i] = 0;  // nothing but rounding: the row's elements are as good as zero
        off_[i] = 0;
    }

    // One QL step with Wilkinson's shift on the block [l, m].
    void ImplicitStep(size_t l, size_t m) {
        double g = (diagonal_[l + 1] - diagonal_[l]) / (2 * off_[l]);
        g = diagonal_[m] - diagonal_[l] + off_[l] / (g + std::copysign(std::sqrt(g * g + 1), g));
        double s = 1, c = 1, p = 0;
        for (size_t i = m; i-- > l;) {
            const double f = s * off_[i], b = c * off_[i], r = std::sqrt(f * f + g * g);
            off_[i + 1] = r;
            if (r == 0) {  // the block splits
                diagonal_[i + 1] -= p;
                off_[m] = 0;
                return;
            }
            s = f / r;
            c = g / r;
            g = diagonal_[i + 1] - p;
            const double t = (diagonal_[i] - g) * s + 2 * c * b;
            p = s * t;
            diagonal_[i + 1] = g + p;
            g = c * t - b;
            rotations_.push_back({uint32_t(i), c, s});
        }
        diagonal_[l] -= p;
        off_[l] = g;
        off_[m] = 0;
    }

    void ApplyRotations() {
        ParallelTasks(stripes_.rows, workers_.threads, workers_.stop, [&](size_t stripe, int) {
            HWY_DYNAMIC_DISPATCH(Rotate)(rotations_.data(), rotations_.size(), stripes_.row(stripe));
        });
        rotations_.clear();
    }

    MatrixF64& a_;
    const Workers& workers_;
    const size_t n_;
    std::vector<double> diagonal_, off_, factor_;
    std::vector<Rotation> rotations_;
    MatrixF64 stripes_;  // stripe of columns, (n, kStripe) each: row i is vector i
};

}  // namespace

void DecomposeTridiagonal(MatrixF64& matrix, const Workers& workers, std::vector<double>& values, MatrixF64& vectors) {
    Tridiagonal tridiagonal(matrix, workers);
    tridiagonal.Reduce();
    tridiagonal.Diagonalize();
    values = tridiagonal.diagonal();
    tridiagonal.WriteVectors(vectors);
}

}  // namespace vectorq
#endif  // HWY_ONCE
