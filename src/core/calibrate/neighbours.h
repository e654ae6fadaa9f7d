// Exact nearest rows of some queries, found while the rows pass by in blocks (a build's own pass over the table).
// A tiled matrix kernel over all queries at once: about 2 * queries * dims operations a row. Bit strings are counted as
// lists count them, so that rows tie here where they tie there.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/base/kinds.h"
#include "core/base/matrix.h"
#include "core/base/parallel.h"
#include "core/quantize/codec.h"
#include "core/search/topk.h"

namespace vectorq {

class NeighbourFinder {
public:
    // queries (count, dims), of length one under cosine. own[q]: the row that query q is (RowOf), which is no neighbour
    // of itself, and neither are other rows that have its vector, since what is asked for later is found less easily
    // than these; kNoRow if it is none, and any row counts. Keeps the k nearest of each, `deep_k` of the first `deep`.
    // Throws std::bad_alloc.
    static constexpr uint64_t kNoRow = ~uint64_t(0);
    NeighbourFinder(Matrix queries, std::vector<uint64_t> own, Metric metric, size_t k, size_t deep, size_t deep_k,
                    int threads);

    // Looks at `count` rows (count, dims). tids as Candidate::tid has them. The result does not depend on the threads.
    // Throws Error(kCancelled).
    void Add(const float* rows, const uint64_t* tids, size_t count, StopToken& stop);

    // Puts the threads' results together; call once, after the last Add.
    void Finish();

    size_t queries() const noexcept { return queries_.rows(); }
    const float* query(size_t q) const noexcept { return queries_.row(q); }
    uint64_t own(size_t q) const noexcept { return own_[q]; }
    // After Finish: the rows (RowOf) of the neighbours, the nearest first.
    const std::vector<uint64_t>& rows(size_t q) const noexcept { return found_[q]; }
    // How near they are; of L2 less what is the same for all rows.
    const std::vector<float>& distances(size_t q) const noexcept { return distances_[q]; }

    // Bytes that it takes.
    static size_t Bytes(size_t queries, size_t dims, size_t k, size_t deep, size_t deep_k, int threads) noexcept;

private:
    struct Worker {
        AlignedArray<float> tile, norm, out;
        AlignedArray<uint8_t> codes, fits;  // of bit strings, in the tile's place
        AlignedArray<uint16_t> below;
        std::vector<TopK> best;
    };
    void AddTile(const float* rows, const uint64_t* tids, size_t count, Worker& worker) const;
    void Distances(const float* rows, size_t count, Worker& worker) const;
    void BitDistances(const float* rows, size_t count, Worker& worker) const;
    bool IsQuery(size_t q, const float* row) const noexcept;

    Matrix queries_, scaled_;  // scaled_: less the mean, times -2 or -1
    std::vector<float> mean_;
    std::vector<uint64_t> own_;
    Metric metric_;
    Codec bits_{};                   // of bit strings: rows and queries are compared as lists do
    AlignedArray<float> scratch_;    // (queries, TableScratchFloats), likewise: of their tables
    std::vector<ListTable> tables_;  // (queries)
    std::vector<Worker> workers_;
    std::vector<std::vector<uint64_t>> found_;
    std::vector<std::vector<float>> distances_;
};

}  // namespace vectorq
