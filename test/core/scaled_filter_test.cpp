// Rows with a scale and a base of their own: made, and filtered, on every target as the references do.
#include "core/simd/scaled_filter.h"

#include <cmath>
#include <limits>

#include "core/simd/row_scale.h"
#include "test_support.h"

namespace vectorq::test {
namespace {

struct Rows {
    explicit Rows(size_t n) : sums(n), more_sums(n), words(n), scales(n), bases(n) {
        std::mt19937 random(unsigned(n) + 1);
        for (size_t i = 0; i < n; i++) {
            sums[i] = random() % 65536;
            more_sums[i] = random() % 65536;
            words[i] = PackRowScale(std::exp(float(random() % 100) / 20), 0.5f + float(random() % 100) / 100);
            scales[i] = float(random() % 1000) / 100;
            bases[i] = float(random() % 100000) / 10;
        }
    }
    std::vector<uint32_t> sums, more_sums;
    std::vector<float> words, scales, bases;
};

TEST(ScaledFilter, EqualsReferenceOfBothKindsOfSums) {
    ForEachTarget([] {
        for (const size_t n : {0, 1, 7, 16, 31, 64, 129, 1000}) {
            const Rows rows(n + 1);
            const std::vector<uint16_t> short_sums(rows.sums.begin(), rows.sums.end());
            const ScaledQuery query = {0.01f, -300, 7};
            for (const float threshold : {-1e30f, 500.0f, 5000.0f, 1e30f, std::numeric_limits<float>::infinity()}) {
                std::vector<uint16_t> want(n), got(n + 64), other(n + 64);
                std::vector<float> want_at(n), got_at(n + 64), other_at(n + 64);
                const float *scales = rows.scales.data() + 1, *bases = rows.bases.data() + 1;
                const size_t count = reference::FilterScaledSums(rows.sums.data() + 1, query, scales, bases, threshold,
                                                                 n, want.data(), want_at.data());
                ASSERT_EQ(FilterScaledSums(rows.sums.data() + 1, query, scales, bases, threshold, n, got.data(),
                                           got_at.data()),
                          count);
                ASSERT_EQ(FilterScaledSums(short_sums.data() + 1, query, scales, bases, threshold, n, other.data(),
                                           other_at.data()),
                          count);
                for (size_t i = 0; i < count; i++) {
                    ASSERT_EQ(got[i], want[i]);
                    ASSERT_EQ(other[i], want[i]);
                    ASSERT_NEAR(got_at[i], want_at[i], 1e-2f);
                    ASSERT_EQ(other_at[i], got_at[i]);
                }
            }
        }
    });
}

TEST(ScaledFilter, MovesNaNLast) {
    ForEachTarget([] {
        Rows rows(50);
        rows.bases[3] = rows.bases[49] = std::nanf("");
        std::vector<uint16_t> found(50 + 64);
        std::vector<float> at(50 + 64);
        const float inf = std::numeric_limits<float>::infinity();
        ASSERT_EQ(FilterScaledSums(rows.sums.data(), {1, 0, 0}, rows.scales.data(), rows.bases.data(), inf, 50,
                                   found.data(), at.data()),
                  50u);
        EXPECT_EQ(at[3], inf);
        EXPECT_EQ(at[49], inf);
        EXPECT_NEAR(at[4], rows.bases[4] + rows.scales[4] * float(rows.sums[4]), 0.1f);
    });
}

TEST(ScaledFilter, MakesScalesAndBases) {
    ForEachTarget([] {
        for (const size_t n : {0, 1, 16, 33, 100}) {
            const Rows rows(n);
            const ListSums list = {{rows.sums.data(), rows.more_sums.data()}, {0.01f, 0.0001f}, -3};
            std::vector<float> want(n), want_base(n), got(n), got_base(n);
            reference::MakeScaledRows(rows.words.data(), list, n, want.data(), want_base.data());
            MakeScaledRows(rows.words.data(), list, n, got.data(), got_base.data());
            for (size_t i = 0; i < n; i++) {
                ASSERT_NEAR(got[i], want[i], 1e-5f * want[i]);
                ASSERT_NEAR(got_base[i], want_base[i], 1e-4f * (1 + std::fabs(want_base[i])));
            }
        }
    });
}

}  // namespace
}  // namespace vectorq::test
