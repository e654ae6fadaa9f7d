// See rebalance.h. Which lists are replaced, and the steps; README.md, Rebalancing, says why they are safe.
#include "am/rebalance.h"

#include <algorithm>
#include <cmath>

#include "am/list_chooser.h"
#include "am/list_uses.h"
#include "am/options.h"
#include "am/rebalance_state.h"
#include "core/cluster/compact_centroids.h"
#include "pg/entry.h"
#include "pg/fault.h"
#include "pg/interrupts.h"
#include "pg/memory.h"

extern "C" {
#include "access/transam.h"
#include "access/xact.h"
}

namespace vectorq {

// Lists of more rows than so many times the mean are split, lists of fewer than this part of it dissolved.
static constexpr double kSplitAbove = 2.0;
static constexpr double kDissolveBelow = 0.125;
// And of fewer rows than this nobody cares.
static constexpr double kLeastSplit = 16;
// Nearest lists of a victim that are replaced with it, since their rows may be nearer to its pieces.
static constexpr uint32 kNeighbours = 4;

RebalanceObjects::RebalanceObjects() : stop(&interrupt_is_pending) {}

bool rebalances(Relation index, const MetaPage* meta) {
    return (meta->flags & kMetaTrained) != 0 && meta->lists > 1 && index_options(index).rebalance != 0;
}

// ---- which

static Size memory_for_rows(const Rebalance* r) {
    const Size bytes = static_cast<Size>(vacuum_memory()) * 1024;
    const Size row = 3 * sizeof(float) * r->cache->meta.code_dims + 64;
    return bytes / row;
}

static bool add_victim(Rebalance* r, uint8* chosen, uint32 list, uint32 pieces, Size* rows) {
    if (chosen[list]) return true;
    // Inserts need others to go to: half of the lists, and as many as a row is sure to need.
    const uint32 most = std::min(r->meta.live_lists / 2, r->meta.live_lists - std::min<uint32>(r->meta.live_lists, 2));
    if (*rows + r->table.entries[list].rows > r->room / 2 || r->num_victims >= most) return false;
    chosen[list] = 1;
    *rows += r->table.entries[list].rows;
    r->victims[r->num_victims++] = {list, r->table.entries[list].rows, pieces};
    return true;
}

static void add_neighbours(Rebalance* r, uint8* chosen, ListChooser* chooser, uint32 list, Size* rows) {
    const uint32 count = std::min(kNeighbours + 1, r->meta.live_lists);
    choose_lists(r->index, r->cache, chooser, r->objects->all.row(list), count);
    for (uint32 i = 0; i < count; i++)
        if (!add_victim(r, chosen, chooser->scores[i].list, 1, rows)) return;
}

// Lists out of balance, the largest first, each with its neighbours; as many as there is memory for.
static void choose_victims(Rebalance* r) {
    const AllLists* table = &r->table;
    uint32* by_rows = static_cast<uint32*>(palloc_extended(sizeof(uint32) * table->lists, MCXT_ALLOC_HUGE));
    uint8* chosen = static_cast<uint8*>(palloc_extended(table->lists, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO));
    r->victims = static_cast<Victim*>(palloc_extended(sizeof(Victim) * r->meta.live_lists, MCXT_ALLOC_HUGE));
    uint64 total = 0;
    uint32 live = 0;
    for (uint32 list = 0; list < table->lists; list++) {
        if (!table->searched[list]) continue;
        by_rows[live++] = list;
        total += table->entries[list].rows;
    }
    const double mean = static_cast<double>(total) / live;
    const double limit = std::max({kSplitAbove * mean, mean + 3 * std::sqrt(mean), kLeastSplit});
    std::sort(by_rows, by_rows + live, [&](uint32 a, uint32 b) { return table->entries[a].rows > table->entries[b].rows; });
    ListChooser chooser;
    memset(&chooser, 0, sizeof(chooser));
    chooser.metric = r->cache->codec.metric == Metric::kL1 ? Metric::kL2 : r->cache->codec.metric;
    Size rows = 0;
    // Splits first, and their neighbours when all of them are chosen: a neighbour may be one to split, too.
    uint32 splits = 0;
    for (uint32 i = 0; i < live && table->entries[by_rows[i]].rows > limit; i++) {
        if (table->entries[by_rows[i]].whole) continue;
        const double share = table->entries[by_rows[i]].rows / std::max(mean, 1.0);
        if (!add_victim(r, chosen, by_rows[i], std::max<uint32>(2, static_cast<uint32>(std::lround(share))), &rows)) break;
        splits++;
    }
    for (uint32 i = live; i-- > 0 && table->entries[by_rows[i]].rows < kDissolveBelow * mean;) {
        // With replicas the rows have nowhere to go. Empty lists are given up only with others, not to wait for rows each time.
        if (!r->pooled && table->entries[by_rows[i]].rows > 0) continue;
        if (!add_victim(r, chosen, by_rows[i], 0, &rows)) break;
    }
    const uint32 out_of_balance = r->num_victims;
    for (uint32 i = 0; i < out_of_balance && r->pooled; i++) add_neighbours(r, chosen, &chooser, r->victims[i].list, &rows);
    pfree(by_rows);
    pfree(chosen);
}

// At most so many; 0 if all victims are to be dissolved: their rows need a list.
static uint64 most_new_lists(const Rebalance* r) {
    uint64 lists = 0;
    for (uint32 i = 0; i < r->num_victims; i++) lists += r->victims[i].pieces;
    return lists;
}

// ---- room on disk

// Directory pages for so many lists. False: the directory cannot grow any more.
static bool grow_directory(Rebalance* r, uint64 lists) {
    const uint64 needed = (lists + DirectoryEntriesPerPage(BLCKSZ) - 1) / DirectoryEntriesPerPage(BLCKSZ);
    const uint64 pages = DirectoryPages(r->meta);
    if (needed <= pages) return true;
    uint32 part = 0;
    while (part < kMaxDirectoryParts && r->meta.more_directory[part].blocks > 0) part++;
    if (part == kMaxDirectoryParts) return false;
    Region region;
    region.blocks = static_cast<uint32>(std::max(needed - pages, pages / 2 + 1));
    region.bytes = static_cast<uint64>(region.blocks) * PayloadBytes(BLCKSZ);
    region.start = extend_index(r->index, region.blocks);
    char* bytes = static_cast<char*>(palloc_extended(region.bytes, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO));
    write_region(r->index, &region, PageKind::kDirectory, 0, bytes);
    pfree(bytes);
    r->meta.more_directory[part] = region;
    VQ_FAULT("rebalance.directory");
    update_meta(r->index, [](MetaPage* meta, void* arg) {
        memcpy(meta->more_directory, static_cast<MetaPage*>(arg)->more_directory, sizeof(meta->more_directory));
    }, &r->meta);
    return true;
}

static void note_replacing(Rebalance* r, bool replacing) {
    r->meta.replacing = replacing ? 1 : 0;
    VQ_FAULT("rebalance.replacing");
    update_meta(r->index, [](MetaPage* meta, void* arg) { meta->replacing = static_cast<MetaPage*>(arg)->replacing; }, &r->meta);
}

// Numbers that no segment carries, not even one that a crash has left: of dropped lists, then ones never given out.
static void take_numbers(Rebalance* r) {
    r->numbers = static_cast<uint32*>(palloc_extended(sizeof(uint32) * r->num_lists, MCXT_ALLOC_HUGE));
    uint32 taken = 0;
    for (uint32 list = 0; list < r->table.lists && taken < r->num_lists; list++) {
        if (r->table.entries[list].state != static_cast<uint16>(ListState::kUnused)) continue;
        set_list_state(r->index, &r->meta, &r->table, list, ListState::kDropped);
        r->numbers[taken++] = list;
    }
    while (taken < r->num_lists) r->numbers[taken++] = r->meta.next_list++;
    VQ_FAULT("rebalance.numbers");
    update_meta(r->index, [](MetaPage* meta, void* arg) { meta->next_list = static_cast<MetaPage*>(arg)->next_list; }, &r->meta);
}

static bool put_entry(DirectoryEntry* entry, void* arg) {
    *entry = *static_cast<DirectoryEntry*>(arg);
    return true;
}

// Entries of the new lists. Numbers that a crash has wasted have none; they come back with the next vacuum.
static void write_entries(Rebalance* r) {
    DirectoryEntry none = {kInvalidBlock, kInvalidBlock, 0, 0, 0, 0, static_cast<uint16>(ListState::kDropped), 0};
    for (uint32 list = r->meta.lists; list < r->meta.next_list; list++) update_directory(r->index, &r->meta, list, put_entry, &none);
    for (uint32 i = 0; i < r->num_lists; i++) {
        VQ_FAULT("rebalance.entry");
        update_directory(r->index, &r->meta, r->numbers[i], put_entry, &r->entries[i]);
    }
}

// ---- centroids

static void load_all_centroids(Rebalance* r) {
    RebalanceObjects* o = r->objects;
    const MetaPage* meta = &r->meta;
    core_call([&] { o->all = Matrix(meta->lists, meta->code_dims); });
    read_region(r->index, &meta->centroids, PageKind::kCentroids, meta->generation, 0, meta->centroids.bytes, o->all.data());
}

// Lists to be searched, and centroids by number; those of other numbers are the mean, so that the mean of all stays that.
static void combine_centroids(Rebalance* r) {
    RebalanceObjects* o = r->objects;
    const size_t dims = r->meta.code_dims;
    std::vector<const float*> centroid(r->meta.next_list, nullptr);
    for (uint32 list = 0; list < r->meta.lists; list++)
        if (r->table.searched[list]) centroid[list] = o->all.row(list);
    for (uint32 i = 0; i < r->num_victims; i++) centroid[r->victims[i].list] = nullptr;
    for (uint32 i = 0; i < r->num_lists; i++) centroid[r->numbers[i]] = o->centroids.row(i);
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
    const bool dot = r->cache->codec.metric == Metric::kInnerProduct || r->cache->codec.metric == Metric::kCosine;
    o->groups = GroupCentroids(o->live, SearchGroups(o->live.rows()), dot, r->meta.seed, 1, o->stop);
}

// How often each list was searched: of a new list what it was for the one that it was made of, shared among the pieces.
static void inherit_uses(const Rebalance* r, uint32* uses) {
    memset(uses, 0, sizeof(uint32) * r->meta.next_list);
    read_list_uses(r->index, &r->meta, uses);
    const std::vector<uint32_t>& first_of = r->objects->first_of;
    for (uint32 i = 0; i < r->num_victims; i++) {
        const uint32 pieces = first_of[i + 1] - first_of[i], before = uses[r->victims[i].list];
        uses[r->victims[i].list] = 0;
        for (uint32 piece = first_of[i]; piece < first_of[i + 1]; piece++) uses[r->numbers[piece]] = before / pieces;
    }
}

static uint32 region_pages(uint64 bytes) { return static_cast<uint32>((bytes + PayloadBytes(BLCKSZ) - 1) / PayloadBytes(BLCKSZ)); }

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
        region->blocks = region_pages(region->bytes);
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
    core_call([&] { BuildCompactCentroids(o->live, o->live_list.data(), o->groups, compact); });
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
    update_meta(r->index, [](MetaPage* meta, void* arg) {
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
        // Scans that know the old lists have taken their snapshots: their xmin is no later.
        meta->replacing = 0;
        meta->retire_xid = U64FromFullTransactionId(ReadNextFullTransactionId());
    }, next);
    // Horizons pass that number only once somebody uses it: we do, where we may.
    if (!IsInParallelMode()) (void) GetCurrentTransactionId();
    VQ_FAULT("rebalance.switched");
}

// ---- the whole

static void seal_victims(Rebalance* r) {
    note_replacing(r, true);
    for (uint32 i = 0; i < r->num_victims; i++) {
        vacuum_delay();
        seal_list(r->index, &r->meta, &r->table, r->victims[i].list);
    }
    VQ_FAULT("rebalance.sealed");
}

static void give_up(Rebalance* r) {
    for (uint32 i = 0; i < r->num_victims; i++) unseal_list(r->index, &r->meta, &r->table, r->victims[i].list);
    note_replacing(r, false);
}

static void replace_victims(Rebalance* r) {
    seal_victims(r);
    // Inserts came between counting and sealing, and more than there is room for: next time.
    if (!read_victims(r)) {
        give_up(r);
        return;
    }
    core_call([&] { train_new_lists(r); });
    take_numbers(r);
    write_new_lists(r);
    write_entries(r);
    MetaPage next = r->meta;
    write_centroids(r, &next);
    switch_lists(r, &next);
}

static void rebalance_in_context(Relation index, Relation heap, MemoryContext context) {
    Rebalance* r = static_cast<Rebalance*>(palloc0(sizeof(Rebalance)));
    r->index = index;
    r->heap = heap;
    r->context = context;
    r->opclass = opclass_of_index(index);
    read_meta(index, &r->meta);
    // Some scan may know the lists replaced last time: their numbers and the place of their centroids are not free yet.
    if (r->meta.oldest_generation != r->meta.generation) return;
    r->cache = index_cache_pin(index, context);
    r->table = read_list_table(index, &r->meta);
    r->objects = make_owned<RebalanceObjects>(context);
    r->pooled = CopiesOfRow(r->meta) == 1;
    r->room = memory_for_rows(r);
    load_all_centroids(r);
    choose_victims(r);
    const uint64 most = most_new_lists(r);
    if (most == 0 || !grow_directory(r, r->meta.next_list + most)) return;
    // Rows that inserts add before the lists are sealed need some room, too.
    Size rows = 0;
    for (uint32 i = 0; i < r->num_victims; i++) rows += r->victims[i].rows;
    r->room = std::min(r->room, 2 * rows + 1024);
    replace_victims(r);
}

void rebalance(Relation index, Relation heap) {
    MetaPage meta;
    read_meta(index, &meta);
    if (!rebalances(index, &meta)) return;
    MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "vectorq rebalance", ALLOCSET_DEFAULT_SIZES);
    MemoryContext before = MemoryContextSwitchTo(context);
    rebalance_in_context(index, heap, context);
    MemoryContextSwitchTo(before);
    MemoryContextDelete(context);
}

}  // namespace vectorq
