// See maintain/calibrate.h.
//
// The truth comes from the table: codes err, and recall is about rows. A pass over it for every tenth of changed rows
// costs less than the changes did. Each few blocks are read with a snapshot of their own. Rows that others remove
// meanwhile, or whose parts out of line they remove (maintain/table_rows.h), are deleted rows: they are no neighbours.
#include "maintain/calibrate.h"

#include <algorithm>
#include <cmath>

#include "am/am.h"
#include "measure/measure_recall.h"
#include "store/calibration_store.h"
#include "measure/exact_neighbours.h"
#include "maintain/table_rows.h"
#include "store/tid.h"
#include "core/calibrate/row_set.h"
#include "pg/entry.h"
#include "pg/fault.h"

extern "C" {
#include "utils/sampling.h"
}

namespace vectorq {

static constexpr double kChangedShare = 0.1;
// Fewer than a build takes of a large table: vacuum works with one thread.
static constexpr Size kQueries = 160, kFewestQueries = 64;
static constexpr double kRowsPerQuery = 40;
static constexpr Size kMemoryShare = 8;
// Blocks of the table that queries are drawn from.
static constexpr BlockNumber kSampleBlocks = 256;
// Blocks of the table that are read with the same snapshot.
static constexpr BlockNumber kSnapshotBlocks = 64;

namespace {
struct QuerySample {
    Size dims;
    float* rows;  // (kQueries, dims)
    uint64* own;  // (kQueries)
    Size wanted, kept;
    double seen;
    ReservoirStateData random;
};
}  // namespace

// Rows that came or went since the last calibration: of those that went, some had come since.
static double rows_changed(const Calibration* calibration, double live, double removed) {
    return removed + std::max(0.0, live - static_cast<double>(calibration->rows) + removed);
}

// Without a count, what the index has grown by. Deleted rows' room is filled before it grows.
static double estimated_rows(Relation index, const Calibration* calibration) {
    if (calibration->blocks == 0) return 0;
    return static_cast<double>(calibration->rows) * RelationGetNumberOfBlocks(index) / calibration->blocks;
}

static void sample_query(ItemPointer tid, const float* vector, void* arg) {
    QuerySample* s = static_cast<QuerySample*>(arg);
    s->seen++;
    Size slot = s->kept;
    if (slot == s->wanted) {
        slot = static_cast<Size>(s->seen * random_fraction(&s->random));
        if (slot >= s->wanted) return;
    }
    memcpy(s->rows + slot * s->dims, vector, sizeof(float) * s->dims);
    s->own[slot] = pack_tid(tid) >> 16;
    if (slot == s->kept) s->kept++;
}

// Of rows with the same vector one stays, as in a build.
static void keep_distinct(QuerySample* s) {
    const Size dims = s->dims;
    core_call([&] {
        RowSet distinct(dims);
        for (Size i = 0; i < s->kept; i++) {
            const Size slot = distinct.size();
            float* row = s->rows + slot * dims;
            if (slot != i) std::copy_n(s->rows + i * dims, dims, row);
            if (distinct.Add(row) == slot) s->own[slot] = s->own[i];
        }
        s->kept = distinct.size();
    });
}

// Rows of random blocks of the table become queries.
static void sample_queries(QuerySample* s, TableRows* rows, uint32 seed) {
    s->rows = static_cast<float*>(palloc_extended(sizeof(float) * s->wanted * s->dims, MCXT_ALLOC_HUGE));
    s->own = static_cast<uint64*>(palloc(sizeof(uint64) * s->wanted));
    reservoir_init_selection_state(&s->random, static_cast<int>(s->wanted));
    init_random(&s->random, seed);
    BlockSamplerData blocks;
    BlockSampler_Init(&blocks, RelationGetNumberOfBlocks(rows->heap), kSampleBlocks, seed);
    while (BlockSampler_HasMore(&blocks)) {
        VQ_FAULT("vacuum.sample");
        vacuum_delay();
        scan_table_rows(rows, BlockSampler_Next(&blocks), 1, sample_query, s);
    }
    keep_distinct(s);
}

static void add_row(ItemPointer tid, const float* vector, void* pass) {
    add_exact_row(static_cast<ExactPass*>(pass), tid, vector);
}

static void find_neighbours(ExactPass* pass, TableRows* rows) {
    const BlockNumber blocks = RelationGetNumberOfBlocks(rows->heap);
    for (BlockNumber block = 0; block < blocks; block += kSnapshotBlocks) {
        VQ_FAULT("vacuum.exact");
        vacuum_delay();
        scan_table_rows(rows, block, std::min(kSnapshotBlocks, blocks - block), add_row, pass);
    }
    end_exact_pass(pass);
}

static Size affordable_queries(int dims, double rows) {
    Size queries = std::min(kQueries, static_cast<Size>(rows / kRowsPerQuery));
    const Size memory = static_cast<Size>(maintenance_work_mem) * 1024 / kMemoryShare;
    while (queries >= kFewestQueries && NeighbourFinder::Bytes(queries, static_cast<Size>(dims), kAllNeighbours,
                                                               kDeepQueries, kDeepNeighbours, 1) > memory)
        queries = queries * 4 / 5;
    return queries < kFewestQueries ? 0 : queries;
}

// False if there is nothing to measure with.
static bool measure(Relation index, IndexCache* cache, TableRows* table, double rows, Calibration* calibration) {
    const MetaPage* meta = &cache->meta;
    QuerySample s;
    memset(&s, 0, sizeof(s));
    s.dims = meta->dims;
    s.wanted = affordable_queries(static_cast<int>(meta->dims), rows);
    if (s.wanted == 0) return false;
    sample_queries(&s, table, meta->seed + static_cast<uint32>(rows));
    if (s.kept < kFewestQueries) return false;
    ExactPass* pass = make_exact_pass(table->heap, index);
    set_exact_queries(pass, s.rows, s.own, s.kept, 1);
    find_neighbours(pass, table);
    const double budget = calibration_budget(meta, pass->rows);
    if (!measure_recall(index, exact_neighbours(pass), budget, kCalibratedByRows, calibration, cache)) return false;
    calibration->rows = static_cast<uint64>(pass->rows);
    return true;
}

bool calibrate_by_table(Relation index, Relation heap, IndexCache* cache, double rows, Calibration* calibration) {
    MemoryContext context =
        AllocSetContextCreate(CurrentMemoryContext, "vectorq vacuum calibration", ALLOCSET_DEFAULT_SIZES);
    MemoryContext before = MemoryContextSwitchTo(context);
    Calibration measured;
    TableRows* table = open_table_rows(heap, index, opclass_of_index(index), static_cast<int>(cache->meta.dims));
    const bool done = measure(index, cache, table, rows, &measured);
    close_table_rows(table);
    if (done) *calibration = measured;
    MemoryContextSwitchTo(before);
    MemoryContextDelete(context);
    return done;
}

static bool measure_again(Relation index, Relation heap, double rows, Calibration* calibration) {
    MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "vectorq pin", ALLOCSET_SMALL_SIZES);
    const bool done = calibrate_by_table(index, heap, index_cache_pin(index, context), rows, calibration);
    MemoryContextDelete(context);
    return done;
}

void vacuum_calibrate(Relation index, Relation heap, const IndexBulkDeleteResult* stats) {
    MetaPage meta;
    Calibration calibration;
    read_meta(index, &meta);
    if (!(meta.flags & kMetaTrained)) return;
    read_calibration(index, &meta, &calibration);
    // The user's own queries are like no rows.
    if (calibration.source == kCalibratedByQueries) return;
    const double removed = stats == NULL ? 0 : stats->tuples_removed;
    const double removed_since = static_cast<double>(calibration.removed_rows) + removed;
    const double rows = stats == NULL ? estimated_rows(index, &calibration) : stats->num_index_tuples;
    const double enough = kChangedShare * std::max(rows, static_cast<double>(calibration.rows));
    const bool measured =
        rows_changed(&calibration, rows, removed_since) >= enough && measure_again(index, heap, rows, &calibration);
    if (!measured && removed == 0) return;
    if (!measured) calibration.removed_rows = static_cast<uint64>(removed_since);
    update_calibration(index, &calibration);
}

}  // namespace vectorq
