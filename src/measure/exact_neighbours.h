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
    bool in_vacuum, out_of_line;
    double rows;  // seen with a vector
};

ExactPass* make_exact_pass(Relation heap, Relation index);

// The queries: `count` rows of `dims` values at `queries`, of length one under cosine. own: which row each is, or NULL.
void set_exact_queries(ExactPass* pass, const float* queries, const uint64* own, Size count, int threads);

// The table's rows as a snapshot has them, while others write. in_vacuum: some blocks at a time, each with a snapshot
// of its own, under vacuum's cost delay; false if a vector lies out of line, which is not read then
// (maintain/calibrate.cpp).
bool find_exact_neighbours(ExactPass* pass, bool in_vacuum);

const NeighbourFinder* exact_neighbours(const ExactPass* pass);

}  // namespace vectorq
