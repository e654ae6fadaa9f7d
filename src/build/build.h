// From a table's rows to lists of codes: CREATE INDEX, and vacuum, which makes the next generation of an index in use
// by the same steps, with other rows and other pages.
//
//     Build* b = begin_build(heap, index, info, memory, threads);
//     build_sample(b);                       // or, for each pass, begin_sample, add_sample_row …, end_sample
//     build_learn(b);
//     build_assign(b);                       // or begin_assign, assign_row …, end_assign
//     MetaPage meta = describe_build(b);     // what is true of this index beside it, the caller fills in
//     write_build_regions(b, &sink, &meta);
//     write_build_lists(b, &sink, &meta);
//     measure_build(b, cache, &calibration);
//     end_build(b);
//
// The leader alone talks to PostgreSQL, in a build as in vacuum: it sleeps by vacuum's cost limit if there is one.
#pragma once
#include <cstdint>

#include "am/am.h"
#include "store/index_cache.h"
#include "am/keys.h"
#include "am/opclass.h"
#include "am/options.h"
#include "core/base/matrix.h"
#include "core/calibrate/neighbours.h"
#include "core/base/progress.h"
#include "core/base/stop_token.h"
#include "core/cluster/centroid_groups.h"
#include "core/cluster/kmeans.h"
#include "core/cluster/panel_assign.h"
#include "core/cluster/replicas.h"
#include "core/transform/transform.h"
#include "store/page_sink.h"
#include "store/posting_builder.h"
#include "pg/pg_headers.h"

namespace vectorq {

enum BuildPhase : int64 { kPhaseSample = 2, kPhaseTrain = 3, kPhaseAssign = 4, kPhaseWrite = 5, kPhaseCalibrate = 6 };

// Below so many rows an index stays one list of exact rows: too few to learn anything from.
inline constexpr double kMinTrainingRows = 256;

// Below so many an index has one list, unless told otherwise.
inline constexpr double kFewRows = 2000;

// The number of lists for so many rows.
uint32 lists_for(AmKind am, Metric metric, double rows);

// C++ objects of a build: owned by the build's memory context, never on a stack that may be jumped over.
struct BuildObjects {
    CovarianceSum* covariance = nullptr;  // while rows tell of directions
    Matrix pending;                       // (block, dims) rows of the sample that are to be transformed
    Matrix query_rows, record_rows;       // (…, dims) some rows of a transformed sample as they were
    Matrix sample;                        // (rows, dims), or transformed
    AlignedArray<uint64_t> sample_tids;   // as Candidate::tid
    NeighbourFinder* finder = nullptr;    // of the queries that calibrate; none for a small table
    Matrix given;  // (lists, dims) centroids from elsewhere, as load_vector makes them; else empty
    Matrix centroids;
    CentroidGroups groups;
    AlignedArray<float> quantizer;   // sq8: offset, scale; pq: codebook
    AlignedArray<float> eta_origin;  // (code dims); empty unless the codec has one
    AlignedArray<float> transform;   // matrix, offset; empty without one, or before it is trained
    PanelAssigner* assigner = nullptr;
    ReplicaAssigner* replicas = nullptr;
    AlignedArray<float> block;          // (block_rows, dims)
    AlignedArray<float> made;           // (block_rows, code dims), transformed; empty without a transform
    AlignedArray<float> scratch;        // of each thread, for encoding
    AlignedArray<uint64_t> block_tids;  // (block_rows), as Candidate::tid; empty without a finder
    AlignedArray<RowFields> fields;     // (block_rows)
    AlignedArray<char> keys;            // (block_rows, key_bytes) packed; empty without key columns
    AlignedArray<uint32_t> block_list;  // (block_rows) the nearest list
    AlignedArray<uint32_t>
        row_lists;  // (block_rows, entries_of_row) that list and further ones; empty without replicas
    AlignedArray<uint8_t> row_entries;  // (block_rows) how many; likewise
    AlignedArray<uint32_t> entry_row;   // (max_entries) of the block
    AlignedArray<uint32_t> entry_list;  // (max_entries)
    AlignedArray<uint8_t> payload;      // (max_entries, payload_bytes)
    AlignedArray<uint8_t> entry_fits;   // (max_entries)
    AlignedArray<float> record_params;  // sq8 records: offset (dims), scale (dims)
    AlignedArray<float> zeros;          // likewise: (dims)
    AlignedArray<uint8_t> records;      // (block_rows, record_payload_bytes); empty without records
    AlignedArray<uint8_t> record_fits;  // (block_rows)
    StopToken stop;
    BuildObjects();
    ~BuildObjects() {
        delete covariance;
        delete assigner;
        delete replicas;
        delete finder;
    }
};

struct SampleReservoir;  // build/sample.cpp

// Passes over rows that sample them, in this order.
enum class SamplePass : uint8 {
    kNone,
    kDirections,  // of `ah`, where a transform is looked for: how their variance is spread
    kRows         // rows that train
};

struct Build {
    // — set at the start, then constant —
    Relation heap, index;
    IndexInfo* info;  // of CREATE INDEX, else NULL
    bool creates;     // CREATE INDEX: tells its progress and what the user should know
    const OpclassInfo* opclass;
    const KeyColumnInfo* key_columns;
    IndexOptions options;
    int dims;
    int threads;
    Size memory;  // bytes
    MemoryContext context, row_context;
    BuildObjects* objects;
    // — changed while rows are sampled —
    SamplePass pass;
    double wanted_rows;  // of this pass
    Size pending_rows;
    Size sample_rows;  // that the sample has room for
    SampleReservoir* reservoir;
    // — set by sampling and training —
    bool trained;
    int64 trained_rows;  // as pg_stat_progress_create_index shows them
    uint32 lists;
    double expected_rows;  // of the table
    uint32 training_rows;
    double full_rows, needed_rows, fit_rows;  // of the sample: without a bound of memory, at least, within memory
    double needed_bytes;                      // that the second of these takes
    Codec codec;
    TransformSpec transform_spec;
    Reorder reorder;
    Replicas replicas;
    uint32 entries_of_row;  // lists that hold a row, at most
    PostingGeometry geometry;
    RecordCodec records;  // if KeepsRecords(reorder)
    // — changed while rows are assigned —
    Size block_rows, block_fill;
    Size max_entries, entries;  // of rows of the block, at a time
    Size payload_bytes, record_payload_bytes;
    Tuplesortstate* sort;
    TupleTableSlot* slot;
    int64 indexed_rows, indexed_entries;
    double heap_rows;
};

// Threads that a build or the like may use: max_parallel_maintenance_workers + 1 within the machine.
int maintenance_threads();

// ---- the steps of CREATE INDEX

void build_sample(Build* b);  // from the table
void build_learn(Build* b);   // transform, held-out queries, lists, centroids, quantizer, codec, geometry
void build_assign(Build* b);  // the table's rows into the sort
void build_write(Build* b);   // the index's pages

// ---- the same in pieces, for rows and pages of other origin

// info: NULL if there is no CREATE INDEX. memory: in bytes, of the sample and then of the sort. The build is a context
// of the current one, until end_build.
Build* begin_build(Relation heap, Relation index, IndexInfo* info, Size memory, int threads);
void end_build(Build* b);
// Goes on with what a build has trained and written, from where cache, which has to stay pinned, has it: to assign rows
// to its lists. In resume.cpp.
Build* resume_build(Relation heap, Relation index, IndexCache* cache, Size memory, int threads);

// Rows to learn from come in a pass or two:
//     while (begin_sample(b, rows, most))
//         { for each row: if (sample_wants_row(b)) add_sample_row(b, tid, vector); end_sample(b); }
// rows: how many there are, which decides upon the lists; `most` of them can come. False when no pass is left. Whoever
// offers a part of the rows only offers b->wanted_rows at least, of all parts of the table.
bool begin_sample(Build* b, double rows, double most);
// Counts a row, in whatever order they come; true if it is to be added.
bool sample_wants_row(Build* b);
// vector: (dims), as load_vector makes it. tid: as Candidate::tid.
void add_sample_row(Build* b, uint64 tid, const float* vector);
void end_sample(Build* b);

// Rows may be assigned in batches, each from begin_assign to its lists' writing; before any but the first:
void prepare_assign(Build* b);
void begin_assign(Build* b);
// Where a row's vector (dims) may be put before it is assigned; it may come from elsewhere, too.
float* next_row_vector(Build* b);
// fields, keys: what is kept of the row beside its code and record; the keys packed, or NULL without key columns. All
// rows together are the index.
void assign_row(Build* b, const RowFields* fields, const char* keys, const float* vector);
void end_assign(Build* b);

// What the meta page of an index with these lists says, but for what is written after it.
MetaPage describe_build(const Build* b);
// Centroids and all that codes depend on, an empty calibration among them, whose pages carry meta->generation.
void write_build_regions(Build* b, PageSink* sink, MetaPage* meta);
// Records, lists from 0 on, and the directory. Of an index in use, records and postings lie anywhere from block 1 on.
void write_build_lists(Build* b, PageSink* sink, MetaPage* meta);
// The parts of that: records from the sort of rows with records, in whose place comes a sort of posting rows; these
// into lists, at whose end the sort ends; the directory.
void write_build_records(Build* b, PageSink* sink);
void write_sorted_rows(Build* b, PostingBuilder* w);
// summaries: (lists) of key columns; NULL: there are none, or no rows yet.
Region write_directory(PageSink* sink, const DirectoryEntry* directory, const char* summaries, uint32 lists,
                       uint32 key_columns);
// Measures what was written with the queries held out. cache: of it, pinned. False if there are too few queries.
bool measure_build(Build* b, IndexCache* cache, Calibration* calibration);

// ---- memory

// Memory beyond what is given that a build may take, so that an index is of the same kind however little that is: while
// it trains, and while it looks for a transform.
inline constexpr Size kTrainingSlack = 40 * 1024 * 1024, kDirectionsSlack = 60 * 1024 * 1024;

// Of the sample that product codes learn from, most.
inline constexpr Size kPqSampleBytes = 32 * 1024 * 1024;

// True if `ah` looks for a transform by itself, of a table of so many rows, if memory allows.
bool looks_for_transform(const Build* b, double rows);
// What that takes.
double directions_bytes(const Build* b);
// Least memory in which an index is calibrated that samples so many rows; 0 if these are too few.
double calibration_bytes(const Build* b, double sample);
// True if the sample is of transformed rows, since a transform was found before it was drawn.
inline bool sample_is_transformed(const Build* b) { return b->objects->transform.size() > 0; }

// ---- between the steps

// A code of what the transform makes, which is resolved; leaves training to build_train.
void choose_codec(Build* b, const TransformSpec& spec);
// The pass that looks for a transform of `ah`.
double rows_for_directions(const Build* b);
void begin_directions(Build* b);
void add_directions_row(Build* b, const float* vector);
void end_directions(Build* b);
// One of `count` strata of consecutive rows, and a row of it that the seed chooses. Not always the first: a small table
// is sampled whole and in its order, which may have a period.
Size row_of_stratum(const Build* b, Size rows, Size count, Size stratum);
// Of a transformed sample `count` rows are kept as they were, evenly of all: the slot of the i-th.
inline Size slot_as_it_is(const Build* b, Size count, Size i) { return row_of_stratum(b, b->sample_rows, count, i); }
// Queries that memory and a sample of so many rows allow; 0 if these are too few.
Size queries_to_hold_out(const Build* b, double sample);
void build_hold_out(Build* b);       // takes the queries that will calibrate the index out of the sample
void build_report_memory(Build* b);  // a NOTICE if the index loses something for want of memory
// CREATE INDEX: the rows of the table that the option centroids names, which the user who builds has to be allowed to
// read, become b->objects->given, and their number the option lists.
void read_given_centroids(Build* b, const char* table_name);
void build_train(Build* b);  // lists, centroids, quantizer, codec, geometry

// A sort of rows by list, (key, row) or more columns, within so many bytes; b->slot becomes theirs.
void begin_row_sort(Build* b, int columns, Size bytes);
// An index without rows, of which nothing is logged but this.
void write_empty_index(Relation index, ForkNumber fork, const OpclassInfo* opclass, int dims);

}  // namespace vectorq
