// 4-bit codes in blocks of 32: each SIMD target must give the reference's bits.
#define HWY_WANT_AVX3_DL  // as lut16_scan.cpp
#include "core/simd/lut16_scan.h"

#include <algorithm>
#include <cmath>
#include <deque>

#include "core/quantize/pq.h"
#include "core/simd/pq_scan.h"
#include "test_support.h"

namespace vectorq::test {
namespace {

std::vector<size_t> Ms() {
    std::vector<size_t> ms;
    for (size_t m = 1; m <= 18; m++) ms.push_back(m);
    for (const size_t m : {31, 32, 63, 64, 65, 128, 255, 256, 257}) ms.push_back(m);
    return ms;
}

void RandomBytes(uint8_t* to, size_t n, std::mt19937& random) {
    for (size_t i = 0; i < n; i++) to[i] = uint8_t(random());
}

// Random tables, the padding zero as QuantizeLut16 leaves it.
void RandomLut(uint8_t* lut, size_t m, std::mt19937& random) {
    RandomBytes(lut, Lut16TableBytes(m), random);
    if (m % 2 == 1) std::memset(lut + m * 16, 0, 16);
}

TEST(Lut16, ScanEqualsReferenceAndStaysInside) {
    ForEachTarget([&] {
        std::mt19937 random(1);
        for (const size_t m : Ms()) {
            for (const size_t blocks : {1, 2, 3, 5}) {
                Guarded lut(Lut16TableBytes(m)), codes(blocks * Lut16BlockBytes(m)), sums(blocks * 64);
                RandomLut(lut.data(), m, random);
                RandomBytes(codes.data(), blocks * Lut16BlockBytes(m), random);
                std::vector<uint32_t> want(blocks * 32), wide(blocks * 32);
                uint16_t* got = reinterpret_cast<uint16_t*>(sums.data());
                ScanLut16(lut.data(), codes.data(), blocks, m, got);
                reference::ScanLut16Wide(lut.data(), codes.data(), blocks, m, want.data());
                ScanLut16Wide(lut.data(), codes.data(), blocks, m, wide.data());
                for (size_t i = 0; i < want.size(); i++) ASSERT_EQ(got[i], want[i]) << "m " << m << " row " << i;
                ASSERT_EQ(wide, want) << "m " << m;
            }
        }
    });
}

TEST(Lut16, SeveralTablesEqualOneAfterAnother) {
    ForEachTarget([&] {
        std::mt19937 random(5);
        std::vector<size_t> ms = Ms();
        ms.insert(ms.end(), {258, 513});
        for (const size_t m : ms) {
            for (const size_t tables : {1, 2, 3, 4, 5, 9}) {
                const size_t blocks = 1 + random() % 3, stride = blocks * 32 + random() % 2 * 5;
                std::deque<Guarded> luts;
                std::vector<const uint8_t*> at;
                for (size_t t = 0; t < tables; t++) {
                    luts.emplace_back(Lut16TableBytes(m));
                    RandomLut(luts[t].data(), m, random);
                    at.push_back(luts[t].data());
                }
                Guarded codes(blocks * Lut16BlockBytes(m)), wide(4 * ((tables - 1) * stride + blocks * 32));
                RandomBytes(codes.data(), blocks * Lut16BlockBytes(m), random);
                std::vector<uint16_t> sums(tables * stride, 77);
                ScanLut16TablesWide(at.data(), tables, codes.data(), blocks, m,
                                    reinterpret_cast<uint32_t*>(wide.data()), stride);
                if (m <= kLut16MaxM) ScanLut16Tables(at.data(), tables, codes.data(), blocks, m, sums.data(), stride);
                for (size_t t = 0; t < tables; t++) {
                    std::vector<uint32_t> want(blocks * 32);
                    reference::ScanLut16Wide(at[t], codes.data(), blocks, m, want.data());
                    for (size_t i = 0; i < want.size(); i++) {
                        ASSERT_EQ(reinterpret_cast<uint32_t*>(wide.data())[t * stride + i], want[i]) << m;
                        if (m <= kLut16MaxM) {
                            ASSERT_EQ(sums[t * stride + i], want[i]) << "m " << m << " table " << t << " row " << i;
                        }
                    }
                }
            }
        }
    });
}

TEST(Lut16, LargestSumFitsAndWideGoesBeyond) {
    ForEachTarget([&] {
        for (const size_t m : {256, 257, 258, 511, 512, 513, 900}) {
            std::vector<uint8_t> lut(Lut16TableBytes(m), 255), codes(2 * Lut16BlockBytes(m), 0xA7);
            if (m % 2 == 1) std::fill(lut.begin() + int(m) * 16, lut.end(), 0);
            std::vector<uint32_t> wide(64);
            ScanLut16Wide(lut.data(), codes.data(), 2, m, wide.data());
            for (const uint32_t sum : wide) ASSERT_EQ(sum, 255 * m);
            if (m > kLut16MaxM) continue;
            std::vector<uint16_t> sums(64);
            ScanLut16(lut.data(), codes.data(), 2, m, sums.data());
            for (const uint16_t sum : sums) ASSERT_EQ(sum, 255 * m);
        }
    });
}

TEST(Lut16, QuantizedTablesAreTheSameOnEveryTarget) {
    ForEachTarget([&] {
        for (const size_t m : Ms()) {
            for (const float factor : {1.0f, 1e-6f, 1e20f, 1e-35f, 0.0f}) {
                Matrix table = RandomMatrix(1, m * 16, m);
                for (size_t i = 0; i < m * 16; i++) table.data()[i] = (table.data()[i] + float(i / 16)) * factor;
                Guarded got(Lut16TableBytes(m));
                std::memset(got.data(), 7, Lut16TableBytes(m));
                std::vector<uint8_t> want(Lut16TableBytes(m));
                const Lut16Query a = QuantizeLut16(table.data(), m, got.data());
                const Lut16Query b = reference::QuantizeLut16(table.data(), m, want.data());
                ASSERT_EQ(std::memcmp(got.data(), want.data(), want.size()), 0) << m << " " << factor;
                ASSERT_EQ(a.scale, b.scale);
                ASSERT_EQ(a.bias, b.bias);
                if (b.scale > 0) {
                    ASSERT_EQ(*std::max_element(want.begin(), want.end()), 255);
                }
            }
        }
    });
}

TEST(Lut16, DistanceIsThatOfTheFloatTablesWithinRounding) {
    const PqShape shape{130, 65, 4};
    const size_t rows = 96, m = shape.m, bytes = PqCodeBytes(shape);
    const Matrix book = RandomMatrix(1, PqCodebookFloats(shape), 1), x = RandomMatrix(rows, 130, 2),
                 q = RandomMatrix(1, 130, 3);
    std::vector<float> scratch(PqEncodeScratchFloats(shape)), table(PqTableFloats(shape)), exact(rows, 0.0f);
    std::vector<uint8_t> codes(rows * bytes), blocks(3 * Lut16BlockBytes(m)), lut(Lut16TableBytes(m));
    std::vector<uint16_t> sums(rows);
    EncodePq(shape, book.data(), x.data(), rows, codes.data(), scratch.data());
    BuildPqTable(shape, book.data(), PqTable::kL2, q.data(), table.data());
    ScanPqRows(table.data(), codes.data(), bytes, rows, shape, exact.data());
    for (size_t b = 0; b < 3; b++)
        PackBlock4(blocks.data() + b * Lut16BlockBytes(m), m, codes.data() + b * 32 * bytes, bytes, 32);
    const Lut16Query query = QuantizeLut16(table.data(), m, lut.data());
    ScanLut16(lut.data(), blocks.data(), 3, m, sums.data());
    for (size_t i = 0; i < rows; i++) {
        ASSERT_NEAR(query.bias + query.scale * float(sums[i]), exact[i], query.scale * float(m) / 2 + 1e-3f);
    }
}

TEST(Lut16, PackUnpackMove) {
    std::mt19937 random(4);
    for (const size_t m : Ms()) {
        const size_t bytes = (m + 1) / 2;
        Guarded block(Lut16BlockBytes(m)), whole(Lut16BlockBytes(m)), other(Lut16BlockBytes(m));
        std::vector<uint8_t> codes(32 * bytes), back(bytes);
        RandomBytes(codes.data(), codes.size(), random);
        if (m % 2 == 1)
            for (size_t r = 0; r < 32; r++) codes[r * bytes + bytes - 1] &= 15;
        RandomBytes(block.data(), Lut16BlockBytes(m), random);
        RandomBytes(other.data(), Lut16BlockBytes(m), random);
        for (size_t r = 0; r < 32; r++) PackCode4(block.data(), m, r, codes.data() + r * bytes);
        PackBlock4(whole.data(), m, codes.data(), bytes, 32);
        ASSERT_EQ(std::memcmp(block.data(), whole.data(), Lut16BlockBytes(m)), 0);
        for (size_t r = 0; r < 32; r++) {
            UnpackCode4(block.data(), m, r, back.data());
            ASSERT_EQ(std::memcmp(back.data(), codes.data() + r * bytes, bytes), 0);
            MoveCode4(other.data(), 31 - r, block.data(), r, m);
        }
        for (size_t r = 0; r < 32; r++) {
            UnpackCode4(other.data(), m, 31 - r, back.data());
            ASSERT_EQ(std::memcmp(back.data(), codes.data() + r * bytes, bytes), 0);
        }
        MoveCode4(block.data(), 3, block.data(), 20, m);  // vacuum fills a hole in the same block
        UnpackCode4(block.data(), m, 3, back.data());
        ASSERT_EQ(std::memcmp(back.data(), codes.data() + 20 * bytes, bytes), 0);
        PackBlock4(whole.data(), m, codes.data(), bytes, 1);
        UnpackCode4(whole.data(), m, 31, back.data());
        ASSERT_EQ(std::count(back.begin(), back.end(), 0), long(bytes));
    }
}

TEST(Lut16, FilterEqualsReference) {
    ForEachTarget([&] {
        std::mt19937 random(5);
        for (size_t n = 0; n < 200; n++) {
            Guarded sums(n * 2);
            uint16_t* s = reinterpret_cast<uint16_t*>(sums.data());
            for (size_t i = 0; i < n; i++) s[i] = uint16_t(random());
            if (n > 2) s[1] = 65535, s[2] = 0;
            for (const uint16_t threshold :
                 {uint16_t(0), uint16_t(300), uint16_t(32767), uint16_t(32768), uint16_t(65535)}) {
                std::vector<uint16_t> want(n);
                want.resize(reference::FilterBelowU16(s, n, threshold, want.data()));
                Guarded got(want.size() * 2);
                ASSERT_EQ(FilterBelowU16(s, n, threshold, reinterpret_cast<uint16_t*>(got.data())), want.size());
                ASSERT_TRUE(std::equal(want.begin(), want.end(), reinterpret_cast<uint16_t*>(got.data())));
            }
        }
    });
}

}  // namespace
}  // namespace vectorq::test
