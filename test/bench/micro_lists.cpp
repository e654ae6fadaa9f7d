// Many lists without a server: seconds to train and to assign, and what choosing the probes through groups of centroids
// costs and loses against the ranking of all of them. Real rows: micro_lists BASE.npy QUERY.npy ROWS LISTS THREADS.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <vector>

#include "core/cluster/assign.h"
#include "core/quantize/compact_centroids.h"
#include "core/cluster/kmeans.h"
#include "core/cluster/panel_assign.h"
#include "core/simd/distance.h"
#include "core/simd/lut16_scan.h"

namespace {
using namespace vectorq;

constexpr size_t kDims = 128, kQueries = 300, kNearest = 10;

double Now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// Rows of unsigned bytes behind a header of 128 bytes, as numpy writes them.
Matrix Load(const char* path, size_t rows) {
    std::FILE* file = std::fopen(path, "rb");
    if (file == nullptr || std::fseek(file, 128, SEEK_SET) != 0) std::exit((std::perror(path), 1));
    std::vector<uint8_t> bytes(rows * kDims);
    if (std::fread(bytes.data(), 1, bytes.size(), file) != bytes.size())
        std::exit((std::fprintf(stderr, "%s is short\n", path), 1));
    std::fclose(file);
    Matrix m(rows, kDims);
    std::copy(bytes.begin(), bytes.end(), m.data());
    return m;
}

std::vector<uint32_t> Nearest(const float* distance, size_t n, size_t k) {
    std::vector<uint32_t> order(n);
    std::iota(order.begin(), order.end(), 0u);
    std::partial_sort(order.begin(), order.begin() + k, order.end(),
                      [&](uint32_t a, uint32_t b) { return distance[a] < distance[b]; });
    order.resize(k);
    return order;
}

std::vector<float> Distances(const float* query, const Matrix& m) {
    std::vector<float> distance(m.rows(), 0.0f);
    GetBlockKernel(BlockKernel::kL2F32)(query, m.data(), kDims * sizeof(float), m.rows(), kDims, distance.data());
    return distance;
}

// As src/lists/list_chooser.cpp does it. Returns the probes; *scored: lists and centers.
std::vector<uint32_t> Choose(const uint8_t* compact, const Matrix& centroids, const float* query, size_t nprobe,
                             size_t* scored) {
    static std::vector<float> flat, scratch(2 * kDims), exact;
    static std::vector<uint32_t> list, order;
    const CompactFront front = ViewCompactFront(compact, kDims);
    const CompactQuery prepared = PrepareCompactQuery(front, Metric::kL2, query, scratch.data());
    const size_t want = std::min(centroids.rows(), nprobe + nprobe / 4 + 8),
                 least = ListsToScore(centroids.rows(), want);
    const size_t groups = std::max<size_t>(front.groups, 1);
    flat.resize(centroids.rows());
    list.resize(centroids.rows());
    order.resize(groups);
    std::iota(order.begin(), order.end(), 0u);
    if (front.groups > 0) {
        exact.resize(groups);
        ScoreCompact(prepared, front.scalar, front.code, groups, kDims, exact.data());
        const auto nearer = [&](uint32_t a, uint32_t b) { return exact[a] < exact[b]; };
        const size_t sorted = std::min<size_t>(groups, 256);
        std::nth_element(order.begin(), order.begin() + (sorted - 1), order.end(), nearer);
        std::sort(order.begin(), order.begin() + sorted, nearer);
    }
    static std::vector<float> coarse_scratch;
    static std::vector<uint16_t> sums;
    static std::vector<std::pair<const uint8_t*, float>> codes;  // and scalars
    coarse_scratch.resize(CoarseScratchFloats(front));
    codes.resize(centroids.rows());
    CoarseQuery coarse;
    const bool is_coarse = PrepareCoarseQuery(front, Metric::kL2, query, coarse_scratch.data(), &coarse);
    size_t n = 0;
    for (size_t i = 0; i < groups && n < least; i++) {
        const size_t g = order[i], start = front.groups > 0 ? front.start[g] : 0;
        const size_t entries = (front.groups > 0 ? front.start[g + 1] : front.entries) - start;
        const CompactGroup part =
            ViewCompactGroup(compact + CompactGroupOffset(front.groups, kDims, g, start), entries, kDims);
        if (is_coarse) {
            sums.resize(entries + kLut16BlockRows);
            const uint8_t* scalars = compact + CoarseScalarOffset(front.entries, front.groups, kDims);
            ScoreCoarse(coarse, front, exact[g], compact + CoarseOffset(front.entries, front.groups, kDims, g, start),
                        reinterpret_cast<const float*>(scalars) + start, entries, sums.data(), flat.data() + n);
            for (size_t j = 0; j < entries; j++) codes[n + j] = {part.code + j * kDims, part.scalar[j]};
        } else {
            ScoreCompact(prepared, part.scalar, part.code, entries, kDims, flat.data() + n);
        }
        std::memcpy(list.data() + n, part.list, entries * sizeof(uint32_t));
        n += entries;
    }
    *scored += n + front.groups;
    std::vector<std::pair<float, uint32_t>> best(n);
    if (is_coarse) {
        for (size_t i = 0; i < n; i++) best[i] = {flat[i], uint32_t(i)};
        const size_t finer = std::min(n, 2 * want + 32);
        std::nth_element(best.begin(), best.begin() + (finer - 1), best.end());
        best.resize(n = finer);
        for (auto& [score, at] : best) {
            ScoreCompact(prepared, &codes[at].second, codes[at].first, 1, kDims, &score);
            at = list[at];
        }
    } else {
        for (size_t i = 0; i < n; i++) best[i] = {flat[i], list[i]};
    }
    std::nth_element(best.begin(), best.begin() + (std::min(want, n) - 1), best.end());
    best.resize(std::min(want, n));
    for (auto& [score, id] : best) score = L2SquaredF32(query, centroids.row(id), kDims);
    std::sort(best.begin(), best.end());
    std::vector<uint32_t> probes;
    for (size_t i = 0; i < std::min(nprobe, best.size()); i++) probes.push_back(best[i].second);
    return probes;
}

double Recall(const std::vector<std::vector<uint32_t>>& probes, const std::vector<std::vector<uint32_t>>& truth,
              const std::vector<uint32_t>& list_of) {
    size_t hits = 0;
    for (size_t i = 0; i < probes.size(); i++)
        for (const uint32_t row : truth[i]) hits += std::count(probes[i].begin(), probes[i].end(), list_of[row]);
    return double(hits) / double(probes.size() * kNearest);
}

void Report(const Matrix& centroids, const Matrix& queries, const std::vector<std::vector<uint32_t>>& truth,
            const std::vector<uint32_t>& list_of, const CentroidGroups& groups, const char* name, size_t nprobe) {
    AlignedArray<uint8_t> compact(CompactBytes(centroids.rows(), groups.centers.rows(), kDims));
    StopToken stop;
    BuildCompactCentroids(centroids, nullptr, groups, 1, stop, compact.data());
    std::vector<std::vector<uint32_t>> probes(queries.rows());
    double best = 1e9;
    size_t scored = 0;
    for (int run = 0; run < 5; run++) {
        const double start = Now();
        scored = 0;
        for (size_t i = 0; i < queries.rows(); i++)
            probes[i] = Choose(compact.data(), centroids, queries.row(i), nprobe, &scored);
        best = std::min(best, (Now() - start) / double(queries.rows()));
    }
    std::printf("nprobe %4zu %-8s recall@10 %.4f, %7.0f centroids scored, %.1f us\n", nprobe, name,
                Recall(probes, truth, list_of), double(scored) / double(queries.rows()), 1e6 * best);
}
}  // namespace

int main(int count, char** arguments) {
    std::setvbuf(stdout, nullptr, _IOLBF, 0);  // shows each step when it is done
    if (count != 6) return std::fprintf(stderr, "usage: micro_lists BASE.npy QUERY.npy ROWS LISTS THREADS\n"), 2;
    const size_t rows = size_t(std::atol(arguments[3])), lists = size_t(std::atol(arguments[4]));
    const int threads = std::atoi(arguments[5]);
    StopToken stop;
    Matrix base = Load(arguments[1], rows);
    const Matrix queries = Load(arguments[2], kQueries);
    std::vector<std::vector<uint32_t>> truth;
    for (size_t i = 0; i < kQueries; i++)
        truth.push_back(Nearest(Distances(queries.row(i), base).data(), rows, kNearest));
    KMeansOptions options;
    options.lists = lists;
    options.threads = threads;
    options.balance = kUsualBalance;
    double start = Now();
    Matrix sample(std::min(rows, kFirstRowsPerList * lists), kDims);
    for (size_t i = 0; i < sample.rows(); i++)
        std::memcpy(sample.row(i), base.row(i * rows / sample.rows()), kDims * sizeof(float));
    const Matrix centroids = TrainKMeans(sample, options, stop);
    std::printf("%zu rows, %zu lists: trained in %.1f s\n", rows, centroids.rows(), Now() - start);
    start = Now();
    const PanelAssigner assigner(centroids, AssignMetric::kL2, options.exact_up_to, kFinalPanelGroups, 42, threads,
                                 stop);
    std::vector<uint32_t> list_of(rows), exact(5000);
    assigner.Nearest(base.data(), rows, list_of.data(), nullptr, threads, stop);
    std::printf("assigned in %.1f s\n", Now() - start);
    Assigner(centroids, AssignMetric::kL2).Nearest(base.data(), exact.size(), exact.data(), nullptr, threads, stop);
    size_t missed = 0;
    for (size_t i = 0; i < exact.size(); i++) missed += exact[i] != list_of[i];
    std::vector<size_t> size(centroids.rows(), 0);
    for (const uint32_t list : list_of) size[list]++;
    std::printf("largest list %.2f means; %.2f %% of rows not in their nearest list\n",
                double(*std::max_element(size.begin(), size.end())) * double(centroids.rows()) / double(rows),
                100.0 * double(missed) / double(exact.size()));
    start = Now();
    const CentroidGroups groups = GroupCentroids(centroids, SearchGroups(centroids.rows()), false, 42, threads, stop);
    const CentroidGroups none = GroupCentroids(centroids, 0, false, 42, threads, stop);
    std::printf("%zu groups in %.1f s, the largest of %zu\n", groups.centers.rows(), Now() - start, groups.Largest());
    const size_t automatic = size_t(std::ceil(6.5 * std::pow(double(centroids.rows()), 0.27)));
    for (const size_t nprobe : {automatic / 4, automatic, 3 * automatic}) {
        Report(centroids, queries, truth, list_of, none, "all", nprobe);
        Report(centroids, queries, truth, list_of, groups, "groups", nprobe);
    }
    return 0;
}
