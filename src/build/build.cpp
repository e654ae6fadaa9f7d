// ambuild. Phases, as pg_stat_progress_create_index shows them:
//   sample   random blocks of the heap into a matrix
//   train    k-means over the sample, ranges of the 8-bit codes (threads)
//   assign   the heap scan; blocks of rows get their list and code (threads) and go to a sort
//   write    the sorted rows become posting pages in list order; WAL as full page images
//   calibrate  queries that were held out search the index (build/calibrate.cpp)
// The leader alone talks to PostgreSQL; threads only compute on blocks of rows. Memory: the sample and
// what k-means adds to it stay within maintenance_work_mem; later the sort has it to itself.
#include "am/column.h"
#include "build/build.h"

#include <sched.h>

#include <algorithm>

#include "core/base/parallel.h"
#include "core/quantize/anisotropic.h"
#include "pg/fault.h"
#include "pg/interrupts.h"
#include "pg/memory.h"

namespace vectorq {

BuildObjects::BuildObjects() : stop(&interrupt_is_pending) {}

int maintenance_threads() {
    cpu_set_t cpus;
    int available = 1;
    if (sched_getaffinity(0, sizeof(cpus), &cpus) == 0) available = std::max(1, CPU_COUNT(&cpus));
    return std::min(available, max_parallel_maintenance_workers + 1);
}

static void refuse(const char* message, const char* hint) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s", message), errhint("%s", hint)));
}

// The code that the options ask for. What a transform makes are floats, whatever the column has.
static CodeKind wanted_code(const Build* b, const TransformSpec& spec) {
    const IndexOptions* o = &b->options;
    if (o->quantizer == kQuantizerFlat && spec.kind == TransformKind::kNone) return TraitsOf(b->opclass->element).code;
    return o->quantizer == kQuantizerPq && o->bits == 4 ? CodeKind::kPq4 : static_cast<CodeKind>(o->quantizer);
}

// What a code of the given options would be after the transform, which is resolved; leaves training to build_train.
static void choose_codec(Build* b, const TransformSpec& spec) {
    const IndexOptions* o = &b->options;
    b->transform_spec = spec;
    b->codec.metric = b->opclass->metric;
    b->codec.dims = spec.kind == TransformKind::kNone ? static_cast<uint32>(b->dims) : spec.out_dims;
    b->codec.kind = wanted_code(b, spec);
    if (IsProductCode(b->codec.kind)) {
        // Four dimensions a byte, as in FAISS's everyday PQ16 for 64 and PQ32 for 128; two a nibble, as ScaNN.
        const uint32 automatic =
            std::max<uint32>(1, o->bits == 4 ? b->codec.dims / 2 : std::min<uint32>(b->codec.dims / 4, 256));
        b->codec.pq = {b->codec.dims, o->subvectors > 0 ? static_cast<uint32>(o->subvectors) : automatic,
                       static_cast<uint32>(o->bits)};
    }
    if (o->anisotropic_threshold > 0)
        b->codec.eta = AnisotropicEta(static_cast<float>(o->anisotropic_threshold), b->codec.dims);
    b->codec.lengths = b->codec.kind == CodeKind::kPq4 && o->lengths != 0;
    // Distances of codes are not those of rows, unless the codes are the rows.
    const bool exact = TraitsOf(b->codec.kind).exact && spec.kind == TransformKind::kNone;
    b->reorder = o->reorder != kReorderAuto ? static_cast<Reorder>(o->reorder) : exact ? Reorder::kOff : Reorder::kHeap;
}

// True if no record could be more exact than the codes.
static bool lists_keep_rows(const Build* b) {
    return b->transform_spec.kind == TransformKind::kNone &&
           (b->codec.kind == CodeKind::kF32 || b->codec.kind == TraitsOf(b->opclass->element).code);
}

// Lists keep the bits themselves, which is as small and as exact as can be.
static void check_bit_options(const Build* b) {
    if (b->options.quantizer != kQuantizerFlat || b->transform_spec.kind != TransformKind::kNone)
        refuse("an index on bit has no quantizer and no transform",
               "Leave the options away: lists keep the bits as they are.");
    if (b->reorder != Reorder::kOff)
        refuse("an index on bit needs no reordering", "Leave reorder away: the distances of bits are exact.");
}

static void check_options(const Build* b) {
    const IndexOptions* o = &b->options;
    const MetricTraits& metric = TraitsOf(b->opclass->metric);
    if (metric.bits) check_bit_options(b);
    if (!metric.from_products && (o->quantizer != kQuantizerFlat || b->transform_spec.kind != TransformKind::kNone))
        refuse(psprintf("distance %s needs quantizer = flat and no transform", metric.name),
               "Leave the option away, or use an operator class for L2, inner product or cosine.");
    if (o->subvectors > 0 && o->quantizer != kQuantizerPq)
        refuse("option subvectors needs quantizer = pq", "Add quantizer = pq, or leave subvectors away.");
    if (o->quantizer == kQuantizerPq && !PqShapeIsValid(b->codec.pq))
        refuse(psprintf("subvectors = %u is more than the %u dimensions", b->codec.pq.m, b->codec.dims),
               "Choose at most one subvector for each dimension.");
    if (metric.dot && b->transform_spec.kind == TransformKind::kCenter)
        refuse("transform = center changes inner products", "Use it with L2 distance, or leave it away.");
    if (KeepsRecords(b->reorder) && lists_keep_rows(b))
        refuse("records for reordering beside lists that keep the rows as they are",
               "Leave reorder away, or choose a quantizer.");
    if (codec_geometry(&b->codec, b->reorder, false).capacity == 0)
        refuse(psprintf("product codes of %u subvectors do not fit a page", b->codec.pq.m), "Choose fewer subvectors.");
}

// Automatic transform of `ah`: the leading directions that carry so much of the variance, where these are at most half
// of at least so many dimensions. docs/measurements/options.md has the figures.
static constexpr double kKeptVariance = 0.9;
static constexpr Size kLeastTransformed = 512, kLeastKept = 256, kKeptStep = 32;
// Rows of the sample for each dimension, or what they tell of the directions is chance.
static constexpr Size kSpectrumRows = 4;

bool looks_for_transform(const Build* b, double rows) {
    const IndexOptions* o = &b->options;
    const Size dims = static_cast<Size>(b->dims);
    if (am_of_index(b->index) != AmKind::kAh || o->transform_given || o->subvectors > 0) return false;
    return b->reorder != Reorder::kOff && dims >= kLeastTransformed &&
           rows >= static_cast<double>(kSpectrumRows * dims);
}

double chosen_transform_bytes(const Build* b, double rows) {
    if (!looks_for_transform(b, rows)) return 0;
    const TransformSpec spec = {TransformKind::kPcaRotate, static_cast<uint32>(b->dims / 2), 0};
    return sizeof(float) * rows * b->dims + transform_bytes(b, spec, static_cast<Size>(rows));
}

static bool may_transform(const Build* b) {
    const double rows = static_cast<double>(b->objects->sample.rows());
    return looks_for_transform(b, rows) && chosen_transform_bytes(b, rows) <= static_cast<double>(b->memory);
}

// Rows whose variance lies in few directions are coded in these: as many rows as before need to be put in order, and
// bytes and time of the build fall with the dimensions.
static void choose_transform(Build* b) {
    if (!may_transform(b)) return;
    Size kept = 0;
    core_call([&] {
        kept = DimsOfVariance(b->objects->sample, kKeptVariance, static_cast<int>(b->threads), b->objects->stop);
    });
    kept = std::max(kLeastKept, TYPEALIGN(kKeptStep, kept));
    if (2 * kept <= static_cast<Size>(b->dims))
        choose_codec(b, {TransformKind::kPcaRotate, static_cast<uint32>(kept), 0});
}

static void start_build(Build* b, Relation heap, Relation index, IndexInfo* info) {
    memset(static_cast<void*>(b), 0, sizeof(*b));
    b->heap = heap;
    b->index = index;
    b->info = info;
    b->opclass = opclass_of_index(index);
    b->options = index_options(index);
    b->dims = vector_column_dims(index);
    b->threads = maintenance_threads();
    b->memory = static_cast<Size>(maintenance_work_mem) * 1024;
    TransformSpec spec;
    core_call([&] { spec = ResolveTransform(ParseTransform(b->options.transform_text), b->dims); });
    b->options.transform_text = NULL;  // the relcache entry may be rebuilt while we work
    choose_codec(b, spec);
    b->replicas = replicas_of(&b->options, b->opclass->metric);
    b->entries_of_row = TraitsOf(b->replicas).lists;
    check_options(b);
    b->context = AllocSetContextCreate(CurrentMemoryContext, "vectorq build", ALLOCSET_DEFAULT_SIZES);
    b->row_context = AllocSetContextCreate(b->context, "vectorq build row", ALLOCSET_DEFAULT_SIZES);
    b->objects = make_owned<BuildObjects>(b->context);
    destroy_with_context(b->context, b, [](void*) { ReleaseThreads(); });
}

// Where memory is limited, a stack that may not grow is a crash and not an error: what kernels need of it is taken
// while there is some.
static void touch_stack() {
    volatile char frame[256 * 1024];
    for (size_t at = 0; at < sizeof(frame); at += 4096) frame[at] = 0;
}

IndexBuildResult* vq_build(Relation heap, Relation index, IndexInfo* info) {
    if (RelationGetNumberOfBlocks(index) != 0)
        elog(ERROR, "index \"%s\" already contains data", RelationGetRelationName(index));
    Build* b = static_cast<Build*>(palloc(sizeof(Build)));
    touch_stack();
    start_build(b, heap, index, info);
    MemoryContext before = MemoryContextSwitchTo(b->context);
    pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, kPhaseSample);
    VQ_FAULT("build.sample");
    build_sample(b);
    pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, kPhaseTrain);
    VQ_FAULT("build.train");
    choose_transform(b);
    build_hold_out(b);
    build_report_memory(b);
    build_train(b);
    pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, kPhaseAssign);
    VQ_FAULT("build.assign");
    build_assign(b);
    pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, kPhaseWrite);
    VQ_FAULT("build.write");
    build_write(b);
    VQ_FAULT("build.done");
    MemoryContextSwitchTo(before);
    IndexBuildResult* result = static_cast<IndexBuildResult*>(palloc0(sizeof(IndexBuildResult)));
    result->heap_tuples = b->heap_rows;
    result->index_tuples = static_cast<double>(b->indexed_rows);
    MemoryContextDelete(b->context);
    pfree(b);
    return result;
}

void vq_buildempty(Relation index) {
    write_empty_index(index, INIT_FORKNUM, opclass_of_index(index), vector_column_dims(index));
}

char* vq_buildphasename(int64 phase) {
    switch (phase) {
        case PROGRESS_CREATEIDX_SUBPHASE_INITIALIZE: return pstrdup("initializing");
        case kPhaseSample: return pstrdup("sampling rows");
        case kPhaseTrain: return pstrdup("training lists");
        case kPhaseAssign: return pstrdup("assigning rows to lists");
        case kPhaseWrite: return pstrdup("writing lists");
        case kPhaseCalibrate: return pstrdup("measuring recall");
        default: return NULL;
    }
}

}  // namespace vectorq
