// A batch: what a single scan would choose, how much memory there is, and the rounds.
#include <algorithm>
#include <cmath>

#include "batch/batch_state.h"
#include "scan/reorder.h"
#include "core/base/parallel.h"
#include "core/simd/distance.h"
#include "pg/cleanup.h"
#include "pg/entry.h"
#include "pg/interrupts.h"
#include "pg/memory.h"

namespace vectorq {

// Shares of the memory: copies of lists, vectors of rows.
static constexpr Size kPageShare = 8, kRowShare = 8;
static constexpr Size kMostPageBytesCopied = 32 * 1024 * 1024, kMostRowBytes = 1024 * 1024;
static constexpr Size kMostRoundQueries = 16384, kMostBlockRows = 1024;
// So many queries are worth a second round, whose lists are scored while rows of the first are read; rounds that a
// batch is cut into for that; queries of one at least.
static constexpr Size kOneRound = 2000, kRoundsAtLeast = 4, kLeastRoundQueries = 1000;
// Fewer queries are answered by single scans: what rounds take beside them would be more.
static constexpr Size kFewQueries = 16;
// Bytes of lists that are copied at a time, for each query and at least: more of them would only be memory that the
// server has to give.
static constexpr Size kPageBytesOfQuery = 32 * 1024, kLeastCopiedBytes = 2 * 1024 * 1024;
// Queries that probe a list, on average, for which it pays to compute terms of its rows.
static constexpr Size kQueriesForTerms = 2;
// As kSpareOfScan, for a batch. A query that needs more is asked again by a single scan.
static constexpr Size kSpareOfBatch = 2;

// Set while a batch gives up: its threads must stop.
static bool giving_up = false;

BatchObjects::BatchObjects() : stop([] { return giving_up || interrupt_is_pending(); }) {}

// The lists of the mean query, as a single scan begins with (scan.cpp, first_settings).
static void choose_for_batch(Batch* b) {
    const IndexCache* cache = b->cache;
    const double k = b->form.k;
    b->choice = choose_settings(&b->session, &cache->meta, &cache->calibration, k);
    RoundRules rules;
    rules.lists = cache->compact.entries;
    rules.max_rows = static_cast<uint64>(b->session.max_scan_rows);
    rules.rows_a_list = cache->calibration.entries_a_list;
    rules.entries_a_row = EntriesPerRow(cache->meta);
    if (k > kUsualRows) {
        const uint32 usual = choose_settings(&b->session, &cache->meta, &cache->calibration, kUsualRows).nprobe;
        b->choice.nprobe = rules.AllowedLists(0, std::min(usual, b->choice.nprobe), b->choice.nprobe);
    }
    const uint32 mean = b->choice.nprobe;
    const uint32 most = b->choice.by_effort ? static_cast<uint32>(kMostEffort * mean) + 1 : mean;
    b->most_lists = std::clamp<uint32>(rules.AllowedLists(0, mean, most), 1, rules.lists);
}

// Entries that a query collects.
static Size entries_to_collect(const Batch* b, Size spare) {
    if (!b->rules.reorders) return b->rules.keep * (EntriesOfRow(b->cache->meta) > 1 ? 2 : 1);
    return EntriesToCollect(b->choice.reorder_rows, b->choice.target > 0 && b->rules.by_need ? spare : 1, b->rules.k,
                            rows_per_answer(b->cache));
}

static void set_rules(Batch* b) {
    const Reorder from = b->state->reading.from;
    const Size k = static_cast<Size>(b->form.k);
    OrderRules* rules = &b->rules;
    rules->k = k;
    // Rows of the table are known to be visible once they are read; of others some may not be.
    rules->keep = from == Reorder::kHeap ? k : k + std::max<Size>(8, k / 4);
    rules->reorders = from != Reorder::kOff;
    rules->by_need = rules->reorders && reorders_by_need(&b->session, b->cache);
    rules->by_record = KeepsRecords(from);
    rules->usual = b->choice.reorder_rows;
    rules->may_miss = 1 - b->session.target_recall;
    rules->threads = b->form.threads;
}

static void set_shape(Batch* b) {
    BatchShape* shape = &b->shape;
    shape->codec = b->cache->codec;
    shape->codec.symmetric = b->session.distance == static_cast<int>(Distance::kSdc);
    shape->geometry = b->cache->geometry;
    shape->capacity = std::min(std::max<Size>(entries_to_collect(b, kSpareOfBatch), b->rules.keep), kMostCollected);
    b->rules.single = entries_to_collect(b, kSpareOfScan);
    shape->replicas = EntriesOfRow(b->cache->meta) > 1;
    shape->threads = b->form.threads;
}

// Rows that the copies of segments may have, at most.
static Size rows_in_copies(const Batch* b) {
    const PostingGeometry* g = &b->shape.geometry;
    return b->page_bytes / std::max<Size>(1, BytesOfRows(*g, kBlockRows) / kBlockRows) + kBlockRows;
}

// How many queries a round has: what they take, with the threads' work space, is within the memory.
static void divide_memory(Batch* b) {
    const MetaPage* meta = &b->cache->meta;
    b->memory = std::max(static_cast<Size>(1024.0 * work_mem * hash_mem_multiplier), kLeastBatchBytes);
    b->page_bytes = std::clamp<Size>(b->memory / kPageShare, 64 * BLCKSZ, kMostPageBytesCopied);
    b->row_bytes = std::clamp<Size>(b->memory / kRowShare, 64 * sizeof(float) * meta->dims, kMostRowBytes);
    const Size terms = HasListTerms(b->shape.codec) ? 2 * sizeof(float) * rows_in_copies(b) : 0;
    const Size fixed = b->page_bytes + terms + b->row_bytes + b->memory / kSortShare +
                       static_cast<Size>(b->form.threads) * BatchScorer::BytesOfThread(b->shape);
    const Size left = std::max(b->memory - std::min(b->memory, fixed), b->memory / 4);
    const Size given = sizeof(float) * meta->dims + 64;
    b->query_bytes = BatchScorer::BytesOfQuery(b->shape) + BatchOrder::BytesOfQuery(b->rules) + 2 * given +
                     24 * b->choice.nprobe +
                     (b->rules.by_record ? sizeof(float) * TableScratchFloats(b->cache->records.codec) : 0);
    b->round_queries = std::clamp<Size>(left / b->query_bytes, 1, kMostRoundQueries);
    b->rules.pass_entries = std::max<Size>(b->round_queries * 16, 4096);
    const Size block_query = sizeof(float) * (meta->dims + meta->code_dims) + sizeof(ListScore) * b->most_lists + 32;
    b->block_rows = std::clamp<Size>(b->memory / kSortShare / 2 / block_query, 1, kMostBlockRows);
}

static void set_centroids(Batch* b) {
    IndexCache* cache = b->cache;
    b->may_thread = cache->keeps_groups;
    b->chooser.context = b->context;
    b->chooser.metric = b->state->search.codec.metric;
    b->centroids = {cache->compact, cache->compact_bytes, cache->centroids, b->chooser.metric, 0};
    const uint32 dims = cache->meta.code_dims;
    float* buffer = static_cast<float*>(palloc(sizeof(float) * dims));
    const float* centroid = cached_centroid(b->form.index, cache, 0, buffer);
    b->centroids.length = std::sqrt(DotF32(centroid, centroid, dims));
    pfree(buffer);
}

Batch* begin_batch(const BatchOrderForm* form) {
    Batch* b = static_cast<Batch*>(palloc0(sizeof(Batch)));
    b->form = *form;
    b->session = settings_for_index(form->index);
    b->context = CurrentMemoryContext;
    b->block_context = AllocSetContextCreate(b->context, "vectorq batch block", ALLOCSET_DEFAULT_SIZES);
    b->row_context = AllocSetContextCreate(b->context, "vectorq batch row", ALLOCSET_DEFAULT_SIZES);
    destroy_with_context(b->row_context, b, [](void*) { ReleaseThreads(); });
    b->objects = make_owned<BatchObjects>(b->context);
    for (int i = 0; i < 2; i++) {
        b->rounds[i].context = AllocSetContextCreate(b->context, "vectorq batch round", ALLOCSET_DEFAULT_SIZES);
        b->rounds[i].objects = &b->objects->rounds[i];
    }
    b->reader = begin_index_scan(form->heap, form->index, form->snapshot, 0, 1);
    b->state = static_cast<ScanState*>(b->reader->opaque);
    b->cache = index_cache_pin(form->index, b->state->context);
    prepare_search(form->index, b->cache, &b->state->search, b->state->context, NULL);
    b->state->search.index_blocks = RelationGetNumberOfBlocks(form->index);
    b->state->reading.from = static_cast<Reorder>(b->cache->meta.reorder);
    choose_for_batch(b);
    set_rules(b);
    set_shape(b);
    divide_memory(b);
    set_centroids(b);
    b->code_row = static_cast<float*>(palloc(sizeof(float) * b->cache->meta.code_dims));
    begin_queries(b);
    return b;
}

// Amid the centroids: the mean of those that are in memory, else the middle of their ranges.
static void set_origin(Batch* b) {
    constexpr uint32 kMostCentroids = 4096;
    const Centroids* centroids = &b->centroids;
    const Size dims = b->shape.codec.dims;
    AlignedArray<float>* origin = &b->objects->origin;
    origin->Resize(dims);
    const uint32 lists = std::min(centroids->compact.entries, kMostCentroids);
    if (centroids->exact != NULL && lists > 0) MeanOfCentroids(centroids->exact, lists, dims, origin->data());
    else std::copy_n(centroids->compact.middle, dims, origin->data());
    b->shape.origin = origin->data();
}

// How many queries each round has.
static Size queries_of_rounds(const Batch* b) {
    if (b->added <= std::min(kOneRound, b->round_queries)) return std::max<Size>(b->added, 1);
    const Size cut = std::max<Size>(kLeastRoundQueries, (b->added + kRoundsAtLeast - 1) / kRoundsAtLeast);
    return std::min(std::max<Size>(b->round_queries / 2, 1), cut);
}

static void begin_copies(Batch* b, Copies* copies) {
    copies->pages.Resize(b->page_bytes / 2);
    copies->centroids.Resize(std::max<Size>(2, b->page_bytes / 2 / BLCKSZ) * b->cache->meta.code_dims);
    if (b->objects->terms) copies->row_terms.Resize(rows_in_copies(b));
}

static void begin_rounds(Batch* b) {
    core_call([&] {
        BatchObjects* o = b->objects;
        b->round_queries = b->shape.queries = queries_of_rounds(b);
        b->page_bytes = std::min(b->page_bytes, std::max(kLeastCopiedBytes, b->added * kPageBytesOfQuery));
        if (HasListTerms(b->shape.codec) &&
            b->round_queries * b->choice.nprobe >= kQueriesForTerms * b->cache->compact.entries) {
            set_origin(b);
            o->terms = std::make_unique<ListTerms>(b->shape.codec, b->shape.geometry, o->origin.data());
        }
        for (Copies& copies : o->copies) begin_copies(b, &copies);
        o->rows.Resize(b->row_bytes);
        o->crew = std::make_unique<Crew>(b->form.threads);
    });
}

// What a round is made of: of the second one, when there is a second one.
static void begin_round(Batch* b, Round* r) {
    if (r->query != NULL) return;
    r->query = static_cast<RoundQuery*>(MemoryContextAllocHuge(b->context, sizeof(RoundQuery) * b->round_queries));
    core_call([&] {
        r->objects->scorer = std::make_unique<BatchScorer>(b->shape);
        r->objects->order = std::make_unique<BatchOrder>(b->rules, b->round_queries);
        r->objects->queries.Resize(b->round_queries * b->cache->meta.dims);
    });
}

uint64 rows_reordered(const Batch* b) {
    uint64 rows = 0;
    for (const RoundObjects& round : b->objects->rounds)
        if (round.order) rows += round.order->reordered();
    return rows;
}

static void note_batch_stats(const Batch* b) {
    ScanStats stats = {};
    stats.index = RelationGetRelid(b->form.index);
    stats.lists_probed = b->lists_read;
    stats.entries_scored = b->entries_scored;
    stats.rows_reordered = rows_reordered(b);
    stats.pages_read = b->state->search.pages_read;
    stats.rounds = last_scan_stats.rounds;
    stats.target = b->choice.target;
    stats.target_from = target_source(b->form.index);
    last_scan_stats = stats;
}

// The rest of the round's rows in order, and its answers.
static void end_round(Batch* b, Round* r) {
    while (order_some(b, r, b->form.threads)) CHECK_FOR_INTERRUPTS();
    check_recovery_conflict(b->form.index, b->cache);
    answer_round(b, r);
    b->done += r->fill;
    last_scan_stats.rounds++;
    elog(DEBUG1, "vectorq_knn: " UINT64_FORMAT " of " UINT64_FORMAT " queries done, " UINT64_FORMAT " by single scans",
         b->done, b->added, b->alone);
    MemoryContextReset(r->context);
}

static void do_rounds(void* arg) {
    Batch* b = static_cast<Batch*>(arg);
    Round* before = NULL;
    for (Round* r = &b->rounds[0];; r = r == &b->rounds[0] ? &b->rounds[1] : &b->rounds[0]) {
        begin_round(b, r);
        if (!next_round(b, r)) break;
        CHECK_FOR_INTERRUPTS();
        score_round(b, r, before);
        check_recovery_conflict(b->form.index, b->cache);
        if (before != NULL) end_round(b, before);
        begin_ordering(b, r);
        before = r;
        if (b->done + r->fill == b->added) break;
    }
    if (before != NULL) end_round(b, before);
}

// Before anything that threads work on is given back.
static void stop_threads(void* arg) {
    BatchObjects* o = static_cast<Batch*>(arg)->objects;
    giving_up = true;
    o->stop.Poll();
    o->crew->Stop();
    giving_up = false;
}

static void answer_in_rounds(Batch* b) {
    end_queries(b);
    begin_rounds(b);
    call_with_cleanup(do_rounds, stop_threads, b);
    core_call([&] {
        b->objects->crew.reset();
        ReleaseThreads();
    });
}

void finish_batch(Batch* b) {
    pgstat_count_index_scan(b->form.index);
    last_scan_stats.rounds = 0;
    if (b->added == 0 && b->block_fill <= kFewQueries) {
        answer_block(b);  // vectorq_stats() has the last scan
    } else {
        answer_in_rounds(b);
        note_batch_stats(b);
    }
    count_batch(b);
    tuplesort_end(b->sort);
    ExecDropSingleTupleTableSlot(b->slot);
    end_single(b);
    index_endscan(b->reader);
}

}  // namespace vectorq
