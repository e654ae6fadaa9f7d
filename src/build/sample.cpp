// Sampling: random blocks of the heap in block order, rows into a reservoir. Everything depends on
// the table's contents and the seed only, not on statistics, so that a rebuild gives the same index.
#include <algorithm>
#include <cmath>

#include "build/build.h"
#include "store/tid.h"
#include "pg/entry.h"
#include "pg/fault.h"

namespace vectorq {

// Points a list for k-means, and the bounds of the sample when the user leaves it to us. Product codes of residuals
// answer by themselves, and the better the centroids, the smaller the residuals: IVF2048,PQ8 on a million SIFT rows has
// recall@10 0.381 at nprobe 48 from 32 rows a list, 0.393 from 128 and from 256, as FAISS takes.
static constexpr double kRowsPerList = kFirstRowsPerList;
// Of a large table more, which tell the lists' sizes better for the same time of training (core/cluster/README.md,
// Balance): as many as this share of the rows are, up to kMostRowsPerList a list.
static constexpr double kMostRowsPerList = 96, kShareOfRows = 0.4;
static constexpr double kRowsPerListOfCodes = 128;
static constexpr double kMinSample = 10000;
// Rows for each codeword of a product code, as FAISS takes: fewer cost recall.
static constexpr double kRowsPerCodeword = 256;
static constexpr uint32 kDensityBlocks = 64;
// Step of the search for a sample that fits.
static constexpr double kFewerRows = 0.9;

namespace {
struct Sampler {
    Build* build;
    Matrix* sample;  // NULL: only count
    double seen;
    Size kept;
    ReservoirStateData reservoir;
    double skip;
};
}  // namespace

static void keep_row(Sampler* s, ItemPointer tid, Datum value) {
    VQ_FAULT("sample.row");
    const Size capacity = s->sample->rows();
    Size slot = s->kept;
    if (s->kept == capacity) {
        // Algorithm Z, as ANALYZE does: replaces a random row so that each is equally likely.
        if (s->skip < 0) s->skip = reservoir_get_next_S(&s->reservoir, s->seen, static_cast<int>(capacity));
        if (s->skip > 0) {
            s->skip -= 1;
            return;
        }
        s->skip = -1;
        slot = std::min(capacity - 1, static_cast<Size>(capacity * random_fraction(&s->reservoir)));
    }
    const Size row_bytes = sizeof(float) * s->build->dims;
    float* row = static_cast<float*>(palloc(row_bytes));
    if (!load_vector(s->build->opclass, value, s->build->dims, row)) return;
    memcpy(s->sample->row(slot), row, row_bytes);
    s->build->objects->sample_tids[slot] = pack_tid(tid);
    if (slot == s->kept) s->kept++;
}

static void sample_row(Relation, ItemPointer tid, Datum* values, bool* isnull, bool, void* arg) {
    Sampler* s = static_cast<Sampler*>(arg);
    if (isnull[0]) return;
    if (s->sample != NULL) {
        MemoryContext before = MemoryContextSwitchTo(s->build->row_context);
        keep_row(s, tid, values[0]);
        MemoryContextSwitchTo(before);
        MemoryContextReset(s->build->row_context);
    }
    s->seen += 1;
}

static BlockNumber scan_random_blocks(Sampler* s, BlockNumber blocks, BlockNumber wanted, uint32 seed) {
    Build* b = s->build;
    BlockSamplerData sampler;
    // Rows that a running transaction has deleted or not yet committed may train, too. CREATE INDEX CONCURRENTLY reads
    // by a snapshot, which knows no such choice.
    const bool any_visible = !b->info->ii_Concurrent;
    const BlockNumber chosen =
        BlockSampler_Init(&sampler, blocks, static_cast<int>(std::min<BlockNumber>(wanted, INT_MAX)), seed);
    if (chosen >= blocks) {
        VQ_FAULT("sample.scan");
        table_index_build_range_scan(b->heap, b->index, b->info, false, any_visible, false, 0, InvalidBlockNumber,
                                     sample_row, s, NULL);
        return blocks;
    }
    while (BlockSampler_HasMore(&sampler)) {
        CHECK_FOR_INTERRUPTS();
        table_index_build_range_scan(b->heap, b->index, b->info, false, any_visible, false, BlockSampler_Next(&sampler),
                                     1, sample_row, s, NULL);
    }
    return chosen;
}

// 4 sqrt(n) from a few thousand rows on: DESIGN.md section 11, and
// the sweep in test/bench, both at a million rows. Codes of `ah` are so quickly scored that a list costs as much as
// some hundred rows of it: below a million rows fewer lists are as fast or faster, and built in less time
// (docs/measurements/options.md). Bits of a row are a hundredth of what a list's centroid takes to score, so lists are
// few (docs/measurements/bits.md).
uint32 lists_for(AmKind am, Metric metric, double rows) {
    if (rows < kFewRows) return 1;
    double lists = 4.0 * std::sqrt(rows);
    if (TraitsOf(metric).bits) lists = 1.25 * std::sqrt(rows);
    if (am == AmKind::kAh) lists = std::min(lists, std::pow(rows, 0.75) / 8);
    return static_cast<uint32>(std::clamp(lists, 16.0, 200000.0));
}

double transform_bytes(const Build* b, const TransformSpec& spec, Size rows) {
    return static_cast<double>(TransformTrainBytes(spec, rows, b->dims, b->threads)) +
           sizeof(float) * static_cast<double>(rows) * spec.out_dims;
}

// What the steps of training need beside the sample, at most; they come one after another.
static double training_bytes(const Build* b, size_t rows, const KMeansOptions& options) {
    double bytes = KMeansBytes(rows, b->codec.dims, options);
    if (b->transform_spec.kind != TransformKind::kNone)
        bytes = std::max(bytes, transform_bytes(b, b->transform_spec, rows));
    if (IsProductCode(b->codec.kind))
        bytes = std::max(bytes, static_cast<double>(TrainPqBytes(b->codec.pq, rows, b->threads)));
    return bytes;
}

// Of a sample of so many rows: the rows, centroids twice and what k-means needs beside them.
static double sample_bytes(const Build* b, double rows) {
    KMeansOptions options;
    options.lists = b->lists;
    options.threads = b->threads;
    options.balance = b->options.balance;
    return rows * sizeof(float) * b->dims + training_bytes(b, static_cast<size_t>(rows), options);
}

// Most sample rows that fit.
static double rows_within_memory(const Build* b) {
    double rows = b->memory / (sizeof(float) * static_cast<double>(b->dims));
    for (int i = 0; i < 50 && sample_bytes(b, rows) > b->memory; i++) rows *= kFewerRows;
    return rows;
}

// Where there are hardly more than kRowsPerList to be had, those are taken: up to twice as many, k-means goes through
// all of them in each iteration.
static double rows_for_lists(const Build* b, double most) {
    const double a_list = std::min(kMostRowsPerList, most / b->lists);
    // Of bits the build is half training; 3 times as many rows save a twelfth of a query (docs/measurements/bits.md).
    if (TraitsOf(b->opclass->metric).bits) return b->lists * kRowsPerList;
    return b->lists * (a_list > 2 * kRowsPerList ? a_list : kRowsPerList);
}

static double rows_for_codes(const Build* b) {
    return b->options.quantizer == kQuantizerPq ? kRowsPerCodeword * (1 << b->options.bits) : 0;
}

// True if the codes of residuals answer by themselves.
static bool codes_answer(const Build* b) {
    return am_of_index(b->index) == AmKind::kIvf && b->options.quantizer == kQuantizerPq;
}

// Of a table of so many rows, if memory holds `fit` of them.
static double wanted_rows(const Build* b, double rows, double fit) {
    if (b->options.training_rows > 0) return b->options.training_rows;
    const double for_lists =
        codes_answer(b) ? b->lists * kRowsPerListOfCodes : rows_for_lists(b, std::min(kShareOfRows * rows, fit));
    return std::max({kMinSample, for_lists, rows_for_codes(b)});
}

// What the sample would be if memory had no bound, for build_report_memory.
static void note_memory(Build* b, double fit) {
    const double rows = b->expected_rows;
    b->full_rows = std::min(wanted_rows(b, rows, rows), rows);
    b->needed_rows =
        b->options.training_rows > 0
            ? b->full_rows
            : std::min(std::max(b->lists * (codes_answer(b) ? kRowsPerListOfCodes : kRowsPerList), rows_for_codes(b)),
                       b->full_rows);
    b->fit_rows = fit;
    // The search goes down by steps: with so much it ends at no fewer rows.
    b->full_bytes = std::max(sample_bytes(b, b->full_rows), chosen_transform_bytes(b, b->full_rows)) / kFewerRows;
}

void build_sample(Build* b) {
    const BlockNumber blocks = RelationGetNumberOfBlocks(b->heap);
    const uint32 seed = static_cast<uint32>(b->options.seed);
    // First the density, from a few blocks: how many rows will there be?
    Sampler counter = {};
    counter.build = b;
    const BlockNumber counted = scan_random_blocks(&counter, blocks, kDensityBlocks, seed + 1);
    const double density = counted == 0 ? 0 : counter.seen / counted;
    const double rows = b->expected_rows = density * blocks;
    b->lists = b->options.lists > 0 ? static_cast<uint32>(b->options.lists)
                                    : lists_for(am_of_index(b->index), b->opclass->metric, rows);

    const double fit = rows_within_memory(b);
    note_memory(b, fit);
    // If a few blocks show no row (a partial index, say), the table may still have some.
    const double limit = counted >= blocks ? counter.seen : std::max(rows * 1.1, kMinSample);
    const double wanted = std::min({wanted_rows(b, rows, fit), limit, fit});
    const Size capacity = static_cast<Size>(std::max(wanted, 1.0));
    core_call([&] {
        b->objects->sample = Matrix(capacity, b->dims);
        b->objects->sample_tids.Resize(capacity);
    });
    Sampler s = {};
    s.build = b;
    s.sample = &b->objects->sample;
    s.skip = -1;
    reservoir_init_selection_state(&s.reservoir, static_cast<int>(capacity));
    // PostgreSQL seeds this at random; ours must repeat.
    init_random(&s.reservoir, seed);
    s.reservoir.W = std::exp(-std::log(random_fraction(&s.reservoir)) / static_cast<double>(capacity));
    const double blocks_wanted = density > 0 ? std::ceil(1.2 * wanted / density) + 16 : blocks;
    scan_random_blocks(&s, blocks, static_cast<BlockNumber>(std::min<double>(blocks_wanted, blocks)), seed);
    b->objects->sample.TruncateRows(s.kept);
    b->training_rows = static_cast<uint32>(s.kept);
}

}  // namespace vectorq
