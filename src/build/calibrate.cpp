// Calibration of what was built. Some rows of the sample become queries: training does not see them. Their exact
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
// Part of the sample that would be drawn if memory had no bound, and of the sample; and of the memory.
static constexpr Size kSampleRowsPerQuery = 40, kLeastSampleRowsPerQuery = 8;
static constexpr Size kMemoryShare = 8;
// What the search for neighbours may take anyhow: 128 queries of 3,072 dimensions on two threads take 11 MB.
static constexpr Size kLeastFinderBytes = 16 * 1024 * 1024;
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
    return std::min({queries, std::floor(std::max(sample, b->full_rows) / kSampleRowsPerQuery),
                     std::floor(sample / kLeastSampleRowsPerQuery)});
}

static double finder_bytes(const Build* b, double queries, int threads) {
    return static_cast<double>(NeighbourFinder::Bytes(static_cast<size_t>(queries), b->dims, kAllNeighbours,
                                                      kDeepQueries, kDeepNeighbours, threads));
}

// A share of the memory, but so much that mostly no setting is too little to calibrate an index.
static double finder_room(const Build* b) {
    return static_cast<double>(std::max(b->memory / kMemoryShare, kLeastFinderBytes));
}

// Each thread keeps neighbours of its own: fewer threads where these would take too much.
static int finder_threads(const Build* b, double queries) {
    int threads = b->threads;
    while (threads > 1 && finder_bytes(b, queries, threads) > finder_room(b)) threads--;
    return threads;
}

double calibration_bytes(const Build* b, double sample) {
    if (wanted_queries(b, sample) < kLeastQueries) return 0;
    return kMemoryShare * finder_bytes(b, kLeastQueries, 1);
}

Size queries_to_hold_out(const Build* b, double sample) {
    double queries = wanted_queries(b, sample);
    while (queries >= kLeastQueries && finder_bytes(b, queries, finder_threads(b, queries)) > finder_room(b))
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

namespace {
struct QueryRow {
    Size row;             // of the sample
    const float* vector;  // as it is in the table
};
}  // namespace

// A row of each part of the sample.
static std::vector<QueryRow> spread_rows(const Build* b, Size wanted) {
    const BuildObjects* o = b->objects;
    const Size rows = o->sample.rows(), kept = o->query_rows.rows();
    std::vector<QueryRow> spread;
    if (!sample_is_transformed(b)) {
        for (Size q = 0; q < wanted; q++) {
            const Size row = row_of_stratum(b, rows, wanted, q);
            spread.push_back({row, o->sample.row(row)});
        }
        return spread;
    }
    Size there = 0;
    while (there < kept && slot_as_it_is(b, kept, there) < rows) there++;
    const Size count = std::min(wanted, there);
    for (Size q = 0; q < count; q++) {
        const Size i = q * there / count;
        spread.push_back({slot_as_it_is(b, kept, i), o->query_rows.row(i)});
    }
    return spread;
}

// Of rows with the same vector one becomes a query, as what is often in the table need not be what is often asked for.
// The other rows of the sample close up.
static void take_queries(Build* b, Size wanted) {
    BuildObjects* o = b->objects;
    const Size rows = o->sample.rows(), dims = o->sample.cols();
    RowSet chosen(dims);
    std::vector<uint64_t> own;
    std::vector<const float*> vectors;
    for (const QueryRow& query : spread_rows(b, wanted)) {
        if (chosen.Add(o->sample.row(query.row)) != own.size()) continue;
        own.push_back(o->sample_tids[query.row] >> 16);
        vectors.push_back(query.vector);
    }
    Matrix queries(own.size(), b->dims);
    for (Size q = 0; q < own.size(); q++) std::copy_n(vectors[q], b->dims, queries.row(q));
    const std::vector<uint8_t> out = held_out(o->sample, chosen, b->lists);
    Size kept = 0;
    for (Size i = 0; i < rows; i++) {
        if (out[i]) continue;
        if (kept != i) std::copy_n(o->sample.row(i), dims, o->sample.row(kept));
        kept++;
    }
    o->sample.TruncateRows(kept);
    const int threads = finder_threads(b, static_cast<double>(own.size()));
    o->finder = new NeighbourFinder(std::move(queries), std::move(own), b->opclass->metric, kAllNeighbours,
                                    kDeepQueries, kDeepNeighbours, threads);
}

void build_hold_out(Build* b) {
    BuildObjects* o = b->objects;
    const Size wanted = queries_to_hold_out(b, static_cast<double>(o->sample.rows()));
    core_call([&] {
        if (wanted > 0) take_queries(b, wanted);
        o->sample_tids.Resize(0);
        o->query_rows = Matrix();
    });
    b->training_rows = static_cast<uint32>(o->sample.rows());
}

bool measure_build(Build* b, IndexCache* cache, Calibration* calibration) {
    if (b->objects->finder == nullptr) return false;
    if (b->creates) pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, kPhaseCalibrate);
    const double budget = calibration_budget(&cache->meta, static_cast<double>(b->indexed_rows));
    return measure_recall(b->index, b->objects->finder, budget, kCalibratedByRows, calibration, cache);
}

}  // namespace vectorq
