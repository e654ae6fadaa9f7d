// Nearest centroid of many rows: the hot loop of every build. A tiled matrix kernel over
// packed centroids, argmin of |c|^2 - 2<x,c> (L2) or argmax of <x,c> (dot), fused, so that
// the product matrix is never written.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>

#include "core/base/matrix.h"
#include "core/base/parallel.h"

namespace vectorq {

enum class AssignMetric { kL2, kDot };

// What every part of some centroids is packed with. Throws std::bad_alloc.
struct CentroidFrame {
    CentroidFrame(const Matrix& centroids, AssignMetric metric);

    AssignMetric metric;
    AlignedArray<float> mean;          // kL2: of the centroids; subtracted from both sides
    AlignedArray<float> half_sq_norm;  // kL2: |c - mean|^2 / 2 of each; kDot: 0
};

// Immutable after construction; may be used by any number of threads.
class Assigner {
public:
    // Packs a copy of the centroids (num_centroids, dims). Throws std::bad_alloc.
    Assigner(const Matrix& centroids, AssignMetric metric);
    // Of rows[0..count) of the centroids only; ids are then places in `rows`. `frame` is of all of them, and must live
    // as long as this.
    Assigner(const Matrix& centroids, const CentroidFrame& frame, const uint32_t* rows, size_t count);

    // Nearest centroid of each of `rows` (count, dims; row-major). `distance`, if not null,
    // gets the squared L2 distance (kL2, never negative) or the negative inner product (kDot).
    // Ties go to the lowest id. One thread; about the machine's FLOP peak.
    void Nearest(const float* rows, size_t count, uint32_t* id, float* distance) const noexcept;

    // The same on several threads, with cancellation (throws Error(kCancelled)).
    void Nearest(const float* rows, size_t count, uint32_t* id, float* distance, int threads, StopToken& stop) const;

    size_t num_centroids() const noexcept { return num_centroids_; }
    size_t dims() const noexcept { return dims_; }
    // Bytes that a packed copy of so many centroids takes.
    static size_t PackedBytes(size_t num_centroids, size_t dims) noexcept;

private:
    void Pack(const Matrix& centroids, const CentroidFrame& frame, const uint32_t* rows);

    size_t num_centroids_, dims_;
    AlignedArray<float> packed_;
    AlignedArray<float> half_sq_norm_;  // padded
    std::unique_ptr<CentroidFrame> own_;
    const float* mean_;  // null: do not subtract
};

}  // namespace vectorq
