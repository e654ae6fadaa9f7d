// Many queries at once: what vectorq_knn does (inspect/knn.cpp).
#pragma once
#include "core/base/list_score.h"
#include "scan/scan_state.h"
#include "pg/pg_headers.h"

namespace vectorq {

// What the caller wants, constant while the batch lives.
struct BatchOrderForm {
    Relation heap, index;
    Snapshot snapshot;
    int k;        // rows for each query
    int threads;  // the leader is one of them
    // A row of a query, nearest first; all rows of a query come one after another.
    void (*emit)(void* arg, int64 query, ItemPointer row, double distance);
    void* arg;
};

struct Batch;

// Owned by the current memory context, with its threads. Takes work_mem * hash_mem_multiplier of memory, and
// kLeastBatchBytes at least.
inline constexpr Size kLeastBatchBytes = 16 * 1024 * 1024;
Batch* begin_batch(const BatchOrderForm* form);
// A query of the column's type, not NULL. Raises ERRCODE_DATA_EXCEPTION on other dimensions.
void add_batch_query(Batch* batch, int64 number, Datum query);
// Finds the rows of all queries that were added. Holds no pin and no lock on return.
void finish_batch(Batch* batch);

}  // namespace vectorq
