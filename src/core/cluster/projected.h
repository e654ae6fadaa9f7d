// k-means of rows of many dimensions by way of fewer. Seconds of one processor and mean squared error beside training
// in all dimensions (64 rows a list; gloss 384 dims, gene 1,024, HOG of image patches 1,296, 1,536 made from sentences;
// word counts 256, colour histograms 512):
//   gloss 3.2 : 5.2  - 0.1 %    gene 2.8 : 8.2  - 0.8 %    HOG 5.4 : 19  - 0.6 %    1,536 3.1 : 9.6  + 0.2 %
//   words 3.4 : 4.3  + 0.6 %    colours 3.5 : 7.2  + 6 %
#pragma once
#include <cstddef>

#include "core/cluster/kmeans.h"

namespace vectorq {

// Dimensions in which so many rows are trained on first; 0: in those that they have.
size_t ProjectedDims(size_t sample_rows, size_t dims, const KMeansOptions& options) noexcept;

// (n, count): the rows in the subspace that carries most of their variance.
Matrix ProjectRows(const Matrix& sample, size_t count, const KMeansOptions& options, StopToken& stop);

}  // namespace vectorq
