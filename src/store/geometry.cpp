// See geometry.h.
#include "store/geometry.h"

#include "am/keys.h"
#include "store/meta.h"
#include "store/row_fields.h"
#include "core/simd/lut16_scan.h"

namespace vectorq {

Codec meta_codec(const MetaPage* meta) {
    Codec codec;
    memset(&codec, 0, sizeof(codec));
    codec.metric = static_cast<Metric>(meta->metric);
    codec.kind = static_cast<CodeKind>(meta->code);
    codec.dims = meta->code_dims;
    codec.pq = {meta->code_dims, meta->subvectors, meta->bits};
    codec.eta = meta->eta;
    codec.lengths = (meta->flags & kMetaLengths) != 0;
    return codec;
}

static PostingRow posting_row(const Codec* codec, Reorder reorder, const KeyColumns* keys) {
    return {static_cast<uint32>(CodeBytes(*codec)), static_cast<uint32>(CodeBlockBytes(*codec)),
            columns_of_index(codec, reorder), *keys};
}

uint32 crc_of_kinds(const KeyColumns* keys) { return keys->count == 0 ? 0 : crc_of(keys->kinds, keys->count); }

// 0: there is no product code of that shape. Product codes row after row stay on one page: their table is not cut.
static uint32 most_extent_pages(const Codec* codec) {
    if (IsProductCode(codec->kind) && !PqShapeIsValid(codec->pq)) return 0;
    return TraitsOf(codec->kind).stored == Stored::kCodewords ? 1 : kMaxExtentPages;
}

PostingGeometry codec_geometry(const Codec* codec, Reorder reorder, bool one_long_list, const KeyColumns* keys) {
    const uint32 most_pages = most_extent_pages(codec);
    if (most_pages == 0) return PostingGeometry{};
    return ChooseGeometry(BLCKSZ, posting_row(codec, reorder, keys), most_pages,
                          one_long_list ? kWasteOfOneList : kWasteOfLists);
}

PostingGeometry meta_geometry(Relation index, const MetaPage* meta) {
    const Codec codec = meta_codec(meta);
    if (meta->extent_pages < 1 || meta->extent_pages > most_extent_pages(&codec)) return PostingGeometry{};
    const PostingRow row = posting_row(&codec, static_cast<Reorder>(meta->reorder), &key_columns_of_index(index)->keys);
    return GeometryOfPages(BLCKSZ, row, meta->extent_pages);
}

// Cosine: records are of unit vectors, whose squared L2 distance has the same order and, for near rows, far less
// of the rounding in it than the product has.
Codec record_codec(Metric metric, Reorder reorder, uint32 dims) {
    Codec codec;
    memset(&codec, 0, sizeof(codec));
    codec.metric = TraitsOf(metric).normalised && reorder != Reorder::kF32 ? Metric::kL2 : metric;
    codec.kind = TraitsOf(reorder).code;
    codec.dims = dims;
    return codec;
}

ReorderGeometry record_geometry(const Codec* codec) {
    return ChooseReorderGeometry(BLCKSZ, static_cast<uint32>(CodeBytes(*codec)), CodeHasScalar(*codec));
}

ReorderGeometry meta_reorder_geometry(const MetaPage* meta) {
    const Codec codec =
        record_codec(static_cast<Metric>(meta->metric), static_cast<Reorder>(meta->reorder), meta->dims);
    return record_geometry(&codec);
}

}  // namespace vectorq
