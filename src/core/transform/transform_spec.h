// The index option `transform`, as text and as numbers:
//   none | center | pcaN | pcawN | pcarN | pcawrN | rr | rrN | opqM | opqM_N | balanceM | corrM
// The names but the last two are FAISS's factory strings; upper and lower case are the same.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace vectorq {

// The numbers are on disk.
enum class TransformKind : uint8_t {
    kNone = 0,
    kCenter = 1,           // x - mean
    kPca = 2,              // top principal components
    kPcaWhiten = 3,        // ... each divided by its standard deviation
    kPcaRotate = 4,        // ... followed by a random rotation
    kPcaWhitenRotate = 5,  // ... both
    kRotate = 6,           // random rotation alone
    kOpq = 7,              // rotation learned for a product quantizer
    kBalance = 8,          // order of the dimensions that spreads variance evenly over the subspaces
    kCorr = 9,             // order that puts correlated dimensions into one subspace
};

// Whether distances after it have another scale than before.
inline bool Whitens(TransformKind kind) noexcept {
    return kind == TransformKind::kPcaWhiten || kind == TransformKind::kPcaWhitenRotate;
}

struct TransformSpec {
    TransformKind kind = TransformKind::kNone;
    uint32_t out_dims = 0;  // 0: as many as the input (until ResolveTransform)
    uint32_t opq_m = 0;     // subspaces of kOpq, kBalance and kCorr, else 0
};

// Whether the number behind the name counts subspaces, not dimensions.
inline bool CountsSubspaces(TransformKind kind) noexcept { return kind >= TransformKind::kOpq; }

// Throws Error(kInvalidArgument) with a hint for text that names no transform or a number
// out of range. Knows nothing of the column, so that it can serve as option validator.
TransformSpec ParseTransform(std::string_view text);

// Fills in out_dims and checks the numbers against the column's dimensions.
// Throws Error(kInvalidArgument).
TransformSpec ResolveTransform(TransformSpec spec, size_t in_dims);

// The text that ParseTransform reads as this spec, in lower case.
std::string FormatTransform(const TransformSpec& spec);

}  // namespace vectorq
