// See maintain/calibrate.h.
//
// The truth comes from the table: codes err, and recall is about rows. A pass over it for every tenth of changed rows
// costs less than the changes did. It reads through the server's own scan for index builds, as BRIN's vacuum does, with
// a snapshot for every few blocks.
//
// Others do not wait for a vacuum's snapshot before they remove what it sees. Of the rows themselves that takes nothing
// away, for no other vacuum of this table runs; but what is stored out of line may be gone when it is asked for. So
// nothing is read from there: an index on vectors that lie out of line, and one with an expression or a predicate on
// a table that could have such, keeps the calibration that it has.
#include "maintain/calibrate.h"

#include <algorithm>
#include <cmath>

#include "am/am.h"
#include "measure/measure_recall.h"
#include "store/calibration_store.h"
#include "measure/exact_neighbours.h"
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

namespace {
struct QuerySample {
    ExactPass* pass;
    float* rows;  // (kQueries, dims)
    uint64* own;  // (kQueries)
    Size wanted, kept;
    double seen;
    ReservoirStateData random;
    bool out_of_line;
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

static bool reads_only_rows(Relation heap, Relation index) {
    if (!OidIsValid(heap->rd_rel->reltoastrelid)) return true;
    return RelationGetIndexExpressions(index) == NIL && RelationGetIndexPredicate(index) == NIL;
}

static void sample_query(Relation, ItemPointer tid, Datum* values, bool* isnull, bool, void* arg) {
    QuerySample* s = static_cast<QuerySample*>(arg);
    if (isnull[0]) return;
    if (VARATT_IS_EXTERNAL(DatumGetPointer(values[0]))) s->out_of_line = true;
    if (s->out_of_line) return;
    s->seen++;
    Size slot = s->kept;
    if (slot == s->wanted) {
        slot = static_cast<Size>(s->seen * random_fraction(&s->random));
        if (slot >= s->wanted) return;
    }
    const int dims = s->pass->dims;
    MemoryContext before = MemoryContextSwitchTo(s->pass->row_context);
    float* row = static_cast<float*>(palloc(sizeof(float) * dims));
    const bool whole = load_vector(s->pass->opclass, values[0], dims, row);
    if (whole) {
        memcpy(s->rows + slot * dims, row, sizeof(float) * dims);
        s->own[slot] = pack_tid(tid) >> 16;
        if (slot == s->kept) s->kept++;
    }
    MemoryContextSwitchTo(before);
    MemoryContextReset(s->pass->row_context);
}

// Of rows with the same vector one stays, as in a build.
static void keep_distinct(QuerySample* s) {
    const Size dims = s->pass->dims;
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

// Rows of random blocks of the table become queries. None if they lie out of line.
static void sample_queries(QuerySample* s, uint32 seed) {
    ExactPass* p = s->pass;
    s->rows = static_cast<float*>(palloc_extended(sizeof(float) * s->wanted * p->dims, MCXT_ALLOC_HUGE));
    s->own = static_cast<uint64*>(palloc(sizeof(uint64) * s->wanted));
    reservoir_init_selection_state(&s->random, static_cast<int>(s->wanted));
    init_random(&s->random, seed);
    IndexInfo* info = BuildIndexInfo(p->index);
    info->ii_Concurrent = true;
    BlockSamplerData blocks;
    BlockSampler_Init(&blocks, RelationGetNumberOfBlocks(p->heap), kSampleBlocks, seed);
    while (BlockSampler_HasMore(&blocks) && !s->out_of_line) {
        VQ_FAULT("vacuum.sample");
        vacuum_delay();
        table_index_build_range_scan(p->heap, p->index, info, false, false, false, BlockSampler_Next(&blocks), 1,
                                     sample_query, s, NULL);
    }
    if (s->out_of_line) s->kept = 0;
    keep_distinct(s);
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
static bool measure(Relation heap, Relation index, const MetaPage* meta, double rows, Calibration* calibration) {
    QuerySample s;
    memset(&s, 0, sizeof(s));
    s.wanted = affordable_queries(static_cast<int>(meta->dims), rows);
    if (s.wanted == 0) return false;
    s.pass = make_exact_pass(heap, index);
    sample_queries(&s, meta->seed + static_cast<uint32>(rows));
    if (s.kept < kFewestQueries) return false;
    set_exact_queries(s.pass, s.rows, s.own, s.kept, 1);
    if (!find_exact_neighbours(s.pass, true)) return false;
    const double budget = calibration_budget(meta, s.pass->rows);
    if (!measure_recall(index, exact_neighbours(s.pass), budget, kCalibratedByRows, calibration)) return false;
    calibration->rows = static_cast<uint64>(s.pass->rows);
    return true;
}

// False, and *calibration as it was, if nothing could be measured.
static bool measure_again(Relation index, Relation heap, const MetaPage* meta, double rows, Calibration* calibration) {
    MemoryContext context =
        AllocSetContextCreate(CurrentMemoryContext, "vectorq vacuum calibration", ALLOCSET_DEFAULT_SIZES);
    MemoryContext before = MemoryContextSwitchTo(context);
    Calibration measured;
    const bool done = reads_only_rows(heap, index) && measure(heap, index, meta, rows, &measured);
    if (done) *calibration = measured;
    MemoryContextSwitchTo(before);
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
    const bool measured = rows_changed(&calibration, rows, removed_since) >= enough &&
                          measure_again(index, heap, &meta, rows, &calibration);
    if (!measured && removed == 0) return;
    if (!measured) calibration.removed_rows = static_cast<uint64>(removed_since);
    set_calibration_crc(&calibration);
    update_calibration(index, &calibration);
}

}  // namespace vectorq
