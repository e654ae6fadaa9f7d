// Score-aware product codes: each SIMD target against the scalar reference, and what the loss is for.
#include "core/quantize/anisotropic.h"

#include <algorithm>
#include <cmath>

#include "core/quantize/codec.h"
#include "test_support.h"

namespace vectorq::test {
namespace {

constexpr PqShape kShapes[] = {{128, 64, 4}, {16, 8, 4},  {100, 7, 4}, {31, 31, 4}, {40, 1, 4},
                               {33, 8, 8},   {64, 16, 8}, {20, 3, 5},  {47, 10, 6}};

std::vector<uint8_t> Encode(const PqShape& shape, const float* codebook, float eta, const Matrix& x, const Matrix& u,
                            size_t count) {
    // Neither rows, directions nor codes are touched beyond their end.
    const size_t bytes = count * shape.dims * sizeof(float), code_bytes = count * PqCodeBytes(shape);
    Guarded rows(bytes), directions(bytes), codes(code_bytes), scratch(AnisotropicEncodeScratchFloats(shape) * 4);
    std::memcpy(rows.data(), x.data(), bytes);
    std::memcpy(directions.data(), u.data(), bytes);
    EncodeAnisotropicPq(shape, codebook, eta, reinterpret_cast<float*>(rows.data()),
                        reinterpret_cast<float*>(directions.data()), count, codes.data(),
                        reinterpret_cast<float*>(scratch.data()));
    return {codes.data(), codes.data() + code_bytes};
}

double Loss(const PqShape& shape, const float* codebook, float eta, const Matrix& x, const Matrix& u, size_t i,
            const std::vector<uint8_t>& codes) {
    return AnisotropicPqLoss(shape, codebook, eta, x.row(i), u.row(i), 1, codes.data() + i * PqCodeBytes(shape));
}

Matrix Sum(const Matrix& a, const Matrix& b) {
    Matrix sum(a.rows(), a.cols());
    for (size_t i = 0; i < a.rows() * a.cols(); i++) sum.data()[i] = a.data()[i] + b.data()[i];
    return sum;
}

// Small whole numbers, and directions of +-1 in a power of 4 dimensions: sums are exact in float.
Matrix RandomIntegers(size_t rows, size_t cols, uint64_t seed, bool signs) {
    std::mt19937 random{uint32_t(seed)};
    Matrix m(rows, cols);
    for (size_t i = 0; i < rows * cols; i++) m.data()[i] = signs ? (random() % 2 ? 1.0f : -1.0f) : float(random() % 15);
    return m;
}

TEST(Anisotropic, Eta) {
    EXPECT_NEAR(AnisotropicEta(0.2f, 128), 127 * 0.04 / 0.96, 1e-5);
    EXPECT_NEAR(AnisotropicEta(0.5f, 4), 1.0, 1e-6);
    EXPECT_EQ(AnisotropicEta(0.1f, 10), 1.0f);  // below 1
    for (const float no_threshold : {0.0f, -0.2f, 1.0f, 2.0f, std::nanf("")}) {
        EXPECT_EQ(AnisotropicEta(no_threshold, 1000), 1.0f);
    }
    EXPECT_EQ(AnisotropicEta(0.9f, 1), 1.0f);
    EXPECT_EQ(AnisotropicEta(0.9f, 0), 1.0f);
}

TEST(Anisotropic, ExactNumbersGiveTheReferencesCodes) {
    ForEachTarget([&] {
        for (const PqShape& shape : {PqShape{64, 32, 4}, {16, 5, 4}, {64, 10, 8}, {16, 16, 5}, {256, 128, 4}}) {
            const Matrix book = RandomIntegers(1, PqCodebookFloats(shape), 1, false);
            const Matrix x = RandomIntegers(70, shape.dims, 2, false), u = RandomIntegers(70, shape.dims, 3, true);
            for (const size_t count : {1, 2, 4, 5, 31, 33, 70}) {
                std::vector<uint8_t> want(count * PqCodeBytes(shape));
                reference::EncodeAnisotropicPq(shape, book.data(), 9.0f, x.data(), u.data(), count, want.data());
                ASSERT_EQ(Encode(shape, book.data(), 9.0f, x, u, count), want) << shape.dims << " " << shape.m;
            }
        }
    });
}

TEST(Anisotropic, EncodeEqualsReferenceButForRounding) {
    ForEachTarget([&] {
        for (const PqShape& shape : kShapes) {
            for (const float offset : {0.0f, 100.0f}) {
                const Matrix book = RandomMatrix(1, PqCodebookFloats(shape), 1, offset);
                const Matrix x = RandomMatrix(100, shape.dims, 2, offset), u = RandomMatrix(100, shape.dims, 3, 0.5f);
                std::vector<uint8_t> want(100 * PqCodeBytes(shape));
                reference::EncodeAnisotropicPq(shape, book.data(), 6.0f, x.data(), u.data(), 100, want.data());
                const std::vector<uint8_t> got = Encode(shape, book.data(), 6.0f, x, u, 100);
                // One step that rounding decides can lead to another minimum: few rows may.
                int others = 0;
                for (size_t i = 0; i < 100; i++) {
                    others += std::memcmp(&got[i * PqCodeBytes(shape)], &want[i * PqCodeBytes(shape)],
                                          PqCodeBytes(shape)) != 0;
                }
                ASSERT_LE(others, offset == 0 ? 1 : 3) << shape.dims << " " << shape.m;
            }
        }
    });
}

TEST(Anisotropic, NeverWorseThanPlainAndARowDoesNotDependOnItsNeighbours) {
    ForEachTarget([&] {
        for (const PqShape& shape : kShapes) {
            const Matrix book = RandomMatrix(1, PqCodebookFloats(shape), 1);
            const Matrix x = RandomMatrix(90, shape.dims, 2), u = Sum(x, RandomMatrix(90, shape.dims, 3, 1));
            const std::vector<uint8_t> plain = Encode(shape, book.data(), 1.0f, x, u, 90);
            const std::vector<uint8_t> codes = Encode(shape, book.data(), 5.0f, x, u, 90);
            double before = 0, after = 0;
            for (size_t i = 0; i < 90; i++) {
                const double old_loss = Loss(shape, book.data(), 5.0f, x, u, i, plain);
                const double new_loss = Loss(shape, book.data(), 5.0f, x, u, i, codes);
                ASSERT_LE(new_loss, old_loss * (1 + 1e-5));
                before += old_loss;
                after += new_loss;
                Matrix one(1, shape.dims), direction(1, shape.dims);
                std::memcpy(one.data(), x.row(i), shape.dims * sizeof(float));
                std::memcpy(direction.data(), u.row(i), shape.dims * sizeof(float));
                const std::vector<uint8_t> alone = Encode(shape, book.data(), 5.0f, one, direction, 1);
                ASSERT_EQ(std::memcmp(alone.data(), &codes[i * alone.size()], alone.size()), 0);
            }
            if (shape.m > 1) {
                EXPECT_LT(after, before);
            }
        }
    });
}

TEST(Anisotropic, PlainWithoutEtaOrDirection) {
    const PqShape shape{32, 16, 4};
    const Matrix book = RandomMatrix(1, PqCodebookFloats(shape), 1), x = RandomMatrix(40, 32, 2);
    Matrix zero(40, 32);
    std::memset(zero.data(), 0, 40 * 32 * sizeof(float));
    std::vector<uint8_t> want(40 * PqCodeBytes(shape));
    std::vector<float> scratch(AnisotropicEncodeScratchFloats(shape));
    EncodePq(shape, book.data(), x.data(), 40, want.data(), scratch.data());
    EXPECT_EQ(Encode(shape, book.data(), 4.0f, x, zero, 40), want);
    for (const float eta : {0.0f, 1.0f, std::nanf("")}) EXPECT_EQ(Encode(shape, book.data(), eta, x, x, 40), want);
    // What is not finite gets some code.
    Matrix odd = RandomMatrix(40, 32, 4);
    odd.row(3)[5] = std::nanf("");
    odd.row(4)[5] = INFINITY;
    Encode(shape, book.data(), 4.0f, odd, odd, 40);
    Encode(shape, book.data(), 4.0f, x, odd, 40);
}

TEST(Anisotropic, CodecUsesTheRowOrItsDifferenceFromTheOrigin) {
    const PqShape shape{32, 16, 4};
    const Matrix book = RandomMatrix(1, PqCodebookFloats(shape), 1), x = RandomMatrix(1100, 32, 2, 1);
    const Matrix centroid = RandomMatrix(1, 32, 3, 1);
    Codec codec{};
    codec.metric = Metric::kInnerProduct;
    codec.kind = CodeKind::kPq4;
    codec.dims = 32;
    codec.pq = shape;
    codec.codebook = book.data();
    const size_t stride = PqCodeBytes(shape);
    Matrix residuals(1100, 32);
    for (size_t i = 0; i < 1100 * 32; i++) residuals.data()[i] = x.data()[i] - centroid.data()[i % 32];
    Matrix centred(1100, 32);
    const Matrix origin = RandomMatrix(1, 32, 4, 2);
    for (size_t i = 0; i < 1100 * 32; i++) centred.data()[i] = x.data()[i] - origin.data()[i % 32];
    for (const bool with_origin : {false, true}) {
        for (const float eta : {0.0f, 5.0f}) {
            codec.eta = eta;
            codec.eta_origin = with_origin ? origin.data() : nullptr;
            const size_t scratch_bytes = EncodeScratchFloats(codec, 1100) * sizeof(float);
            Guarded codes(1100 * stride), fits(1100), scratch(scratch_bytes);
            EncodeRows(codec, x.data(), 1100, centroid.data(), nullptr, {codes.data(), stride, 0, 0, fits.data()},
                       reinterpret_cast<float*>(scratch.data()));
            const std::vector<uint8_t> want =
                Encode(shape, book.data(), eta, residuals, with_origin ? centred : x, 1100);
            EXPECT_EQ(std::memcmp(codes.data(), want.data(), want.size()), 0);
        }
    }
}

// Rows about some centroids, as a list index has them.
struct Data {
    explicit Data(size_t rows, size_t dims) : residuals(RandomMatrix(rows, dims, 21)) {
        const Matrix centroids = RandomMatrix(8, dims, 22, 0.5f);
        original = Matrix(rows, dims);
        for (size_t i = 0; i < rows * dims; i++) {
            original.data()[i] = residuals.data()[i] + 1.5f * centroids.row(i / dims % 8)[i % dims];
        }
    }
    Matrix residuals, original;
};

TEST(Anisotropic, TrainingNeverRaisesTheLossAndDoesNotDependOnThreads) {
    for (const PqShape& shape : {PqShape{24, 12, 4}, {20, 3, 5}, {17, 4, 8}}) {
        const Data data(3000, shape.dims);
        StopToken stop;
        std::vector<double> losses;
        const AlignedArray<float> one =
            TrainAnisotropicPq(shape, data.residuals, data.original, 6.0f, 5, 6, 1, 1, stop, &losses);
        const AlignedArray<float> two =
            TrainAnisotropicPq(shape, data.residuals, data.original, 6.0f, 5, 6, 1, 2, stop);
        ASSERT_EQ(std::memcmp(one.data(), two.data(), one.size() * sizeof(float)), 0);
        ASSERT_EQ(losses.size(), 7u);
        for (size_t i = 1; i < losses.size(); i++) ASSERT_LE(losses[i], losses[i - 1] * (1 + 1e-6));
        EXPECT_LT(losses.back(), 0.99 * losses.front());
        // And so for codes that are made anew.
        const AlignedArray<float> plain = TrainPq(shape, data.residuals, 5, 1, 1, stop);
        const auto loss = [&](const float* book) {
            return AnisotropicPqLoss(shape, book, 6.0f, data.residuals.data(), data.original.data(), 3000,
                                     Encode(shape, book, 6.0f, data.residuals, data.original, 3000).data());
        };
        EXPECT_LT(loss(one.data()), loss(plain.data()));
    }
}

TEST(Anisotropic, EmptyCodewordsStayAndErrorsAreThrown) {
    const PqShape shape{6, 2, 8};
    Data data(50, 6);
    for (size_t i = 0; i < 50; i++) data.residuals.row(i)[0] = data.residuals.row(i)[1] = data.residuals.row(i)[2] = 0;
    StopToken stop;
    const AlignedArray<float> before = TrainPq(shape, data.residuals, 5, 1, 1, stop);
    const AlignedArray<float> after = TrainAnisotropicPq(shape, data.residuals, data.original, 6.0f, 5, 2, 1, 1, stop);
    for (size_t d = 0; d < 3; d++) {
        for (size_t k = 1; k < 256; k++) ASSERT_EQ(after[d * 256 + k], before[d * 256 + k]);
    }
    for (size_t i = 0; i < after.size(); i++) ASSERT_TRUE(std::isfinite(after[i]));
    EXPECT_THROW(TrainAnisotropicPq({6, 7, 8}, data.residuals, data.original, 6.0f, 5, 2, 1, 1, stop), Error);
    EXPECT_THROW(TrainAnisotropicPq(shape, data.residuals, Matrix(49, 6), 6.0f, 5, 2, 1, 1, stop), Error);
    StopToken stopped([] { return true; });
    EXPECT_THROW(TrainAnisotropicPq(shape, data.residuals, data.original, 6.0f, 5, 2, 1, 2, stopped), Error);
    // Cancelled after TrainPq, too.
    static int polls;
    polls = 0;
    StopToken late([] { return ++polls > 100; });
    EXPECT_THROW(TrainAnisotropicPq(shape, data.residuals, data.original, 6.0f, 1, 1000, 1, 1, late), Error);
    EXPECT_GT(TrainAnisotropicPqBytes(shape, 50, 2), PqCodebookFloats(shape) * sizeof(float));
}

TEST(Anisotropic, LargeInnerProductsLoseLess) {
    const PqShape shape{32, 16, 4};
    const size_t rows = 4000, queries = 40, top = 10;
    const Data data(rows, shape.dims);
    const float eta = AnisotropicEta(0.35f, shape.dims);
    ASSERT_GT(eta, 2);
    StopToken stop;
    const AlignedArray<float> plain = TrainPq(shape, data.residuals, 10, 1, 1, stop);
    const AlignedArray<float> aware = TrainAnisotropicPq(shape, data.residuals, data.original, eta, 10, 5, 1, 1, stop);
    const Matrix query = RandomMatrix(queries, shape.dims, 23, 0.5f);
    // Mean relative error of the `top` largest inner products.
    const auto error = [&](const float* book, float encode_eta) {
        const std::vector<uint8_t> codes = Encode(shape, book, encode_eta, data.residuals, data.original, rows);
        std::vector<float> decoded(shape.dims);
        double sum = 0;
        for (size_t q = 0; q < queries; q++) {
            std::vector<std::pair<double, size_t>> exact(rows);
            for (size_t i = 0; i < rows; i++) {
                double product = 0;
                for (size_t d = 0; d < shape.dims; d++) product += double(query.row(q)[d]) * data.original.row(i)[d];
                exact[i] = {-product, i};
            }
            std::partial_sort(exact.begin(), exact.begin() + top, exact.end());
            for (size_t j = 0; j < top; j++) {
                const size_t i = exact[j].second;
                DecodePq(shape, book, codes.data() + i * PqCodeBytes(shape), decoded.data());
                double lost = 0;
                for (size_t d = 0; d < shape.dims; d++)
                    lost += double(query.row(q)[d]) * (data.residuals.row(i)[d] - decoded[d]);
                sum += std::fabs(lost / exact[j].first);
            }
        }
        return sum / double(queries * top);
    };
    EXPECT_LT(error(aware.data(), eta), 0.95 * error(plain.data(), 1.0f));
}

}  // namespace
}  // namespace vectorq::test
