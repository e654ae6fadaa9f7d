// Calibration of a new index. Some rows of the sample become queries: training does not see them. Their exact
// neighbours are found while the rows pass by to be assigned (core/calibrate/neighbours.h), and when the pages are
// written, each query is searched for.
//
// What it costs is bounded beside the rest of the build: the number of queries by the number of lists, since each row
// is compared with all queries here and with a part of the lists there; the searches by bytes of codes.
#include <algorithm>

#include "am/build.h"
#include "am/calibrate.h"
#include "am/calibration_store.h"
#include "pg/entry.h"

extern "C" {
#include "utils/backend_progress.h"
}

namespace vectorq {

// More queries tell recall@10 of 0.95 to better than half a point; fewer than the least tell nothing.
static constexpr double kMostQueries = 320;
static constexpr double kLeastQueries = 64;
static constexpr double kListsPerQuery = 8;
// Part of the sample, and of maintenance_work_mem.
static constexpr Size kSampleRowsPerQuery = 40;
static constexpr Size kMemoryPart = 8;

static Size held_out_rows(const Build* b) {
    const Size sample = b->objects->sample.rows();
    double queries = std::clamp(b->lists / kListsPerQuery, kLeastQueries * 2, kMostQueries);
    // No matrix kernel for L1.
    if (b->opclass->metric == Metric::kL1) queries = kLeastQueries;
    queries = std::min(queries, static_cast<double>(sample / kSampleRowsPerQuery));
    while (queries >= kLeastQueries &&
           NeighbourFinder::Bytes(static_cast<size_t>(queries), b->dims, kAllNeighbours, kDeepQueries, kDeepNeighbours,
                                  b->threads) > b->memory / kMemoryPart)
        queries *= 0.8;
    return queries < kLeastQueries ? 0 : static_cast<Size>(queries);
}

// Every n-th row of the sample: it is in random order or, of a small table, all of it. The others close up.
static void take_queries(Build* b, Size count) {
    BuildObjects* o = b->objects;
    const Size rows = o->sample.rows(), dims = o->sample.cols();
    Matrix queries(count, dims);
    std::vector<uint64_t> own(count);
    Size taken = 0, kept = 0;
    for (Size i = 0; i < rows; i++) {
        if (taken < count && i == taken * rows / count) {
            std::copy_n(o->sample.row(i), dims, queries.row(taken));
            own[taken++] = o->sample_tids[i] >> 16;
        } else {
            if (kept != i) std::copy_n(o->sample.row(i), dims, o->sample.row(kept));
            kept++;
        }
    }
    o->sample.TruncateRows(kept);
    o->finder = new NeighbourFinder(std::move(queries), std::move(own), b->opclass->metric, kAllNeighbours,
                                    kDeepQueries, kDeepNeighbours, b->threads);
}

void build_hold_out(Build* b) {
    const Size count = held_out_rows(b);
    core_call([&] {
        if (count > 0) take_queries(b, count);
        b->objects->sample_tids.Resize(0);
    });
    b->training_rows = static_cast<uint32>(b->objects->sample.rows());
}

void build_calibrate(Build* b, MetaPage* meta) {
    pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, kPhaseCalibrate);
    Calibration calibration;
    const double budget = calibration_budget(meta, static_cast<double>(b->indexed_rows));
    if (!measure_recall(b->index, b->objects->finder, budget, kCalibratedByRows, &calibration)) return;
    overwrite_built_calibration(b->index, meta, &calibration);
    meta->calibration_id = calibration.crc;
    write_meta(b->index, MAIN_FORKNUM, meta);
}

}  // namespace vectorq
