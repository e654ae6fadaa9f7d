// See query_array.h.
#include "inspect/query_array.h"

namespace vectorq {

QueryArray open_query_array(Relation index, ArrayType* array) {
    const Oid column_type = TupleDescAttr(RelationGetDescr(index), 0)->atttypid;
    if (ARR_ELEMTYPE(array) != column_type)
        ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
                        errmsg("queries are of type %s, the index is on %s", format_type_be(ARR_ELEMTYPE(array)),
                               format_type_be(column_type))));
    int16 length;
    bool by_value;
    char align;
    QueryArray queries;
    get_typlenbyvalalign(column_type, &length, &by_value, &align);
    deconstruct_array(array, column_type, length, by_value, align, &queries.values, &queries.nulls, &queries.count);
    return queries;
}

Datum query_value(const QueryArray* queries, int i) {
    if (queries->nulls[i]) ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("a query is NULL")));
    return queries->values[i];
}

}  // namespace vectorq
