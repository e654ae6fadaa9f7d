// Training: the lists' centroids and the code's parameters from the sample. Calls the core only.
#include <algorithm>
#include <vector>

#include "am/build.h"
#include "core/quantize/sq8.h"
#include "pg/entry.h"

namespace vectorq {

static void report_progress(int) {}

static bool dot_metric(const Build* b) {
    return b->opclass->metric == Metric::kInnerProduct || b->opclass->metric == Metric::kCosine;
}

static CodeKind flat_code(const Build* b) {
    return b->opclass->element == ElementType::kF16 ? CodeKind::kF16 : CodeKind::kF32;
}

// Residuals of the sample, in place: the sample is not needed any more.
static void train_quantizer(Build* b) {
    BuildObjects* o = b->objects;
    const size_t dims = b->dims;
    std::vector<uint32_t> list(o->sample.rows());
    o->assigner->Nearest(o->sample.data(), o->sample.rows(), list.data(), nullptr, b->threads, o->stop);
    for (size_t i = 0; i < o->sample.rows(); i++)
        for (size_t d = 0; d < dims; d++) o->sample.row(i)[d] -= o->centroids.row(list[i])[d];
    const Sq8Params params = TrainSq8(o->sample);
    o->quantizer.Resize(2 * dims);
    std::copy_n(params.offset.data(), dims, o->quantizer.data());
    std::copy_n(params.scale.data(), dims, o->quantizer.data() + dims);
}

static void train(Build* b) {
    BuildObjects* o = b->objects;
    KMeansOptions options;
    options.lists = b->lists;
    options.spherical = dot_metric(b);
    options.seed = static_cast<uint64_t>(b->options->seed);
    options.threads = b->threads;
    o->centroids = TrainKMeans(o->sample, options, o->stop, report_progress);
    o->assigner = new TwoLevelAssigner(o->centroids, dot_metric(b), options.hierarchical_above, options.seed,
                                       b->threads, o->stop);
    if (b->codec.kind == CodeKind::kSq8) train_quantizer(b);
    o->sample = Matrix();
}

static void leave_untrained(Build* b) {
    core_call([&] {
        b->objects->centroids = Matrix(1, b->dims);
        std::fill_n(b->objects->centroids.data(), b->dims, 0.0f);
        b->objects->sample = Matrix();
    });
    b->lists = 1;
    b->training_rows = 0;
    b->codec.kind = flat_code(b);
    ereport(NOTICE, (errmsg("index \"%s\" is built on too few rows to train, and scans all of its rows exactly",
                            RelationGetRelationName(b->index)),
                     errhint("REINDEX it once the table has its rows.")));
}

void build_train(Build* b) {
    const uint32 rows = b->training_rows;
    b->codec.metric = b->opclass->metric;
    b->codec.dims = static_cast<uint32_t>(b->dims);
    b->codec.kind = b->options->quantizer == kQuantizerFlat ? flat_code(b) : static_cast<CodeKind>(b->options->quantizer);
    b->trained = rows >= kMinTrainingRows;
    if (!b->trained) {
        leave_untrained(b);
    } else {
        const uint32 wanted = b->lists;
        b->lists = std::min(b->lists, rows);
        core_call([&] { train(b); });
        b->lists = static_cast<uint32>(b->objects->centroids.rows());
        if (b->lists < wanted && b->options->lists > 0)
            ereport(NOTICE, (errmsg_plural("index \"%s\" has %u list instead of %u",
                                           "index \"%s\" has %u lists instead of %u", b->lists,
                                           RelationGetRelationName(b->index), b->lists, wanted),
                             errdetail("The rows that training saw allow no more distinct lists."),
                             errhint("Leave the option lists away to have it chosen by the number of rows.")));
    }
    if (b->objects->quantizer.size() > 0) {
        b->codec.sq8_offset = b->objects->quantizer.data();
        b->codec.sq8_scale = b->objects->quantizer.data() + b->dims;
    }
    b->geometry = ChooseGeometry(BLCKSZ, static_cast<uint32_t>(CodeBytes(b->codec.kind, b->dims)),
                                 CodeHasScalar(b->codec.kind, b->codec.metric));
    if (b->geometry.capacity == 0) elog(ERROR, "no page geometry for %d dimensions", b->dims);
}

}  // namespace vectorq
