// The state of one k-means training (kmeans.cpp, balance.cpp).
#pragma once
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

#include "core/cluster/assign.h"
#include "core/cluster/kmeans.h"

namespace vectorq {

// Balance: rounds of splitting at most, each an iteration of Lloyd's; the first four do most.
inline constexpr int kBalanceRounds = 12;
// A list is split by at most 1/kSplitShare of the sample's rows: bounds the memory of the copy.
inline constexpr size_t kSplitShare = 8;

class Trainer {
public:
    Trainer(const Matrix& rows, const KMeansOptions& options, StopToken& stop)
        : rows_(rows), options_(options), stop_(stop), random_(options.seed), n_(rows.rows()), dims_(rows.cols()) {}

    Matrix Flat(size_t lists, int iterations, const Progress& progress);
    Matrix TwoLevel(const Progress& progress);
    Matrix Coarse(size_t groups, const Progress& progress);
    Matrix MeansOf(const Matrix& projected, const Matrix& centers);
    void Refine(Matrix& centroids, int passes, const Progress& progress);
    void Balance(Matrix& centroids, int rounds, const Progress& progress);

private:
    float Scale(size_t i) const { return options_.spherical ? inverse_norm_[i] : 1.0f; }
    AssignMetric Metric() const { return options_.spherical ? AssignMetric::kDot : AssignMetric::kL2; }
    void ComputeInverseNorms();
    void CopyScaled(size_t i, float* to) const;
    std::vector<uint32_t> DistinctRows() const;
    void ToError(float* distance);
    Matrix Seed(size_t lists, const std::vector<uint32_t>& distinct);
    std::vector<uint32_t> DrawByError(const AlignedArray<float>& error, size_t count);
    void Update(Matrix& centroids);
    void Repair(Matrix& centroids, const AlignedArray<float>& error);
    double SumErrors(const AlignedArray<float>& error) const;
    void Assign(const Matrix& centroids, AlignedArray<float>& error);
    size_t ListRows(size_t list) const { return start_[list + 1] - start_[list]; }
    std::vector<uint32_t> ListsAbove(double limit) const;
    std::vector<uint32_t> SmallLists() const;
    Matrix Split(uint32_t list, size_t pieces, uint64_t seed) const;
    bool SplitLists(const std::vector<uint32_t>& large, uint64_t seed, Matrix& centroids);

    const Matrix& rows_;
    const KMeansOptions& options_;
    StopToken& stop_;
    std::mt19937_64 random_;
    size_t n_, dims_;
    Matrix panel_centers_;              // of PanelAssigner, from the first assignment on
    AlignedArray<float> inverse_norm_;  // spherical: 1/|x|, 0 for x = 0
    AlignedArray<uint32_t> list_;       // of each row
    AlignedArray<uint32_t> order_;      // rows, sorted by list
    std::vector<size_t> start_;         // lists + 1: ranges of order_
};

}  // namespace vectorq
