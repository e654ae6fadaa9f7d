// OPQ (see opq.h). Alternates, on the centred sample X:
//   codes:     y = A x, nearest codeword of each subspace
//   rotation:  A = polar factor of Y_hat^T X, the minimiser of sum |x - A^T y_hat|^2
//   codewords: mean of the parts of y that fell to each
// One Lloyd step a round, from the codewords of the round before: the rotation hardly
// moves between rounds, so that more steps (FAISS takes four) buy nothing.
//
// Neither y nor its reconstruction is ever kept. A tile of rows (simd/tile.h) is projected, coded and
// added to its codewords' sums while it lies in the cache. And Y_hat^T X needs the sums of x over the rows of
// each codeword only: one addition a row and subspace, where a product takes one for each dimension of it.
#include "core/transform/opq.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/base/subspace.h"
#include "core/cluster/subspace_kmeans.h"

namespace vectorq {
namespace {

constexpr size_t kCodewords = 256;
constexpr size_t kMaxRows = 256 * 256;  // as FAISS
constexpr int kMaxRounds = 50;          // as FAISS
constexpr int kSeedIterations = 8;      // of the first k-means
constexpr double kMaxWork = 8e11;       // multiply-adds of all rounds: some 10 s on two idle cores
constexpr size_t kBlocks = 16;          // parts of the rows whose sums are added up in order
constexpr size_t kPollRows = 1024;
// Ends when the error fell by less than this share over kPatience rounds.
constexpr double kMinImprovement = 1e-3;
constexpr int kPatience = 5;
// Weight of the present rotation in the Procrustes step, relative to the norm of Y_hat^T X.
// It keeps the product regular where the sample has no variance, and bounds its condition.
constexpr double kDamping = 1e-3;

double RoundWork(double rows, double in_dims, double out_dims) {
    const double codes = rows * double(kCodewords) * out_dims * 1.5;  // short rows do not reach full speed
    return 2 * rows * in_dims * out_dims + codes + 24 * out_dims * out_dims * in_dims;
}
size_t NumPanels(size_t dims) { return (dims + kPanelColumns - 1) / kPanelColumns; }

class Opq {
public:
    Opq(const CenteredSample& sample, Matrix start, size_t m, uint64_t seed, const Workers& workers)
        : workers_(workers),
          m_(m),
          seed_(seed),
          rows_(sample.rows),
          in_(start.cols()),
          out_(start.rows()),
          tiles_(NumTiles(rows_)),
          a_(std::move(start)),
          x_tiles_(tiles_ * kTileRows * in_),
          codes_(tiles_ * kTileRows * m),
          book_(out_ * kCodewords),
          minus_half_norm_(m * kCodewords) {
        ParallelFor(tiles_, 16, workers_.threads, workers_.stop, [&](size_t begin, size_t end, int) {
            std::vector<float> row(in_);
            for (size_t i = begin * kTileRows; i < end * kTileRows; i++) {
                float* to = XTile(i / kTileRows) + i % kTileRows;
                if (i < rows_) sample.Copy(i, row.data());
                else std::fill(row.begin(), row.end(), 0.0f);
                for (size_t d = 0; d < in_; d++) to[d * kTileRows] = row[d];
            }
        });
    }

    // First codewords and their error: how good a start A is.
    double Start() {
        FirstBook();
        return Encode(false);
    }
    // Starts from another rotation of the same shape if that has the lower error.
    void TryStart(Matrix other) {
        const double error = Start();
        std::swap(a_, other);
        AlignedArray<float> old_book = std::move(book_);
        book_.Resize(old_book.size());
        if (Start() < error) return;
        std::swap(a_, other);
        book_ = std::move(old_book);
    }

    Matrix Run(int rounds) {
        FillPanels();
        std::vector<double> errors;
        for (int round = 0; round < rounds; round++) {
            errors.push_back(Encode(true));
            const size_t back = size_t(kPatience);
            if (errors.back() == 0) break;
            if (errors.size() > back &&
                errors[errors.size() - 1 - back] - errors.back() < kMinImprovement * errors.back())
                break;
            UpdateBook();
            Rotate();
        }
        return std::move(a_);
    }

private:
    struct Block {
        AlignedArray<float> sum;  // (out, kCodewords), as the codebook
        std::vector<uint32_t> count;
        double error = 0;
    };

    size_t Begin(size_t s) const { return SubspaceBegin(out_, m_, s); }
    float* XTile(size_t t) { return x_tiles_.data() + t * kTileRows * in_; }

    void FirstBook() {
        AlignedArray<float> y(tiles_ * kTileRows * out_);
        ParallelTasks(tiles_, workers_.threads, workers_.stop, [&](size_t t, int) {
            MultiplyTile(a_.data(), out_, in_, XTile(t), y.data() + t * kTileRows * out_);
        });
        ParallelTasks(m_, workers_.threads, workers_.stop, [&](size_t s, int thread) {
            const TileView part{y.data() + Begin(s) * kTileRows, kTileRows * out_, rows_, Begin(s + 1) - Begin(s)};
            TrainSubspace(
                part, kCodewords, kSeedIterations, seed_ + s, [&] { return KeepGoing(workers_.stop, thread); },
                book_.data() + Begin(s) * kCodewords);
        });
    }

    // Fills codes_ and, if wanted, the blocks' sums; returns the mean squared error.
    double Encode(bool sums) {
        for (size_t s = 0; s < m_; s++) {
            MinusHalfNorms(Book(s), Begin(s + 1) - Begin(s), kCodewords, minus_half_norm_.data() + s * kCodewords);
        }
        blocks_.resize(kBlocks);
        ParallelTasks(kBlocks, workers_.threads, workers_.stop, [&](size_t b, int thread) {
            Block& block = blocks_[b];
            block.error = 0;
            if (sums) {
                block.sum.Resize(out_ * kCodewords);
                block.sum.Fill(0);
                block.count.assign(m_ * kCodewords, 0);
            }
            AlignedArray<float> y(out_ * kTileRows);
            for (size_t t = b * tiles_ / kBlocks; t < (b + 1) * tiles_ / kBlocks; t++) {
                if (!KeepGoing(workers_.stop, thread)) return;
                MultiplyTile(a_.data(), out_, in_, XTile(t), y.data());
                for (size_t s = 0; s < m_; s++) EncodeTile(t, s, y.data(), sums, block);
            }
        });
        double error = 0;
        for (const Block& block : blocks_) error += block.error;
        return error / double(rows_);
    }
    const float* Book(size_t s) const { return book_.data() + Begin(s) * kCodewords; }

    void EncodeTile(size_t t, size_t s, const float* y_tile, bool sums, Block& block) {
        const size_t begin = Begin(s), width = Begin(s + 1) - begin, here = std::min(kTileRows, rows_ - t * kTileRows);
        const float* y = y_tile + begin * kTileRows;
        uint32_t nearest[kTileRows];
        float score[kTileRows], sq_norm[kTileRows] = {};
        NearestInTile({Book(s), minus_half_norm_.data() + s * kCodewords, width, kCodewords, y, nearest, score});
        for (size_t d = 0; d < width; d++) {
            for (size_t r = 0; r < kTileRows; r++) sq_norm[r] += y[d * kTileRows + r] * y[d * kTileRows + r];
        }
        for (size_t r = 0; r < kTileRows; r++) codes_[(t * kTileRows + r) * m_ + s] = uint8_t(nearest[r]);
        for (size_t r = 0; r < here; r++) block.error += std::max(0.0f, sq_norm[r] - 2 * score[r]);
        if (!sums) return;
        for (size_t r = 0; r < here; r++) block.count[s * kCodewords + nearest[r]]++;
        float* sum = block.sum.data() + begin * kCodewords;
        for (size_t d = 0; d < width; d++, y += kTileRows, sum += kCodewords) {
            for (size_t r = 0; r < here; r++) sum[nearest[r]] += y[r];
        }
    }

    // Mean of each codeword's rows; one without rows stays.
    void UpdateBook() {
        workers_.stop.ThrowIfStopped();
        for (size_t s = 0; s < m_; s++) {
            for (size_t k = 0; k < kCodewords; k++) {
                size_t count = 0;
                for (const Block& block : blocks_) count += block.count[s * kCodewords + k];
                for (size_t d = Begin(s); d < Begin(s + 1) && count > 0; d++) {
                    double sum = 0;
                    for (const Block& block : blocks_) sum += block.sum[d * kCodewords + k];
                    book_[d * kCodewords + k] = float(sum / double(count));
                }
            }
        }
    }

    // x again as panels of kPanelColumns dimensions, (panels, rows, kPanelColumns).
    void FillPanels() {
        x_panels_.Resize(NumPanels(in_) * rows_ * kPanelColumns);
        ParallelTasks(NumPanels(in_), workers_.threads, workers_.stop, [&](size_t p, int thread) {
            const size_t first = p * kPanelColumns;
            float* to = x_panels_.data() + p * rows_ * kPanelColumns;
            for (size_t i = 0; i < rows_; i++, to += kPanelColumns) {
                if (i % kPollRows == 0 && !KeepGoing(workers_.stop, thread)) return;
                const float* from = XTile(i / kTileRows) + i % kTileRows;
                for (size_t d = 0; d < kPanelColumns; d++)
                    to[d] = first + d < in_ ? from[(first + d) * kTileRows] : 0.0f;
            }
        });
    }

    // Y_hat^T X, (out, in): for each panel of X the sums by codeword, then codewords times sums.
    Matrix CrossProduct() {
        Matrix product(out_, in_);
        ParallelTasks(NumPanels(in_), workers_.threads, workers_.stop, [&](size_t p, int thread) {
            AlignedArray<float> sums(m_ * kCodewords * kPanelColumns);
            sums.Fill(0);
            const float* panel = x_panels_.data() + p * rows_ * kPanelColumns;
            for (size_t i = 0; i < rows_; i += kPollRows) {
                if (!KeepGoing(workers_.stop, thread)) return;
                AddByCode(panel + i * kPanelColumns, codes_.data() + i * m_, std::min(kPollRows, rows_ - i), m_,
                          sums.data());
            }
            const size_t first = p * kPanelColumns, width = std::min(kPanelColumns, in_ - first);
            for (size_t s = 0; s < m_; s++) {
                if (!KeepGoing(workers_.stop, thread)) return;
                for (size_t d = Begin(s); d < Begin(s + 1); d++) {
                    float out[kPanelColumns];
                    CombineRows(book_.data() + d * kCodewords, sums.data() + s * kCodewords * kPanelColumns, kCodewords,
                                out);
                    std::memcpy(product.row(d) + first, out, width * sizeof(float));
                }
            }
        });
        return product;
    }

    void Rotate() {
        Matrix next = CrossProduct();
        double norm = 0;
        for (size_t i = 0; i < out_ * in_; i++) norm += double(next.data()[i]) * next.data()[i];
        norm = std::sqrt(norm);
        if (!(norm > 0)) return;
        for (size_t i = 0; i < out_ * in_; i++) next.data()[i] = float(next.data()[i] / norm + kDamping * a_.data()[i]);
        MakePolarFactor(next, kDamping / 2, workers_);
        a_ = std::move(next);
    }

    const Workers& workers_;
    const size_t m_;
    const uint64_t seed_;
    const size_t rows_, in_, out_, tiles_;
    Matrix a_;                             // (out, in)
    AlignedArray<float> x_tiles_;          // (tiles, in, kTileRows), centred; zeros behind the last row
    AlignedArray<float> x_panels_;         // (panels, rows, kPanelColumns): the same; zeros behind the last dimension
    AlignedArray<uint8_t> codes_;          // (rows, m)
    AlignedArray<float> book_;             // (out, kCodewords): as a product quantizer's
    AlignedArray<float> minus_half_norm_;  // (m, kCodewords)
    std::vector<Block> blocks_;
};

}  // namespace

size_t OpqRows(size_t sample_rows, size_t in_dims, size_t out_dims) noexcept {
    size_t rows = std::min(sample_rows, kMaxRows);
    // Rather fewer rows than fewer than half of the rounds, down to 32 rows a codeword.
    while (rows > 32 * kCodewords &&
           RoundWork(double(rows), double(in_dims), double(out_dims)) * kMaxRounds / 2 > kMaxWork) {
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
    const size_t workers = size_t(std::max(threads, 1)), width = out_dims / m + 1;
    const size_t x = (rows + kTileRows) * (in_dims + kPanelColumns) * sizeof(float);
    const size_t y = (rows + kTileRows) * out_dims * sizeof(float);
    const size_t books = (out_dims * (kBlocks + 2) + m * (kBlocks + 1)) * kCodewords * sizeof(float);
    const size_t seeding = y + workers * TrainSubspaceBytes(rows, width, kCodewords);
    const size_t panels = x + workers * m * kCodewords * kPanelColumns * sizeof(float);
    const size_t products = in_dims * out_dims * 6 * sizeof(float) + out_dims * out_dims * sizeof(float);
    return x + (rows + kTileRows) * m + books + std::max(seeding, panels) + products;
}

}  // namespace vectorq
