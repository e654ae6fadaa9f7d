// Bit strings to vectors of 0 and 1 and back, against the scalar reference, on every SIMD target.
#include "core/simd/bit_pack.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <vector>

#include "test_support.h"

namespace vectorq {
namespace {

// Memory ends where the last float and the last byte end.
void ExpectRoundTrip(size_t dims, std::mt19937& random) {
    test::Guarded bits(BitBytes(dims)), packed(BitBytes(dims)), floats(dims * sizeof(float));
    std::vector<float> want(dims);
    for (size_t d = 0; d < dims; d++) want[d] = float(random() % 2);
    reference::PackBits(want.data(), dims, bits.data());
    float* values = reinterpret_cast<float*>(floats.data());
    UnpackBits(bits.data(), dims, values);
    for (size_t d = 0; d < dims; d++) {
        float value;
        std::memcpy(&value, floats.data() + d * sizeof(float), sizeof(value));
        ASSERT_EQ(value, want[d]) << dims << " " << d;
    }
    std::vector<float> unpacked(dims);
    reference::UnpackBits(bits.data(), dims, unpacked.data());
    ASSERT_EQ(unpacked, want);
    std::memset(packed.data(), 255, BitBytes(dims));
    PackBits(values, dims, packed.data());
    ASSERT_EQ(std::memcmp(packed.data(), bits.data(), BitBytes(dims)), 0) << dims;
}

TEST(BitPack, EqualsReferenceAndReadsNoFurther) {
    test::ForEachTarget([] {
        std::mt19937 random(9);
        for (size_t dims = 0; dims <= 70; dims++) ExpectRoundTrip(dims, random);
        for (const size_t dims : {127, 128, 129, 1023, 1024, 1031}) ExpectRoundTrip(dims, random);
    });
}

TEST(BitPack, TheFirstDimensionIsTheHighestBit) {
    test::ForEachTarget([] {
        const float values[10] = {1, 0, 0, 0, 0, 0, 0, 0.75f, 0.25f, 1};
        uint8_t bits[2];
        PackBits(values, 10, bits);
        EXPECT_EQ(bits[0], 0b10000001);
        EXPECT_EQ(bits[1], 0b01000000);
    });
}

}  // namespace
}  // namespace vectorq
