// Distance kernels: each target against the scalar reference; sizes around the vector
// lengths, odd addresses, rows that end where the mapped memory ends.
#include "core/simd/distance.h"
#include "core/simd/row_distance.h"

#include <algorithm>
#include <cmath>

#include "core/quantize/sq8.h"
#include "core/simd/distance_reference.h"
#include "core/simd/topk_filter.h"
#include "test_support.h"

namespace vectorq::test {
namespace {

std::vector<size_t> Sizes() {
    std::vector<size_t> sizes;
    for (size_t i = 0; i <= 33; i++) sizes.push_back(i);
    for (const size_t i : {47, 63, 64, 65, 96, 100, 127, 128, 129, 384, 768, 1000, 1536}) sizes.push_back(i);
    return sizes;
}
size_t ElementBytes(BlockKernel kernel) {
    if (kernel == BlockKernel::kDotU8) return 1;
    return kernel == BlockKernel::kL2F32 || kernel == BlockKernel::kDotF32 || kernel == BlockKernel::kL1F32 ? 4 : 2;
}
void FillCodes(uint8_t* to, size_t elements, size_t bytes, std::mt19937_64& random) {
    std::normal_distribution<float> normal;
    for (size_t i = 0; i < elements; i++) {
        const float f = normal(random);
        const half h = reference::FloatToHalf(f);
        const uint8_t b = uint8_t(random());
        std::memcpy(to + i * bytes,
                    bytes == 4   ? static_cast<const void*>(&f)
                    : bytes == 2 ? static_cast<const void*>(&h)
                                 : &b,
                    bytes);
    }
}

TEST(Distance, BlockKernelsEqualReferenceAndStayInside) {
    constexpr BlockKernel kAll[] = {BlockKernel::kL2F32, BlockKernel::kDotF32, BlockKernel::kL1F32,
                                    BlockKernel::kL2F16, BlockKernel::kDotF16, BlockKernel::kL1F16,
                                    BlockKernel::kDotU8};
    ForEachTarget([&] {
        std::mt19937_64 random(1);
        for (const BlockKernel kernel : kAll) {
            for (const size_t dims : Sizes()) {
                for (const size_t rows : {1, 3, 4, 9}) {
                    const size_t bytes = ElementBytes(kernel), stride = dims * bytes + 5;
                    // The last row ends with the page; every row has another alignment.
                    Guarded codes(rows * stride - 5), query(dims * 4), out(rows * 4);
                    for (size_t r = 0; r < rows; r++) FillCodes(codes.data() + r * stride, dims, bytes, random);
                    FillCodes(query.data(), dims, 4, random);
                    float* got = reinterpret_cast<float*>(out.data());
                    const float* q = reinterpret_cast<const float*>(query.data());
                    std::vector<float> want(rows, 1.5f);
                    std::fill(got, got + rows, 1.5f);
                    GetBlockKernel(kernel)(q, codes.data(), stride, rows, dims, got);
                    reference::Block(kernel, q, codes.data(), stride, rows, dims, want.data());
                    const float scale = bytes == 1 ? 128.0f : 1.0f;
                    const float one = GetRowKernel(kernel)(q, codes.data() + (rows - 1) * stride, dims);
                    ASSERT_NEAR(one, want[rows - 1] - 1.5f, 1e-5f * scale * (1 + float(dims)))
                        << int(kernel) << " " << dims;
                    for (size_t r = 0; r < rows; r++) {
                        ASSERT_NEAR(got[r], want[r], 1e-5f * scale * (1 + float(dims))) << int(kernel) << " " << dims;
                    }
                }
            }
        }
    });
}

// A scan that asks again continues after the last distance it saw: the same row must score the same to the
// last bit wherever its block's other rows moved it.
TEST(Distance, ARowsSumDoesNotDependOnItsPlace) {
    constexpr BlockKernel kAll[] = {BlockKernel::kL2F32, BlockKernel::kDotF32, BlockKernel::kL1F32,
                                    BlockKernel::kL2F16, BlockKernel::kDotF16, BlockKernel::kL1F16,
                                    BlockKernel::kDotU8};
    ForEachTarget([&] {
        std::mt19937_64 random(6);
        for (const BlockKernel kernel : kAll) {
            for (const size_t dims : Sizes()) {
                constexpr size_t kRows = 9;
                const size_t stride = dims * ElementBytes(kernel);
                std::vector<uint8_t> codes(kRows * stride), query(dims * 4);
                FillCodes(codes.data(), kRows * dims, ElementBytes(kernel), random);
                FillCodes(query.data(), dims, 4, random);
                const float* q = reinterpret_cast<const float*>(query.data());
                float whole[kRows] = {};
                GetBlockKernel(kernel)(q, codes.data(), stride, kRows, dims, whole);
                for (size_t begin = 0; begin < kRows; begin++) {
                    for (size_t rows = 1; begin + rows <= kRows; rows++) {
                        float part[kRows] = {};
                        GetBlockKernel(kernel)(q, codes.data() + begin * stride, stride, rows, dims, part);
                        for (size_t r = 0; r < rows; r++)
                            ASSERT_EQ(whole[begin + r], part[r]) << int(kernel) << " " << dims;
                    }
                }
            }
        }
    });
}

TEST(Distance, OneToOneEqualReference) {
    ForEachTarget([&] {
        std::mt19937_64 random(2);
        for (const size_t dims : Sizes()) {
            Guarded a32(dims * 4), b32(dims * 4 + 1), a16(dims * 2), b16(dims * 2);
            for (Guarded* g : {&a32, &b32}) FillCodes(g->data(), dims, 4, random);
            for (Guarded* g : {&a16, &b16}) FillCodes(g->data(), dims, 2, random);
            const float* a = reinterpret_cast<const float*>(a32.data());
            const float* b = reinterpret_cast<const float*>(b32.data());
            const half* ha = reinterpret_cast<const half*>(a16.data());
            const half* hb = reinterpret_cast<const half*>(b16.data());
            const float eps = 1e-5f * (1 + float(dims));
            EXPECT_NEAR(L2SquaredF32(a, b, dims), reference::L2SquaredF32(a, b, dims), eps);
            EXPECT_NEAR(DotF32(a, b, dims), reference::DotF32(a, b, dims), eps);
            EXPECT_NEAR(L1F32(a, b, dims), reference::L1F32(a, b, dims), eps);
            EXPECT_NEAR(L2SquaredF16(ha, hb, dims), reference::L2SquaredF16(ha, hb, dims), eps);
            EXPECT_NEAR(DotF16(ha, hb, dims), reference::DotF16(ha, hb, dims), eps);
            EXPECT_NEAR(L1F16(ha, hb, dims), reference::L1F16(ha, hb, dims), eps);
            float ab, aa, bb;
            CosinePartsF32(a, b, dims, &ab, &aa, &bb);
            EXPECT_NEAR(ab, reference::DotF32(a, b, dims), eps);
            EXPECT_NEAR(aa, reference::DotF32(a, a, dims), eps);
            EXPECT_NEAR(bb, reference::DotF32(b, b, dims), eps);
            CosinePartsF16(ha, hb, dims, &ab, &aa, &bb);
            EXPECT_NEAR(ab, reference::DotF16(ha, hb, dims), eps);
            EXPECT_NEAR(bb, reference::DotF16(hb, hb, dims), eps);
        }
    });
}

TEST(Distance, HalfConversionIsTheSameOnEveryTarget) {
    ForEachTarget([&] {
        std::vector<half> all(65536), back(65536);
        std::vector<float> floats(65536);
        for (size_t i = 0; i < all.size(); i++) all[i] = half(i);
        F16ToF32(all.data(), all.size(), floats.data());
        F32ToF16(floats.data(), floats.size(), back.data());
        for (size_t i = 0; i < all.size(); i++) {
            const float want = reference::HalfToFloat(all[i]);
            if (std::isnan(want)) {
                ASSERT_TRUE(std::isnan(floats[i])) << i;
            } else {
                ASSERT_EQ(floats[i], want) << i;
                ASSERT_EQ(back[i], all[i]) << i;
            }
        }
        std::mt19937 random(3);
        for (int i = 0; i < 200000; i++) {
            const uint32_t bits = random();
            float f;
            std::memcpy(&f, &bits, 4);
            half h;
            F32ToF16(&f, 1, &h);
            ASSERT_EQ(h, reference::FloatToHalf(f)) << bits;
        }
    });
}

TEST(Distance, FoldMinMax) {
    ForEachTarget([&] {
        for (const size_t dims : Sizes()) {
            const Matrix m = RandomMatrix(70, dims, dims);
            std::vector<float> lo(dims, 0.1f), hi(dims, 0.1f), lo2 = lo, hi2 = hi;
            FoldMinMaxF32(m.data(), m.rows(), dims, lo.data(), hi.data());
            reference::FoldMinMaxF32(m.data(), m.rows(), dims, lo2.data(), hi2.data());
            ASSERT_EQ(lo, lo2);
            ASSERT_EQ(hi, hi2);
        }
    });
}

TEST(TopkFilter, EqualsReference) {
    ForEachTarget([&] {
        for (size_t n = 0; n < 200; n++) {
            Matrix m = RandomMatrix(1, n + 1, n);
            if (n > 3) m.data()[2] = NAN, m.data()[3] = 0.5f;
            std::vector<uint16_t> got(n + 1), want(n + 1);
            const size_t count = CompressBelow(m.data(), n, 0.5f, got.data());
            ASSERT_EQ(count, reference::CompressBelow(m.data(), n, 0.5f, want.data()));
            for (size_t i = 0; i < count; i++) ASSERT_EQ(got[i], want[i]);
        }
    });
}

TEST(Sq8, ErrorIsHalfAStepAndTableGivesTheProduct) {
    ForEachTarget([&] {
        for (const size_t dims : {1, 7, 16, 31, 128, 384}) {
            const Matrix sample = RandomMatrix(100, dims, dims), centroid = RandomMatrix(1, dims, 5);
            const Sq8Params p = TrainSq8(sample);
            std::vector<float> x(dims), decoded(dims), table(dims), query(dims);
            std::vector<uint8_t> code(dims);
            for (size_t i = 0; i < sample.rows(); i++) {
                for (size_t d = 0; d < dims; d++) x[d] = sample.row(i)[d] + centroid.row(0)[d], query[d] = x[d] - 1;
                float sq_norm;
                EncodeSq8(p.offset.data(), p.scale.data(), x.data(), centroid.row(0), dims, code.data(), &sq_norm);
                DecodeSq8(p.offset.data(), p.scale.data(), nullptr, dims, code.data(), decoded.data());
                for (size_t d = 0; d < dims; d++) ASSERT_NEAR(decoded[d], sample.row(i)[d], p.scale[d] * 0.5f + 1e-5f);
                ASSERT_NEAR(sq_norm, reference::DotF32(decoded.data(), decoded.data(), dims),
                            1e-5f * (1 + float(dims)));
                float dot = BuildSq8Table(p.offset.data(), p.scale.data(), query.data(), dims, table.data());
                GetBlockKernel(BlockKernel::kDotU8)(table.data(), code.data(), dims, 1, dims, &dot);
                ASSERT_NEAR(dot, reference::DotF32(query.data(), decoded.data(), dims), 1e-4f * (1 + float(dims)));
            }
        }
    });
}

TEST(KthSmallest, EqualsReference) {
    test::ForEachTarget([] {
        std::mt19937 random(11);
        std::normal_distribution<float> normal(0, 100);
        for (const size_t n : {1, 2, 7, 16, 33, 64, 100, 511, 512, 1000}) {
            for (int kind = 0; kind < 5; kind++) {
                std::vector<float> values(n);
                for (float& v : values) v = normal(random);
                if (kind == 1)  // many ties, both zeros
                    for (float& v : values) v = std::trunc(v / 60);
                if (kind == 2)
                    for (float& v : values) v = std::fabs(v) * 1e30f;
                if (kind == 3) std::fill(values.begin(), values.end(), -3.5f);
                if (kind == 4) {
                    values[0] = std::numeric_limits<float>::infinity();
                    values[n / 2] = -std::numeric_limits<float>::infinity();
                }
                for (size_t k = 1; k <= n; k += 1 + n / 9)
                    ASSERT_EQ(KthSmallest(values.data(), n, k), reference::KthSmallest(values.data(), n, k))
                        << n << " " << kind << " " << k;
                ASSERT_EQ(KthSmallest(values.data(), n, n), reference::KthSmallest(values.data(), n, n));
            }
        }
    });
}

}  // namespace
}  // namespace vectorq::test
