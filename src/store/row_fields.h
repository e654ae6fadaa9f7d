// What an index keeps of a row beside its code, in the server's terms: which fields (core/page/row_fields.h) it has,
// and what they are of a row that a build or an insert brings.
#pragma once
#include "am/keys.h"
#include "store/tid.h"
#include "core/page/row_fields.h"
#include "core/quantize/codec.h"
#include "pg/pg_headers.h"

namespace vectorq {

inline ColumnSet columns_of_index(const Codec* codec, Reorder reorder) {
    return ColumnIf(kRecordColumn, KeepsRecords(reorder)) | ColumnIf(kScalarColumn, CodeHasScalar(*codec));
}

// values, isnull: of the index's columns, the vector first. What is not known before the row is encoded comes later:
// its code's scalar and the place of its record.
inline RowFields fields_of_row(const Datum*, const bool*, const ItemPointerData* tid) {
    RowFields fields{};
    fields.tid = to_tid(tid);
    return fields;
}

// The row's packed keys, in the current memory context. Of an index with key columns.
inline const char* packed_keys(const KeyColumnInfo* info, const Datum* values, const bool* isnull) {
    char* packed = static_cast<char*>(palloc(PackedKeyBytes(info->keys)));
    pack_keys(info, values, isnull, packed);
    return packed;
}

}  // namespace vectorq
