// Score-aware (anisotropic) product codes: R. Guo et al., "Accelerating Large-Scale Inference with
// Anisotropic Vector Quantization", ICML 2020. Same codes, codebook layout and scan as pq.h; only
// the choice of codewords and the codebook differ. Derivation: score_aware.md.
//
// Loss of a row: |e|^2 + (eta - 1) <e, u>^2, where e is the residual less its decoded code and u the
// unit vector along `direction`: the original row, not its residual (for L2 the row less the mean).
// With eta > 1 the part of the error along it, which moves the row's large inner products, costs eta
// times as much as the part across. A row whose direction is zero has the plain loss.
//
// Used by the build and by inserts. Knows nothing of lists. eta <= 1 (and NaN) is plain PQ.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/base/matrix.h"
#include "core/base/stop_token.h"
#include "core/quantize/pq.h"

namespace vectorq {

// Paper, Theorem 3.4: eta = h_parallel / h_orthogonal for the weight [<q,x> >= T] in the limit of many
// dimensions, (dims - 1) T^2 / (1 - T^2). threshold: T in units of |x|, 0 <= T < 1; ScaNN's
// anisotropic_quantization_threshold for rows of length 1 (its default is 0.2). Never below 1,
// which means plain: that is also the result for T = 0 and for what is no threshold.
float AnisotropicEta(float threshold, size_t dims) noexcept;

inline bool IsAnisotropic(float eta) noexcept { return eta > 1.0f; }

// Coordinate descent ends after so many passes over the subspaces; ScaNN's figure.
inline constexpr int kAnisotropicPasses = 10;

enum class AnisotropicStart { kNearest, kCodes };

// Floats of scratch that EncodeAnisotropicPq needs.
size_t AnisotropicEncodeScratchFloats(const PqShape& shape) noexcept;

// codes (count, PqCodeBytes): starts from the nearest codeword of each subspace (kNearest), or from
// the codes given (kCodes), then gives one subspace after the other the codeword of least loss while
// the other subspaces stay, until no pass changes anything. Equal losses: the lowest number; what
// differs by rounding only may change places. A row's code does not depend on the other rows of
// the call. rows and directions (count, dims), no alignment needed; null directions, or eta <= 1: plain.
void EncodeAnisotropicPq(const PqShape& shape, const float* codebook, float eta, const float* rows,
                         const float* directions, size_t count, uint8_t* codes, float* scratch,
                         AnisotropicStart start = AnisotropicStart::kNearest) noexcept;

// Sum over the rows of the loss of their codes, in double; not fast.
double AnisotropicPqLoss(const PqShape& shape, const float* codebook, float eta, const float* rows,
                         const float* directions, size_t count, const uint8_t* codes) noexcept;

// Codebook for the loss, from kPqTrainRows of the sample at most: TrainPq, then `rounds` times codes for all rows and
// new codewords for all subspaces (paper, section 4; score_aware.md). sample: residuals (n >= 1, dims); directions (n,
// dims). A codeword without rows keeps its place. losses, if given, gets the mean loss before the first update and
// after each; it never rises (but for rounding). Same input, same codebook, whatever the number of threads. Throws
// Error(kInvalidArgument, kCancelled), std::bad_alloc.
AlignedArray<float> TrainAnisotropicPq(const PqShape& shape, const Matrix& sample, const Matrix& directions, float eta,
                                       int iterations, int rounds, uint64_t seed, int threads, StopToken& stop,
                                       std::vector<double>* losses = nullptr, const Progress& progress = {});
// Bytes that TrainAnisotropicPq needs beside the sample and the directions, at most.
size_t TrainAnisotropicPqBytes(const PqShape& shape, size_t sample_rows, int threads) noexcept;

namespace reference {
void EncodeAnisotropicPq(const PqShape& shape, const float* codebook, float eta, const float* rows,
                         const float* directions, size_t count, uint8_t* codes);
}  // namespace reference

}  // namespace vectorq
