// The transform that `ah` chooses by itself: the leading directions that carry most of the variance, where these are at
// most half of many dimensions. Rows whose variance lies in few directions are coded in these: as many rows as before
// need to be put in order, and bytes and time of the build fall with the dimensions. docs/measurements/options.md has
// the figures.
//
// It comes before the sample, in a pass of its own that keeps the covariance of rows and not the rows. So what it finds
// does not depend on memory, and the sample is of transformed rows, which take less of it.
#include <algorithm>

#include "build/build.h"
#include "pg/entry.h"

namespace vectorq {

static constexpr double kKeptVariance = 0.9;
static constexpr Size kLeastTransformed = 512, kLeastKept = 256, kKeptStep = 32;
// Rows for each dimension, or what they tell of the directions is chance; and of few dimensions so many.
static constexpr double kRowsPerDimension = 4, kLeastRows = 8192;
// Rows that may come fewer than were reckoned.
static constexpr double kShareThatCame = 0.75;

bool looks_for_transform(const Build* b, double rows) {
    const IndexOptions* o = &b->options;
    const Size dims = static_cast<Size>(b->dims);
    if (am_of_index(b->index) != AmKind::kAh || o->transform_given || o->subvectors > 0) return false;
    return b->reorder != Reorder::kOff && dims >= kLeastTransformed && rows >= kRowsPerDimension * b->dims;
}

static LeadingShape shape_of(const Build* b) {
    return {kKeptVariance, kLeastKept, kKeptStep, static_cast<size_t>(b->dims / 2)};
}

double directions_bytes(const Build* b) {
    const size_t dims = static_cast<size_t>(b->dims);
    // A block of rows is there while they are added up, no more when that is done.
    const size_t block = sizeof(float) * CovarianceSum::kBlockRows * dims;
    return static_cast<double>(std::max(block + CovarianceSum::Bytes(dims), LearnLeadingBytes(dims, shape_of(b))));
}

double rows_for_directions(const Build* b) { return std::max(kLeastRows, kRowsPerDimension * b->dims); }

void begin_directions(Build* b) {
    core_call([&] {
        b->objects->covariance = new CovarianceSum(static_cast<size_t>(b->dims));
        b->objects->pending = Matrix(CovarianceSum::kBlockRows, b->dims);
    });
    b->pending_rows = 0;
}

static void add_pending(Build* b) {
    if (b->pending_rows == 0) return;
    BuildObjects* o = b->objects;
    vacuum_delay();
    core_call([&] { o->covariance->Add(o->pending.data(), b->pending_rows, {b->threads, o->stop}); });
    b->pending_rows = 0;
}

void add_directions_row(Build* b, const float* vector) {
    memcpy(b->objects->pending.row(b->pending_rows++), vector, sizeof(float) * b->dims);
    if (b->pending_rows == b->objects->pending.rows()) add_pending(b);
}

// The transform's page, if one was found.
static void keep_transform(Build* b, Transform& found) {
    BuildObjects* o = b->objects;
    const Size in = found.in_dims, out = found.out_dims;
    // Inner products do not survive a shift.
    if (IsDotMetric(b->opclass->metric)) found.offset.Fill(0.0f);
    o->transform.Resize(in * out + out);
    std::copy_n(found.matrix.data(), in * out, o->transform.data());
    std::copy_n(found.offset.data(), out, o->transform.data() + in * out);
}

void end_directions(Build* b) {
    BuildObjects* o = b->objects;
    add_pending(b);
    const bool enough = static_cast<double>(o->covariance->rows()) >= kShareThatCame * kRowsPerDimension * b->dims;
    core_call([&] {
        o->pending = Matrix();
        if (enough) {
            Transform found =
                LearnLeading(std::move(*o->covariance), shape_of(b), b->options.seed, b->threads, o->stop);
            if (found.out_dims > 0) keep_transform(b, found);
        }
        delete o->covariance;
        o->covariance = nullptr;
    });
    if (o->transform.size() == 0) return;
    const Size kept = o->transform.size() / (b->dims + 1);
    choose_codec(b, {TransformKind::kPcaRotate, static_cast<uint32>(kept), 0});
}

}  // namespace vectorq
