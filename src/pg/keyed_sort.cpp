// See pg/keyed_sort.h.
#include "pg/keyed_sort.h"

#include <algorithm>

#include "pg/compat.h"

extern "C" {
#include "catalog/pg_operator.h"
}

namespace vectorq {

TupleDesc keyed_rows(int columns) {
    TupleDesc rows = CreateTemplateTupleDesc(columns);
    TupleDescInitEntry(rows, 1, "key", INT8OID, -1, 0);
    for (int column = 2; column <= columns; column++)
        TupleDescInitEntry(rows, static_cast<AttrNumber>(column), "row", BYTEAOID, -1, 0);
    return rows;
}

Tuplesortstate* begin_keyed_sort(TupleDesc rows, Size bytes) {
    AttrNumber attribute = 1;
    Oid less = Int8LessOperator, collation = InvalidOid;
    bool nulls_first = false;
    return tuplesort_begin_heap(rows, 1, &attribute, &less, &collation, &nulls_first,
                                static_cast<int>(std::max<Size>(bytes / 1024, 64)), NULL, kSortOnce);
}

}  // namespace vectorq
