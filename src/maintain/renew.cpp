// See renew.h. The steps: sample and train, write what was trained, publish (from here on inserts go into both epochs),
// copy the rows, in batches where they are many, measure, switch.
#include "maintain/renew.h"

#include <algorithm>
#include <cmath>

#include "am/options.h"
#include "build/build.h"
#include "maintain/calibrate.h"
#include "maintain/entry_pass.h"
#include "maintain/epochs.h"
#include "maintain/next_epoch.h"
#include "maintain/state.h"
#include "maintain/step_log.h"
#include "stats/stat_table.h"
#include "maintain/table_rows.h"
#include "measure/measure_recall.h"
#include "pg/entry.h"
#include "pg/fault.h"
#include "pg/interrupts.h"
#include "pg/memory.h"
#include "store/calibration_store.h"
#include "store/row_fields.h"
#include "store/tid.h"

extern "C" {
#include "access/transam.h"
#include "common/hashfn.h"
#include "catalog/pg_operator.h"
#include "pgstat.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"
}

namespace vectorq {

// A query takes so many times what it took after training: the rows have become others.
static constexpr double kMoreEffort = 1.5;
// Lists that the rows call for now, for each that they called for at the last training: beyond these an index has grown
// or shrunk. Lists follow the root of the rows, so twice the rows are 1.4 times the lists.
static constexpr double kGrownLists = 1.4, kShrunkLists = 0.5;
// Where lists do not follow the rows: times the root of the rows that were there at the last training, while few have
// trained.
static constexpr double kGrownRoot = 2;
// Rows below which an index is untrained again.
static constexpr double kFewestTrained = kMinTrainingRows;
static constexpr uint32 kUsualTrainingRows = 10000;
// Part of the memory that the order of tids takes, where rows are read from the table.
static constexpr int kTidShare = 8;
// More rows are drawn for the sample than it holds, as their number is up to chance.
static constexpr double kDrawnShare = 1.1;
// Rows are copied in so many batches at most. A batch has so many stripes of the table at least, that all are of a
// size, unless these were of more blocks than that: half a megabyte that follow each other are read as quickly as more.
static constexpr double kMostBatches = 65536, kStripesOfBatch = 16;
static constexpr BlockNumber kMostStripe = 64;
// A table of which more than this part changes while a vacuum copies will soon be vacuumed again.
static constexpr double kChangingShare = 0.01;

namespace {
struct Renewal {
    // — set at the start, then constant —
    Relation index, heap;
    BufferAccessStrategy strategy;
    MemoryContext context;
    IndexCache* cache;  // of the present epoch
    AllLists lists;
    MetaPage meta, next;
    Build* build;
    PageSink sink;
    TableRows* table;  // NULL where the codes are the rows, and each has one entry
    double rows;
    bool all;  // in one go
    // — changed by each batch —
    uint32 from, until;  // the batches at hand
    // — changed by each entry —
    uint32 drawn_below;  // an entry is drawn for the sample if the hash of its tid is below; 0: all are
    uint64* drawn;       // (room) tids, where rows come from the table
    Size num_drawn, room;
    Tuplesortstate* sort;  // of tids
};
}  // namespace

// ---- when

RenewalWish wants_renewal(Relation index, Relation heap, const MetaPage* meta, double rows) {
    const RenewalWish none = {RenewReason::kNone, 0};
    // Of an epoch that was given up, rows are still marked as being in both.
    if (meta->upkeep.given_up != 0 || meta->replacing != 0 || !one_epoch_is_known(heap, meta)) return none;
    if (!keeps_in_shape(index)) return none;
    if (!(meta->flags & kMetaTrained))
        return rows < kMinTrainingRows ? none : RenewalWish{RenewReason::kUntrained, static_cast<float>(rows)};
    // So few are searched exactly, as in an index that is made on them. Of none the lists stay: others may come.
    if (rows < kFewestTrained) return rows < 1 ? none : RenewalWish{RenewReason::kShrunk, 0};
    Calibration calibration;
    read_calibration(index, meta, &calibration);
    const double effort = effort_since_training(&calibration);
    if (effort >= kMoreEffort) return {RenewReason::kDrifted, static_cast<float>(effort)};
    const AmKind am = am_of_index(index);
    const double ratio =
        lists_for(am, static_cast<Metric>(meta->metric), rows) / std::max<double>(meta->upkeep.called_lists, 1);
    // Lists that the user has asked for stay; but codes that few rows have trained will not do for many.
    if (meta->wanted_lists > 0 || am == AmKind::kPq) {
        const bool few = meta->training_rows < kUsualTrainingRows && index_options(index).training_rows == 0;
        return few && ratio >= kGrownRoot ? RenewalWish{RenewReason::kGrown, static_cast<float>(ratio)} : none;
    }
    if (ratio >= kGrownLists) return {RenewReason::kGrown, static_cast<float>(ratio)};
    if (ratio <= kShrunkLists) return {RenewReason::kShrunk, static_cast<float>(ratio)};
    return none;
}

// ---- the rows

static uint32 hash_of(uint64 tid) {
    return static_cast<uint32>(hash_bytes_extended(reinterpret_cast<const unsigned char*>(&tid), sizeof(tid), 0));
}

static bool is_drawn(const Renewal* r, uint64 tid) { return r->drawn_below == 0 || hash_of(tid) < r->drawn_below; }

static void draw_row(void* arg, const RowFields* fields, const char*, const float* row) {
    Renewal* r = static_cast<Renewal*>(arg);
    const uint64 tid = pack_tid(fields->tid);
    if (!is_drawn(r, tid)) return;
    if (r->table == NULL) {
        if (sample_wants_row(r->build)) add_sample_row(r->build, tid, row);
    } else if (r->num_drawn < r->room) {
        r->drawn[r->num_drawn++] = tid;
    }
}

static void sample_drawn(Renewal* r) {
    std::sort(r->drawn, r->drawn + r->num_drawn);
    r->num_drawn = static_cast<Size>(std::unique(r->drawn, r->drawn + r->num_drawn) - r->drawn);
    float* vector = static_cast<float*>(palloc(sizeof(float) * r->meta.dims));
    for (Size i = 0; i < r->num_drawn; i++) {
        vacuum_delay();
        ItemPointerData tid;
        unpack_tid(r->drawn[i], &tid);
        if (read_table_row(r->table, &tid, vector) && sample_wants_row(r->build))
            add_sample_row(r->build, r->drawn[i], vector);
    }
    pfree(vector);
}

static EntryPass entry_pass(Renewal* r, void (*take)(void*, const RowFields*, const char*, const float*)) {
    return {r->index, r->cache, &r->lists, r->table == NULL, r->strategy, take, r};
}

// A pass over the rows that are drawn for it.
static void sample_pass(Renewal* r) {
    const double wanted = r->build->wanted_rows;
    const double share = kDrawnShare * wanted / std::max(r->rows, 1.0);
    r->drawn_below = share >= 1 ? 0 : static_cast<uint32>(share * PG_UINT32_MAX);
    r->room = static_cast<Size>(2 * wanted * EntriesPerRow(r->meta)) + 1024;
    r->num_drawn = 0;
    if (r->table != NULL) r->drawn = static_cast<uint64*>(palloc_extended(sizeof(uint64) * r->room, MCXT_ALLOC_HUGE));
    const EntryPass pass = entry_pass(r, draw_row);
    pass_entries(&pass);
    if (r->table != NULL) {
        sample_drawn(r);
        pfree(r->drawn);
    }
}

static void sample_rows(Renewal* r) {
    VQ_FAULT("renew.sample");
    while (begin_sample(r->build, r->rows, r->rows)) {
        sample_pass(r);
        end_sample(r->build);
    }
}

static bool has_batches(const Renewal* r) { return r->next.upkeep.batches > 1; }

// All entries of a row are of the same batch, so that it is copied once.
static bool is_in_batch(const Renewal* r, const Tid& tid) {
    const Upkeep* upkeep = &r->next.upkeep;
    if (!has_batches(r)) return true;
    const uint32 batch = BlockOf(tid) / upkeep->stripe % upkeep->batches;
    return batch >= r->from && batch < r->until;
}

static void copy_row(void* arg, const RowFields* fields, const char* keys, const float* row) {
    Renewal* r = static_cast<Renewal*>(arg);
    if (!is_in_batch(r, fields->tid)) return;
    if (r->table == NULL) {
        RowFields kept = *fields;
        kept.record = {};
        assign_row(r->build, &kept, keys, row);
        return;
    }
    tuplesort_putdatum(r->sort, Int64GetDatum(static_cast<int64>(pack_tid(fields->tid))), false);
}

// By tid, so that the table is read from its start to its end, and a row's entries come together.
static void begin_tid_sort(Renewal* r) {
    const int memory = std::max<int>(vacuum_memory() / kTidShare, 64);
    r->sort = tuplesort_begin_datum(INT8OID, Int8LessOperator, InvalidOid, false, memory, NULL, kSortOnce);
}

static void copy_from_table(Renewal* r) {
    tuplesort_performsort(r->sort);
    int64 last = -1;
    Datum value;
    bool isnull;
    while (next_sorted_datum(r->sort, &value, &isnull)) {
        vacuum_delay();
        const int64 packed = DatumGetInt64(value);
        if (packed == last) continue;
        last = packed;
        ItemPointerData tid;
        unpack_tid(static_cast<uint64>(packed), &tid);
        float* vector = next_row_vector(r->build);
        if (!read_table_row(r->table, &tid, vector)) continue;
        const RowFields fields = fields_of_row(r->table->values, r->table->isnull, &tid);
        assign_row(r->build, &fields, keys_of_table_row(r->table), vector);
    }
    tuplesort_end(r->sort);
}

static void copy_rows(Renewal* r) {
    VQ_FAULT("renew.copy");
    prepare_assign(r->build);
    begin_assign(r->build);
    if (r->table != NULL) begin_tid_sort(r);
    const EntryPass pass = entry_pass(r, copy_row);
    pass_entries(&pass);
    if (r->table != NULL) copy_from_table(r);
    end_assign(r->build);
}

// ---- the pages

// All but the rows, on pages that nobody is led to yet.
static void write_what_was_trained(Renewal* r) {
    Build* b = r->build;
    MetaPage* next = &r->next;
    *next = describe_build(b);
    number_epoch(&r->meta, next, b->geometry.pages);
    next->records_start = HasRecords(*next) ? 1 : 0;
    r->sink = live_pages(r->index, next->epoch);
    write_build_regions(b, &r->sink, next);
    write_empty_directory(&r->sink, next);
}

// Of rows that are read from the table by the vacuum that trains, or by those that follow.
static void plan_batches(Renewal* r, RenewalWish wish) {
    Upkeep* upkeep = &r->next.upkeep;
    upkeep->reason = static_cast<uint8>(wish.reason);
    upkeep->measured = wish.measured;
    upkeep->renew_millis = 0;
    upkeep->batches = upkeep->copied = 0;
    if (r->all || settings.renew_rows == 0 || r->rows <= settings.renew_rows) return;
    const double batches = std::min(std::ceil(r->rows / settings.renew_rows), kMostBatches);
    upkeep->batches = static_cast<uint32>(batches);
    upkeep->stripe = static_cast<uint32>(
        std::clamp<double>(RelationGetNumberOfBlocks(r->heap) / (batches * kStripesOfBatch), 1, kMostStripe));
    upkeep->called_lists = lists_for(am_of_index(r->index), r->build->opclass->metric, r->rows);
    upkeep->resting = 1;
    r->next.rows = 0;
    // The rows do not all pass by in one go: they are measured at the end by a pass over the table.
    BuildObjects* o = r->build->objects;
    core_call([&] {
        delete o->finder;
        o->finder = nullptr;
    });
}

static void write_lists(Renewal* r) {
    Build* b = r->build;
    VQ_FAULT("renew.write");
    r->sink = live_pages(r->index, r->next.epoch);
    DirectoryEntry* made =
        static_cast<DirectoryEntry*>(palloc_extended(sizeof(DirectoryEntry) * b->lists, MCXT_ALLOC_HUGE));
    if (KeepsRecords(b->reorder)) write_build_records(b, &r->sink);
    take_free_pages(&r->sink, &b->geometry);
    PostingBuilder w;
    posting_builder_begin(&w, &r->sink, &b->geometry, made, b->lists);
    write_sorted_rows(b, &w);
    posting_builder_end(&w);
    attach_lists(r->index, &r->next, &w);
    if (w.summaries != NULL) pfree(w.summaries);
    pfree(made);
}

static void count_copied(Renewal* r, int64 rows) {
    if (has_batches(r)) r->next.rows += static_cast<uint64>(rows);
    else r->next.rows = static_cast<uint64>(rows);
    if (rows > 0) r->next.entries_per_row = describe_build(r->build).entries_per_row;
}

// Whoever breaks off while rows are assigned has written nothing, and the next vacuum begins this batch again. While
// lists are written and attached, nobody could tell what is there.
static void copy_batch(Renewal* r) {
    const int64 before = r->build->indexed_rows;
    copy_rows(r);
    if (has_batches(r)) note_copied(r->index, &r->next, false);
    write_lists(r);
    count_copied(r, r->build->indexed_rows - before);
    if (!has_batches(r)) return;
    r->next.upkeep.copied = r->until;
    note_copied(r->index, &r->next, true);
}

// Batches of so many rows as a vacuum should copy.
static uint32 batches_at_a_time(const Renewal* r) {
    const uint32 batches = r->next.upkeep.batches;
    if (r->all || settings.renew_rows == 0) return batches;
    const double share = settings.renew_rows / std::max(r->rows, 1.0);
    return static_cast<uint32>(std::clamp<double>(share * batches, 1, batches));
}

// Rows of the table that came or died since its last vacuum, by the server's statistics.
static double changed_rows(const Renewal* r) {
    pgstat_clear_snapshot();
    const Datum table = ObjectIdGetDatum(RelationGetRelid(r->heap));
    return static_cast<double>(DatumGetInt64(DirectFunctionCall1(pg_stat_get_dead_tuples, table)) +
                               DatumGetInt64(DirectFunctionCall1(pg_stat_get_ins_since_vacuum, table)));
}

// Whether a vacuum should end before all batches are done. Rows of an untrained index are scanned, all of them, until
// it is renewed: the vacuum that trains it brings that to its end. And autovacuum does not come again to a table that
// hardly changes.
static bool should_rest(const Renewal* r, double changed_before) {
    if (!(r->meta.flags & kMetaTrained)) return false;
    return !IsAutoVacuumWorkerProcess() || changed_rows(r) - changed_before > kChangingShare * r->rows;
}

// False if the next vacuum is to go on.
static bool copy_batches(Renewal* r) {
    if (!has_batches(r)) {
        copy_batch(r);
        return true;
    }
    const Upkeep* upkeep = &r->next.upkeep;
    const uint32 share = batches_at_a_time(r);
    const double changed = changed_rows(r);
    while (upkeep->copied < upkeep->batches) {
        r->from = upkeep->copied;
        r->until = std::min(upkeep->batches, r->from + share);
        copy_batch(r);
        if (upkeep->copied < upkeep->batches && should_rest(r, changed)) return false;
    }
    return true;
}

static void calibrate_next(Renewal* r) {
    Calibration calibration;
    VQ_FAULT("renew.calibrate");
    IndexCache* cache = index_cache_pin_next(r->index, r->context);
    const bool measured = has_batches(r)
                              ? r->build->trained && calibrate_by_table(r->index, r->heap, cache,
                                                                        static_cast<double>(r->next.rows), &calibration)
                              : measure_build(r->build, cache, &calibration);
    if (measured) put_calibration(&r->sink, &calibration, &r->next);
}

// ---- the whole

// Without a look at the table: one entry a row, whose code is the column's vector.
static bool lists_keep_rows(const MetaPage* meta) {
    return TraitsOf(static_cast<CodeKind>(meta->code)).exact && meta->transform == 0 && EntriesOfRow(*meta) == 1;
}

static void note_renewal(Renewal* r, const StepLog* step) {
    Upkeep* upkeep = &r->next.upkeep;
    if (!has_batches(r))
        upkeep->called_lists =
            lists_for(am_of_index(r->index), r->build->opclass->metric, static_cast<double>(r->next.rows));
    upkeep->renewals++;
    upkeep->renewed_at = GetCurrentTimestamp();
    upkeep->renew_millis += static_cast<uint32>(step_millis(step));
}

// What the user's queries took is known of the old lists only, and the queries were not kept.
static void warn_of_calibration(const Renewal* r) {
    if (r->cache->calibration.source != kCalibratedByQueries) return;
    ereport(WARNING, (errmsg("index \"%s\" is trained anew, and calibrated by its rows instead of your queries",
                             RelationGetRelationName(r->index)),
                      errhint("Call vectorq_calibrate again.")));
}

static int threads_of_vacuum() { return IsAutoVacuumWorkerProcess() ? 1 : maintenance_threads(); }

static Size bytes_of_vacuum() { return static_cast<Size>(vacuum_memory()) * 1024; }

// The present epoch, of which rows are copied.
static void open_present(Renewal* r) {
    r->cache = index_cache_pin(r->index, r->context);
    r->meta = r->cache->meta;
    r->lists = read_list_table(r->index, &r->meta);
}

static void open_rows(Renewal* r) {
    if (!lists_keep_rows(&r->meta))
        r->table = open_table_rows(r->heap, r->index, r->build->opclass, static_cast<int>(r->meta.dims), r->strategy);
}

static void count_renewal(const Renewal* r) {
    StatCounts more = {};
    more[StatCount::kRenewals] = 1;
    more[StatCount::kRenewalMicros] = uint64{1000} * r->next.upkeep.renew_millis;
    add_stats(RelationGetRelid(r->index), &more);
}

// Copies rows into the epoch that is published, and switches to it when all are there.
static void copy_and_switch(Renewal* r, const StepLog* step) {
    if (copy_batches(r)) {
        calibrate_next(r);
        note_renewal(r, step);
        warn_of_calibration(r);
        switch_epochs(r->index, &r->next);
        const char* reason = renewal_reason(static_cast<RenewReason>(r->next.upkeep.reason), r->next.upkeep.measured);
        end_step(step, psprintf("renewed, since %s: " UINT64_FORMAT " rows, %u lists instead of %u, trained on %u rows",
                                reason, r->next.rows, r->next.live_lists, r->meta.live_lists, r->next.training_rows));
        count_renewal(r);
        return;
    }
    r->next.upkeep.renew_millis += static_cast<uint32>(step_millis(step));
    note_copied(r->index, &r->next, true);
    end_step(step, psprintf("renewal rests: " UINT64_FORMAT " of " UINT64_FORMAT " rows are copied", r->next.rows,
                            r->meta.rows));
}

static bool renew_in_context(Renewal* r, RenewalWish wish) {
    const char* reason = renewal_reason(wish.reason, wish.measured);
    const StepLog step = begin_step(r->index, r->heap, psprintf("renewal begins, since %s", reason));
    open_present(r);
    r->build = begin_build(r->heap, r->index, NULL, bytes_of_vacuum(), threads_of_vacuum());
    open_rows(r);
    sample_rows(r);
    build_learn(r->build);
    const bool done = r->build->trained || (wish.reason == RenewReason::kShrunk && r->rows < kFewestTrained);
    if (done) {
        write_what_was_trained(r);
        plan_batches(r, wish);
        publish_epoch(r->index, &r->next);
        copy_and_switch(r, &step);
    } else {
        end_step(&step, "renewal ends without a change: its rows are too few, or too much alike");
    }
    return done;
}

static void resume_in_context(Renewal* r) {
    open_present(r);
    IndexCache* next = index_cache_pin_next(r->index, r->context);
    r->next = next->meta;
    r->next.upkeep.counted_blocks = r->meta.upkeep.counted_blocks;
    r->next.upkeep.needed_blocks = r->meta.upkeep.needed_blocks;
    const StepLog step = begin_step(r->index, r->heap,
                                    psprintf("renewal goes on: " UINT64_FORMAT " of " UINT64_FORMAT " rows are copied",
                                             r->next.rows, r->meta.rows));
    r->build = resume_build(r->heap, r->index, next, bytes_of_vacuum(), threads_of_vacuum());
    r->sink = live_pages(r->index, r->next.epoch);
    open_rows(r);
    copy_and_switch(r, &step);
}

static Renewal* make_renewal(Relation index, Relation heap, double rows, bool all, BufferAccessStrategy strategy) {
    MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "vectorq renewal", ALLOCSET_DEFAULT_SIZES);
    Renewal* r = static_cast<Renewal*>(MemoryContextAllocZero(context, sizeof(Renewal)));
    r->index = index;
    r->heap = heap;
    r->strategy = strategy;
    r->context = context;
    r->rows = rows;
    r->all = all;
    return r;
}

static void end_renewal(Renewal* r) {
    if (r->table != NULL) close_table_rows(r->table);
    end_build(r->build);
    MemoryContextDelete(r->context);
}

bool renew_index(Relation index, Relation heap, RenewalWish wish, double rows, bool all,
                 BufferAccessStrategy strategy) {
    Renewal* r = make_renewal(index, heap, rows, all, strategy);
    MemoryContext before = MemoryContextSwitchTo(r->context);
    const bool done = renew_in_context(r, wish);
    MemoryContextSwitchTo(before);
    end_renewal(r);
    return done;
}

void resume_renewal(Relation index, Relation heap, double rows, bool all, BufferAccessStrategy strategy) {
    Renewal* r = make_renewal(index, heap, rows, all, strategy);
    MemoryContext before = MemoryContextSwitchTo(r->context);
    resume_in_context(r);
    MemoryContextSwitchTo(before);
    end_renewal(r);
}

}  // namespace vectorq
