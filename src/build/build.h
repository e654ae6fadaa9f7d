// The build's shared state, between build.cpp (phases), build/sample.cpp, build/train.cpp and
// build/write.cpp.
#pragma once
#include <cstdint>

#include "am/am.h"
#include "store/index_cache.h"
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
    Matrix sample;
    AlignedArray<uint64_t> sample_tids;  // as Candidate::tid
    NeighbourFinder* finder = nullptr;   // of the queries that calibrate; none for a small table
    Matrix centroids;
    CentroidGroups groups;
    AlignedArray<float> quantizer;   // sq8: offset, scale; pq: codebook
    AlignedArray<float> eta_origin;  // (code dims); empty unless the codec has one
    AlignedArray<float> transform;   // matrix, offset; empty without one
    PanelAssigner* assigner = nullptr;
    ReplicaAssigner* replicas = nullptr;
    AlignedArray<float> block;          // (block_rows, dims)
    AlignedArray<float> made;           // (block_rows, code dims), transformed; empty without a transform
    AlignedArray<float> scratch;        // of each thread, for encoding
    AlignedArray<uint64_t> block_tids;  // (block_rows), as Candidate::tid; empty without a finder
    AlignedArray<RowFields> fields;     // (block_rows)
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
        delete assigner;
        delete replicas;
        delete finder;
    }
};

struct Build {
    // — set at the start, then constant —
    Relation heap, index;
    IndexInfo* info;
    const OpclassInfo* opclass;
    IndexOptions options;
    int dims;
    int threads;
    Size memory;  // bytes: maintenance_work_mem
    MemoryContext context, row_context;
    BuildObjects* objects;
    // — set by training —
    bool trained;
    int64 trained_rows;  // as pg_stat_progress_create_index shows them
    uint32 lists;
    double expected_rows;  // by a look at some blocks
    uint32 training_rows;
    double full_rows, needed_rows, fit_rows;  // of the sample: without a bound of memory, at least, within memory
    double full_bytes;                        // that the first of these takes
    bool short_of_memory;
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

// Bytes that learning a transform from so many sample rows needs beside them, at most; with what it makes of the rows.
double transform_bytes(const Build* b, const TransformSpec& spec, Size rows);
// True if `ah` looks for a transform by itself, given so many rows.
bool looks_for_transform(const Build* b, double rows);
// What that takes, with the sample; 0 if it does not.
double chosen_transform_bytes(const Build* b, double rows);
// Least memory in which an index is calibrated that samples so many rows; 0 if these are too few.
double calibration_bytes(const Build* b, double sample);

void build_sample(Build* b);         // fills objects->sample
void build_hold_out(Build* b);       // takes the queries that will calibrate the index out of the sample
void build_report_memory(Build* b);  // a NOTICE if the index loses something for want of memory
void build_train(Build* b);          // lists, centroids, quantizer, codec, geometry
void build_assign(Build* b);         // heap scan into the sort
void build_write(Build* b);          // the index's pages
// Measures the index just written, if queries were held out. meta: of the index; written anew.
void build_calibrate(Build* b, MetaPage* meta);

// Writes the meta page of an index that is being built.
void write_meta(Relation index, ForkNumber fork, MetaPage* meta);

// A sort of rows by list, (key, row) or more columns, within so many bytes; b->slot becomes theirs.
void begin_row_sort(Build* b, int columns, Size bytes);
// Writes the records from the sort of rows with records, and puts a new sort of posting rows in its place.
void build_records(Build* b, ForkNumber fork, MetaPage* meta);

// The meta page of an index with these properties; regions are filled in by the writer.
void write_empty_index(Relation index, ForkNumber fork, const OpclassInfo* opclass, int dims);

}  // namespace vectorq
