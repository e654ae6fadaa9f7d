// Sampling: random blocks of the table in block order, rows into a reservoir; vacuum offers rows of other origin.
// Everything depends on the rows and the seed only, not on statistics, so that a rebuild gives the same index.
#include <algorithm>
#include <cmath>

#include "build/build.h"
#include "core/quantize/anisotropic.h"
#include "store/tid.h"
#include "pg/entry.h"
#include "pg/fault.h"

extern "C" {
#include "common/hashfn.h"
}

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
// Below which no index is trained, whatever that takes.
static constexpr double kFewestRows = 2 * kMinTrainingRows;
// Rows that a thread transforms at a time.
static constexpr Size kTransformGrain = 32;
// Rows as they were for each query, where the sample is transformed: if fewer rows come than there is room for, there
// are still enough.
static constexpr Size kSpareQueries = 2;
// Rows as they were that tell the ranges of sq8 records, where the sample is transformed.
static constexpr Size kRecordRows = 1024;

struct SampleReservoir {
    double seen;
    Size kept;
    Size slot;  // of the row to be added
    ReservoirStateData state;
    double skip;
    Size* pending_slots;  // of objects->pending
};

// Algorithm Z, as ANALYZE does: once there are enough, a row replaces a random one so that each is equally likely.
static bool choose_slot(SampleReservoir* r, Size capacity) {
    r->slot = r->kept;
    if (r->kept < capacity) return true;
    if (r->skip < 0) r->skip = reservoir_get_next_S(&r->state, r->seen, static_cast<int>(capacity));
    if (r->skip > 0) {
        r->skip -= 1;
        return false;
    }
    r->skip = -1;
    r->slot = std::min(capacity - 1, static_cast<Size>(capacity * random_fraction(&r->state)));
    return true;
}

static void begin_rows(Build* b) {
    const Size capacity = b->sample_rows = static_cast<Size>(std::max(b->wanted_rows, 1.0));
    BuildObjects* o = b->objects;
    const Size queries = queries_to_hold_out(b, static_cast<double>(capacity));
    const bool transformed = sample_is_transformed(b);
    core_call([&] {
        o->sample = Matrix(capacity, transformed ? b->codec.dims : static_cast<Size>(b->dims));
        o->sample_tids.Resize(capacity);
        if (!transformed) return;
        o->pending = Matrix(CovarianceSum::kBlockRows, b->dims);
        o->query_rows = Matrix(std::min(kSpareQueries * queries, capacity), b->dims);
        if (b->reorder == Reorder::kSq8) o->record_rows = Matrix(std::min(kRecordRows, capacity), b->dims);
    });
    SampleReservoir* r = static_cast<SampleReservoir*>(MemoryContextAllocZero(b->context, sizeof(SampleReservoir)));
    r->pending_slots = static_cast<Size*>(MemoryContextAlloc(b->context, sizeof(Size) * CovarianceSum::kBlockRows));
    r->skip = -1;
    reservoir_init_selection_state(&r->state, static_cast<int>(capacity));
    // PostgreSQL seeds this at random; ours must repeat.
    init_random(&r->state, static_cast<uint32>(b->options.seed));
    r->state.W = std::exp(-std::log(random_fraction(&r->state)) / static_cast<double>(capacity));
    b->reservoir = r;
    b->pending_rows = 0;
}

// The rows that wait become rows of the sample. A slot may have been filled several times meanwhile.
static void transform_pending(Build* b) {
    BuildObjects* o = b->objects;
    const Size rows = b->pending_rows, in = static_cast<Size>(b->dims), out = b->codec.dims;
    core_call([&] {
        Matrix made(rows, out);
        ParallelFor(rows, kTransformGrain, b->threads, o->stop, [&](size_t begin, size_t end, int) {
            ApplyTransform(o->transform.data(), o->transform.data() + in * out, in, out, o->pending.row(begin),
                           end - begin, made.row(begin));
        });
        for (Size i = 0; i < rows; i++) std::copy_n(made.row(i), out, o->sample.row(b->reservoir->pending_slots[i]));
    });
    b->pending_rows = 0;
}

Size row_of_stratum(const Build* b, Size rows, Size count, Size stratum) {
    const Size begin = stratum * rows / count, end = (stratum + 1) * rows / count;
    const uint64 random =
        hash_bytes_uint32_extended(static_cast<uint32>(stratum), static_cast<uint64>(b->options.seed));
    return begin + random % (end - begin);
}

static void keep_as_it_is(const Build* b, Matrix* rows, Size slot, const float* vector) {
    const Size count = rows->rows();
    if (count == 0) return;
    const Size i = ((slot + 1) * count - 1) / b->sample_rows;  // the stratum that the slot is of
    if (slot_as_it_is(b, count, i) == slot) memcpy(rows->row(i), vector, sizeof(float) * b->dims);
}

static void add_row(Build* b, uint64 tid, const float* vector) {
    BuildObjects* o = b->objects;
    SampleReservoir* r = b->reservoir;
    o->sample_tids[r->slot] = tid;
    if (!sample_is_transformed(b)) {
        memcpy(o->sample.row(r->slot), vector, sizeof(float) * b->dims);
    } else {
        keep_as_it_is(b, &o->query_rows, r->slot, vector);
        keep_as_it_is(b, &o->record_rows, r->slot, vector);
        r->pending_slots[b->pending_rows] = r->slot;
        memcpy(o->pending.row(b->pending_rows++), vector, sizeof(float) * b->dims);
    }
    if (r->slot == r->kept) r->kept++;
    if (sample_is_transformed(b) && b->pending_rows == o->pending.rows()) transform_pending(b);
}

static void end_rows(Build* b) {
    if (b->pending_rows > 0) transform_pending(b);
    b->objects->sample.TruncateRows(b->reservoir->kept);
    b->training_rows = static_cast<uint32>(b->reservoir->kept);
    core_call([&] { b->objects->pending = Matrix(); });
}

bool sample_wants_row(Build* b) {
    if (b->pass == SamplePass::kDirections) return true;
    const bool wanted = choose_slot(b->reservoir, b->sample_rows);
    b->reservoir->seen += 1;
    return wanted;
}

void add_sample_row(Build* b, uint64 tid, const float* vector) {
    if (b->pass == SamplePass::kDirections) add_directions_row(b, vector);
    else add_row(b, tid, vector);
}

void end_sample(Build* b) {
    if (b->pass == SamplePass::kDirections) end_directions(b);
    else end_rows(b);
}

static void count_table_row(Relation, ItemPointer, Datum*, bool* isnull, bool, void* arg) {
    if (!isnull[0]) *static_cast<double*>(arg) += 1;
}

static void sample_table_row(Relation, ItemPointer tid, Datum* values, bool* isnull, bool, void* arg) {
    Build* b = static_cast<Build*>(arg);
    if (isnull[0]) return;
    VQ_FAULT("sample.row");
    if (!sample_wants_row(b)) return;
    MemoryContext before = MemoryContextSwitchTo(b->row_context);
    float* row = static_cast<float*>(palloc(sizeof(float) * b->dims));
    if (load_vector(b->opclass, values[0], b->dims, row)) add_sample_row(b, pack_tid(tid), row);
    MemoryContextSwitchTo(before);
    MemoryContextReset(b->row_context);
}

// Returns how many blocks were scanned.
static BlockNumber scan_random_blocks(Build* b, BlockNumber wanted, uint32 seed, IndexBuildCallback take_row,
                                      void* arg) {
    const BlockNumber blocks = RelationGetNumberOfBlocks(b->heap);
    BlockSamplerData sampler;
    // Rows that a running transaction has deleted or not yet committed may train, too. CREATE INDEX CONCURRENTLY reads
    // by a snapshot, which knows no such choice.
    const bool any_visible = !b->info->ii_Concurrent;
    const BlockNumber chosen =
        BlockSampler_Init(&sampler, blocks, static_cast<int>(std::min<BlockNumber>(wanted, INT_MAX)), seed);
    if (chosen >= blocks) {
        VQ_FAULT("sample.scan");
        table_index_build_range_scan(b->heap, b->index, b->info, false, any_visible, false, 0, InvalidBlockNumber,
                                     take_row, arg, NULL);
        return blocks;
    }
    while (BlockSampler_HasMore(&sampler)) {
        CHECK_FOR_INTERRUPTS();
        table_index_build_range_scan(b->heap, b->index, b->info, false, any_visible, false, BlockSampler_Next(&sampler),
                                     1, take_row, arg, NULL);
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

static Size sample_dims(const Build* b) {
    return sample_is_transformed(b) ? b->codec.dims : static_cast<Size>(b->dims);
}

// What the steps of training need beside the sample, at most; they come one after another.
static double training_bytes(const Build* b, size_t rows, const KMeansOptions& options) {
    double bytes = KMeansBytes(rows, b->codec.dims, options);
    const double made = sizeof(float) * static_cast<double>(rows) * b->codec.dims;
    if (b->transform_spec.kind != TransformKind::kNone && !sample_is_transformed(b))
        bytes = std::max(bytes, made + TransformTrainBytes(b->transform_spec, rows, b->dims, b->threads));
    if (IsProductCode(b->codec.kind))
        bytes = std::max(bytes, (IsAnisotropic(b->codec.eta) ? std::min<double>(made, kPqSampleBytes) : 0) +
                                    static_cast<double>(TrainPqBytes(b->codec.pq, rows, b->threads)));
    return bytes;
}

// Of a sample of so many rows: the rows, centroids twice and what k-means needs beside them; the transform is there,
// too.
static double sample_bytes(const Build* b, double rows) {
    KMeansOptions options;
    options.lists = b->lists;
    options.threads = b->threads;
    options.balance = b->options.balance;
    return sizeof(float) * (rows * sample_dims(b) + static_cast<double>(b->objects->transform.size())) +
           training_bytes(b, static_cast<size_t>(rows), options);
}

// The most of so many rows that fit so many bytes.
static double rows_within(const Build* b, double rows, double bytes) {
    for (int i = 0; i < 50 && sample_bytes(b, rows) > bytes; i++) rows *= kFewerRows;
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

// What the sample would be if memory had no bound, and what it is. As many rows as are needed may take more memory than
// is given, up to kTrainingSlack.
static void choose_rows(Build* b, double rows, double most) {
    const double memory = static_cast<double>(b->memory);
    b->full_rows = std::min(wanted_rows(b, rows, rows), rows);
    b->needed_rows =
        b->options.training_rows > 0
            ? b->full_rows
            : std::min(std::max(b->lists * (codes_answer(b) ? kRowsPerListOfCodes : kRowsPerList), rows_for_codes(b)),
                       b->full_rows);
    // The search goes down by steps: with so much it ends at no fewer rows.
    b->needed_bytes = sample_bytes(b, b->needed_rows) / kFewerRows;
    b->fit_rows = rows_within(b, memory / (sizeof(float) * static_cast<double>(sample_dims(b))), memory);
    if (b->fit_rows < b->needed_rows)
        b->fit_rows = std::max({b->fit_rows, rows_within(b, b->needed_rows, memory + kTrainingSlack), kFewestRows});
    b->wanted_rows = std::min({wanted_rows(b, rows, b->fit_rows), most, b->fit_rows});
}

bool begin_sample(Build* b, double rows, double most) {
    if (b->pass == SamplePass::kRows) return false;
    if (b->pass == SamplePass::kNone) {
        b->expected_rows = rows;
        b->lists = b->options.lists > 0 ? static_cast<uint32>(b->options.lists)
                                        : lists_for(am_of_index(b->index), b->opclass->metric, rows);
        if (looks_for_transform(b, rows) && directions_bytes(b) <= static_cast<double>(b->memory + kDirectionsSlack)) {
            b->pass = SamplePass::kDirections;
            b->wanted_rows = std::min(rows_for_directions(b), most);
            begin_directions(b);
            return true;
        }
    }
    b->pass = SamplePass::kRows;
    choose_rows(b, rows, most);
    begin_rows(b);
    return true;
}

void build_sample(Build* b) {
    const BlockNumber blocks = RelationGetNumberOfBlocks(b->heap);
    const uint32 seed = static_cast<uint32>(b->options.seed);
    // First the density, from a few blocks: how many rows will there be?
    double seen = 0;
    const BlockNumber counted = scan_random_blocks(b, kDensityBlocks, seed + 1, count_table_row, &seen);
    const double density = counted == 0 ? 0 : seen / counted;
    const double rows = density * blocks;
    // If a few blocks show no row (a partial index, say), the table may still have some.
    const double most = counted >= blocks ? seen : std::max(rows * 1.1, kMinSample);
    while (begin_sample(b, rows, most)) {
        const double wanted = density > 0 ? std::ceil(1.2 * b->wanted_rows / density) + 16 : blocks;
        scan_random_blocks(b, static_cast<BlockNumber>(std::min<double>(wanted, blocks)), seed, sample_table_row, b);
        end_sample(b);
    }
}

}  // namespace vectorq
