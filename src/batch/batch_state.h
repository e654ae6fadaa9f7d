// The state of a batch, for the files of this folder.
#pragma once
#include "batch/batch.h"
#include "core/base/stop_token.h"
#include "core/batch/batch_lists.h"
#include "core/batch/batch_order.h"
#include "core/batch/batch_score.h"
#include "core/batch/list_terms.h"
#include "pg/pg_headers.h"

namespace vectorq {

// C++ objects, which the batch's context owns.
struct BatchObjects {
    StopToken stop;
    // — choosing lists: of a block of queries —
    std::vector<ListPicker> pickers;  // one a thread
    AlignedArray<float> block;        // (block_rows, dims)
    AlignedArray<float> block_codes;  // (block_rows, code dims)
    AlignedArray<ListScore> chosen;   // (block_rows, most lists)
    std::vector<uint32> chosen_count;
    // — the queries of a round —
    BatchScorer* scorer = nullptr;
    BatchOrder* order = nullptr;
    AlignedArray<float> queries;    // (round_queries, dims)
    AlignedArray<char> pages;       // copies of segments
    AlignedArray<float> origin;     // (code dims) of terms
    ListTerms* terms = nullptr;     // of codes that have such
    AlignedArray<float> row_terms;  // of the copies' rows
    std::vector<SegmentCopy> segments;
    std::vector<ListCopy> lists;
    AlignedArray<float> centroids;
    std::vector<ListScore> lists_to_read;
    std::vector<uint32> position;  // of each list (SpatialOrder)
    // — rows that are compared —
    AlignedArray<char> rows;
    std::vector<uint64> tids;
    std::vector<int32> row_at;        // of each of tids, or -1
    std::vector<uint64> row_version;  // likewise
    AlignedArray<float> record_scratch;
    std::vector<ListTable> record_tables;
    BatchObjects();
    ~BatchObjects();
};

// The part of the memory that the sort of the queries has. Lists and rows have theirs (batch.cpp), and the queries of a
// round the rest.
inline constexpr Size kSortShare = 4;

// A query of the present round.
struct RoundQuery {
    int64 number;
    Datum value;   // as it was given
    uint32 lists;  // that it probes; 0: it has no distance to anything
};

struct Batch {
    // — set by begin_batch, then constant —
    BatchOrderForm form;
    MemoryContext context, round_context, row_context;
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
    Tuplesortstate* sort;
    TupleTableSlot* slot;
    uint64 added;
    // — of the round —
    RoundQuery* round;
    Size round_fill;
    IndexScanDesc single;  // NULL until used
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
bool next_round(Batch* b);

// batch_lists.cpp: reads the lists of the round, each once, and scores them.
void score_round(Batch* b);

// batch_rows.cpp: puts candidates in order, from the table or from records. Then the rows of all queries are in
// objects->order, those that were read from the table with the version that the snapshot sees.
void order_round(Batch* b);

// batch_answers.cpp: hands out the rows of the round.
void answer_round(Batch* b);

// count_batch.cpp: adds the batch to the statistics of its index.
void count_batch(const Batch* b);

}  // namespace vectorq
