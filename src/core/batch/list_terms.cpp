// See list_terms.h.
#include "core/batch/list_terms.h"

#include "core/page/posting_codes.h"
#include "core/quantize/pq.h"
#include "core/simd/distance.h"
#include "core/simd/lut16_scan.h"
#include "core/simd/row_scale.h"
#include "core/simd/scaled_filter.h"

namespace vectorq {

bool HasListTerms(const Codec& codec) noexcept { return codec.kind == CodeKind::kPq4 && codec.lengths; }

void BuildTermsTable(const Codec& codec, const float* origin, const float* query, float* table,
                     float* scratch) noexcept {
    const bool l2 = TableDependsOnList(codec);
    for (size_t d = 0; d < codec.dims; d++) scratch[d] = l2 ? -2 * (query[d] - origin[d]) : query[d];
    if (!l2 && codec.symmetric) QuantizeQuery(codec.pq, codec.codebook, scratch, scratch);
    BuildPqTable(codec.pq, codec.codebook, PqTable::kDot, scratch, table);
    for (size_t i = 0; !l2 && i < PqTableFloats(codec.pq); i++) table[i] = -table[i];
}

float TermsBias(const Codec& codec, const float* query, const float* centroid) noexcept {
    return TableDependsOnList(codec) ? L2SquaredF32(query, centroid, codec.dims) : -DotF32(query, centroid, codec.dims);
}

ListTerms::ListTerms(const Codec& codec, const PostingGeometry& geometry, const float* origin)
    : codec_(codec), geometry_(geometry), origin_(origin), steps_{} {
    if (!TableDependsOnList(codec)) return;
    const size_t rows = RoundUp(geometry.capacity, kBlockRows);
    table_.Resize(PqTableFloats(codec.pq));
    input_.Resize(codec.dims);
    luts_.Resize(2 * Lut16TableBytes(codec.pq.m));
    sums_.Resize(2 * rows);
}

void ListTerms::BeginList(const float* centroid) noexcept {
    if (!TableDependsOnList(codec_)) return;
    const size_t m = codec_.pq.m;
    for (size_t d = 0; d < codec_.dims; d++) input_[d] = 2 * (centroid[d] - origin_[d]);
    BuildPqTable(codec_.pq, codec_.codebook, PqTable::kDot, input_.data(), table_.data());
    uint8_t* lut = luts_.data();
    for (int part = 0; part < 2; part++, lut += Lut16TableBytes(m)) {
        steps_[part] = QuantizeLut16(table_.data(), m, lut);
        // The bias is a sum over subspaces: what is left keeps the least entry of each, for the second part to find.
        for (size_t i = 0; part == 0 && i < PqTableFloats(codec_.pq); i++) table_[i] -= steps_[0].scale * float(lut[i]);
    }
}

void ListTerms::Fill(const char* segment, uint32_t capacity, uint32_t count, float* scales, float* bases) noexcept {
    const SegmentLayout layout = LayoutOf(geometry_, capacity);
    const float* words = reinterpret_cast<const float*>(segment + layout.column_offset[kScalarColumn]);
    if (!TableDependsOnList(codec_)) {
        for (uint32_t i = 0; i < count; i++) scales[i] = RowScale(words[i]);
        for (uint32_t i = 0; i < count; i++) bases[i] = 0;
        return;
    }
    const uint8_t* codes = reinterpret_cast<const uint8_t*>(segment) + layout.codes_offset;
    const uint8_t* luts[2] = {luts_.data(), luts_.data() + Lut16TableBytes(codec_.pq.m)};
    const size_t blocks = CodeBlocks(count), stride = blocks * kBlockRows;
    ScanLut16TablesWide(luts, 2, codes, blocks, codec_.pq.m, sums_.data(), stride);
    // The bias of the first part is in the second one's.
    const ListSums list = {{sums_.data(), sums_.data() + stride}, {steps_[0].scale, steps_[1].scale}, steps_[1].bias};
    MakeScaledRows(words, list, count, scales, bases);
}

}  // namespace vectorq
