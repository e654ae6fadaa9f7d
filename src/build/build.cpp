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

void choose_codec(Build* b, const TransformSpec& spec) {
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

// Codes of product quantization stay on a page, and values of key columns do: of a block of 32 rows, where codes lie in
// blocks.
static void check_geometry(const Build* b) {
    const KeyColumns& keys = b->key_columns->keys;
    const KeyColumns none{};
    if (codec_geometry(&b->codec, b->reorder, false, &keys).capacity > 0) return;
    if (keys.count > 0 && codec_geometry(&b->codec, b->reorder, false, &none).capacity > 0)
        ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                        errmsg("values of %u key columns do not fit a page", keys.count),
                        errdetail("A page of %d bytes keeps the values of at least %s.", BLCKSZ,
                                  CodeBlockBytes(b->codec) > 0 ? "32 rows" : "one row, with its code"),
                        errhint("Leave some columns away, or index narrower types.")));
    refuse(psprintf("product codes of %u subvectors do not fit a page", b->codec.pq.m), "Choose fewer subvectors.");
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
    check_geometry(b);
}

// Where memory is limited, a stack that may not grow is a crash and not an error: what kernels need of it is taken
// while there is some.
static void touch_stack() {
    volatile char frame[256 * 1024];
    for (size_t at = 0; at < sizeof(frame); at += 4096) frame[at] = 0;
}

Build* begin_build(Relation heap, Relation index, IndexInfo* info, Size memory, int threads) {
    Build* b = static_cast<Build*>(palloc0(sizeof(Build)));
    touch_stack();
    b->heap = heap;
    b->index = index;
    b->info = info;
    b->creates = info != NULL;
    b->opclass = opclass_of_index(index);
    b->key_columns = key_columns_of_index(index);
    b->options = index_options(index);
    b->dims = vector_column_dims(index);
    b->threads = threads;
    b->memory = memory;
    TransformSpec spec;
    core_call([&] { spec = ResolveTransform(ParseTransform(b->options.transform_text), b->dims); });
    const char* centroids = b->options.centroids_text != NULL ? pstrdup(b->options.centroids_text) : NULL;
    b->options.transform_text = b->options.centroids_text = NULL;  // the relcache entry may be rebuilt while we work
    choose_codec(b, spec);
    b->replicas = replicas_of(&b->options, b->opclass->metric);
    b->entries_of_row = TraitsOf(b->replicas).lists;
    check_options(b);
    b->context = AllocSetContextCreate(CurrentMemoryContext, "vectorq build", ALLOCSET_DEFAULT_SIZES);
    b->row_context = AllocSetContextCreate(b->context, "vectorq build row", ALLOCSET_DEFAULT_SIZES);
    b->objects = make_owned<BuildObjects>(b->context);
    destroy_with_context(b->context, b, [](void*) { ReleaseThreads(); });
    // A renewal trains on the rows: the table need not be there any more.
    if (centroids != NULL && b->creates) read_given_centroids(b, centroids);
    return b;
}

void end_build(Build* b) {
    MemoryContextDelete(b->context);
    pfree(b);
}

void build_learn(Build* b) {
    build_hold_out(b);
    if (b->creates) build_report_memory(b);
    build_train(b);
}

static void begin_phase(BuildPhase phase) { pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, phase); }

IndexBuildResult* vq_build(Relation heap, Relation index, IndexInfo* info) {
    if (RelationGetNumberOfBlocks(index) != 0)
        elog(ERROR, "index \"%s\" already contains data", RelationGetRelationName(index));
    Build* b = begin_build(heap, index, info, static_cast<Size>(maintenance_work_mem) * 1024, maintenance_threads());
    MemoryContext before = MemoryContextSwitchTo(b->context);
    begin_phase(kPhaseSample);
    VQ_FAULT("build.sample");
    build_sample(b);
    begin_phase(kPhaseTrain);
    VQ_FAULT("build.train");
    build_learn(b);
    begin_phase(kPhaseAssign);
    VQ_FAULT("build.assign");
    build_assign(b);
    begin_phase(kPhaseWrite);
    VQ_FAULT("build.write");
    build_write(b);
    VQ_FAULT("build.done");
    MemoryContextSwitchTo(before);
    IndexBuildResult* result = static_cast<IndexBuildResult*>(palloc0(sizeof(IndexBuildResult)));
    result->heap_tuples = b->heap_rows;
    result->index_tuples = static_cast<double>(b->indexed_rows);
    end_build(b);
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
