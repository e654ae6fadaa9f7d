// What a product code of a direction leaves out: how long the residual is, and by what its decoded direction is to be
// multiplied. One word of 32 bits a row, in the place of its scalar.
//
//   r = length * u, |u| = 1;  p: the decoded code of u;  <y, r> ~ length * correction * <y, p>
//
// The word is the length as a float whose lowest 12 bits hold the correction in steps of 1/1024 (0 .. 3.999): so both
// are known to .05 %, far finer than the code. It is the bits of a finite float that is not negative.
//
// Lengths beside directions: Dai et al., "Norm-Explicit Quantization", AAAI 2020. The correction makes the error of
// <r, r> vanish: Gao and Long, "RaBitQ", SIGMOD 2024, section 3.2.
#pragma once
#include <algorithm>
#include <bit>
#include <cstdint>

namespace vectorq {

inline constexpr uint32_t kCorrectionMask = 0xFFF;
inline constexpr float kCorrectionStep = 1.0f / 1024;
// Whose square is a float still.
inline constexpr float kMaxRowLength = 1.8e19f;

// length >= 0; a correction outside of 0 .. 3.999 becomes the nearest that is not.
inline float PackRowScale(float length, float correction) noexcept {
    // To the nearest of the lengths there are.
    const uint32_t bits = std::bit_cast<uint32_t>(std::min(length, kMaxRowLength)) + (kCorrectionMask + 1) / 2;
    const float steps = std::clamp(correction / kCorrectionStep + 0.5f, 0.0f, float(kCorrectionMask));
    return std::bit_cast<float>((bits & ~kCorrectionMask) | uint32_t(steps));
}
inline float RowLength(float word) noexcept {
    return std::bit_cast<float>(std::bit_cast<uint32_t>(word) & ~kCorrectionMask);
}
// What the sum over a code's parts is multiplied by.
inline float RowScale(float word) noexcept {
    return RowLength(word) * (float(std::bit_cast<uint32_t>(word) & kCorrectionMask) * kCorrectionStep);
}

}  // namespace vectorq
