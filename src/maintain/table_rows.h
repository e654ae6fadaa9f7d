// The vectors of the table's rows, for vacuum: whatever transaction a row belongs to, unless it is dead to everybody.
//
// Nobody waits for a vacuum's snapshot. What a row keeps out of line may vanish while vacuum goes on, once the row is
// dead to everybody else (pg/toast_reader.h). Such a row is like one that is gone: it needs no entry in new lists.
#pragma once
#include "am/keys.h"
#include "am/opclass.h"
#include "pg/pg_headers.h"
#include "pg/toast_reader.h"

namespace vectorq {

struct TableRows {
    // — set by open_table_rows, then constant —
    Relation heap, index;
    const OpclassInfo* opclass;
    int dims;
    BufferAccessStrategy strategy;  // of rows that are read by tid; NULL: none
    const KeyColumnInfo* key_columns;
    ToastReader toast;
    SnapshotData snapshot;
    AttrNumber* needed;  // (num_needed): columns that the index is made of
    int num_needed;
    EState* estate;
    IndexInfo* info;
    ExprState* predicate;  // NULL: none
    float* scanned;        // (dims): of the row that scan_table_rows is at
    // — changed by each row —
    Buffer pinned;  // the block of the last row that was read by tid; InvalidBuffer: none
    IndexFetchTableData* fetch;
    TupleTableSlot* found;  // as the table has it
    TupleTableSlot* whole;  // the needed columns, with what lay out of line; the others are null
    // What FormIndexDatum makes of the last row read. They live until the next one is read.
    Datum values[INDEX_MAX_KEYS];
    bool isnull[INDEX_MAX_KEYS];
};

// In the current memory context, which has to live until close_table_rows. A snapshot has to be active.
TableRows* open_table_rows(Relation heap, Relation index, const OpclassInfo* opclass, int dims,
                           BufferAccessStrategy strategy = NULL);
void close_table_rows(TableRows* rows);

// The vector (dims floats, as load_vector makes it) of the row that an entry with this tid stands for. False if the row
// is dead to everybody, or the index does not keep its vector. Of a HOT chain it is the last version: those made since
// the index was built share the indexed value, and the first may be older than the index. Reading in the order of tids
// is cheap, as the block stays pinned from one row to the next. Raises ERRCODE_DATA_CORRUPTED if a row that is not
// deleted lacks a part. Does not look at vacuum's cost limit.
bool read_table_row(TableRows* rows, ItemPointer tid, float* vector);

// What the row that was read last has in the index's key columns: packed, and there until the next one is read. NULL
// without key columns.
const char* keys_of_table_row(TableRows* rows);

// Calls visit(tid, vector, arg) for the rows of `count` blocks from `first` on that a new snapshot sees and the index
// keeps. tid: as in the row's entry. Keeps to vacuum's cost limit. A damaged row is left out.
void scan_table_rows(TableRows* rows, BlockNumber first, BlockNumber count,
                     void (*visit)(ItemPointer tid, const float* vector, void* arg), void* arg);

}  // namespace vectorq
