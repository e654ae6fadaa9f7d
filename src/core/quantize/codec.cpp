// See codec.h.
#include "core/quantize/codec.h"

#include <cmath>
#include <cstring>

#include "core/quantize/sq8.h"

namespace vectorq {

size_t CodeElementBytes(CodeKind kind) noexcept {
    switch (kind) {
        case CodeKind::kF32: return 4;
        case CodeKind::kF16: return 2;
        case CodeKind::kSq8: return 1;
    }
    return 0;
}

size_t CodeBytes(CodeKind kind, size_t dims) noexcept { return CodeElementBytes(kind) * dims; }

bool CodeHasScalar(CodeKind kind, Metric metric) noexcept { return kind == CodeKind::kSq8 && metric == Metric::kL2; }

static bool IsDotMetric(Metric metric) noexcept {
    return metric == Metric::kInnerProduct || metric == Metric::kCosine;
}

bool EncodeRow(const Codec& codec, const float* x, const float* centroid, uint8_t* code, float* scalar) noexcept {
    switch (codec.kind) {
        case CodeKind::kF32: std::memcpy(code, x, codec.dims * sizeof(float)); return true;
        case CodeKind::kF16:
            for (uint32_t d = 0; d < codec.dims; d++)
                if (!(std::fabs(x[d]) < 65520.0f)) return false;  // rounds to infinity from here on
            F32ToF16(x, codec.dims, reinterpret_cast<half*>(code));
            return true;
        case CodeKind::kSq8: {
            float sq_norm = 0;
            EncodeSq8(codec.sq8_offset, codec.sq8_scale, x, centroid, codec.dims, code, &sq_norm);
            if (CodeHasScalar(codec.kind, codec.metric)) *scalar = sq_norm;
            return true;
        }
    }
    return false;
}

void DecodeRow(const Codec& codec, const uint8_t* code, const float* centroid, float* x) noexcept {
    switch (codec.kind) {
        case CodeKind::kF32: std::memcpy(x, code, codec.dims * sizeof(float)); return;
        case CodeKind::kF16: F16ToF32(reinterpret_cast<const half*>(code), codec.dims, x); return;
        case CodeKind::kSq8:
            for (uint32_t d = 0; d < codec.dims; d++)
                x[d] = centroid[d] + codec.sq8_offset[d] + codec.sq8_scale[d] * static_cast<float>(code[d]);
            return;
    }
}

static ListTable PrepareSq8Table(const Codec& codec, const float* query, const float* centroid,
                                 float* scratch) noexcept {
    float* table = scratch;
    const size_t dims = codec.dims;
    if (codec.metric == Metric::kL2) {
        float* difference = scratch + dims;
        for (size_t d = 0; d < dims; d++) difference[d] = query[d] - centroid[d];
        const float sq_distance = DotF32(difference, difference, dims);
        const float bias = BuildSq8Table(codec.sq8_offset, codec.sq8_scale, difference, dims, table);
        return {table, sq_distance - 2 * bias, -2.0f, true};
    }
    const float bias = BuildSq8Table(codec.sq8_offset, codec.sq8_scale, query, dims, table);
    return {table, -DotF32(query, centroid, dims) - bias, -1.0f, false};
}

ListTable PrepareListTable(const Codec& codec, const float* query, const float* centroid, float* scratch) noexcept {
    if (codec.kind == CodeKind::kSq8) return PrepareSq8Table(codec, query, centroid, scratch);
    return {query, 0.0f, IsDotMetric(codec.metric) ? -1.0f : 1.0f, false};
}

BlockFn CodecKernel(const Codec& codec) noexcept {
    const bool f16 = codec.kind == CodeKind::kF16;
    if (codec.kind == CodeKind::kSq8) return GetBlockKernel(BlockKernel::kDotU8);
    if (IsDotMetric(codec.metric)) return GetBlockKernel(f16 ? BlockKernel::kDotF16 : BlockKernel::kDotF32);
    if (codec.metric == Metric::kL1) return GetBlockKernel(f16 ? BlockKernel::kL1F16 : BlockKernel::kL1F32);
    return GetBlockKernel(f16 ? BlockKernel::kL2F16 : BlockKernel::kL2F32);
}

}  // namespace vectorq
