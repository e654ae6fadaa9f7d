// See rebalance.h. Which lists are replaced, and the steps; maintain/README.md, Rebalancing, says why they are safe.
#include "maintain/rebalance.h"

#include <algorithm>
#include <cmath>

#include "build/build.h"
#include "lists/list_chooser.h"
#include "store/list_uses.h"
#include "am/options.h"
#include "maintain/rebalance_state.h"
#include "maintain/step_log.h"
#include "core/filter/list_summary.h"
#include "core/quantize/compact_centroids.h"
#include "pg/entry.h"
#include "pg/fault.h"
#include "pg/interrupts.h"
#include "pg/memory.h"

extern "C" {
#include "access/transam.h"
}

namespace vectorq {

// Lists of more rows than so many times the mean are split.
static constexpr double kSplitAbove = 2.0;
// And of fewer rows than this nobody cares.
static constexpr double kLeastSplit = 16;
// Lists that there may be after it, as a multiple of those that a build would make. While rows move to and fro, the
// lists that stay open hold few rows, and the others get the mean number: there would be more lists each time.
static constexpr double kMostLists = 1.1;
// Nearest lists of one out of balance that are replaced with it, since rows of either may be nearer to a new centroid.
// make bench-churn with ah loses .034, .025 and .012 of recall with 4, .024, .014 and .007 with 8, .019, .014 and .003
// with 12; vacuum takes as long, because there most lists are replaced anyway.
static constexpr uint32 kNeighbours = 12;
// Lists among which a batch looks for those near its first.
static constexpr uint32 kRegion = 256;
// Lists of a batch at most: training costs rows times lists.
static constexpr uint32 kBatchLists = 1024;

RebalanceObjects::RebalanceObjects() : stop(&interrupt_is_pending) {}

bool rebalances(Relation index, const MetaPage* meta) {
    // Lists of hardly any rows are no worse than others, and may fill again.
    return (meta->flags & kMetaTrained) != 0 && meta->lists > 1 && meta->rows >= kMinTrainingRows &&
           keeps_in_shape(index);
}

// ---- which

// Rows as floats, and as much again for what training needs beside them (KMeansBytes) or, after it, for the rows that
// the batch has twice.
static Size memory_for_rows(const Rebalance* r) {
    const Size bytes = static_cast<Size>(vacuum_memory()) * 1024;
    const Size row = 2 * sizeof(float) * r->cache->meta.code_dims + 64;
    return bytes / row;
}

// Of which a batch has so many when it is chosen. The larger the batches, the fewer rows lie at their borders: of
// 200,000 entries, half of them replaced, batches of 49,000 lose .013, .014, .009 of recall .90, .95, .99
// (`make bench-churn`), all at once nothing, nothing and .003.
static Size rows_of_batch(const Rebalance* r) { return r->room - r->room / kRoomForInserts; }

namespace {
struct Choice {
    uint8* wanted;  // (lists): 1 if out of balance
    uint8* chosen;  // (lists)
    uint32* order;  // (live lists): largest first
    uint32 most;    // victims
    ListChooser chooser;
};
}  // namespace

static uint32 full_segments(const Rebalance* r, uint32 rows) {
    const uint32 capacity = r->cache->geometry.capacity;
    return std::max<uint32>(1, (rows + capacity - 1) / capacity);
}

static bool out_of_balance(const Rebalance* r, uint32 list) {
    const DirectoryEntry* entry = &r->table.entries[list];
    const uint32 full = full_segments(r, entry->rows);
    if (!entry->odd && (entry->rows > r->limit || entry->rows < kDissolveBelow * r->mean)) return true;
    // Deletes and inserts have left it in many places.
    return entry->segments > full + full / 2 + 1;
}

static void weigh_lists(Rebalance* r, Choice* c) {
    const AllLists* table = &r->table;
    uint64 total = 0;
    uint32 live = 0;
    c->wanted = static_cast<uint8*>(palloc_extended(table->lists, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO));
    c->chosen = static_cast<uint8*>(palloc_extended(table->lists, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO));
    c->order = static_cast<uint32*>(palloc_extended(sizeof(uint32) * r->meta.live_lists, MCXT_ALLOC_HUGE));
    for (uint32 list = 0; list < table->lists; list++) {
        if (!table->searched[list]) continue;
        c->order[live++] = list;
        total += table->entries[list].rows;
    }
    r->mean = std::max(1.0, static_cast<double>(total) / live);
    r->limit = std::max({kSplitAbove * r->mean, r->mean + 3 * std::sqrt(r->mean), kLeastSplit});
    std::sort(c->order, c->order + live,
              [&](uint32 a, uint32 b) { return table->entries[a].rows > table->entries[b].rows; });
    double more = 0;  // lists that the large ones become
    for (uint32 i = 0; i < live; i++) {
        const uint32 rows = table->entries[c->order[i]].rows;
        if (rows > r->limit) more += rows / r->mean - 1;
    }
    const bool shifted = more > kManyMore * live;
    for (uint32 i = 0; i < live; i++) c->wanted[c->order[i]] = shifted || out_of_balance(r, c->order[i]);
    // Inserts need others to go to: an eighth of the lists, and as many as a row is sure to need.
    c->most = std::min(live - live / 8, live - std::min<uint32>(live, 2));
}

// False if there is no room for another victim, in this batch or at all. What no batch has room for is passed over.
static bool add_victim(Rebalance* r, Choice* c, Batch* batch, uint32 list) {
    const DirectoryEntry* entry = &r->table.entries[list];
    if (c->chosen[list] || entry->rows > rows_of_batch(r)) return true;
    if (r->num_victims == c->most || batch->count == kBatchLists) return false;
    if (batch->rows + entry->rows > rows_of_batch(r)) return false;
    c->chosen[list] = 1;
    batch->rows += entry->rows;
    batch->count++;
    r->victims[r->num_victims++] = {list, entry->rows};
    return true;
}

// Adds the list and those near it that are out of balance, too. The nearest are replaced with it whatever they are.
static bool add_region(Rebalance* r, Choice* c, Batch* batch, uint32 list) {
    const uint32 count = std::min(kRegion, r->meta.live_lists);
    choose_lists(r->index, r->cache, &c->chooser, r->objects->all.row(list), count);
    for (uint32 i = 0; i < count; i++) {
        const uint32 near = c->chooser.scores[i].list;
        if ((c->wanted[near] || i <= kNeighbours) && !add_victim(r, c, batch, near)) return false;
    }
    return true;
}

// Lists out of balance, the largest first, in batches that each fit the memory.
static void choose_victims(Rebalance* r) {
    Choice c;
    memset(&c, 0, sizeof(c));
    c.chooser.metric = row_list_metric(r->cache->codec.metric);
    weigh_lists(r, &c);
    r->victims = static_cast<Victim*>(palloc_extended(sizeof(Victim) * r->meta.live_lists, MCXT_ALLOC_HUGE));
    r->batches = static_cast<Batch*>(palloc_extended(sizeof(Batch) * r->meta.live_lists, MCXT_ALLOC_HUGE));
    uint32 begin = 0;
    while (begin < r->meta.live_lists && r->num_victims < c.most) {
        Batch batch = {r->num_victims, 0, 0, 0, 0, 0};
        bool room = true;
        for (; begin < r->meta.live_lists && room; begin += room) {
            vacuum_delay();
            if (c.wanted[c.order[begin]] && !c.chosen[c.order[begin]]) room = add_region(r, &c, &batch, c.order[begin]);
        }
        if (batch.count > 0) r->batches[r->num_batches++] = batch;
    }
    pfree(c.wanted);
    pfree(c.chosen);
    pfree(c.order);
}

static uint64 most_new_lists(const Rebalance* r) {
    uint64 lists = 0;
    for (uint32 i = 0; i < r->num_batches; i++) lists += r->batches[i].pieces;
    return lists;
}

// As many lists for the rows of each batch as a build would make of them, unless these are too many in all. So an index
// with fewer lists than a build would make gets more, and one with more gets fewer.
static void choose_pieces(Rebalance* r) {
    const uint32 least = EntriesVary(r->meta) ? 1 : EntriesOfRow(r->meta);
    const auto choose = [&](double rows_a_list) {
        for (uint32 i = 0; i < r->num_batches; i++)
            r->batches[i].pieces = std::max(least, static_cast<uint32>(std::lround(r->batches[i].rows / rows_a_list)));
    };
    const double rows = std::max(kFewRows, static_cast<double>(r->meta.rows));
    const double built = r->meta.wanted_lists > 0 ? r->meta.wanted_lists
                                                  : lists_for(am_of_index(r->index), r->cache->codec.metric, rows);
    const double rows_a_list = r->mean * r->meta.live_lists / built;
    choose(rows_a_list);
    const double most = kMostLists * built - (r->meta.live_lists - r->num_victims);
    const double made = static_cast<double>(most_new_lists(r)), wanted = std::max<double>(most, r->num_batches);
    if (made > wanted) choose(rows_a_list * made / wanted);
}

// ---- room on disk

// Directory pages for so many lists. False: the directory cannot grow any more.
static bool grow_directory(Rebalance* r, uint64 lists) {
    const uint64 per_page = directory_entries_per_page(&r->meta), needed = (lists + per_page - 1) / per_page;
    const uint64 pages = DirectoryPages(r->meta);
    if (needed <= pages) return true;
    uint32 n = 0;
    while (n < kMaxDirectoryRegions && r->meta.more_directory[n].blocks > 0) n++;
    if (n == kMaxDirectoryRegions) return false;
    Region region;
    region.blocks = static_cast<uint32>(std::max(needed - pages, pages / 2 + 1));
    region.bytes = static_cast<uint64>(region.blocks) * PayloadBytes(BLCKSZ);
    region.start = extend_index(r->index, region.blocks);
    char* bytes = static_cast<char*>(palloc_extended(region.bytes, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO));
    write_region(r->index, &region, PageKind::kDirectory, 0, bytes);
    pfree(bytes);
    r->meta.more_directory[n] = region;
    VQ_FAULT("rebalance.directory");
    update_meta(
        r->index,
        [](MetaPage* meta, void* arg) {
            memcpy(meta->more_directory, static_cast<MetaPage*>(arg)->more_directory, sizeof(meta->more_directory));
        },
        &r->meta);
    return true;
}

static void note_replacing(Rebalance* r, bool replacing) {
    r->meta.replacing = replacing ? 1 : 0;
    VQ_FAULT("rebalance.replacing");
    update_meta(
        r->index, [](MetaPage* meta, void* arg) { meta->replacing = static_cast<MetaPage*>(arg)->replacing; },
        &r->meta);
}

// Numbers that no segment carries, not even one that a crash has left: of dropped lists, then ones never given out.
static void take_numbers(Rebalance* r) {
    r->numbers = static_cast<uint32*>(palloc_extended(sizeof(uint32) * r->num_lists, MCXT_ALLOC_HUGE));
    uint32 taken = 0;
    for (uint32 list = 0; list < r->table.lists && taken < r->num_lists; list++) {
        if (r->table.entries[list].state != static_cast<uint8>(ListState::kUnused)) continue;
        set_list_state(r->index, &r->meta, &r->table, list, ListState::kDropped);
        r->numbers[taken++] = list;
    }
    while (taken < r->num_lists) r->numbers[taken++] = r->meta.next_list++;
    VQ_FAULT("rebalance.numbers");
    update_meta(
        r->index, [](MetaPage* meta, void* arg) { meta->next_list = static_cast<MetaPage*>(arg)->next_list; },
        &r->meta);
}

namespace {
struct NewEntry {
    DirectoryEntry entry;
    const char* summary;  // NULL: of no row
    const KeyColumns* keys;
};
}  // namespace

static bool put_entry(DirectoryEntry* entry, char* summary, void* arg) {
    const NewEntry* made = static_cast<NewEntry*>(arg);
    *entry = made->entry;
    if (made->summary != NULL) memcpy(summary, made->summary, KeySummaryBytes(*made->keys));
    else InitSummary(*made->keys, summary);
    return true;
}

// Entries of the new lists. Numbers that a crash has wasted have none; they come back with the next vacuum.
static void write_entries(Rebalance* r) {
    RebalanceObjects* o = r->objects;
    const PostingGeometry g = meta_geometry(r->index, &r->meta);
    NewEntry none = {kNoEntry, NULL, &g.keys};
    none.entry.state = static_cast<uint8>(ListState::kDropped);
    for (uint32 list = r->meta.lists; list < r->meta.next_list; list++)
        update_directory(r->index, &r->meta, list, put_entry, &none);
    for (size_t i = 0; i < o->numbers.size(); i++) {
        VQ_FAULT("rebalance.entry");
        NewEntry made = {o->entries[i], o->summaries.data() + i * KeySummaryBytes(g.keys), &g.keys};
        update_directory(r->index, &r->meta, o->numbers[i], put_entry, &made);
    }
}

// ---- centroids

static void load_all_centroids(Rebalance* r) {
    RebalanceObjects* o = r->objects;
    const MetaPage* meta = &r->meta;
    core_call([&] { o->all = Matrix(meta->lists, meta->code_dims); });
    read_region(r->index, &meta->centroids, PageKind::kCentroids, meta->generation, 0, meta->centroids.bytes,
                o->all.data());
}

// Lists to be searched, and centroids by number; those of other numbers are the mean, so that the mean of all stays
// that.
static void combine_centroids(Rebalance* r) {
    RebalanceObjects* o = r->objects;
    const size_t dims = r->meta.code_dims;
    std::vector<const float*> centroid(r->meta.next_list, nullptr);
    for (uint32 list = 0; list < r->meta.lists; list++)
        if (r->table.searched[list]) centroid[list] = o->all.row(list);
    for (uint32 b = 0; b < r->num_batches; b++)
        for (uint32 i = 0; i < r->batches[b].count && r->batches[b].made > 0; i++)
            centroid[r->victims[r->batches[b].first + i].list] = nullptr;
    for (size_t i = 0; i < o->numbers.size(); i++) centroid[o->numbers[i]] = o->made.data() + i * dims;
    for (uint32 list = 0; list < r->meta.next_list; list++)
        if (centroid[list] != nullptr) o->live_list.push_back(list);
    o->live = Matrix(o->live_list.size(), dims);
    for (size_t i = 0; i < o->live_list.size(); i++) std::copy_n(centroid[o->live_list[i]], dims, o->live.row(i));
    std::vector<float> mean(dims);
    MeanOfCentroids(o->live.data(), o->live.rows(), dims, mean.data());
    Matrix all(r->meta.next_list, dims);
    for (uint32 list = 0; list < r->meta.next_list; list++)
        std::copy_n(centroid[list] != nullptr ? centroid[list] : mean.data(), dims, all.row(list));
    o->all = std::move(all);
    const bool dot = IsDotMetric(r->cache->codec.metric);
    o->groups = GroupCentroids(o->live, SearchGroups(o->live.rows()), dot, r->meta.seed, 1, o->stop);
}

// How often each list was searched: of new ones an equal share of what it was for those that they were made of.
static void inherit_uses(const Rebalance* r, uint32* uses) {
    memset(uses, 0, sizeof(uint32) * r->meta.next_list);
    read_list_uses(r->index, &r->meta, uses);
    for (uint32 b = 0; b < r->num_batches; b++) {
        const Batch* batch = &r->batches[b];
        uint64 sum = 0;
        for (uint32 i = 0; i < batch->count; i++) sum += uses[r->victims[batch->first + i].list];
        for (uint32 i = 0; i < batch->made; i++)
            uses[r->objects->numbers[batch->made_first + i]] = static_cast<uint32>(sum / batch->made);
    }
}

// Where the centroids of the next generation go: over those of the one before the present, which nobody knows any more,
// or behind the end. next: the meta page as it will be.
static void place_centroids(Rebalance* r, MetaPage* next) {
    const uint32 dims = r->meta.code_dims, groups = static_cast<uint32>(r->objects->groups.centers.rows());
    next->lists = r->meta.next_list;
    next->live_lists = static_cast<uint32>(r->objects->live_list.size());
    next->groups = groups;
    next->generation = r->meta.generation + 1;
    next->centroids.bytes = sizeof(float) * static_cast<uint64>(next->lists) * dims;
    next->compact.bytes = CompactBytes(next->live_lists, groups, dims);
    next->list_uses.bytes = sizeof(uint32) * static_cast<uint64>(next->lists);
    uint32 blocks = 0;
    for (Region* region : {&next->centroids, &next->compact, &next->list_uses}) {
        region->start = blocks;
        region->blocks = static_cast<uint32>(RegionPages(region->bytes, BLCKSZ));
        blocks += region->blocks;
    }
    PageRun run = r->meta.old_run;
    if (run.blocks < blocks) {
        run.blocks = blocks + blocks / 4;
        run.start = extend_index(r->index, run.blocks);
        // New pages are not logged. After a crash or on a standby the file would end with what is: log the last one.
        const Region last = {run.start + run.blocks - 1, 1, 0};
        write_region(r->index, &last, PageKind::kCentroids, 0, NULL);
    }
    for (Region* region : {&next->centroids, &next->compact, &next->list_uses}) region->start += run.start;
    next->old_run = r->meta.centroid_run;
    next->centroid_run = run;
}

static void write_centroids(Rebalance* r, MetaPage* next) {
    RebalanceObjects* o = r->objects;
    core_call([&] { combine_centroids(r); });
    place_centroids(r, next);
    uint8* compact = static_cast<uint8*>(palloc_extended(next->compact.bytes, MCXT_ALLOC_HUGE));
    core_call([&] { BuildCompactCentroids(o->live, o->live_list.data(), o->groups, 1, o->stop, compact); });
    uint32* uses = static_cast<uint32*>(palloc_extended(next->list_uses.bytes, MCXT_ALLOC_HUGE));
    inherit_uses(r, uses);
    write_region(r->index, &next->centroids, PageKind::kCentroids, next->generation, o->all.data());
    write_region(r->index, &next->compact, PageKind::kCompactCentroids, next->generation, compact);
    write_region(r->index, &next->list_uses, PageKind::kListUses, 0, uses);
    pfree(compact);
    pfree(uses);
}

// One record: before it searches go to the old lists, after it to the new ones.
static void switch_lists(Rebalance* r, MetaPage* next) {
    VQ_FAULT("rebalance.switch");
    update_meta(
        r->index,
        [](MetaPage* meta, void* arg) {
            const MetaPage* next = static_cast<const MetaPage*>(arg);
            meta->lists = next->lists;
            meta->live_lists = next->live_lists;
            meta->groups = next->groups;
            meta->generation = next->generation;
            meta->centroids = next->centroids;
            meta->compact = next->compact;
            meta->list_uses = next->list_uses;
            meta->centroid_run = next->centroid_run;
            meta->old_run = next->old_run;
            meta->replacing = 0;
            // Scans that know the old lists have taken their snapshots: their xmin is no later. (Horizons pass this
            // number once somebody has used it. We do not: a vacuum must work when numbers have run out.)
            meta->retire_xid = U64FromFullTransactionId(ReadNextFullTransactionId());
        },
        next);
    VQ_FAULT("rebalance.switched");
}

// ---- the whole

static void seal_batch(Rebalance* r) {
    for (uint32 i = 0; i < r->batch->count; i++) {
        vacuum_delay();
        seal_list(r->index, &r->meta, &r->table, r->victims[r->batch->first + i].list, r->strategy);
    }
    VQ_FAULT("rebalance.sealed");
}

static void keep_new_lists(Rebalance* r) {
    RebalanceObjects* o = r->objects;
    r->batch->made_first = static_cast<uint32>(o->numbers.size());
    r->batch->made = r->num_lists;
    o->made.insert(o->made.end(), o->centroids.data(), o->centroids.data() + o->centroids.rows() * o->centroids.cols());
    o->numbers.insert(o->numbers.end(), r->numbers, r->numbers + r->num_lists);
    o->entries.insert(o->entries.end(), r->entries, r->entries + r->num_lists);
    o->summaries.insert(o->summaries.end(), r->summaries,
                        r->summaries + r->num_lists * KeySummaryBytes(r->meta.key_columns));
}

// Leaves the lists of the batch as they were.
static void unseal_batch(Rebalance* r) {
    for (uint32 i = 0; i < r->batch->count; i++)
        unseal_list(r->index, &r->meta, &r->table, r->victims[r->batch->first + i].list, r->strategy);
}

static void replace_batch(Rebalance* r) {
    seal_batch(r);
    // Inserts came between counting and sealing, and more than there is room for: next time.
    if (!read_victims(r)) return unseal_batch(r);
    bool made = false;
    core_call([&] { made = train_new_lists(r); });
    if (!made) return unseal_batch(r);
    take_numbers(r);
    write_new_lists(r);
    core_call([&] { keep_new_lists(r); });
}

static void replace_victims(Rebalance* r) {
    MemoryContext scratch =
        AllocSetContextCreate(CurrentMemoryContext, "vectorq rebalance batch", ALLOCSET_DEFAULT_SIZES);
    MemoryContext before = MemoryContextSwitchTo(scratch);
    note_replacing(r, true);
    for (uint32 i = 0; i < r->num_batches; i++) {
        r->batch = &r->batches[i];
        replace_batch(r);
        MemoryContextReset(scratch);
    }
    MemoryContextSwitchTo(before);
    MemoryContextDelete(scratch);
    if (r->objects->numbers.empty()) {
        note_replacing(r, false);
        return;
    }
    write_entries(r);
    MetaPage next = r->meta;
    write_centroids(r, &next);
    switch_lists(r, &next);
}

static void rebalance_in_context(Rebalance* r, const MetaPage* meta, MemoryContext context) {
    Relation index = r->index, heap = r->heap;
    r->opclass = opclass_of_index(index);
    r->meta = *meta;
    r->cache = index_cache_pin(index, context);
    r->table = read_list_table(index, &r->meta);
    r->objects = make_owned<RebalanceObjects>(context);
    r->room = memory_for_rows(r);
    load_all_centroids(r);
    choose_victims(r);
    choose_pieces(r);
    if (r->num_batches == 0 || !grow_directory(r, r->meta.next_list + most_new_lists(r))) return;
    const StepLog step =
        begin_step(index, heap, psprintf("%u of %u lists will be replaced", r->num_victims, r->meta.live_lists));
    replace_victims(r);
    end_step(&step, psprintf("%u of %u lists were replaced by %zu", r->num_victims, r->meta.live_lists,
                             r->objects->numbers.size()));
}

void rebalance(Relation index, Relation heap, BufferAccessStrategy strategy) {
    MetaPage meta;
    read_meta(index, &meta);
    // Some scan may know the lists replaced last time: their numbers and the place of their centroids are not free yet.
    if (!rebalances(index, &meta) || meta.oldest_generation != meta.generation) return;
    MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "vectorq rebalance", ALLOCSET_DEFAULT_SIZES);
    MemoryContext before = MemoryContextSwitchTo(context);
    Rebalance* r = static_cast<Rebalance*>(palloc0(sizeof(Rebalance)));
    r->index = index;
    r->heap = heap;
    r->strategy = strategy;
    rebalance_in_context(r, &meta, context);
    MemoryContextSwitchTo(before);
    MemoryContextDelete(context);
}

}  // namespace vectorq
