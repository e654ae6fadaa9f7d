// Training for the score-aware loss (see anisotropic.h). A round is codes, then codewords:
//
//   codes      coordinate descent from the codes of the round before (starting anew could end higher)
//   codewords  subspace after subspace, the others fixed. With e_i the row's error and p_i = <e_i, u_i>,
//              the step d_k of codeword k over its rows i solves
//                  sum (I + (eta - 1) u_s u_s^T) d_k = sum (e_s + (eta - 1) p_i u_s),
//              which is the paper's least squares about the present codeword: the sums stay small
//              where the data have a large offset.
//
// The threads share codewords, not rows: each codeword's sums run over its rows in their order, whoever
// adds them, and no two codewords of a subspace share a row, so p is written without locks.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/base/parallel.h"
#include "core/quantize/anisotropic.h"
#include "core/linear/eigen.h"

namespace vectorq {
namespace {

constexpr size_t kBlockRows = 64;  // rows of one encoding range: well below a millisecond at 128 dimensions

size_t LargestDsub(const PqShape& shape) { return (shape.dims + shape.m - 1) / shape.m; }
// Of the codewords that the rounds begin with: a few rows are enough for these.
constexpr size_t kFirstRowsPerCodeword = 256;
// What is told of the progress when TrainPq is done.
constexpr double kFirstShare = 0.4;

// Dimensions of the rows and their directions that lie in pieces at a time: a cache line of each.
constexpr size_t kPieceDims = 16;

size_t TrainRows(size_t sample_rows) { return std::min(sample_rows, kPqTrainRows); }

class Trainer {
public:
    Trainer(const PqShape& shape, const Matrix& sample, const Matrix& directions, float eta, int threads,
            StopToken& stop, AlignedArray<float>& codebook)
        : shape_(shape),
          sample_(sample),
          directions_(directions),
          eta_(eta),
          threads_(threads),
          stop_(stop),
          codebook_(codebook),
          count_(TrainRows(sample.rows())),
          codes_(count_ * PqCodeBytes(shape)),
          along_(count_),
          inverse_norm_(count_),
          order_(count_),
          pieces_(std::clamp<size_t>(kPieceDims / LargestDsub(shape), 1, shape.m)),
          cut_(pieces_ * 2 * LargestDsub(shape) * count_),
          losses_((count_ + kBlockRows - 1) / kBlockRows) {
        for (size_t i = 0; i < count_; i++) {
            double sum = 0;
            for (size_t d = 0; d < shape_.dims; d++) sum += double(Direction(i)[d]) * Direction(i)[d];
            inverse_norm_[i] = sum > 0 ? 1 / std::sqrt(sum) : 0;
        }
    }

    // Codes of all rows, and along_; returns the mean loss.
    double Encode(AnisotropicStart start) {
        const size_t dims = shape_.dims, stride = PqCodeBytes(shape_);
        const size_t per_thread = AnisotropicEncodeScratchFloats(shape_) + 2 * kBlockRows * dims;
        AlignedArray<float> scratch(per_thread * size_t(std::max(threads_, 1)));
        ParallelFor(count_, kBlockRows, threads_, stop_, [&](size_t begin, size_t end, int thread) {
            float* rows = scratch.data() + size_t(thread) * per_thread;
            float* directions = rows + kBlockRows * dims;
            for (size_t i = begin; i < end; i++) {
                std::memcpy(rows + (i - begin) * dims, Row(i), dims * sizeof(float));
                std::memcpy(directions + (i - begin) * dims, Direction(i), dims * sizeof(float));
            }
            EncodeAnisotropicPq(shape_, codebook_.data(), eta_, rows, directions, end - begin,
                                codes_.data() + begin * stride, directions + kBlockRows * dims, start);
        });
        return Loss();
    }

    // Mean loss of the present codes and codewords; sets along_ anew, which also ends its rounding drift.
    double Loss() {
        ParallelFor(count_, kBlockRows, threads_, stop_, [&](size_t begin, size_t end, int) {
            double loss = 0;
            for (size_t i = begin; i < end; i++) loss += RowLoss(i);
            losses_[begin / kBlockRows] = loss;
        });
        double sum = 0;
        for (size_t b = 0; b < losses_.size(); b++) sum += losses_[b];
        return sum / double(count_);
    }

    void UpdateCodewords() {
        const size_t ksub = PqKsub(shape_);
        for (size_t first = 0; first < shape_.m; first += pieces_) {
            const size_t last = std::min(first + pieces_, size_t(shape_.m));
            CutPieces(first, last);
            for (size_t s = first; s < last; s++) {
                SortByCode(s);
                ParallelFor(ksub, 1, threads_, stop_, [&](size_t begin, size_t end, int) {
                    for (size_t k = begin; k < end; k++) UpdateCodeword(s, Piece(s, first), k);
                });
            }
        }
    }

private:
    // Evenly spread over the sample.
    size_t SampleRow(size_t i) const { return size_t(double(i) * double(sample_.rows()) / double(count_)); }
    const float* Row(size_t i) const { return sample_.row(SampleRow(i)); }
    const float* Direction(size_t i) const { return directions_.row(SampleRow(i)); }
    uint32_t Code(size_t i, size_t s) const {
        return PqGetCode(shape_.bits, codes_.data() + i * PqCodeBytes(shape_), s);
    }

    double RowLoss(size_t i) {
        const size_t ksub = PqKsub(shape_);
        const float *x = Row(i), *direction = Direction(i);
        double plain = 0, along = 0;
        for (size_t s = 0; s < shape_.m; s++) {
            const float* codeword = codebook_.data() + Code(i, s);
            for (size_t d = PqDimBegin(shape_, s); d < PqDimBegin(shape_, s + 1); d++) {
                const double e = double(x[d]) - codeword[d * ksub];
                plain += e * e;
                along += e * direction[d];
            }
        }
        along_[i] = along * inverse_norm_[i];
        return plain + (double(eta_) - 1) * along_[i] * along_[i];
    }

    // order_ := rows by their codeword of subspace s, ascending within; first_[k]: where those of k begin.
    void SortByCode(size_t s) {
        std::fill(first_, first_ + kPqMaxKsub + 1, size_t(0));
        for (size_t i = 0; i < count_; i++) first_[Code(i, s) + 1]++;
        for (size_t k = 0; k < kPqMaxKsub; k++) first_[k + 1] += first_[k];
        size_t next[kPqMaxKsub];
        std::copy(first_, first_ + kPqMaxKsub, next);
        for (size_t i = 0; i < count_; i++) order_[next[Code(i, s)]++] = uint32_t(i);
    }

    // Subspaces [first, last) of all rows, each in one piece: a row and its direction in a cache line each, of which a
    // subspace is a few bytes, would come from memory for every subspace anew.
    void CutPieces(size_t first, size_t last) {
        ParallelFor(count_, 256, threads_, stop_, [&](size_t begin, size_t end, int) {
            for (size_t s = first; s < last; s++) {
                const size_t from = PqDimBegin(shape_, s), dsub = PqDimBegin(shape_, s + 1) - from;
                float* to = Piece(s, first) + 2 * begin * dsub;
                if (dsub == 2) CutRows<2>(begin, end, from, 2, to);
                else CutRows<0>(begin, end, from, dsub, to);
            }
        });
    }
    // kDims: of a subspace, 0: as dsub says.
    template <size_t kDims>
    void CutRows(size_t begin, size_t end, size_t from, size_t dsub, float* to) const {
        const size_t dims = kDims > 0 ? kDims : dsub;
        for (size_t i = begin; i < end; i++, to += 2 * dims) {
            const float *x = Row(i) + from, *direction = Direction(i) + from;
            const float inverse = float(inverse_norm_[i]);
            for (size_t d = 0; d < dims; d++) {
                to[d] = x[d];
                to[dims + d] = direction[d] * inverse;
            }
        }
    }
    // (count, 2, dims of s): the rows' values and their directions' of length 1.
    float* Piece(size_t s, size_t first) { return cut_.data() + (s - first) * 2 * LargestDsub(shape_) * count_; }

    void UpdateCodeword(size_t s, const float* piece, size_t k) {
        if (first_[k] == first_[k + 1]) return;  // no rows: it keeps its place
        const size_t begin = PqDimBegin(shape_, s), dsub = PqDimBegin(shape_, s + 1) - begin, ksub = PqKsub(shape_);
        float* codeword = codebook_.data() + begin * ksub + k;
        const double weight = double(eta_) - 1;
        Eigen::MatrixXd a = Eigen::MatrixXd::Zero(Eigen::Index(dsub), Eigen::Index(dsub));
        Eigen::VectorXd b = Eigen::VectorXd::Zero(Eigen::Index(dsub)), moved(dsub);
        if (dsub == 2) AddRows<2>(piece, k, codeword, weight, 2, a.data(), b.data());
        else AddRows<0>(piece, k, codeword, weight, dsub, a.data(), b.data());
        a *= weight;
        a.diagonal().array() += double(first_[k + 1] - first_[k]);
        const Eigen::VectorXd step = Eigen::LDLT<Eigen::MatrixXd>(a.selfadjointView<Eigen::Lower>()).solve(b);
        if (!step.allFinite()) return;  // rows that are not finite
        for (size_t d = 0; d < dsub; d++) {
            const float old = codeword[d * ksub];
            codeword[d * ksub] = float(old + step[Eigen::Index(d)]);
            moved[Eigen::Index(d)] = double(codeword[d * ksub]) - old;  // as rounded
        }
        for (size_t at = first_[k]; at < first_[k + 1]; at++) {
            const size_t i = order_[at];
            const float* u = piece + 2 * i * dsub + dsub;
            double sum = 0;
            for (size_t d = 0; d < dsub; d++) sum += moved[Eigen::Index(d)] * u[d];
            along_[i] -= sum;
        }
    }

    // Sums over the codeword's rows: a (dsub, dsub) += u u^T, of which the lower half counts, b (dsub) += e + weight p
    // u. kDims: of a subspace, 0: as dsub says.
    template <size_t kDims>
    void AddRows(const float* piece, size_t k, const float* codeword, double weight, size_t dsub, double* a,
                 double* b) {
        const size_t dims = kDims > 0 ? kDims : dsub, ksub = PqKsub(shape_);
        for (size_t at = first_[k]; at < first_[k + 1]; at++) {
            const size_t i = order_[at];
            const float *x = piece + 2 * i * dims, *u = x + dims;
            const double along = weight * along_[i];
            for (size_t d = 0; d < dims; d++) {
                b[d] += double(x[d]) - codeword[d * ksub] + along * u[d];
                for (size_t c = 0; c <= d; c++) a[c * dims + d] += double(u[c]) * u[d];
            }
        }
    }

    const PqShape& shape_;
    const Matrix &sample_, &directions_;
    const float eta_;
    const int threads_;
    StopToken& stop_;
    AlignedArray<float>& codebook_;
    const size_t count_;                 // rows that are used
    AlignedArray<uint8_t> codes_;        // (count, PqCodeBytes)
    AlignedArray<double> along_;         // (count): <e, u>
    AlignedArray<double> inverse_norm_;  // (count): of the directions
    AlignedArray<uint32_t> order_;       // (count)
    const size_t pieces_;                // subspaces that are cut from the rows at a time
    AlignedArray<float> cut_;            // (pieces, count, 2, LargestDsub)
    AlignedArray<double> losses_;        // of each block
    size_t first_[kPqMaxKsub + 1];
};

}  // namespace

AlignedArray<float> TrainAnisotropicPq(const PqShape& shape, const Matrix& sample, const Matrix& directions, float eta,
                                       int iterations, int rounds, uint64_t seed, int threads, StopToken& stop,
                                       std::vector<double>* losses, const Progress& progress) {
    if (directions.rows() != sample.rows() || directions.cols() != sample.cols()) {
        throw Error(ErrorKind::kInvalidArgument, "product quantizer: directions and sample do not fit");
    }
    if (!IsAnisotropic(eta)) return TrainPq(shape, sample, iterations, seed, threads, stop);
    AlignedArray<float> codebook = TrainPq(shape, sample, iterations, seed, threads, stop,
                                           kFirstRowsPerCodeword * PqKsub(shape), progress.Part(0, kFirstShare));
    Trainer trainer(shape, sample, directions, eta, threads, stop, codebook);
    for (int round = 0; round < rounds; round++) {
        progress.Report(kFirstShare + (1 - kFirstShare) * round / rounds);
        const double loss = trainer.Encode(round == 0 ? AnisotropicStart::kNearest : AnisotropicStart::kCodes);
        if (losses != nullptr && round == 0) losses->push_back(loss);
        trainer.UpdateCodewords();
        if (losses != nullptr) losses->push_back(trainer.Loss());
    }
    return codebook;
}

size_t TrainAnisotropicPqBytes(const PqShape& shape, size_t sample_rows, int threads) noexcept {
    const size_t rows = TrainRows(sample_rows), dsub = LargestDsub(shape), team = size_t(std::max(threads, 1));
    const size_t cut = 2 * std::max(dsub, kPieceDims) * sizeof(float);
    const size_t state =
        rows * (PqCodeBytes(shape) + 2 * sizeof(double) + sizeof(uint32_t) + cut + 1) + sizeof(Trainer);
    const size_t encode = (AnisotropicEncodeScratchFloats(shape) + 2 * kBlockRows * shape.dims) * sizeof(float);
    const size_t solve = 4 * dsub * (dsub + 4) * sizeof(double);
    return std::max(TrainPqBytes(shape, sample_rows, threads),
                    PqCodebookFloats(shape) * sizeof(float) + state + team * (encode + solve));
}

}  // namespace vectorq
