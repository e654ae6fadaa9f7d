// Lloyd's k-means with a good seeding, empty-list repair, spherical form, balanced form, and a
// two-level (hierarchical) form for many lists. Deterministic: the same rows, options and
// seed give the same centroids, whatever the number of threads.
#pragma once
#include <cstddef>
#include <cstdint>

#include "core/base/matrix.h"
#include "core/base/parallel.h"
#include "core/base/progress.h"

namespace vectorq {

// Rows a list that see all iterations. Of a sample of more than twice as many they are a part, and the others have a
// say at the end only.
inline constexpr size_t kFirstRowsPerList = 32;
// What a build asks of KMeansOptions::balance unless told.
inline constexpr double kUsualBalance = 1.3;

struct KMeansOptions {
    size_t lists = 0;
    int iterations = 10;
    bool spherical = false;  // centroids of length 1, assignment by inner product
    uint64_t seed = 42;
    int threads = 1;
    // Above this many lists the two-level form is used: sqrt(lists) groups first, each then split
    // into its share of lists, with a refinement pass over all. 0 = never.
    size_t hierarchical_above = 4096;
    // Above this many lists rows look for theirs in panels (panel_assign.h).
    size_t exact_up_to = 600;
    // Lists with more than so many times the mean of the sample's rows are split afterwards, at the
    // cost of the smallest lists (README.md, Balance). 0 = plain k-means. Less than what chance
    // alone gives many lists is not asked for: the limit is at least the mean and 1.7 standard deviations.
    double balance = 0;
};

// Trains centroids (lists, dims) on sample (n, dims). Every n >= 1 works: with fewer distinct rows
// than lists, fewer centroids come back, all distinct (result.rows() <= lists). Never NaN.
// Throws Error(kCancelled), std::bad_alloc.
Matrix TrainKMeans(const Matrix& sample, const KMeansOptions& options, StopToken& stop, const Progress& progress = {});

// Bytes that TrainKMeans needs beside the sample, at most.
size_t KMeansBytes(size_t sample_rows, size_t dims, const KMeansOptions& options) noexcept;

}  // namespace vectorq
