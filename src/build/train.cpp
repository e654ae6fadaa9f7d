// Training: the lists' centroids and the code's parameters from the sample. Calls the core only.
#include <algorithm>
#include <cmath>
#include <vector>

#include "build/build.h"
#include "core/base/parallel.h"
#include "core/quantize/compact_centroids.h"
#include "core/quantize/anisotropic.h"
#include "core/quantize/sq8.h"
#include "core/simd/distance.h"
#include "pg/entry.h"

namespace vectorq {

// Iterations of k-means in each subspace; FAISS does 25, of which the later ones change little.
static constexpr int kPqIterations = 16;
// And of codewords under the anisotropic loss after that: the first lower it by 0.4 to 0.6 % each, later ones by 0.1 to
// 0.2 % (gloss, SIFT).
static constexpr int kAnisotropicRounds = 3;
// Rows that tell how long centroids are for inner products.
static constexpr size_t kLengthRows = 4096;
// Codewords learn from 65,536 rows (core/quantize/pq.h, docs/measurements/score-aware.md), fewer where these were more
// bytes than kPqSampleBytes, but always from some for each codeword.
static constexpr size_t kLeastRowsPerCodeword = 256;
// A single list of so many bytes lies in extents that waste least, up to 128 kB each, of which the last is half empty.
static constexpr double kLongListBytes = 4 << 20;

// Shares of the progress that is told: transform and lists are done at these.
static constexpr double kTransformShare = 0.1, kListsShare = 0.8;

// As so many of the rows that train. They are gone through many times; what is told is the part of all that.
static void report_progress(void* arg, double share) {
    Build* b = static_cast<Build*>(arg);
    const int64 rows = static_cast<int64>(share * b->training_rows);
    if (rows <= b->trained_rows) return;
    b->trained_rows = rows;
    if (!b->creates) return;
    pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, rows);
}

static void show_progress(const Build* b, int64 rows) {
    if (!b->creates) return;
    const int columns[] = {PROGRESS_CREATEIDX_TUPLES_TOTAL, PROGRESS_CREATEIDX_TUPLES_DONE};
    const int64 values[] = {rows, 0};
    pgstat_progress_update_multi_param(2, columns, values);
}

// The rest of the sample is dropped, so that what training needs beside it has room. The sample is in random order or,
// of a small table, all of it: take each n-th.
static void thin_sample(Build* b) {
    Matrix& sample = b->objects->sample;
    const size_t rows = sample.rows();
    const size_t wanted = std::clamp(kPqSampleBytes / (sample.cols() * sizeof(float)),
                                     kLeastRowsPerCodeword * PqKsub(b->codec.pq), kPqTrainRows);
    if (rows <= wanted) return;
    for (size_t i = 0; i < wanted; i++) std::copy_n(sample.row(i * rows / wanted), sample.cols(), sample.row(i));
    sample.TruncateRows(wanted);
}

// Residuals of the sample, in place: the sample is not needed any more.
static void train_quantizer(Build* b, const Progress& progress) {
    BuildObjects* o = b->objects;
    const size_t dims = b->codec.dims;
    Matrix directions;
    if (IsProductCode(b->codec.kind)) thin_sample(b);
    if (IsAnisotropic(b->codec.eta)) {
        directions = Matrix(o->sample.rows(), dims);
        for (size_t i = 0; i < directions.rows(); i++)
            for (size_t d = 0; d < dims; d++)
                directions.row(i)[d] =
                    o->sample.row(i)[d] - (b->codec.eta_origin == nullptr ? 0 : b->codec.eta_origin[d]);
    }
    std::vector<uint32_t> list(o->sample.rows());
    o->assigner->Nearest(o->sample.data(), o->sample.rows(), list.data(), nullptr, b->threads, o->stop);
    for (size_t i = 0; i < o->sample.rows(); i++) {
        for (size_t d = 0; d < dims; d++) o->sample.row(i)[d] -= o->centroids.row(list[i])[d];
        if (b->codec.lengths) MakeDirection(o->sample.row(i), dims);
    }
    if (IsProductCode(b->codec.kind)) {
        o->quantizer =
            IsAnisotropic(b->codec.eta)
                ? TrainAnisotropicPq(b->codec.pq, o->sample, directions, b->codec.eta, kPqIterations,
                                     kAnisotropicRounds, b->options.seed, b->threads, o->stop, nullptr, progress)
                : TrainPq(b->codec.pq, o->sample, kPqIterations, b->options.seed, b->threads, o->stop, kPqTrainRows,
                          progress);
        return;
    }
    const Sq8Params params = TrainSq8(o->sample);
    o->quantizer.Resize(2 * dims);
    std::copy_n(params.offset.data(), dims, o->quantizer.data());
    std::copy_n(params.scale.data(), dims, o->quantizer.data() + dims);
}

// Learns the transform and puts the transformed sample in the sample's place.
static void train_transform(Build* b) {
    BuildObjects* o = b->objects;
    Transform transform = TrainTransform(b->transform_spec, o->sample, b->options.seed, b->threads, o->stop);
    // Inner products do not survive a shift.
    if (IsDotMetric(b->opclass->metric)) transform.offset.Fill(0.0f);
    const size_t in = transform.in_dims, out = transform.out_dims;
    o->transform.Resize(in * out + out);
    if (transform.matrix.rows() > 0) std::copy_n(transform.matrix.data(), in * out, o->transform.data());
    else  // centring alone
        for (size_t i = 0; i < out; i++)
            for (size_t j = 0; j < in; j++) o->transform[i * in + j] = i == j ? 1.0f : 0.0f;
    std::copy_n(transform.offset.data(), out, o->transform.data() + in * out);
    Matrix made(o->sample.rows(), out);
    ParallelFor(o->sample.rows(), 1024, b->threads, o->stop, [&](size_t begin, size_t end, int) {
        ApplyTransform(o->transform.data(), o->transform.data() + in * out, in, out, o->sample.row(begin), end - begin,
                       made.row(begin));
    });
    o->sample = std::move(made);
}

// The centroids from elsewhere, as codes see them: transformed and, for inner products, of length 1.
static Matrix centroids_given(const Build* b, bool spherical) {
    const BuildObjects* o = b->objects;
    const size_t in = static_cast<size_t>(b->dims), out = b->codec.dims, lists = o->given.rows();
    Matrix centroids(lists, out);
    if (o->transform.size() > 0)
        ApplyTransform(o->transform.data(), o->transform.data() + in * out, in, out, o->given.data(), lists,
                       centroids.data());
    else std::copy_n(o->given.data(), lists * out, centroids.data());
    for (size_t i = 0; spherical && i < lists; i++) MakeDirection(centroids.row(i), out);
    return centroids;
}

static void train_lists(Build* b, KMeansOptions* options, const Progress& progress) {
    BuildObjects* o = b->objects;
    if (o->given.rows() > 0) {
        o->centroids = centroids_given(b, options->spherical);
        return;
    }
    if (b->lists > 1) {
        o->centroids = TrainKMeans(o->sample, *options, o->stop, progress);
        return;
    }
    // One list: product codes without lists are of the vectors themselves, as in FAISS's IndexPQ.
    o->centroids = Matrix(1, b->codec.dims);
    std::fill_n(o->centroids.data(), b->codec.dims, 0.0f);
}

// The range of each dimension of the rows themselves: records are neither transformed nor residuals.
static void train_records(Build* b) {
    BuildObjects* o = b->objects;
    const size_t dims = static_cast<size_t>(b->dims);
    const Sq8Params params = TrainSq8(o->record_rows.rows() > 0 ? o->record_rows : o->sample);
    o->record_rows = Matrix();
    o->record_params.Resize(2 * dims);
    std::copy_n(params.offset.data(), dims, o->record_params.data());
    std::copy_n(params.scale.data(), dims, o->record_params.data() + dims);
    o->zeros.Resize(dims);
    o->zeros.Fill(0.0f);
}

// Centroids of directions are as long as the rows are along them, in the mean: what is left of a row for its code is
// shortest then. (core/cluster/kmeans.h makes them of length 1.)
static void lengthen_centroids(Build* b) {
    BuildObjects* o = b->objects;
    const size_t dims = b->codec.dims, count = std::min<size_t>(o->sample.rows(), kLengthRows);
    std::vector<uint32_t> list(count);
    Assigner(o->centroids, AssignMetric::kDot)
        .Nearest(o->sample.data(), count, list.data(), nullptr, b->threads, o->stop);
    double along = 0;
    for (size_t i = 0; i < count; i++) along += DotF32(o->sample.row(i), o->centroids.row(list[i]), dims);
    const float length = static_cast<float>(along / static_cast<double>(count));
    if (!(length > 0) || !std::isfinite(length)) return;
    for (size_t i = 0; i < o->centroids.rows() * dims; i++) o->centroids.data()[i] *= length;
}

// What finds the lists of rows.
static void make_assigners(Build* b) {
    BuildObjects* o = b->objects;
    const bool dot = IsDotMetric(b->opclass->metric);
    o->assigner =
        new PanelAssigner(o->centroids, dot ? AssignMetric::kDot : AssignMetric::kL2, KMeansOptions().exact_up_to,
                          kFinalPanelGroups, static_cast<uint64_t>(b->options.seed), b->threads, o->stop);
    if (b->entries_of_row > 1 && o->centroids.rows() > 1)
        o->replicas = new ReplicaAssigner(o->centroids, dot, kReplicaNeighbours, b->threads, o->stop);
}

void prepare_assign(Build* b) {
    if (b->objects->assigner == nullptr && b->lists > 1) core_call([&] { make_assigners(b); });
}

static void train(Build* b) {
    BuildObjects* o = b->objects;
    const Progress progress(report_progress, b);
    if (b->reorder == Reorder::kSq8) train_records(b);
    if (b->transform_spec.kind != TransformKind::kNone && !sample_is_transformed(b)) train_transform(b);
    KMeansOptions options;
    options.lists = b->lists;
    options.spherical = IsDotMetric(b->opclass->metric);
    options.seed = static_cast<uint64_t>(b->options.seed);
    options.threads = b->threads;
    options.balance = b->options.balance;
    const bool transformed = b->transform_spec.kind != TransformKind::kNone;
    train_lists(b, &options, progress.Part(transformed ? kTransformShare : 0, kListsShare));
    if (options.spherical && b->lists > 1) lengthen_centroids(b);
    make_assigners(b);
    o->groups = GroupCentroids(o->centroids, SearchGroups(o->centroids.rows()), IsDotMetric(b->opclass->metric),
                               options.seed, b->threads, o->stop);
    if (HasEtaOrigin(b->codec)) {
        o->eta_origin.Resize(b->codec.dims);
        MeanOfCentroids(o->centroids.data(), o->centroids.rows(), b->codec.dims, o->eta_origin.data());
        b->codec.eta_origin = o->eta_origin.data();
    }
    if (TraitsOf(b->codec.kind).trained) train_quantizer(b, progress.Part(kListsShare, 1));
    progress.Report(1);
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
    b->codec.kind = TraitsOf(b->opclass->element).code;
    b->codec.dims = static_cast<uint32_t>(b->dims);
    b->codec.pq = {0, 0, 0};
    b->transform_spec = {};
    b->codec.eta = 0;
    b->codec.eta_origin = nullptr;
    b->codec.lengths = false;
    b->reorder = Reorder::kOff;
    core_call([&] { b->objects->transform.Resize(0); });
    if (!b->creates) return;
    ereport(NOTICE, (errmsg("index \"%s\" is built on too few rows to train, and scans all of its rows exactly",
                            RelationGetRelationName(b->index)),
                     errhint("Nothing has to be done: the first vacuum that finds %d rows trains it.",
                             static_cast<int>(kMinTrainingRows))));
}

void build_train(Build* b) {
    const uint32 rows = b->training_rows;
    b->trained = rows >= kMinTrainingRows;
    if (!b->trained) {
        leave_untrained(b);
    } else {
        const uint32 wanted = b->lists;
        b->lists = std::min(b->lists, rows);
        show_progress(b, rows);
        core_call([&] { train(b); });
        show_progress(b, 0);
        b->lists = static_cast<uint32>(b->objects->centroids.rows());
        if (b->lists + wanted / 20 < wanted && b->options.lists > 0 && b->creates)
            ereport(NOTICE,
                    (errmsg_plural("index \"%s\" has %u list instead of %u", "index \"%s\" has %u lists instead of %u",
                                   b->lists, RelationGetRelationName(b->index), b->lists, wanted),
                     errdetail("The rows that training saw allow no more distinct lists."),
                     errhint("Leave the option lists away to have it chosen by the number of rows.")));
    }
    if (b->objects->replicas == nullptr) {
        // `ivf` has replicas only if they were asked for.
        if (b->creates && b->trained && b->entries_of_row > 1 && am_of_index(b->index) == AmKind::kIvf &&
            b->options.replicas != kReplicasAuto)
            ereport(NOTICE, (errmsg("index \"%s\" has no replicas", RelationGetRelationName(b->index)),
                             errdetail("It has one list, and a replica lies in another one.")));
        b->replicas = Replicas::kNone;
        b->entries_of_row = 1;
    }
    if (b->objects->quantizer.size() > 0) AttachQuantizer(&b->codec, b->objects->quantizer.data());
    const bool long_list = b->lists == 1 && b->expected_rows * CodeBytes(b->codec) >= kLongListBytes;
    b->geometry = codec_geometry(&b->codec, b->reorder, long_list, &b->key_columns->keys);
    if (KeepsRecords(b->reorder)) {
        b->records.codec = record_codec(b->opclass->metric, b->reorder, static_cast<uint32>(b->dims));
        b->records.geometry = record_geometry(&b->records.codec);
        if (b->reorder == Reorder::kSq8)
            attach_record_params(&b->records, b->objects->record_params.data(), b->objects->zeros.data());
    }
    if (b->geometry.capacity == 0) elog(ERROR, "no page geometry for %d dimensions", b->dims);
}

}  // namespace vectorq
