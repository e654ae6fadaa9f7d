// k-means of short rows with few codewords, for product codes: one thread, tiles of rows in the
// SIMD lanes, no memory besides its own. Many subspaces are trained side by side.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "core/base/matrix.h"
#include "core/simd/tile.h"

namespace vectorq {

// Rows as tiles: row i is column i % kTileRows of tile i / kTileRows, which is (dims, kTileRows)
// at tiles + i / kTileRows * stride. What stands behind the last row must be finite.
struct TileView {
    const float* tiles;
    size_t stride, rows, dims;
};
inline size_t NumTiles(size_t rows) noexcept { return (rows + kTileRows - 1) / kTileRows; }

// -|c|^2 / 2 of codewords (dims, ksub).
void MinusHalfNorms(const float* codewords, size_t dims, size_t ksub, float* out) noexcept;

// If `rows` has at most ksub distinct ones, codebook (dims, ksub) := those, the last one repeated.
// False if it has more.
bool TakeDistinctRows(const TileView& rows, size_t ksub, float* codebook);

// codebook (dims, ksub) := k-means of `rows`, whose offset from the origin should not be far above
// their spread; ksub is a multiple of 16, at most 256. Few rows are treated by
// TakeDistinctRows. Ends after `iterations` or when the error hardly falls. Calls keep_going
// about every millisecond and returns at once when it says no; the codebook is worthless then.
void TrainSubspace(const TileView& rows, size_t ksub, int iterations, uint64_t seed,
                   const std::function<bool()>& keep_going, float* codebook);

size_t TrainSubspaceBytes(size_t rows, size_t dims, size_t ksub) noexcept;

}  // namespace vectorq
