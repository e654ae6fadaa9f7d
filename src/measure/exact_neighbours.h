// Exact neighbours of some queries by a pass over the table: what an index is measured against once it is built.
#pragma once
#include "am/opclass.h"
#include "core/base/matrix.h"
#include "core/base/stop_token.h"
#include "core/calibrate/neighbours.h"
#include "pg/pg_headers.h"

namespace vectorq {

// Owned by the context that it was made in, with its threads.
struct ExactPass {
    // — set by make_exact_pass —
    Relation heap, index;
    const OpclassInfo* opclass;
    int dims;
    MemoryContext row_context;
    struct ExactPassObjects* objects;
    // — changed by the pass —
    Size fill;
    double rows;  // seen with a vector
};

ExactPass* make_exact_pass(Relation heap, Relation index);

// The queries: `count` rows of `dims` values at `queries`, of length one under cosine. own: which row each is, or NULL.
void set_exact_queries(ExactPass* pass, const float* queries, const uint64* own, Size count, int threads);

// The table's rows as a snapshot has them, while others write.
void find_exact_neighbours(ExactPass* pass);
// The same from rows that the caller reads (maintain/calibrate.cpp): each of them once, then the end.
void add_exact_row(ExactPass* pass, ItemPointer tid, const float* vector);
void end_exact_pass(ExactPass* pass);

const NeighbourFinder* exact_neighbours(const ExactPass* pass);

}  // namespace vectorq
