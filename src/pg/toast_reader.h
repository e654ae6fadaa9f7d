// Values that lie out of line (TOAST), for a reader whose snapshot holds nobody back, as vacuum's does not.
//
// Such a value is stored as chunks, rows of a table of its own. The server's own detoasting raises an error if one is
// missing. Here that is an answer. It means that the row is dead to everybody:
//
// - A chunk is deleted by the transaction that deletes the row version, or that gives it another value. An insert that
//   is rolled back leaves both of them dead.
// - Chunks go by the same horizon as rows do: none that any snapshot but a vacuum's could ask for. It does not matter
//   that the chunks' table is pruned or vacuumed by itself, earlier than the table.
// - A value's number is not given again while a chunk of it is on its page. One that comes round after four billion
//   others may be another value's. Its size tells most of them apart, and what is read wrongly belongs to a dead row.
//
// So chunks are read whatever transaction has written or deleted them (SnapshotAny): there is one set of them or none.
#pragma once
#include "pg/pg_headers.h"

namespace vectorq {

struct ToastReader {
    Relation table;  // NULL: nothing lies out of line, or other storage than a heap's
    Relation index;
    Relation* indexes;
    int num_indexes;
};

ToastReader open_toast(Relation heap);
void close_toast(ToastReader* toast);

// The value as it was stored, in the current memory context. False if parts of it are gone. Storage of other kinds than
// a heap's is read by the server's own detoasting.
bool read_external(const ToastReader* toast, struct varlena* external, struct varlena** value);

}  // namespace vectorq
