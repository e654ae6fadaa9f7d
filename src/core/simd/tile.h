// Kernels on tiles: kTileRows rows with the dimensions one after another, (dims, kTileRows), so
// that rows lie in the lanes and short pieces of rows need no sums across lanes. Used by product
// codes and their training. Highway with run-time dispatch; noexcept, no allocation, no alignment.
#pragma once
#include <cstddef>
#include <cstdint>

namespace vectorq {

inline constexpr size_t kTileRows = 32;      // a multiple of twice the lanes of every target
inline constexpr size_t kPanelColumns = 16;  // of AddByCode

struct TileArgs {
    const float* codewords;        // (dims, ksub), ksub a multiple of 4
    const float* minus_half_norm;  // (ksub): -|c|^2 / 2
    size_t dims, ksub;
    const float* tile;  // (dims, kTileRows)
    uint32_t* nearest;  // (kTileRows)
    float* score;       // (kTileRows) or null: <x,c> - |c|^2 / 2 of the nearest, the largest
};
// Nearest codeword of each row of the tile; ties go to the lowest number.
void NearestInTile(const TileArgs& args) noexcept;

// out (matrix_rows, kTileRows) = matrix (matrix_rows, dims) * tile (dims, kTileRows).
void MultiplyTile(const float* matrix, size_t matrix_rows, size_t dims, const float* tile, float* out) noexcept;

// sums[s][codes[i][s]] += row i, for `count` rows of kPanelColumns columns and codes (count, m);
// sums (m, 256, kPanelColumns).
void AddByCode(const float* rows, const uint8_t* codes, size_t count, size_t m, float* sums) noexcept;

// out (kPanelColumns) = sum over c of weights[c] * panel[c], panel (count, kPanelColumns).
void CombineRows(const float* weights, const float* panel, size_t count, float* out) noexcept;

namespace reference {
void NearestInTile(const TileArgs& args) noexcept;
void MultiplyTile(const float* matrix, size_t matrix_rows, size_t dims, const float* tile, float* out) noexcept;
void AddByCode(const float* rows, const uint8_t* codes, size_t count, size_t m, float* sums) noexcept;
void CombineRows(const float* weights, const float* panel, size_t count, float* out) noexcept;
}  // namespace reference

}  // namespace vectorq
