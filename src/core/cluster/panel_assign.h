// The nearest of many centroids, for many rows at once, without looking at them all.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/base/matrix.h"
#include "core/base/parallel.h"
#include "core/cluster/assign.h"

namespace vectorq {

// How many groups a centroid belongs to. Share of a million SIFT rows (sample of 131,072; 4,000 lists) that get their
// very nearest centroid, time beside all centroids, and the rows' squared error beside the least; of 41,000 gloss
// embeddings with 1,296 lists in brackets:
//    8   96.8 %   0.26   + 0.6 %
//   16   98.2 %   0.25   + 0.3 %   (96.4 %  0.49)
//   24   99.4 %   0.30   + 0.1 %
inline constexpr size_t kTrainingPanelGroups = 16;
inline constexpr size_t kFinalPanelGroups = 24;

// The centroids are put into 2 sqrt(lists) groups, each in several: the members of a group are its panel. A row looks
// at the panel of its nearest group only. Rows of one group share a panel, so the matrix kernel runs over both at
// full speed; a row at the border of two groups finds its centroid all the same, since that is a member of both.
// Exact up to `exact_up_to` centroids. Immutable after construction; keeps a reference to the centroids.
class PanelAssigner {
public:
    // `centers`, if not null: of the groups; where it is empty, it is trained, and may be used again for centroids
    // that lie much as these do. Throws Error(kCancelled), std::bad_alloc.
    PanelAssigner(const Matrix& centroids, AssignMetric metric, size_t exact_up_to, size_t groups_per_centroid,
                  uint64_t seed, int threads, StopToken& stop, Matrix* centers = nullptr);

    // As Assigner::Nearest. Fast for thousands of rows at a time.
    void Nearest(const float* rows, size_t count, uint32_t* id, float* distance, int threads, StopToken& stop) const;

    // More rows at a time than these make it hardly faster: each panel is packed once for each call.
    static size_t RowsAtATime(size_t centroids) noexcept;

private:
    void FillPanels(const Matrix& centers, size_t most_groups, int threads, StopToken& stop);
    bool DropPanelsBelow(size_t members, Matrix& centers) const;
    void NearestInBatch(const float* rows, size_t count, uint32_t* id, float* distance, int threads,
                        StopToken& stop) const;

    const Matrix& centroids_;
    AssignMetric metric_;
    std::unique_ptr<Assigner> exact_;  // instead of everything below
    std::unique_ptr<Assigner> groups_;
    std::unique_ptr<CentroidFrame> frame_;  // of the centroids
    std::vector<uint32_t> members_;         // of all groups, ascending in each
    std::vector<size_t> start_;             // groups + 1: ranges of members_
};

}  // namespace vectorq
