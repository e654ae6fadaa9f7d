// See codec.h.
#include "core/quantize/codec.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/page/params_page.h"
#include "core/quantize/anisotropic.h"
#include "core/simd/bit_distance.h"
#include "core/simd/bit_pack.h"
#include "core/simd/finish_distances.h"
#include "core/simd/lut16_scan.h"
#include "core/simd/row_scale.h"
#include "core/quantize/sq8.h"

namespace vectorq {

size_t CodeBytes(const Codec& codec) noexcept {
    return IsProductCode(codec.kind) ? PqCodeBytes(codec.pq) : CodeElementBytes(codec.kind) * CodeElements(codec);
}

bool CodeHasScalar(const Codec& codec) noexcept {
    return codec.lengths || (codec.kind == CodeKind::kSq8 && !IsDotMetric(codec.metric)) ||
           codec.metric == Metric::kJaccard;
}

size_t CodeBlockBytes(const Codec& codec) noexcept {
    return codec.kind == CodeKind::kPq4 ? Lut16BlockBytes(codec.pq.m) : 0;
}

size_t QuantizerFloats(const Codec& codec) noexcept {
    if (IsProductCode(codec.kind)) return PqCodebookFloats(codec.pq);
    return TraitsOf(codec.kind).trained ? Sq8PageBytes(codec.dims) / sizeof(float) : 0;
}

void AttachQuantizer(Codec* codec, const float* quantizer) noexcept {
    if (IsProductCode(codec->kind)) {
        codec->codebook = quantizer;
    } else if (TraitsOf(codec->kind).trained) {
        const Sq8Page page = ViewSq8Page(quantizer, codec->dims);
        codec->sq8_offset = page.offset;
        codec->sq8_scale = page.scale;
    }
}

bool HasEtaOrigin(const Codec& codec) noexcept { return IsAnisotropic(codec.eta) && !IsDotMetric(codec.metric); }

void MeanOfCentroids(const float* centroids, size_t lists, size_t dims, float* mean) noexcept {
    std::fill_n(mean, dims, 0.0f);
    for (size_t i = 0; i < lists; i++)
        for (size_t d = 0; d < dims; d++) mean[d] += centroids[i * dims + d];
    for (size_t d = 0; d < dims; d++) mean[d] /= float(lists);
}

// ---- rows

// Product codes are made of so many rows at a time: enough to pay for preparing the codebook.
static constexpr size_t kPqEncodeRows = 1024;

static bool HasDirections(const Codec& codec) noexcept {
    return IsAnisotropic(codec.eta) && codec.eta_origin != nullptr;
}

static size_t PqRowsScratchFloats(const Codec& codec) noexcept {
    return IsAnisotropic(codec.eta) ? AnisotropicEncodeScratchFloats(codec.pq) : PqEncodeScratchFloats(codec.pq);
}

size_t EncodeScratchFloats(const Codec& codec, size_t rows) noexcept {
    if (!IsProductCode(codec.kind)) return 1;
    const size_t part = std::min(rows, kPqEncodeRows);
    return (HasDirections(codec) ? 2 : 1) * part * codec.dims + PqRowsScratchFloats(codec) +
           (part * PqCodeBytes(codec.pq) + 3) / 4 + (codec.lengths ? part + codec.dims : 0);
}

static bool EncodeF16(const float* x, size_t dims, uint8_t* code) noexcept {
    for (size_t d = 0; d < dims; d++)
        if (!(std::fabs(x[d]) < 65520.0f)) return false;  // rounds to infinity from here on
    F32ToF16(x, dims, reinterpret_cast<half*>(code));
    return true;
}

float MakeDirection(float* x, size_t dims) noexcept {
    const float length = std::sqrt(DotF32(x, x, dims));
    const float inverse = 1 / length;
    if (!(length > 0) || !std::isfinite(length) || !std::isfinite(inverse)) {
        std::fill_n(x, dims, 0.0f);
        return length > 1 ? kMaxRowLength : 0;
    }
    for (size_t d = 0; d < dims; d++) x[d] *= inverse;
    return length;
}

// So that <u, r^> = <u, r>.
static float Correction(const float* direction, const float* decoded, size_t dims) noexcept {
    const float along = DotF32(direction, decoded, dims);
    return along > 0 ? 1 / along : 1.0f;
}

static void EncodeProductCodes(const Codec& codec, const float* rows, size_t count, const float* centroids,
                               const uint32_t* list, const RowSink& sink, float* scratch) noexcept {
    const size_t dims = codec.dims, code_bytes = PqCodeBytes(codec.pq);
    for (size_t begin = 0; begin < count; begin += kPqEncodeRows) {
        const size_t part = std::min(kPqEncodeRows, count - begin);
        float* residuals = scratch;
        float* directions = residuals + part * dims;
        float* encode_scratch = directions + (HasDirections(codec) ? part * dims : 0);
        float* lengths = encode_scratch + PqRowsScratchFloats(codec);
        float* decoded = lengths + (codec.lengths ? part : 0);
        uint8_t* codes = reinterpret_cast<uint8_t*>(decoded + (codec.lengths ? dims : 0));
        for (size_t i = 0; i < part; i++) {
            const float* x = rows + (begin + i) * dims;
            const float* c = centroids + (list == nullptr ? 0 : list[begin + i] * dims);
            for (size_t d = 0; d < dims; d++) residuals[i * dims + d] = x[d] - c[d];
            if (codec.lengths) lengths[i] = MakeDirection(residuals + i * dims, dims);
            for (size_t d = 0; HasDirections(codec) && d < dims; d++)
                directions[i * dims + d] = x[d] - codec.eta_origin[d];
        }
        // Plain codes unless eta says otherwise.
        EncodeAnisotropicPq(codec.pq, codec.codebook, codec.eta, residuals,
                            HasDirections(codec) ? directions : rows + begin * dims, part, codes, encode_scratch);
        for (size_t i = 0; i < part; i++) {
            uint8_t* row = sink.base + (begin + i) * sink.stride;
            std::memcpy(row + sink.code_at, codes + i * code_bytes, code_bytes);
            if (!codec.lengths) continue;
            DecodePq(codec.pq, codec.codebook, codes + i * code_bytes, decoded);
            const float word = PackRowScale(lengths[i], Correction(residuals + i * dims, decoded, dims));
            std::memcpy(row + sink.scalar_at, &word, sizeof(word));
        }
    }
}

static void EncodeBits(const Codec& codec, const float* x, uint8_t* row, const RowSink& sink) noexcept {
    uint8_t* code = row + sink.code_at;
    PackBits(x, codec.dims, code);
    if (!CodeHasScalar(codec)) return;
    const float bits_set = float(OverlapBits(code, code, CodeBytes(codec)).both);
    std::memcpy(row + sink.scalar_at, &bits_set, sizeof(bits_set));
}

void DecodeExact(const Codec& codec, const uint8_t* code, float* x) noexcept {
    if (codec.kind == CodeKind::kBits) UnpackBits(code, codec.dims, x);
    else if (codec.kind == CodeKind::kF16) F16ToF32(reinterpret_cast<const half*>(code), codec.dims, x);
    else std::memcpy(x, code, codec.dims * sizeof(float));
}

void EncodeRows(const Codec& codec, const float* rows, size_t count, const float* centroids, const uint32_t* list,
                const RowSink& sink, float* scratch) noexcept {
    const size_t dims = codec.dims;
    std::memset(sink.fits, 1, count);
    if (IsProductCode(codec.kind)) {
        EncodeProductCodes(codec, rows, count, centroids, list, sink, scratch);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const float* x = rows + i * dims;
        uint8_t* row = sink.base + i * sink.stride;
        if (codec.kind == CodeKind::kF32) {
            std::memcpy(row + sink.code_at, x, dims * sizeof(float));
        } else if (codec.kind == CodeKind::kF16) {
            sink.fits[i] = EncodeF16(x, dims, row + sink.code_at);
        } else if (codec.kind == CodeKind::kBits) {
            EncodeBits(codec, x, row, sink);
        } else {
            float sq_norm = 0;
            const float* c = centroids + (list == nullptr ? 0 : list[i] * dims);
            EncodeSq8(codec.sq8_offset, codec.sq8_scale, x, c, dims, row + sink.code_at, &sq_norm);
            if (CodeHasScalar(codec)) std::memcpy(row + sink.scalar_at, &sq_norm, sizeof(sq_norm));
        }
    }
}

// ---- queries

size_t TableScratchFloats(const Codec& codec) noexcept {
    if (codec.kind == CodeKind::kBits) return (CodeBytes(codec) + 3) / 4;
    return IsProductCode(codec.kind) ? PqTableFloats(codec.pq) + codec.dims : 2 * codec.dims;
}

static ListTable PrepareSq8Table(const Codec& codec, const float* query, const float* centroid,
                                 float* scratch) noexcept {
    float* table = scratch;
    const size_t dims = codec.dims;
    if (!IsDotMetric(codec.metric)) {
        float* difference = scratch + dims;
        for (size_t d = 0; d < dims; d++) difference[d] = query[d] - centroid[d];
        const float sq_distance = DotF32(difference, difference, dims);
        const float bias = BuildSq8Table(codec.sq8_offset, codec.sq8_scale, difference, dims, table);
        return {table, sq_distance - 2 * bias, -2.0f, true};
    }
    const float bias = BuildSq8Table(codec.sq8_offset, codec.sq8_scale, query, dims, table);
    return {table, -DotF32(query, centroid, dims) - bias, -1.0f, false};
}

static ListTable PrepareBitTable(const Codec& codec, const float* query, float* scratch, bool first) noexcept {
    uint8_t* bits = reinterpret_cast<uint8_t*>(scratch);
    if (first) PackBits(query, codec.dims, bits);
    if (codec.metric != Metric::kJaccard) return {scratch, 0.0f, 1.0f, false};
    const float bits_set = float(OverlapBits(bits, bits, CodeBytes(codec)).both);
    return {scratch, bits_set, 1.0f, true, false, false, true};
}

void FinishSums(const ListTable& table, float* sums, const float* scalars, size_t rows) noexcept {
    if (table.jaccard) FinishJaccard(sums, scalars, table.bias, rows);
    else if (table.has_scale) FinishScaledSums(sums, 1, 0, scalars, table.bias, table.adds_square, rows, sums);
    else FinishDistances(sums, table.has_scalar ? scalars : nullptr, table.bias, table.factor, rows);
}

bool TableDependsOnList(const Codec& codec) noexcept { return TraitsOf(codec.metric).list_tables; }

static ListTable PreparePqTable(const Codec& codec, const float* query, const float* centroid, float* scratch,
                                bool first) noexcept {
    float* table = scratch;
    float* input = scratch + PqTableFloats(codec.pq);
    const size_t dims = codec.dims;
    if (TableDependsOnList(codec)) {
        for (size_t d = 0; d < dims; d++) input[d] = query[d] - centroid[d];
        if (codec.lengths) {
            const float sq_distance = DotF32(input, input, dims);
            for (size_t d = 0; d < dims; d++) input[d] *= -2;
            BuildPqTable(codec.pq, codec.codebook, PqTable::kDot, input, table);
            return {table, sq_distance, 1.0f, true, true, true};
        }
        if (codec.symmetric) QuantizeQuery(codec.pq, codec.codebook, input, input);
        BuildPqTable(codec.pq, codec.codebook, PqTable::kL2, input, table);
        return {table, 0.0f, 1.0f, false};
    }
    if (first) {
        std::memcpy(input, query, dims * sizeof(float));
        if (codec.symmetric) QuantizeQuery(codec.pq, codec.codebook, input, input);
        BuildPqTable(codec.pq, codec.codebook, PqTable::kDot, input, table);
        // Negated, so that a small sum is a near row for every metric.
        for (size_t i = 0; i < PqTableFloats(codec.pq); i++) table[i] = -table[i];
    }
    return {table, -DotF32(query, centroid, dims), 1.0f, codec.lengths, codec.lengths};
}

ListTable PrepareListTable(const Codec& codec, const float* query, const float* centroid, float* scratch,
                           bool first) noexcept {
    if (codec.kind == CodeKind::kSq8) return PrepareSq8Table(codec, query, centroid, scratch);
    if (codec.kind == CodeKind::kBits) return PrepareBitTable(codec, query, scratch, first);
    if (IsProductCode(codec.kind)) return PreparePqTable(codec, query, centroid, scratch, first);
    return {query, 0.0f, IsDotMetric(codec.metric) ? -1.0f : 1.0f, false};
}

}  // namespace vectorq
