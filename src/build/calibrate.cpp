// Calibration of a new index. Some rows of the sample become queries: training does not see them. Their exact
// neighbours are found while the rows pass by to be assigned (core/calibrate/neighbours.h), and when the pages are
// written, each query is searched for.
//
// What it costs is bounded beside the rest of the build: the number of queries by the number of lists, since each row
// is compared with all queries here and with a part of the lists there; the searches by bytes of codes.
#include <algorithm>
#include <cmath>
#include <vector>

#include "build/build.h"
#include "measure/measure_recall.h"
#include "store/calibration_store.h"
#include "core/calibrate/row_set.h"
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
static constexpr Size kMemoryShare = 8;
// Step of the search for as many as memory holds.
static constexpr double kFewerQueries = 0.8;
// Rows with a query's vector do not train either, or the query lies nearer to a centroid than what is asked for later;
// if all such rows are more than this part of the sample, those of some queries do. With each row in the table ten
// times, recall@10 at a target of 0.99 was .983 with them and .993 without (a hundred times: .981 and .990; three
// seeds).
static constexpr double kMostDuplicates = 0.2;

// Queries of a sample of so many rows, where memory allows.
static double wanted_queries(const Build* b, double sample) {
    double queries = std::clamp(b->lists / kListsPerQuery, kLeastQueries * 2, kMostQueries);
    // No matrix kernel: each distance by itself.
    const MetricTraits& metric = TraitsOf(b->opclass->metric);
    if (!metric.from_products && !metric.bits) queries = kLeastQueries;
    return std::min(queries, std::floor(sample / kSampleRowsPerQuery));
}

static double bytes_of_queries(const Build* b, double queries) {
    return static_cast<double>(kMemoryShare * NeighbourFinder::Bytes(static_cast<size_t>(queries), b->dims,
                                                                     kAllNeighbours, kDeepQueries, kDeepNeighbours,
                                                                     b->threads));
}

double calibration_bytes(const Build* b, double sample) {
    double queries = wanted_queries(b, sample);
    if (queries < kLeastQueries) return 0;
    while (queries * kFewerQueries >= kLeastQueries) queries *= kFewerQueries;
    return bytes_of_queries(b, queries);
}

static Size held_out_rows(const Build* b) {
    double queries = wanted_queries(b, static_cast<double>(b->objects->sample.rows()));
    while (queries >= kLeastQueries && bytes_of_queries(b, queries) > static_cast<double>(b->memory))
        queries *= kFewerQueries;
    return queries < kLeastQueries ? 0 : static_cast<Size>(queries);
}

// For each row of the sample whether it is a query or, up to a part of the sample, has a query's vector. A vector that
// fills a list of its own trains.
static std::vector<uint8_t> held_out(const Matrix& sample, const RowSet& queries, uint32 lists) {
    const Size rows = sample.rows();
    std::vector<std::vector<Size>> duplicates(queries.size());
    std::vector<uint8_t> out(rows, 0);
    for (Size i = 0; i < rows; i++) {
        const size_t query = queries.Find(sample.row(i));
        if (query == RowSet::kNone) continue;
        if (queries.row(query) == sample.row(i)) out[i] = 1;
        else duplicates[query].push_back(i);
    }
    Size left = static_cast<Size>(kMostDuplicates * static_cast<double>(rows));
    for (const std::vector<Size>& of_query : duplicates) {
        if (of_query.size() > std::min(left, rows / lists)) continue;
        left -= of_query.size();
        for (const Size i : of_query) out[i] = 1;
    }
    return out;
}

// Every n-th row of the sample, which is in random order or, of a small table, all of it; of rows with the same vector
// one, as what is often in the table need not be what is often asked for. The others close up.
static void take_queries(Build* b, Size wanted) {
    BuildObjects* o = b->objects;
    const Size rows = o->sample.rows(), dims = o->sample.cols();
    RowSet chosen(dims);
    std::vector<uint64_t> own;
    for (Size q = 0; q < wanted; q++) {
        const Size row = q * rows / wanted;
        if (chosen.Add(o->sample.row(row)) == own.size()) own.push_back(o->sample_tids[row] >> 16);
    }
    Matrix queries(own.size(), dims);
    for (Size q = 0; q < own.size(); q++) std::copy_n(chosen.row(q), dims, queries.row(q));
    const std::vector<uint8_t> out = held_out(o->sample, chosen, b->lists);
    Size kept = 0;
    for (Size i = 0; i < rows; i++) {
        if (out[i]) continue;
        if (kept != i) std::copy_n(o->sample.row(i), dims, o->sample.row(kept));
        kept++;
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
