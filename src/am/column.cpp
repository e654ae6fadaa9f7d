// See column.h.
#include "am/column.h"

namespace vectorq {

int vector_column_dims(Relation index) {
    const int dims = TupleDescAttr(RelationGetDescr(index), 0)->atttypmod;
    if (dims < 1)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("column does not have dimensions"),
                        errhint("Declare the column as vector(n), or index an expression cast to vector(n).")));
    return dims;
}

void report_unfit_row(Relation index) {
    ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
                    errmsg("vector has a value that half precision cannot hold, for index \"%s\"",
                           RelationGetRelationName(index)),
                    errhint("Build the index with another quantizer or reorder than f16.")));
    pg_unreachable();
}

}  // namespace vectorq
