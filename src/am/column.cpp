// See column.h.
#include "am/column.h"

#include "am/opclass.h"

namespace vectorq {

// Values of bit varying differ in length, and so do those of an expression that has no length.
static int bit_column_dims(Relation index) {
    const Form_pg_attribute column = TupleDescAttr(RelationGetDescr(index), 0);
    if (column->atttypid != BITOID || column->atttypmod < 1)
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("bit strings of the column may differ in length"),
                 errhint("Declare the column as bit(n), or index an expression cast to bit(n).")));
    if (column->atttypmod > kMaxBitDims)
        ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                        errmsg("column cannot have more than %d bits for an index, and has %d", kMaxBitDims,
                               column->atttypmod),
                        errhint("Index a part of it, as in ((substring(... from 1 for %d))::bit(%d)).", kMaxBitDims,
                                kMaxBitDims)));
    return column->atttypmod;
}

int vector_column_dims(Relation index) {
    if (opclass_of_index(index)->element == ElementType::kBit) return bit_column_dims(index);
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
