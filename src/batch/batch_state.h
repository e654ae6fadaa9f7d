// The state of a batch, for the files of this folder.
#pragma once
#include <memory>

#include "batch/batch.h"
#include "core/base/crew.h"
#include "core/base/stop_token.h"
#include "core/batch/batch_lists.h"
#include "core/batch/batch_order.h"
#include "core/batch/batch_score.h"
#include "core/batch/list_terms.h"
#include "pg/pg_headers.h"

namespace vectorq {

// Segments that wait to be scored, or are being scored.
struct Copies {
    AlignedArray<char> pages;
    AlignedArray<float> row_terms;  // of their rows, where codes have such
    AlignedArray<float> centroids;
    std::vector<SegmentCopy> segments;
    std::vector<ListCopy> lists;
    size_t used = 0, rows = 0;  // bytes of pages; rows in them
};

// The computing side of a round.
struct RoundObjects {
    std::unique_ptr<BatchScorer> scorer;
    std::unique_ptr<BatchOrder> order;
    AlignedArray<float> queries;  // (round_queries, dims)
    AlignedArray<float> record_scratch;
    std::vector<ListTable> record_tables;
};

// C++ objects, which the batch's context owns.
struct BatchObjects {
    StopToken stop;
    // — choosing lists: of a block of queries —
    std::vector<ListPicker> pickers;  // one a thread
    AlignedArray<float> block;        // (block_rows, dims)
    AlignedArray<float> block_codes;  // (block_rows, code dims)
    AlignedArray<ListScore> chosen;   // (block_rows, most lists)
    std::vector<uint32> chosen_count;
    // — of all rounds —
    std::vector<uint32> position;  // of each list (SpatialOrder)
    AlignedArray<float> origin;    // (code dims) of terms
    std::unique_ptr<ListTerms> terms;
    std::vector<ListScore> lists_to_read;
    Copies copies[2];  // while one is scored, the leader fills the other
    RoundObjects rounds[2];
    // — rows that are compared —
    AlignedArray<char> rows;
    std::vector<uint64> tids;
    std::vector<uint32> row_of;       // of each request, the number in tids
    std::vector<int32> row_at;        // of each of tids, or -1
    std::vector<uint64> row_version;  // likewise
    // Ends before what its threads work on does.
    std::unique_ptr<Crew> crew;
    BatchObjects();
};

// The part of the memory that the sort of the queries has. Lists and rows have theirs (batch.cpp), and the queries of
// rounds the rest.
inline constexpr Size kSortShare = 4;

// A query of a round.
struct RoundQuery {
    int64 number;
    Datum value;   // as it was given
    uint32 lists;  // that it probes; 0: it has no distance to anything
};

// Queries that are answered together. There are two at a time: while the lists of one are scored, rows of the one
// before are put in order.
struct Round {
    MemoryContext context;  // reset at its end
    RoundQuery* query;
    Size fill;
    RoundObjects* objects;
    // — rows in order: requests of the present pass, from which on they are to be read —
    const std::vector<RowRequest>* requests;
    Size from;
    bool ordered;
};

struct Batch {
    // — set by begin_batch, then constant —
    BatchOrderForm form;
    MemoryContext context, block_context, row_context;
    Settings session;
    IndexScanDesc reader;  // its ScanState has what reading pages and rows takes
    ScanState* state;
    IndexCache* cache;
    ScanChoice choice;
    uint32 most_lists;  // of a query
    bool may_thread;    // all centroids are in memory
    Centroids centroids;
    OrderRules rules;
    BatchShape shape;
    Size memory, page_bytes, row_bytes, query_bytes;
    Size block_rows, round_queries;
    ListChooser chooser;  // where threads may not choose
    float* code_row;
    // — while queries come in —
    Size block_fill;
    int64* block_numbers;
    Datum* block_values;
    bool* block_usable;
    bool has_positions;
    Tuplesortstate* sort;
    TupleTableSlot* slot;
    uint64 added;
    // — of the rounds —
    Round rounds[2];
    struct SingleScan* single;  // NULL until used
    // — counted —
    uint64 lists_read, entries_scored, done;
    uint64 alone;     // queries that were asked again by a scan of their own
    uint64 returned;  // rows, but those of such scans
    BatchObjects* objects;
};

// batch_queries.cpp: queries into a sort by where their nearest list lies, and out of it.
void begin_queries(Batch* b);
void end_queries(Batch* b);
// The next queries into the round; false if there are none.
bool next_round(Batch* b, Round* r);

// batch_lists.cpp: reads the lists of the round, each once, and scores them. Meanwhile rows of the round before, if
// there is one, are put in order.
void score_round(Batch* b, Round* r, Round* before);

// batch_rows.cpp: puts candidates in order, from the table or from records, a block of rows at a time; false once all
// are. Then the rows of all queries are in its BatchOrder, those that were read from the table with the version that
// the snapshot sees. threads: that may compare.
void begin_ordering(Batch* b, Round* r);
bool order_some(Batch* b, Round* r, int threads);

// batch_answers.cpp: hands out the rows of the round.
void answer_round(Batch* b, Round* r);
// Those of a block that was never cut into rounds, by scans of their own.
void answer_block(Batch* b);
void end_single(Batch* b);

// Rows of all rounds that were put in order.
uint64 rows_reordered(const Batch* b);
// count_batch.cpp: adds the batch to the statistics of its index.
void count_batch(const Batch* b);

}  // namespace vectorq
