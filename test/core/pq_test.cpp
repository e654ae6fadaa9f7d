// Product quantizer and its row-by-row scan: each SIMD target against the scalar reference.
#include "core/quantize/pq.h"

#include <algorithm>
#include <cmath>

#include "core/simd/merge_pq_tables.h"
#include "core/simd/pq_scan.h"
#include "test_support.h"

namespace vectorq::test {
namespace {

// dims, m, bits: m that divides dims or not, one dimension a subspace, one subspace, odd m.
constexpr PqShape kShapes[] = {{16, 4, 8},  {128, 16, 8}, {24, 24, 8},  {7, 1, 8},   {33, 8, 8},
                               {65, 17, 8}, {96, 33, 8},  {16, 8, 4},   {100, 7, 4}, {31, 31, 4},
                               {40, 1, 4},  {130, 65, 4}, {128, 64, 4}, {20, 3, 5},  {50, 9, 5},
                               {64, 16, 6}, {47, 10, 6},  {33, 8, 7},   {90, 19, 7}, {9, 9, 7}};

AlignedArray<float> RandomCodebook(const PqShape& shape, uint64_t seed, float offset = 0) {
    const Matrix m = RandomMatrix(1, PqCodebookFloats(shape), seed, offset);
    AlignedArray<float> codebook(PqCodebookFloats(shape));
    std::copy(m.data(), m.data() + codebook.size(), codebook.data());
    return codebook;
}

double PieceDistance(const PqShape& shape, const float* codebook, const float* x, size_t s, uint32_t k) {
    double sum = 0;
    for (size_t d = PqDimBegin(shape, s); d < PqDimBegin(shape, s + 1); d++) {
        const double diff = double(x[d]) - codebook[d * PqKsub(shape) + k];
        sum += diff * diff;
    }
    return sum;
}

TEST(Pq, ShapeCoversAllDimensionsEvenly) {
    for (const PqShape& shape : kShapes) {
        ASSERT_TRUE(PqShapeIsValid(shape));
        ASSERT_EQ(PqDimBegin(shape, 0), 0u);
        ASSERT_EQ(PqDimBegin(shape, shape.m), shape.dims);
        for (size_t s = 0; s < shape.m; s++) {
            const size_t dsub = PqDimBegin(shape, s + 1) - PqDimBegin(shape, s);
            ASSERT_GE(dsub, shape.dims / shape.m);
            ASSERT_LE(dsub, (shape.dims + shape.m - 1) / shape.m);
        }
    }
    EXPECT_FALSE(PqShapeIsValid({8, 9, 8}));
    EXPECT_FALSE(PqShapeIsValid({8, 0, 8}));
    EXPECT_FALSE(PqShapeIsValid({8, 4, 3}));
    EXPECT_FALSE(PqShapeIsValid({8, 4, 9}));
}

TEST(Pq, CodesOfAllWidthsRoundTrip) {
    std::mt19937 random(1);
    for (uint32_t bits = 4; bits <= 8; bits++) {
        for (uint32_t m = 1; m < 40; m++) {
            const PqShape shape{m, m, bits};
            Guarded code(PqCodeBytes(shape));
            std::memset(code.data(), 0, PqCodeBytes(shape));
            std::vector<uint32_t> want(m);
            for (uint32_t s = 0; s < m; s++) PqOrCode(bits, code.data(), s, want[s] = random() % (1u << bits));
            for (uint32_t s = 0; s < m; s++) ASSERT_EQ(PqGetCode(bits, code.data(), s), want[s]);
        }
    }
}

TEST(Pq, EncodeFindsTheNearestCodeword) {
    ForEachTarget([&] {
        for (const PqShape& shape : kShapes) {
            // The offset is where |c|^2 - 2<x,c> alone would lose the smallest distances.
            for (const float offset : {0.0f, 1000.0f}) {
                const AlignedArray<float> codebook = RandomCodebook(shape, 1, offset);
                std::vector<float> scratch(PqEncodeScratchFloats(shape));
                const size_t bytes = PqCodeBytes(shape);
                for (const size_t count : {1, 2, 16, 17, 31, 32, 33, 65, 530}) {
                    if (count > 65 && shape.dims > 64) continue;
                    const Matrix x = RandomMatrix(count, shape.dims, count, offset);
                    Guarded rows(count * shape.dims * 4), codes(count * bytes);
                    std::memcpy(rows.data(), x.data(), count * shape.dims * 4);
                    std::vector<uint8_t> want(count * bytes);
                    EncodePq(shape, codebook.data(), reinterpret_cast<float*>(rows.data()), count, codes.data(),
                             scratch.data());
                    reference::EncodePq(shape, codebook.data(), x.data(), count, want.data());
                    for (size_t i = 0; i < count; i++) {
                        for (size_t s = 0; s < shape.m; s++) {
                            const uint32_t k = PqGetCode(shape.bits, codes.data() + i * bytes, s);
                            const uint32_t best = PqGetCode(shape.bits, want.data() + i * bytes, s);
                            if (k == best) continue;
                            // Only what rounding cannot tell apart may differ.
                            const double least = PieceDistance(shape, codebook.data(), x.row(i), s, best);
                            ASSERT_NEAR(PieceDistance(shape, codebook.data(), x.row(i), s, k), least,
                                        2e-5 * (1 + least));
                        }
                    }
                }
            }
        }
    });
}

TEST(Pq, TiesGoToTheLowestCodeword) {
    ForEachTarget([&] {
        const PqShape shape{8, 2, 8};
        AlignedArray<float> codebook(PqCodebookFloats(shape));
        codebook.Fill(0.5f);  // all codewords are equal
        const Matrix x = RandomMatrix(100, 8, 1);
        std::vector<float> scratch(PqEncodeScratchFloats(shape));
        std::vector<uint8_t> codes(200, 1);
        EncodePq(shape, codebook.data(), x.data(), 100, codes.data(), scratch.data());
        for (const uint8_t code : codes) ASSERT_EQ(code, 0);
        EncodePq(shape, codebook.data(), x.data(), 1, codes.data(), scratch.data());
        ASSERT_EQ(codes[0], 0);
    });
}

TEST(Pq, TableEqualsReference) {
    ForEachTarget([&] {
        for (const PqShape& shape : kShapes) {
            const AlignedArray<float> codebook = RandomCodebook(shape, 2);
            const Matrix query = RandomMatrix(1, shape.dims, 3);
            Guarded table(PqTableFloats(shape) * 4);
            std::vector<float> want(PqTableFloats(shape));
            for (const PqTable kind : {PqTable::kL2, PqTable::kDot}) {
                float* got = reinterpret_cast<float*>(table.data());
                BuildPqTable(shape, codebook.data(), kind, query.data(), got);
                reference::BuildPqTable(shape, codebook.data(), kind, query.data(), want.data());
                for (size_t i = 0; i < want.size(); i++)
                    ASSERT_NEAR(got[i], want[i], 1e-5f * (1 + std::fabs(want[i])) * 4);
            }
        }
    });
}

TEST(Pq, ScanEqualsReferenceAndStaysInside) {
    ForEachTarget([&] {
        std::mt19937 random(4);
        for (const PqShape& shape : kShapes) {
            const size_t bytes = PqCodeBytes(shape);
            const Matrix table = RandomMatrix(1, PqTableFloats(shape), 5);
            for (const size_t rows : {1, 2, 3, 23, 24, 25, 200}) {
                for (const size_t gap : {0, 3}) {
                    const size_t stride = bytes + gap;
                    Guarded codes(rows * stride - gap);
                    // Padding bits are zero, as EncodePq leaves them.
                    std::memset(codes.data(), 0, rows * stride - gap);
                    for (size_t i = 0; i < rows; i++) {
                        for (size_t s = 0; s < shape.m; s++) {
                            PqOrCode(shape.bits, codes.data() + i * stride, s, random() % uint32_t(PqKsub(shape)));
                        }
                    }
                    std::vector<float> got(rows, 1.5f), want(rows, 1.5f);
                    ScanPqRows(table.data(), codes.data(), stride, rows, shape, got.data());
                    reference::ScanPqRows(table.data(), codes.data(), stride, rows, shape, want.data());
                    for (size_t i = 0; i < rows; i++) ASSERT_NEAR(got[i], want[i], 1e-5f * float(1 + shape.m));
                }
            }
        }
    });
}

TEST(Pq, MergedTablesAreSumsOfTwo) {
    ForEachTarget([&] {
        for (const size_t m : {1, 2, 3, 8, 65}) {
            const Matrix table = RandomMatrix(1, m * 16, m);
            Guarded merged((m + 1) / 2 * 1024);
            const float* got = reinterpret_cast<float*>(merged.data());
            MergePqTables(table.data(), m, reinterpret_cast<float*>(merged.data()));
            for (size_t i = 0; i < (m + 1) / 2 * 256; i++) {
                const size_t s = i / 256 * 2;
                const float high = s + 1 < m ? table.data()[s * 16 + 16 + i / 16 % 16] : 0.0f;
                ASSERT_EQ(got[i], table.data()[s * 16 + i % 16] + high);
            }
        }
    });
}

TEST(Pq, ScannedDistanceIsThatOfTheDecodedRow) {
    for (const PqShape& shape : kShapes) {
        const AlignedArray<float> codebook = RandomCodebook(shape, 6);
        const Matrix x = RandomMatrix(70, shape.dims, 7), query = RandomMatrix(1, shape.dims, 8);
        const size_t bytes = PqCodeBytes(shape);
        std::vector<float> scratch(PqEncodeScratchFloats(shape)), table(PqTableFloats(shape)), decoded(shape.dims);
        std::vector<uint8_t> codes(70 * bytes);
        EncodePq(shape, codebook.data(), x.data(), 70, codes.data(), scratch.data());
        for (const PqTable kind : {PqTable::kL2, PqTable::kDot}) {
            std::vector<float> got(70, 0.0f);
            BuildPqTable(shape, codebook.data(), kind, query.data(), table.data());
            ScanPqRows(table.data(), codes.data(), bytes, 70, shape, got.data());
            for (size_t i = 0; i < 70; i++) {
                DecodePq(shape, codebook.data(), codes.data() + i * bytes, decoded.data());
                double want = 0;
                for (size_t d = 0; d < shape.dims; d++) {
                    const double q = query.data()[d], c = decoded[d];
                    want += kind == PqTable::kL2 ? (q - c) * (q - c) : q * c;
                }
                ASSERT_NEAR(got[i], want, 1e-4 * (1 + std::fabs(want)));
            }
        }
    }
}

TEST(Pq, QuantizedQueryIsItsDecodedCode) {
    ForEachTarget([&] {
        for (const PqShape& shape : kShapes) {
            const AlignedArray<float> codebook = RandomCodebook(shape, 9);
            const Matrix query = RandomMatrix(1, shape.dims, 10);
            std::vector<float> scratch(PqEncodeScratchFloats(shape)), got(shape.dims), want(shape.dims);
            std::vector<uint8_t> code(PqCodeBytes(shape));
            QuantizeQuery(shape, codebook.data(), query.data(), got.data());
            EncodePq(shape, codebook.data(), query.data(), 1, code.data(), scratch.data());
            DecodePq(shape, codebook.data(), code.data(), want.data());
            ASSERT_EQ(got, want);
        }
    });
}

TEST(Pq, TrainingReducesTheErrorAndDoesNotDependOnThreads) {
    const PqShape shape{20, 3, 5};
    const Matrix x = RandomMatrix(9000, 20, 11, 5.0f);  // more rows than are used
    StopToken stop;
    const AlignedArray<float> one = TrainPq(shape, x, 10, 1, 1, stop), two = TrainPq(shape, x, 10, 1, 2, stop);
    ASSERT_EQ(std::memcmp(one.data(), two.data(), one.size() * sizeof(float)), 0);
    std::vector<float> scratch(PqEncodeScratchFloats(shape)), decoded(20);
    std::vector<uint8_t> codes(x.rows() * PqCodeBytes(shape));
    EncodePq(shape, one.data(), x.data(), x.rows(), codes.data(), scratch.data());
    double error = 0;
    for (size_t i = 0; i < x.rows(); i++) {
        DecodePq(shape, one.data(), codes.data() + i * PqCodeBytes(shape), decoded.data());
        for (size_t d = 0; d < 20; d++) error += std::pow(double(decoded[d]) - x.row(i)[d], 2);
    }
    // The variance is 20 a row; 5 bits for 6 or 7 normal dimensions leave about 0.55 of it.
    EXPECT_LT(error / double(x.rows()), 0.6 * 20);
}

TEST(Pq, FewDistinctValuesRepeatTheLastCodeword) {
    const PqShape shape{6, 2, 8};
    Matrix x = RandomMatrix(50, 6, 12);
    for (size_t i = 0; i < 50; i++) x.row(i)[0] = x.row(i)[1] = x.row(i)[2] = float(i % 3);
    StopToken stop;
    const AlignedArray<float> codebook = TrainPq(shape, x, 5, 1, 1, stop);
    for (const float c : std::vector<float>(codebook.data(), codebook.data() + codebook.size()))
        ASSERT_TRUE(std::isfinite(c));
    for (size_t d = 0; d < 3; d++) {
        for (size_t k = 3; k < 256; k++) ASSERT_EQ(codebook[d * 256 + k], codebook[d * 256 + 2]);
    }
    // Every row is one of the codewords: nothing is lost.
    std::vector<float> scratch(PqEncodeScratchFloats(shape)), decoded(6);
    std::vector<uint8_t> codes(50 * 2);
    EncodePq(shape, codebook.data(), x.data(), 50, codes.data(), scratch.data());
    for (size_t i = 0; i < 50; i++) {
        DecodePq(shape, codebook.data(), codes.data() + i * 2, decoded.data());
        for (size_t d = 0; d < 6; d++) ASSERT_EQ(decoded[d], x.row(i)[d]);
    }
    EXPECT_THROW(TrainPq({6, 7, 8}, x, 5, 1, 1, stop), Error);
    StopToken stopped([] { return true; });
    EXPECT_THROW(TrainPq(shape, x, 5, 1, 1, stopped), Error);
}

}  // namespace
}  // namespace vectorq::test
