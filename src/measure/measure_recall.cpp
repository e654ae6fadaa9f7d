// See calibrate.h. A scan of each query, list after list in the order of probing, until all its neighbours were met. It
// is the executor's scan with another collector: scan_lists() does the work, one list at a time.
#include "measure/measure_recall.h"

#include <algorithm>

#include "store/calibration_store.h"
#include "lists/list_chooser.h"
#include "scan/list_search.h"
#include "pg/entry.h"
#include "pg/fault.h"
#include "pg/memory.h"

namespace vectorq {

// With fewer queries recall is known to a tenth only.
static constexpr size_t kFewestQueries = 32;
// Lists that a query is followed through at first: as many as recall@100 of 0.99 takes on what was measured, twice. If
// a hundredth of the neighbours were still missing, four times as many.
static constexpr uint32 kLeastListLimit = 64;
static constexpr uint32 kListsPerLimit = 8;
static constexpr double kMissingToGoOn = 0.004;
static constexpr double kMostGrowth = 4, kLeastGrowth = 1.3;
// If so many are missing at the end of the budget, rows without structure lie in most of the lists: as many queries as
// another budget lasts for, which is kReadsOfCode at least, are followed through all lists then. Else no setting that
// was tried would reach a target of 0.99 (96 dimensions of normal noise: 0.92 instead of it).
static constexpr double kMissingTooMany = 0.01;
// Of the budget that a further round is reckoned to take, since later lists cost what earlier ones did.
static constexpr double kBudgetShare = 0.9;

// A build assigns and encodes a row in the time in which it could score some thousand codes.
static constexpr double kReadsOfCode = 64;
static constexpr double kLeastBytesPerRow = 4096;

// Nanoseconds on a 2.5 GHz server with AVX-512, pages in shared buffers: opening a list (directory, pin, lock, its
// lookup table), a row of the table or a record looked at. Only the ratios matter; a byte of code is in kCodes.
static constexpr double kListCost = 700;
static constexpr double kHeapRowCost = 700;
static constexpr double kRecordCost = 350;
// An entry of a list, whatever its code: where only two settings of one index are compared.
static constexpr double kEntryCost = 4;

namespace {
struct Measurement {
    Relation index;
    MemoryContext context;
    ListSearch search;
    ListChooser chooser;
    TopK* collector;
    const NeighbourFinder* finder;
    RankTable* ranks;
    double code_bytes_left;
    uint64_t* wanted;   // (kSampledNeighbours): rows of the present query
    float* wanted_far;  // their distances
    uint64 wanted_rows,
        found_rows;  // over the queries so far, of those that were followed through fewer lists than all
};
}  // namespace

// Follows a query through at most `limit` lists. False if the budget ended before.
static bool trace_query(Measurement* m, size_t q, uint32 limit) {
    ListSearch* search = &m->search;
    IndexCache* cache = search->cache;
    const std::vector<uint64_t>& rows = m->finder->rows(q);
    memcpy(search->query, m->finder->query(q), sizeof(float) * cache->meta.dims);
    begin_query(search);
    search->codec.symmetric = false;
    const EffortRule none = {0, 0, 0};
    choose_lists_with_effort(m->index, cache, &m->chooser, search->code_query, limit, &none);
    search->lists = m->chooser.scores;
    size_t wanted = 0, found = 0;
    while (wanted < kSampledNeighbours && SampledNeighbour(wanted) < rows.size()) {
        m->wanted[wanted] = rows[SampledNeighbour(wanted)];
        m->wanted_far[wanted] = m->finder->distances(q)[SampledNeighbour(wanted)];
        wanted++;
    }
    core_call([&] { m->ranks->Begin(m->wanted, wanted, m->finder->own(q), m->wanted_far); });
    for (uint32 i = 0; i < limit && found < wanted; i++) {
        search->list_begin = i;
        search->list_end = i + 1;
        core_call([&] { m->collector->Reset(RankTable::kMostRank); });
        const uint64 scored = search->entries_scored;
        scan_lists(m->index, search);
        size_t count;
        bool overflowed;
        m->collector->Select(&count, &overflowed);
        const size_t scanned = static_cast<size_t>(search->entries_scored - scored);
        m->code_bytes_left -= static_cast<double>(scanned) * cache->geometry.code_bytes;
        if (m->code_bytes_left < 0) return false;
        core_call([&] { found = m->ranks->AddList(&m->collector->At(0), count, scanned); });
    }
    core_call([&] { m->ranks->End(m->chooser.features); });
    m->wanted_rows += wanted;
    m->found_rows += found;
    return true;
}

static void trace_queries(Measurement* m, uint32 limit) {
    m->wanted_rows = m->found_rows = 0;
    for (size_t q = 0; q < m->finder->queries(); q++) {
        vacuum_delay();
        if (m->finder->rows(q).empty()) continue;
        if (!trace_query(m, q, limit)) break;
    }
}

double calibration_budget(const MetaPage* meta, double rows) {
    return rows * std::max(kLeastBytesPerRow, kReadsOfCode * CodeBytes(meta_codec(meta)) * EntriesPerRow(*meta));
}

static ScanOrder scan_order(const IndexCache* cache) {
    if (cache->meta.reorder != static_cast<uint8>(Reorder::kOff)) return ScanOrder::kReordered;
    const bool exact = TraitsOf(cache->codec.kind).exact && cache->transform == NULL;
    return exact ? ScanOrder::kExactCodes : ScanOrder::kCodes;
}

static ScanCosts scan_costs(const IndexCache* cache) {
    ScanCosts costs;
    costs.list = kListCost;
    costs.entry = TraitsOf(cache->codec.kind).byte_cost * cache->geometry.code_bytes;
    costs.row = KeepsRecords(static_cast<Reorder>(cache->meta.reorder)) ? kRecordCost : kHeapRowCost;
    return costs;
}

// By the same entries a list: lists that have grown are no fault of what was trained.
double effort_since_training(const Calibration* calibration) {
    const CalibrationRung* now = &TypicalRung(*calibration);
    const CalibrationRung* trained = &calibration->trained;
    // The user's own queries are unlike the rows, which the first calibration asked for.
    if (calibration->source != kCalibratedByRows || trained->nprobe == 0) return 1;
    const auto cost = [&](const CalibrationRung* rung) {
        return rung->nprobe * (kListCost + kEntryCost * calibration->entries_a_list) + rung->rows * kHeapRowCost;
    };
    return cost(now) / cost(trained);
}

static void make_rank_table(Measurement* m) {
    const uint32 lists = m->search.cache->meta.live_lists;
    m->ranks = make_owned<RankTable>(m->context, m->finder->queries(), kSampledNeighbours, lists);
}

bool measure_recall(Relation index, const NeighbourFinder* finder, double code_bytes, CalibrationSource source,
                    Calibration* calibration, IndexCache* cache) {
    Measurement m;
    memset(&m, 0, sizeof(m));
    m.index = index;
    m.context = AllocSetContextCreate(CurrentMemoryContext, "vectorq calibration", ALLOCSET_DEFAULT_SIZES);
    m.finder = finder;
    m.code_bytes_left = code_bytes;
    MemoryContext before = MemoryContextSwitchTo(m.context);
    m.collector = make_owned<TopK>(m.context);
    if (cache == NULL) cache = index_cache_pin(index, m.context);
    prepare_search(index, cache, &m.search, m.context, m.collector);
    m.chooser.context = m.context;
    m.chooser.metric = m.search.codec.metric;
    m.search.index_blocks = RelationGetNumberOfBlocks(index);
    m.wanted = static_cast<uint64_t*>(palloc(sizeof(uint64_t) * kSampledNeighbours));
    m.wanted_far = static_cast<float*>(palloc(sizeof(float) * kSampledNeighbours));
    const uint32 lists = cache->meta.live_lists;
    VQ_FAULT("calibrate.trace");
    uint32 limit = std::min(lists, std::max(kLeastListLimit, lists / kListsPerLimit));
    for (;;) {
        const double left = m.code_bytes_left;
        make_rank_table(&m);
        trace_queries(&m, limit);
        const double missing = static_cast<double>(m.wanted_rows - m.found_rows) / std::max<double>(m.wanted_rows, 1);
        if (limit == lists || missing <= kMissingToGoOn) break;
        const double growth = kBudgetShare * m.code_bytes_left / std::max(left - m.code_bytes_left, 1.0);
        if (growth >= kLeastGrowth) {
            limit = static_cast<uint32>(std::min<double>(lists, limit * std::min(growth, kMostGrowth)));
        } else if (missing > kMissingTooMany) {
            limit = lists;
            m.code_bytes_left = code_bytes;
        } else {
            break;
        }
    }
    memset(calibration, 0, sizeof(*calibration));
    calibration->rows = cache->meta.rows;
    calibration->blocks = m.search.index_blocks;
    calibration->queries = static_cast<uint32>(m.ranks->queries());
    calibration->entries_a_list = static_cast<float>(m.ranks->EntriesPerList());
    const bool enough = m.ranks->queries() >= kFewestQueries;
    if (enough) {
        calibration->source = source;
        core_call([&] {
            BuildLadderWithEffort(m.ranks, scan_order(cache), scan_costs(cache),
                                  EntriesVary(cache->meta) ? 1 : EntriesOfRow(cache->meta), calibration);
        });
    }
    set_calibration_crc(calibration);
    MemoryContextSwitchTo(before);
    MemoryContextDelete(m.context);
    return enough;
}

}  // namespace vectorq
