// OPQ (see opq.h). Alternates, on the centred sample X:
//   codes:    y = A x, nearest codeword in each subspace (Assigner)
//   codewords: mean of the parts of y that fell to each
//   rotation: A = polar factor of Y_hat^T X, the minimiser of sum |x - A^T y_hat|^2
// One Lloyd step a round, from the codewords of the round before: the rotation hardly
// moves between rounds, so that more steps (FAISS takes four) buy nothing.
#include "core/transform/opq.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/cluster/assign.h"
#include "core/cluster/kmeans.h"
#include "core/transform/product.h"
#include "core/transform/transform.h"

namespace vectorq {
namespace {

constexpr size_t kCodewords = 256;
constexpr size_t kMaxRows = 256 * 256;  // as FAISS
constexpr int kMaxRounds = 50;          // as FAISS
constexpr int kSeedIterations = 8;      // of the first k-means
constexpr double kMaxWork = 8e11;       // multiply-adds of all rounds: some 10 s on two idle cores
constexpr size_t kRowBlock = 2048;
// Ends when the error fell by less than this share over kPatience rounds.
constexpr double kMinImprovement = 1e-3;
constexpr int kPatience = 5;
// Weight of the present rotation in the Procrustes step, relative to the norm of Y_hat^T X.
// It keeps the product regular where the sample has no variance, and bounds its condition.
constexpr double kDamping = 1e-3;

double RoundWork(double rows, double in_dims, double out_dims) {
    const double products = 2 * rows * in_dims * out_dims;
    const double codes = rows * double(kCodewords) * out_dims * 2;  // short rows run at half speed
    return products + codes + 24 * out_dims * out_dims * in_dims;
}

class Opq {
public:
    Opq(const CenteredSample& sample, Matrix start, size_t m, uint64_t seed, const Workers& workers)
        : workers_(workers), m_(m), seed_(seed), a_(std::move(start)), x_(sample.rows, a_.cols()),
          y_(sample.rows, a_.rows()), codes_(m * sample.rows), books_(m) {
        ParallelFor(x_.rows(), 256, workers_.threads, workers_.stop, [&](size_t begin, size_t end, int) {
            for (size_t i = begin; i < end; i++) sample.Copy(i, x_.row(i));
        });
    }

    // First books and their error: how good a start `a` is.
    double Start() {
        Project();
        FirstBooks();
        return Encode();
    }
    // Starts anew from another rotation of the same shape if that has the lower error.
    void TryStart(Matrix other) {
        const double error = Start();
        Matrix old_a = std::move(a_);
        std::vector<Matrix> old_books = std::move(books_);
        a_ = std::move(other);
        books_ = std::vector<Matrix>(m_);
        if (Start() < error) return;
        a_ = std::move(old_a);
        books_ = std::move(old_books);
        Project();
    }

    Matrix Run(int rounds) {
        std::vector<double> errors;
        for (int round = 0; round < rounds; round++) {
            if (round > 0) Project();
            errors.push_back(Encode());
            const size_t back = size_t(kPatience);
            if (errors.back() == 0) break;
            if (errors.size() > back && errors[errors.size() - 1 - back] - errors.back() < kMinImprovement * errors.back()) break;
            UpdateBooks();
            Decode();
            Rotate();
        }
        return std::move(a_);
    }

private:
    size_t Begin(size_t s) const { return SubspaceBegin(y_.cols(), m_, s); }
    size_t Width(size_t s) const { return Begin(s + 1) - Begin(s); }

    // Copies subspace s of rows [begin, end) to `to`.
    void Gather(size_t s, size_t begin, size_t end, float* to) const {
        const size_t first = Begin(s), width = Width(s);
        for (size_t i = begin; i < end; i++, to += width) std::memcpy(to, y_.row(i) + first, width * sizeof(float));
    }

    void Project() {
        ParallelFor(x_.rows(), 64, workers_.threads, workers_.stop, [&](size_t begin, size_t end, int) {
            ApplyTransform(a_.data(), nullptr, a_.cols(), a_.rows(), x_.row(begin), end - begin, y_.row(begin));
        });
    }

    void FirstBooks() {
        for (size_t s = 0; s < m_; s++) {
            Matrix part(y_.rows(), Width(s));
            Gather(s, 0, y_.rows(), part.data());
            KMeansOptions options;
            options.lists = kCodewords;
            options.iterations = kSeedIterations;
            options.seed = seed_ + s;
            options.threads = workers_.threads;
            books_[s] = TrainKMeans(part, options, workers_.stop);
        }
    }

    // Fills codes_; returns the mean squared error. Sums do not depend on the threads.
    double Encode() {
        const size_t rows = y_.rows(), blocks = (rows + kRowBlock - 1) / kRowBlock;
        std::vector<double> errors(m_ * blocks, 0.0);
        std::vector<Assigner> assigners;
        for (size_t s = 0; s < m_; s++) assigners.emplace_back(books_[s], AssignMetric::kL2);
        ParallelFor(m_ * blocks, 1, workers_.threads, workers_.stop, [&](size_t first, size_t last, int) {
            std::vector<float> part, distance(kRowBlock);
            for (size_t task = first; task < last; task++) {
                const size_t s = task / blocks, begin = task % blocks * kRowBlock, end = std::min(begin + kRowBlock, rows);
                part.resize((end - begin) * Width(s));
                Gather(s, begin, end, part.data());
                assigners[s].Nearest(part.data(), end - begin, codes_.data() + s * rows + begin, distance.data());
                for (size_t i = 0; i < end - begin; i++) errors[task] += distance[i];
            }
        });
        double sum = 0;
        for (const double error : errors) sum += error;
        return sum / double(rows);
    }

    // Mean of each codeword's rows; one without rows stays.
    void UpdateBooks() {
        const size_t rows = y_.rows();
        ParallelFor(m_, 1, workers_.threads, workers_.stop, [&](size_t first, size_t last, int) {
            for (size_t s = first; s < last; s++) {
                const size_t begin = Begin(s), width = Width(s);
                Matrix& book = books_[s];
                std::vector<double> sum(book.rows() * width, 0.0);
                std::vector<size_t> count(book.rows(), 0);
                for (size_t i = 0; i < rows; i++) {
                    const uint32_t code = codes_[s * rows + i];
                    const float* from = y_.row(i) + begin;
                    double* to = sum.data() + code * width;
                    for (size_t d = 0; d < width; d++) to[d] += from[d];
                    count[code]++;
                }
                for (size_t c = 0; c < book.rows(); c++) {
                    for (size_t d = 0; d < width && count[c] > 0; d++) book.row(c)[d] = float(sum[c * width + d] / double(count[c]));
                }
            }
        });
    }

    // y becomes its own reconstruction.
    void Decode() {
        const size_t rows = y_.rows();
        ParallelFor(rows, 512, workers_.threads, workers_.stop, [&](size_t begin, size_t end, int) {
            for (size_t i = begin; i < end; i++) {
                for (size_t s = 0; s < m_; s++) {
                    std::memcpy(y_.row(i) + Begin(s), books_[s].row(codes_[s * rows + i]), Width(s) * sizeof(float));
                }
            }
        });
    }

    void Rotate() {
        const MatrixF64 product = CrossProduct(y_, x_, workers_);
        double norm = 0;
        for (size_t i = 0; i < product.data.size(); i++) norm += product.data[i] * product.data[i];
        norm = std::sqrt(norm);
        if (!(norm > 0)) return;
        Matrix next(a_.rows(), a_.cols());
        for (size_t i = 0; i < product.data.size(); i++) {
            next.data()[i] = float(product.data[i] / norm + kDamping * a_.data()[i]);
        }
        MakePolarFactor(next, kDamping / 2, workers_);
        a_ = std::move(next);
    }

    const Workers& workers_;
    const size_t m_;
    const uint64_t seed_;
    Matrix a_;                      // (out, in)
    Matrix x_;                      // (rows, in), centred
    Matrix y_;                      // (rows, out): projected, then reconstructed
    AlignedArray<uint32_t> codes_;  // (m, rows)
    std::vector<Matrix> books_;     // per subspace (at most kCodewords, width)
};

}  // namespace

size_t OpqRows(size_t sample_rows, size_t in_dims, size_t out_dims) noexcept {
    size_t rows = std::min(sample_rows, kMaxRows);
    // Rather fewer rows than fewer than half of the rounds, down to 32 rows a codeword.
    while (rows > 32 * kCodewords && RoundWork(double(rows), double(in_dims), double(out_dims)) * kMaxRounds / 2 > kMaxWork) {
        rows -= rows / 8;
    }
    return rows;
}

Matrix TrainOpq(const CenteredSample& sample, Matrix start, size_t m, uint64_t seed, const Workers& workers) {
    const double work = RoundWork(double(sample.rows), double(start.cols()), double(start.rows()));
    const int rounds = int(std::clamp(kMaxWork / work, 4.0, double(kMaxRounds)));
    const size_t dims = start.cols();
    const bool square = start.rows() == dims;
    Opq opq(sample, std::move(start), m, seed, workers);
    if (square) {
        // Dimensions that come in related groups already (SIFT's histograms) can be a far
        // better start than principal components, and the result is never worse than none.
        Matrix identity(dims, dims);
        std::memset(identity.data(), 0, dims * dims * sizeof(float));
        for (size_t d = 0; d < dims; d++) identity.row(d)[d] = 1;
        opq.TryStart(std::move(identity));
    } else {
        opq.Start();
    }
    return opq.Run(rounds);
}

size_t OpqBytes(size_t rows, size_t in_dims, size_t out_dims, size_t m, int threads) noexcept {
    const size_t width = out_dims / m + 1;
    KMeansOptions options;
    options.lists = kCodewords;
    options.threads = threads;
    const size_t state = rows * (in_dims + out_dims + m) * sizeof(float) + m * kCodewords * (3 * width + 2) * sizeof(double);
    const size_t seeding = rows * width * sizeof(float) + KMeansBytes(rows, width, options);
    const size_t chunk = (size_t(1) << 21) * sizeof(float) + 1024 * (in_dims + out_dims) * sizeof(float);
    const size_t products = chunk + in_dims * out_dims * (sizeof(double) + 6 * sizeof(float)) + out_dims * out_dims * sizeof(float);
    return state + std::max(seeding, products);
}

}  // namespace vectorq
