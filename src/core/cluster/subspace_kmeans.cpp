// k-means of one subspace (see subspace_kmeans.h). Lloyd's iterations as in kmeans.cpp: seeds of 16 codewords in
// eight rounds by squared error (k-means||), more as FAISS has them, see below; empty codewords moved to rows drawn by
// error. Assignment and the sums of the codewords are one pass over the tiles, which stay in the L1 cache.
#include "core/cluster/subspace_kmeans.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <random>
#include <unordered_set>

namespace vectorq {
namespace {

constexpr size_t kSeedRounds = 8, kFewCodewords = 16;
constexpr double kMinImprovement = 1e-3;  // as in kmeans.cpp
constexpr size_t kPollTiles = 32;         // about a millisecond at 16 dimensions and 256 codewords
constexpr size_t kFloatTiles = 128;       // whose sums are float before double takes over

float At(const TileView& v, size_t row, size_t d) noexcept {
    return v.tiles[row / kTileRows * v.stride + d * kTileRows + row % kTileRows];
}

uint64_t HashRow(const TileView& v, size_t row) noexcept {
    uint64_t h = 0x9E3779B97F4A7C15ull;
    for (size_t d = 0; d < v.dims; d++) {
        h = (h ^ std::bit_cast<uint32_t>(At(v, row, d) + 0.0f)) * 0xD6E8FEB86659FD93ull;  // -0 becomes 0
        h ^= h >> 32;
    }
    return h;
}

// Into a column of (dims, ksub).
void CopyRow(const TileView& v, size_t row, size_t ksub, float* to) noexcept {
    for (size_t d = 0; d < v.dims; d++) to[d * ksub] = At(v, row, d);
}

// Codewords from `have` on are the one before; have >= 1.
void RepeatLast(size_t have, size_t dims, size_t ksub, float* codebook) noexcept {
    for (size_t d = 0; d < dims; d++, codebook += ksub) std::fill(codebook + have, codebook + ksub, codebook[have - 1]);
}

class Trainer {
public:
    Trainer(const TileView& rows, size_t ksub, uint64_t seed, const std::function<bool()>& keep_going, float* codebook)
        : rows_(rows),
          ksub_(ksub),
          tiles_(NumTiles(rows.rows)),
          keep_going_(keep_going),
          codebook_(codebook),
          random_(seed),
          sq_norm_(rows.rows),
          error_(rows.rows),
          nearest_(tiles_ * kTileRows),
          minus_half_norm_(ksub),
          part_(ksub * rows.dims),
          sum_(ksub * rows.dims),
          count_(ksub) {}

    void Run(int iterations) {
        if (TakeDistinctRows(rows_, ksub_, codebook_)) return;
        ComputeNorms();
        if (!Seed()) return;
        double previous = std::numeric_limits<double>::infinity();
        for (int i = 0; i < iterations; i++) {
            if (!Assign()) return;
            const double error = SumErrors();
            Update();
            const bool done = i + 1 == iterations || (i > 0 && previous - error <= kMinImprovement * previous);
            if (done) return;
            Repair();
            previous = error;
        }
    }

private:
    uint64_t Hash(size_t row) const { return HashRow(rows_, row); }
    void SetCodeword(size_t k, size_t row) { CopyRow(rows_, row, ksub_, codebook_ + k); }

    void ComputeNorms() {
        for (size_t t = 0; t < tiles_; t++) {
            float sum[kTileRows] = {};
            const float* x = rows_.tiles + t * rows_.stride;
            for (size_t d = 0; d < rows_.dims; d++, x += kTileRows) {
                for (size_t r = 0; r < kTileRows; r++) sum[r] += x[r] * x[r];
            }
            std::copy_n(sum, std::min(kTileRows, rows_.rows - t * kTileRows), sq_norm_.data() + t * kTileRows);
        }
    }

    // Distinct rows; false when stopped. Many codewords begin at rows drawn evenly: where rows are dense, as the
    // nearest ones of SIFT are, there are more of them. PQ8 of a million rows, 10,000 queries, three seeds: recall@1
    // .194, .197, .196; drawn by error .186, .197, .192.
    bool Seed() {
        const size_t batch = ksub_ > kFewCodewords ? ksub_ : std::max<size_t>(ksub_ / kSeedRounds, 2),
                     padded = (batch + 3) / 4 * 4;
        AlignedArray<float> latest(padded * rows_.dims), half(padded);
        std::unordered_set<uint64_t> used;
        std::vector<size_t> drawn;
        error_.Fill(std::numeric_limits<float>::max());
        std::uniform_int_distribution<size_t> any(0, rows_.rows - 1);
        for (size_t i = 0; i < 2 * batch; i++) drawn.push_back(any(random_));
        size_t have = 0;
        while (have < ksub_) {
            const size_t before = have;
            for (const size_t row : drawn) {
                if (have < ksub_ && have < before + batch && used.insert(Hash(row)).second) SetCodeword(have++, row);
            }
            if (have == before) break;
            if (have == ksub_) return true;
            for (size_t k = 0; k < padded; k++) {
                for (size_t d = 0; d < rows_.dims; d++) {
                    latest[d * padded + k] = codebook_[d * ksub_ + std::min(before + k, have - 1)];
                }
            }
            MinusHalfNorms(latest.data(), rows_.dims, padded, half.data());
            if (!LowerErrors(latest.data(), half.data(), padded)) return false;
            drawn = DrawByError(2 * batch);
        }
        // The draws found nothing new: rows that differ by rounding only.
        for (size_t i = 0; i < rows_.rows && have < ksub_; i++) {
            if (used.insert(Hash(i)).second) SetCodeword(have++, i);
        }
        RepeatLast(have, rows_.dims, ksub_, codebook_);
        return true;
    }

    // error = the smaller of itself and that to the nearest of `codewords`.
    bool LowerErrors(const float* codewords, const float* minus_half_norm, size_t ksub) {
        for (size_t t = 0; t < tiles_; t++) {
            if (t % kPollTiles == 0 && !keep_going_()) return false;
            float score[kTileRows];
            NearestInTile({codewords, minus_half_norm, rows_.dims, ksub, rows_.tiles + t * rows_.stride,
                           nearest_.data() + t * kTileRows, score});
            const size_t end = std::min(rows_.rows, (t + 1) * kTileRows);
            for (size_t i = t * kTileRows; i < end; i++)
                error_[i] = std::min(error_[i], Error(i, score[i % kTileRows]));
        }
        return true;
    }
    // |x - c|^2; what rounding leaves of a row that is a codeword is nothing.
    float Error(size_t i, float score) const {
        const float error = sq_norm_[i] - 2 * score;
        return error > 1e-6f * sq_norm_[i] ? error : 0.0f;
    }

    bool Assign() {
        MinusHalfNorms(codebook_, rows_.dims, ksub_, minus_half_norm_.data());
        sum_.Fill(0);
        part_.Fill(0);
        std::fill(count_.begin(), count_.end(), 0);
        for (size_t t = 0; t < tiles_; t++) {
            if (t % kPollTiles == 0 && !keep_going_()) return false;
            if (t % kFloatTiles == 0) FlushSums();
            float score[kTileRows];
            const float* x = rows_.tiles + t * rows_.stride;
            uint32_t* nearest = nearest_.data() + t * kTileRows;
            NearestInTile({codebook_, minus_half_norm_.data(), rows_.dims, ksub_, x, nearest, score});
            const size_t first = t * kTileRows, here = std::min(kTileRows, rows_.rows - first);
            for (size_t r = 0; r < here; r++) {
                error_[first + r] = Error(first + r, score[r]);
                count_[nearest[r]]++;
            }
            float* sum = part_.data();
            for (size_t d = 0; d < rows_.dims; d++, x += kTileRows, sum += ksub_) {
                for (size_t r = 0; r < here; r++) sum[nearest[r]] += x[r];
            }
        }
        FlushSums();
        return true;
    }
    void FlushSums() {
        for (size_t i = 0; i < sum_.size(); i++) sum_[i] += part_[i];
        part_.Fill(0);
    }

    void Update() {
        for (size_t k = 0; k < ksub_; k++) {
            if (count_[k] == 0) continue;
            const double factor = 1 / double(count_[k]);
            for (size_t d = 0; d < rows_.dims; d++) codebook_[d * ksub_ + k] = float(sum_[d * ksub_ + k] * factor);
        }
    }

    void Repair() {
        std::vector<size_t> empty;
        for (size_t k = 0; k < ksub_; k++) {
            if (count_[k] == 0) empty.push_back(k);
        }
        if (empty.empty()) return;
        const std::vector<size_t> drawn = DrawByError(empty.size());
        for (size_t i = 0; i < std::min(empty.size(), drawn.size()); i++) SetCodeword(empty[i], drawn[i]);
    }

    double SumErrors() const {
        double sum = 0;
        for (size_t i = 0; i < rows_.rows; i++) sum += error_[i];
        return sum;
    }
    // Up to `count` rows with probability proportional to their error, in random order.
    std::vector<size_t> DrawByError(size_t count) {
        std::vector<size_t> drawn;
        const double total = SumErrors();
        if (!(total > 0) || !(total < std::numeric_limits<double>::infinity())) return drawn;
        std::vector<double> points(count);
        std::uniform_real_distribution<double> uniform(0, total);
        for (double& point : points) point = uniform(random_);
        std::sort(points.begin(), points.end());
        double sum = 0;
        for (size_t i = 0; i < rows_.rows && drawn.size() < count; i++) {
            sum += error_[i];
            while (drawn.size() < count && points[drawn.size()] < sum) drawn.push_back(i);
        }
        std::shuffle(drawn.begin(), drawn.end(), random_);
        return drawn;
    }

    const TileView& rows_;
    const size_t ksub_, tiles_;
    const std::function<bool()>& keep_going_;
    float* codebook_;  // (dims, ksub)
    std::mt19937_64 random_;
    AlignedArray<float> sq_norm_, error_;  // of each row
    AlignedArray<uint32_t> nearest_;
    AlignedArray<float> minus_half_norm_;
    AlignedArray<float> part_;  // (dims, ksub): sums of some rows
    AlignedArray<double> sum_;  // (dims, ksub)
    std::vector<uint32_t> count_;
};

}  // namespace

void MinusHalfNorms(const float* codewords, size_t dims, size_t ksub, float* out) noexcept {
    std::fill(out, out + ksub, 0.0f);
    for (size_t d = 0; d < dims; d++, codewords += ksub) {
        for (size_t k = 0; k < ksub; k++) out[k] -= 0.5f * codewords[k] * codewords[k];
    }
}

bool TakeDistinctRows(const TileView& rows, size_t ksub, float* codebook) {
    std::unordered_set<uint64_t> seen;  // a collision merely loses a row
    size_t have = 0;
    for (size_t i = 0; i < rows.rows; i++) {
        if (!seen.insert(HashRow(rows, i)).second) continue;
        if (have == ksub) return false;
        CopyRow(rows, i, ksub, codebook + have++);
    }
    RepeatLast(have, rows.dims, ksub, codebook);
    return true;
}

void TrainSubspace(const TileView& rows, size_t ksub, int iterations, uint64_t seed,
                   const std::function<bool()>& keep_going, float* codebook) {
    Trainer(rows, ksub, seed, keep_going, codebook).Run(std::max(iterations, 1));
}

size_t TrainSubspaceBytes(size_t rows, size_t dims, size_t ksub) noexcept {
    return (rows + kTileRows) * 3 * sizeof(float) + ksub * (dims * (sizeof(double) + 2 * sizeof(float)) + 128) + 4096;
}

}  // namespace vectorq
