// Products of 16-bit steps and bytes against the scalar reference, on every SIMD target.
#include "core/simd/dot_u8.h"

#include <algorithm>
#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "test_support.h"

namespace vectorq {
namespace {

TEST(DotU8, EqualsReferenceToTheBit) {
    test::ForEachTarget([] {
        std::mt19937 random(7);
        for (const size_t dims : {1, 7, 15, 16, 31, 33, 64, 100, 128, 384, 1536, 16000}) {
            const int32_t limit = DotU8TableLimit(dims);
            for (const size_t rows : {1, 3, 4, 9}) {
                std::vector<int16_t> table(dims);
                std::vector<uint8_t> codes(rows * dims);
                for (int16_t& t : table) t = int16_t(int32_t(random() % uint32_t(2 * limit + 1)) - limit);
                for (uint8_t& c : codes) c = uint8_t(random());
                // The largest sums there can be.
                if (rows == 9) {
                    std::fill(table.begin(), table.end(), int16_t(-limit));
                    std::fill(codes.begin(), codes.end(), uint8_t(255));
                }
                std::vector<float> got(rows), want(rows);
                DotU8(table.data(), codes.data(), rows, dims, got.data());
                reference::DotU8(table.data(), codes.data(), rows, dims, want.data());
                for (size_t i = 0; i < rows; i++) ASSERT_EQ(got[i], want[i]) << dims << " " << rows << " " << i;
            }
        }
    });
}

}  // namespace
}  // namespace vectorq
