// Product of rows with a transposed matrix (see product.h), one compilation per SIMD target.
//
// Both operands are read along their rows, so nothing is packed: a tile of kMr rows times
// kNr matrix rows keeps kMr * kNr sums in registers and loads kMr + kNr vectors a step. At
// the end of a slice of the dimensions the lanes of each four sums are added through a
// transposition. Blocking: kBlockRows rows x one slice of the dimensions stay in the L1 cache,
// beside four matrix rows; kPanelRows matrix rows stay in L2 while kOuterRows rows pass.
#include "core/linear/product.h"

#include <algorithm>
#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/linear/product.cpp"
#include "hwy/foreach_target.h"
//
#include "hwy/highway.h"
//
#include "core/simd/load-inl.h"

#ifndef VECTORQ_CORE_TRANSFORM_PRODUCT_ONCE_
#define VECTORQ_CORE_TRANSFORM_PRODUCT_ONCE_
namespace vectorq {
constexpr size_t kNr = 4;
constexpr size_t kSliceBytes = 2048;  // of the dimensions: 512 floats, 256 doubles
constexpr size_t kBlockRows = 16;     // 32 kB a slice
constexpr size_t kPanelRows = 128;    // 256 kB a slice
constexpr size_t kOuterRows = 256;    // 512 kB a slice
template <class T>
struct ProductArgs {
    const T* rows;
    size_t row_stride, count;
    const T* matrix;
    size_t matrix_stride, matrix_rows, dims;
    const T* offset;  // may be null
    T* out;
    size_t out_stride;
    bool add;
};
}  // namespace vectorq
#endif

HWY_BEFORE_NAMESPACE();
namespace vectorq {
namespace HWY_NAMESPACE {

// 16 or 8 sums beside the vectors being loaded, of 32 or 16 registers.
#if (HWY_TARGET <= HWY_AVX3 && HWY_ARCH_X86) || HWY_ARCH_ARM_A64
constexpr size_t kMr = 4;
#else
constexpr size_t kMr = 2;
#endif

// out[0..3] = sums of the lanes of v[0..3]. One order of additions for all tiles.
template <class D, typename T = hn::TFromD<D>>
HWY_INLINE void SumFour(D d, const hn::Vec<D>* v, T* HWY_RESTRICT out) {
#if HWY_TARGET != HWY_SCALAR
    if constexpr (sizeof(T) == 4) {
        const hn::Repartition<uint64_t, D> d64;
        const auto ab = hn::Add(hn::InterleaveLower(d, v[0], v[1]), hn::InterleaveUpper(d, v[0], v[1]));
        const auto cd = hn::Add(hn::InterleaveLower(d, v[2], v[3]), hn::InterleaveUpper(d, v[2], v[3]));
        const auto ab64 = hn::BitCast(d64, ab), cd64 = hn::BitCast(d64, cd);
        const auto sum = hn::Add(hn::BitCast(d, hn::InterleaveLower(d64, ab64, cd64)),
                                 hn::BitCast(d, hn::InterleaveUpper(d64, ab64, cd64)));
        HWY_ALIGN T lanes[hn::MaxLanes(D())];
        hn::Store(sum, d, lanes);
        for (size_t j = 0; j < 4; j++) out[j] = lanes[j];
        for (size_t i = 4; i < hn::MaxLanes(D()); i += 4) {
            for (size_t j = 0; j < 4; j++) out[j] += lanes[i + j];
        }
        return;
    }
#endif
    for (size_t j = 0; j < 4; j++) out[j] = hn::GetLane(hn::SumOfLanes(d, v[j]));
}

// out[r][j] = <x row r, m row j> over `dims` elements, r < kRows, j < kNr.
template <size_t kRows, class D, typename T = hn::TFromD<D>>
HWY_INLINE void Tile(D d, const T* HWY_RESTRICT x, size_t x_stride, const T* const* m, size_t dims,
                     T* HWY_RESTRICT out) {
    constexpr size_t kN = hn::MaxLanes(D());
    hn::Vec<D> sum[kRows * kNr];
#pragma GCC unroll 16
    for (size_t i = 0; i < kRows * kNr; i++) sum[i] = hn::Zero(d);
    const T* m0 = m[0];
    const T* m1 = m[1];
    const T* m2 = m[2];
    const T* m3 = m[3];
    size_t i = 0;
    for (; i + kN <= dims; i += kN) {
        const auto c0 = hn::LoadU(d, m0 + i), c1 = hn::LoadU(d, m1 + i), c2 = hn::LoadU(d, m2 + i),
                   c3 = hn::LoadU(d, m3 + i);
#pragma GCC unroll 4
        for (size_t r = 0; r < kRows; r++) {
            const auto xr = hn::LoadU(d, x + r * x_stride + i);
            sum[r * kNr] = hn::MulAdd(xr, c0, sum[r * kNr]);
            sum[r * kNr + 1] = hn::MulAdd(xr, c1, sum[r * kNr + 1]);
            sum[r * kNr + 2] = hn::MulAdd(xr, c2, sum[r * kNr + 2]);
            sum[r * kNr + 3] = hn::MulAdd(xr, c3, sum[r * kNr + 3]);
        }
    }
    if (i < dims) {
        const size_t n = dims - i;
        const auto c0 = LoadFirst(d, m0 + i, n), c1 = LoadFirst(d, m1 + i, n), c2 = LoadFirst(d, m2 + i, n),
                   c3 = LoadFirst(d, m3 + i, n);
#pragma GCC unroll 4
        for (size_t r = 0; r < kRows; r++) {
            const auto xr = LoadFirst(d, x + r * x_stride + i, n);
            sum[r * kNr] = hn::MulAdd(xr, c0, sum[r * kNr]);
            sum[r * kNr + 1] = hn::MulAdd(xr, c1, sum[r * kNr + 1]);
            sum[r * kNr + 2] = hn::MulAdd(xr, c2, sum[r * kNr + 2]);
            sum[r * kNr + 3] = hn::MulAdd(xr, c3, sum[r * kNr + 3]);
        }
    }
#pragma GCC unroll 4
    for (size_t r = 0; r < kRows; r++) SumFour(d, sum + r * kNr, out + r * kNr);
}

// What one call of Block works on: rows, matrix rows ("columns" of the result), dimensions.
struct Part {
    size_t row, rows, column, columns, begin, length;
};

template <class T>
void Block(const ProductArgs<T>& a, const Part& p) {
    const hn::CappedTag<T, 64 / sizeof(T)> d;
    const bool add = a.add || p.begin > 0;
    for (size_t c = p.column; c < p.column + p.columns; c += kNr) {
        const size_t width = std::min(kNr, p.column + p.columns - c);
        const T* m[kNr];  // a last group that is not full repeats its first row
        for (size_t j = 0; j < kNr; j++) m[j] = a.matrix + (c + (j < width ? j : 0)) * a.matrix_stride + p.begin;
        for (size_t r = p.row; r < p.row + p.rows;) {
            T sum[kMr * kNr];
            const T* x = a.rows + r * a.row_stride + p.begin;
            const size_t step = p.row + p.rows - r >= kMr ? kMr : 1;
            if (step == kMr) Tile<kMr>(d, x, a.row_stride, m, p.length, sum);
            else Tile<1>(d, x, a.row_stride, m, p.length, sum);
            for (size_t i = 0; i < step; i++, r++) {
                T* out = a.out + r * a.out_stride + c;
                for (size_t j = 0; j < width; j++) {
                    T value = sum[i * kNr + j];
                    if (add) value += out[j];
                    if (p.begin == 0 && a.offset != nullptr) value += a.offset[c + j];
                    out[j] = value;
                }
            }
        }
    }
}

template <class T>
void Product(const ProductArgs<T>& a) {
    constexpr size_t kSlice = kSliceBytes / sizeof(T);
    for (size_t outer = 0; outer < a.count; outer += kOuterRows) {
        const size_t outer_end = std::min(outer + kOuterRows, a.count);
        // At least once: without any dimension the result is the offset.
        for (size_t begin = 0; begin == 0 || begin < a.dims; begin += kSlice) {
            const size_t length = std::min(kSlice, a.dims - begin);
            for (size_t column = 0; column < a.matrix_rows; column += kPanelRows) {
                const size_t columns = std::min(kPanelRows, a.matrix_rows - column);
                for (size_t row = outer; row < outer_end; row += kBlockRows) {
                    Block(a, Part{row, std::min(kBlockRows, outer_end - row), column, columns, begin, length});
                }
            }
        }
    }
}

void ProductF32Impl(const ProductArgs<float>& args) { Product(args); }
void ProductF64Impl(const ProductArgs<double>& args) { Product(args); }

}  // namespace HWY_NAMESPACE
}  // namespace vectorq
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vectorq {
HWY_EXPORT(ProductF32Impl);
HWY_EXPORT(ProductF64Impl);

void MultiplyRows(const float* rows, size_t row_stride, size_t count, const float* matrix, size_t matrix_stride,
                  size_t matrix_rows, size_t dims, const float* offset, float* out, size_t out_stride,
                  ProductMode mode) noexcept {
    HWY_DYNAMIC_DISPATCH(ProductF32Impl)
    (ProductArgs<float>{rows, row_stride, count, matrix, matrix_stride, matrix_rows, dims, offset, out, out_stride,
                        mode == ProductMode::kAdd});
}

void MultiplyRows(const double* rows, size_t row_stride, size_t count, const double* matrix, size_t matrix_stride,
                  size_t matrix_rows, size_t dims, const double* offset, double* out, size_t out_stride,
                  ProductMode mode) noexcept {
    HWY_DYNAMIC_DISPATCH(ProductF64Impl)
    (ProductArgs<double>{rows, row_stride, count, matrix, matrix_stride, matrix_rows, dims, offset, out, out_stride,
                         mode == ProductMode::kAdd});
}

void ApplyTransform(const float* matrix, const float* offset, size_t in_dims, size_t out_dims, const float* rows,
                    size_t count, float* out) noexcept {
    if (matrix != nullptr) {
        MultiplyRows(rows, in_dims, count, matrix, in_dims, out_dims, in_dims, offset, out, out_dims,
                     ProductMode::kSet);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        for (size_t d = 0; d < out_dims; d++) {
            out[i * out_dims + d] = rows[i * in_dims + d] + (offset == nullptr ? 0.0f : offset[d]);
        }
    }
}

}  // namespace vectorq
#endif  // HWY_ONCE
