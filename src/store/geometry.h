// How the rows of an index are coded and how its pages are cut: what follows from the meta page.
#pragma once
#include "core/page/meta_page.h"
#include "core/page/posting_page.h"
#include "core/page/reorder_page.h"
#include "core/quantize/codec.h"
#include "pg/pg_headers.h"

namespace vectorq {

// How the index codes rows, without the arrays; and the page geometry that follows (capacity 0: none does).
Codec meta_codec(const MetaPage* meta);
// one_long_list: hardly a byte of an extent may stay unused, whatever its size.
PostingGeometry codec_geometry(const Codec* codec, Reorder reorder, bool one_long_list, const KeyColumns* keys);
PostingGeometry meta_geometry(Relation index, const MetaPage* meta);
// What the meta page keeps of the kinds of key columns (MetaPage.key_kinds).
uint32 crc_of_kinds(const KeyColumns* keys);
// The same for the records that reordering reads; only of an index that has them.
Codec record_codec(Metric metric, Reorder reorder, uint32 dims);
ReorderGeometry record_geometry(const Codec* codec);
ReorderGeometry meta_reorder_geometry(const MetaPage* meta);

}  // namespace vectorq
