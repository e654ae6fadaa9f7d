// What the codes of directions (simd/row_scale.h) of a list have in common for all queries, so that a query needs one
// lookup table for all lists instead of one for each.
//
// With L2 the code p of a row's residual tells, for a list with centroid c,
//   distance(q, row) = |q - c|^2 + length^2 - 2 * scale * <q - c, p>
//                    = |q - c|^2 + scale * <-2 (q - o), p>  +  length^2 + scale * <2 (c - o), p>
// for any origin o. The first sum has a table of the query alone, the rest is the row's `base`, computed once for all
// queries that probe the list. With an origin amid the centroids entries of tables are small, and their steps fine.
// For inner products tables are of the query alone anyway, and base is 0.
#pragma once
#include <cstdint>

#include "core/base/matrix.h"
#include "core/page/posting_page.h"
#include "core/quantize/codec.h"

namespace vectorq {

// True for codes that this is for.
bool HasListTerms(const Codec& codec) noexcept;

// table (PqTableFloats) := that of a query (code dims) for all lists. scratch (code dims).
void BuildTermsTable(const Codec& codec, const float* origin, const float* query, float* table,
                     float* scratch) noexcept;
// What the table leaves out of the distances of a list's rows.
float TermsBias(const Codec& codec, const float* query, const float* centroid) noexcept;

// One thread's.
class ListTerms {
public:
    // origin (code dims) is kept. Throws std::bad_alloc.
    ListTerms(const Codec& codec, const PostingGeometry& geometry, const float* origin);
    // The list whose segments come next.
    void BeginList(const float* centroid) noexcept;
    // Of `count` rows of a segment, a stream of bytes: scales and bases (count).
    void Fill(const char* segment, uint32_t capacity, uint32_t count, float* scales, float* bases) noexcept;

private:
    Codec codec_;
    PostingGeometry geometry_;
    const float* origin_;
    AlignedArray<float> table_, input_;
    // The list's table in 8 bits, and what that leaves of it in 8 bits more.
    AlignedArray<uint8_t> luts_;
    Lut16Query steps_[2];
    AlignedArray<uint32_t> sums_;
};

}  // namespace vectorq
