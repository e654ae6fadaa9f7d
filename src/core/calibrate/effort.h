// How many lists a query needs beside the mean query, from the distances of centroids alone, before any list is opened.
//
// Where the nearest centroid is hardly nearer than the fiftieth, a query's neighbours lie scattered over many lists.
// The logarithm of the lists needed is fitted as a linear function of the logarithms of two distances, on the queries
// of a calibration. Learned early termination (Li et al. 2020) also looks at results during the search; that added
// little here (docs/measurements/effort.md), and would make reading ahead wait for the first lists.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/page/calibration_page.h"

namespace vectorq {

// The farther of the two centroids, counted from 1.
inline constexpr uint32_t kEffortRank = 51;
// No query gets more than so many times the mean, or less than one part of so many.
inline constexpr double kMostEffort = 2.7;

// Logarithms of the query's distances to its nearest and its kEffortRank-th centroid.
struct EffortFeatures {
    float nearest, farther;
};
EffortFeatures FeaturesOf(double nearest_distance, double farther_distance) noexcept;

struct EffortSample {
    EffortFeatures features;
    double lists;  // that the query needed
};

// Efforts of the samples have mean 1. All zero, if there are too few samples. Throws std::bad_alloc.
EffortRule FitEffort(const std::vector<EffortSample>& samples);

// Lists of this query as a part of the mean query's; 1 for the rule that is all zero.
double EffortOf(const EffortRule& rule, const EffortFeatures& features) noexcept;

// The lists of this query, where the mean query takes `mean` of `lists`. All stay all.
uint32_t ListsWithEffort(uint32_t mean, double effort, uint32_t lists) noexcept;

}  // namespace vectorq
