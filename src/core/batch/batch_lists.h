// Which lists each of many queries probes, on threads: what lists/list_chooser.h does for one query, over centroids
// that are all in memory. Takes the same groups and gives the same lists, but for coarse codes, which it does not use.
#pragma once
#include <cstdint>

#include "core/base/list_score.h"
#include "core/base/matrix.h"
#include "core/calibrate/effort.h"
#include "core/quantize/compact_centroids.h"

namespace vectorq {

// Views over memory of the caller.
struct Centroids {
    CompactFront compact;
    const uint8_t* bytes;  // of the compact form, its groups too
    const float* exact;    // (lists, dims); null: the order is that of the compact ones
    Metric metric;         // by which lists are chosen
    float length;          // inner product and cosine: of each centroid
};

// How many lists a query takes.
struct ListWish {
    uint32_t mean;             // of the mean query; at most as many as there are
    uint32_t most;             // of any: a number for each query that the caller allows
    const EffortRule* effort;  // null: the same for all
    double prune_epsilon;      // of scan/README.md, Pruning; 0 = none
};

// One thread's work space. Memory is kept from one query to the next.
class ListPicker {
public:
    // The lists that a query (dims) probes, the nearest first, to `lists` (wish.most at least). Returns how many.
    // Throws std::bad_alloc.
    uint32_t Pick(const Centroids& centroids, const ListWish& wish, const float* query, ListScore* lists);

private:
    void Prepare(const Centroids& centroids);
    void ScoreGroup(const Centroids& centroids, uint32_t group) noexcept;
    void ScoreLists(const Centroids& centroids, uint32_t wanted) noexcept;
    void Select(uint32_t want) noexcept;
    EffortFeatures Features(const Centroids& centroids, const float* query) noexcept;
    void Order(const Centroids& centroids, const float* query, uint32_t count, uint32_t known) noexcept;

    CompactQuery compact_{};
    static constexpr uint32_t kSelectBlock = 256;
    uint16_t below_[kSelectBlock + 64];
    AlignedArray<float> scratch_, flat_, group_scores_;
    AlignedArray<uint32_t> flat_list_, ties_;
    AlignedArray<ListScore> groups_, known_;
    uint32_t scored_ = 0, groups_taken_ = 0, known_count_ = 0;
};

// Positions of lists, such that near ones stand near each other: position[list], for `lists` numbers. Lists that are
// searched no more come last.
void SpatialOrder(const Centroids& centroids, uint32_t lists, uint32_t* position);

}  // namespace vectorq
