// Tile kernels against their references on each target.
#include "core/simd/tile.h"

#include <cmath>

#include "core/base/parallel.h"
#include "test_support.h"

namespace vectorq::test {
namespace {

TEST(Tile, NearestEqualsReferenceOnEveryTarget) {
    ForEachTarget([] {
        for (const size_t ksub : {4, 16, 256}) {
            for (const size_t dims : {1, 2, 3, 8, 17, 100}) {
                const Matrix c = RandomMatrix(dims, ksub, 1), half = RandomMatrix(1, ksub, 2),
                             x = RandomMatrix(dims, kTileRows, 3);
                uint32_t got[kTileRows], want[kTileRows];
                float score[kTileRows], want_score[kTileRows];
                NearestInTile({c.data(), half.data(), dims, ksub, x.data(), got, score});
                reference::NearestInTile({c.data(), half.data(), dims, ksub, x.data(), want, want_score});
                for (size_t r = 0; r < kTileRows; r++)
                    ASSERT_NEAR(score[r], want_score[r], 1e-4f) << ksub << " " << dims;
                NearestInTile({c.data(), half.data(), dims, ksub, x.data(), want, nullptr});
                ASSERT_EQ(std::memcmp(got, want, sizeof(got)), 0);
            }
        }
    });
}

TEST(Tile, ProductsEqualReferenceOnEveryTarget) {
    ForEachTarget([] {
        for (const size_t rows : {1, 3, 4, 5, 16, 33}) {
            for (const size_t dims : {1, 7, 130}) {
                const Matrix a = RandomMatrix(rows, dims, 1), x = RandomMatrix(dims, kTileRows, 2);
                Guarded out(rows * kTileRows * 4);
                std::vector<float> want(rows * kTileRows);
                float* got = reinterpret_cast<float*>(out.data());
                MultiplyTile(a.data(), rows, dims, x.data(), got);
                reference::MultiplyTile(a.data(), rows, dims, x.data(), want.data());
                for (size_t i = 0; i < want.size(); i++) ASSERT_NEAR(got[i], want[i], 1e-4f);
            }
        }
    });
}

TEST(Tile, SumsByCodeEqualReferenceOnEveryTarget) {
    ForEachTarget([] {
        const size_t count = 70, m = 3;
        const Matrix x = RandomMatrix(count, kPanelColumns, 1), weights = RandomMatrix(1, count, 2);
        std::vector<uint8_t> codes(count * m);
        for (size_t i = 0; i < codes.size(); i++) codes[i] = uint8_t(i * i * 37);
        std::vector<float> got(m * 256 * kPanelColumns), want(got.size()), row(kPanelColumns), want_row(kPanelColumns);
        AddByCode(x.data(), codes.data(), count, m, got.data());
        reference::AddByCode(x.data(), codes.data(), count, m, want.data());
        for (size_t i = 0; i < want.size(); i++) ASSERT_NEAR(got[i], want[i], 1e-5f);
        for (const size_t n : {0, 1, 2, 69}) {
            CombineRows(weights.data(), x.data(), n, row.data());
            reference::CombineRows(weights.data(), x.data(), n, want_row.data());
            for (size_t d = 0; d < kPanelColumns; d++) ASSERT_NEAR(row[d], want_row[d], 1e-4f);
        }
    });
}

TEST(ParallelTasks, RunsEachTaskOnceAndAnswersACancel) {
    for (const int threads : {1, 2, 5}) {
        StopToken stop;
        std::vector<int> runs(13, 0);
        ParallelTasks(runs.size(), threads, stop, [&](size_t task, int) { runs[task]++; });
        EXPECT_EQ(runs, std::vector<int>(13, 1));
        StopToken cancelled([] { return true; });
        EXPECT_THROW(ParallelTasks(3, threads, cancelled, [](size_t, int) {}), Error);
        EXPECT_THROW(ParallelTasks(3, threads, stop, [](size_t, int) { throw std::bad_alloc(); }), std::bad_alloc);
    }
}

}  // namespace
}  // namespace vectorq::test
