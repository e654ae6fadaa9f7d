// See list_chooser.h.
#include "lists/list_chooser.h"

#include <algorithm>
#include <cmath>

#include "core/cluster/replicas.h"
#include "core/simd/distance.h"
#include "core/simd/metric_distance.h"
#include "core/simd/topk_filter.h"
#include "pg/entry.h"
#include "pg/memory.h"

namespace vectorq {

// Exact centroids that are read from pages for the order of lists. Of more, that took 9 % of a query among 100,000
// lists, and without it recall is the same to .001; a row to insert looks at a few, and should be where it belongs.
static constexpr uint32 kRefinedFromPages = 32;

// 0: none is looked at exactly.
static uint32 refined_beyond(const IndexCache* cache, uint32 count) {
    const uint32 beyond = RefinedBeyond(count);
    return cache->centroids != NULL || count + beyond <= kRefinedFromPages ? beyond : 0;
}

// The end of what a wish for `count` from `from` on has to know.
static uint32 known_lists(const IndexCache* cache, uint32 lists, uint32 from, uint32 count) {
    return std::min(lists, from + count + refined_beyond(cache, count));
}

// ---- scoring

// Room for the scores of so many more lists.
static void make_score_room(const CompactFront* front, ListChooser* c, uint32 entries) {
    if (c->scored + entries <= c->room) return;
    const uint32 room = std::min(front->entries, std::max(2 * c->room, c->scored + entries));
    c->flat = enlarge(c->context, c->flat, room);
    c->flat_list = enlarge(c->context, c->flat_list, room);
    c->room = room;
}

// Returns how many lists it has.
static uint32 score_lists_of_group(Relation index, IndexCache* cache, ListChooser* c, uint32 group) {
    const CompactFront* front = &cache->compact;
    const uint32 entries = RangeOfGroup(*front, group).count;
    make_score_room(front, c, entries);
    const uint8* bytes = compact_group(index, cache, group, &c->buffer, &c->buffer_bytes, c->context);
    const CompactGroup members = ViewCompactGroup(bytes, entries, front->dims);
    ScoreCompact(c->compact, members.scalar, members.code, entries, front->dims, c->flat + c->scored);
    memcpy(c->flat_list + c->scored, members.list, sizeof(uint32) * entries);
    c->scored += entries;
    return entries;
}

// Asks for the memory of a group's members: it lies anywhere among those of all groups.
static void prefetch_group(const IndexCache* cache, uint32 group) {
    const CompactFront* front = &cache->compact;
    const uint8* members = kept_compact_group(cache, group);
    if (members != NULL) prefetch_bytes(members, CompactGroupBytes(RangeOfGroup(*front, group).count, front->dims));
}

// Takes groups until `have` is so much, or there are no more: use(group, next) returns how many lists it has; next is
// the one that comes then, or NULL if that is not known yet.
template <class Use>
static void take_groups(const CompactFront* front, ListChooser* c, uint32 have, uint32 wanted, const Use& use) {
    while (have < wanted && c->groups_taken < front->groups) {
        const uint32 end = TakeNearestGroups(*front, c->groups, c->groups_taken, wanted - have, c->group_scores);
        for (; c->groups_taken < end; c->groups_taken++)
            have += use(c->groups[c->groups_taken], c->groups_taken + 1 < end ? &c->groups[c->groups_taken + 1] : NULL);
    }
}

// Of lists that are scored by coarse codes, those that are scored by 8-bit ones for each that is wanted, and more: of
// 100,000 centroids of SIFT rows 98.1 to 98.7 % of the nearest 46 to 300 are among them then, and 98.8 to 99.1 %
// without coarse codes; with three times as many as are wanted 98.7 to 99.1 %. Codes of centroids themselves, not less
// their groups' centers, would find 96.5 to 97.8 %.
static constexpr uint32 kFinerPerWanted = 2, kMoreFiner = 32;

// The first of a query's lists by coarse codes, if there are such. False if not.
static bool score_coarse_first(IndexCache* cache, ListChooser* c, uint32 wanted, uint32 nearest) {
    c->coarse.context = c->context;
    if (!begin_coarse(cache, &c->coarse, c->metric, c->query)) return false;
    take_groups(&cache->compact, c, 0, wanted, [&](const ListScore& group, const ListScore* next) {
        if (next != NULL) prefetch_coarse(cache, next->list);
        return score_coarse(cache, &c->coarse, group.list, group.score);
    });
    const uint32 finer = std::min(kFinerPerWanted * nearest + kMoreFiner, c->coarse.count);
    make_score_room(&cache->compact, c, finer);
    take_finer(cache, &c->coarse, c->groups, c->compact, finer, c->flat, c->flat_list);
    c->scored = finer;
    return true;
}

// Adds those that were only scored coarsely, if there are any.
static void score_coarse_others(IndexCache* cache, ListChooser* c) {
    make_score_room(&cache->compact, c, c->coarse.count);
    c->scored += take_others(cache, &c->coarse, c->groups, c->flat + c->scored, c->flat_list + c->scored);
}

// Scores lists until there are so many, or no more, for a choice of the `nearest` nearest.
static void score_lists(Relation index, IndexCache* cache, ListChooser* c, uint32 wanted, uint32 nearest) {
    const CompactFront* front = &cache->compact;
    if (front->groups == 0) {
        if (c->scored >= wanted || c->groups_taken > 0) return;
        c->groups_taken = 1;
        score_lists_of_group(index, cache, c, 0);
        return;
    }
    if (c->groups_taken == 0 && score_coarse_first(cache, c, wanted, nearest)) return;
    // Half more than are wanted do.
    if (c->coarse.count > 0 && 2 * c->scored >= 3 * nearest) return;
    score_coarse_others(cache, c);
    take_groups(front, c, c->scored, wanted, [&](const ListScore& group, const ListScore* next) {
        if (next != NULL) prefetch_group(cache, next->list);
        return score_lists_of_group(index, cache, c, group.list);
    });
}

static void score_groups(const IndexCache* cache, ListChooser* c) {
    const CompactFront* front = &cache->compact;
    if (front->groups == 0) return;
    if (c->groups == NULL) {
        c->groups = static_cast<ListScore*>(MemoryContextAllocHuge(c->context, sizeof(ListScore) * front->groups));
        c->group_scores = static_cast<float*>(MemoryContextAllocHuge(c->context, sizeof(float) * front->groups));
    }
    ScoreCompact(c->compact, front->scalar, front->code, front->groups, front->dims, c->group_scores);
    for (uint32 g = 0; g < front->groups; g++) c->groups[g] = {c->group_scores[g], g};
}

// ---- choosing

// Of values[0 .. count) the `want` smallest; returns the largest of them.
static float keep_smallest(float* values, uint32 count, uint32 want) {
    const float threshold = KthSmallest(values, count, want);
    uint32 kept = 0;
    for (uint32 i = 0; i < count; i++) {
        values[kept] = values[i];
        kept += values[i] < threshold;
    }
    std::fill(values + kept, values + want, threshold);
    return threshold;
}

// The want-th smallest of values[0 .. n), through a buffer of 2 * want: nearly all values are skipped
// by SIMD, where nth_element over all lists took a fifth of a small query. *ties: how many of the `want` equal it.
static float select_threshold(const float* values, uint32 n, uint32 want, float* buffer, uint32* ties) {
    constexpr uint32 kBlock = 256;
    uint16 below[kBlock + 64];
    float threshold = get_float4_infinity();
    uint32 count = 0;
    for (uint32 begin = 0; begin < n; begin += kBlock) {
        const size_t found = CompressBelow(values + begin, std::min(kBlock, n - begin), threshold, below);
        for (size_t i = 0; i < found; i++) {
            const float value = values[begin + below[i]];
            buffer[count++] = value == value ? value : get_float4_infinity();
            if (count < 2 * want) continue;
            threshold = keep_smallest(buffer, count, want);
            count = want;
        }
    }
    threshold = keep_smallest(buffer, count, want);
    *ties = static_cast<uint32>(std::count(buffer, buffer + want, threshold));
    return threshold;
}

// Lists at a time that are compared with the threshold.
static constexpr uint32 kSelectBlock = 256;
static constexpr uint32 kTakenList = UINT32_MAX;

static void take_list(ListChooser* c, uint32 i) {
    c->scores[c->known++] = {c->flat[i], c->flat_list[i]};
    c->flat[i] = get_float4_infinity();
    c->flat_list[i] = kTakenList;
}

// Puts the `want` nearest of the scored lists that are not there yet into scores, in no order. Of those that tie with
// the farthest, the ones that were scored first. want <= lists scored and not there yet.
static void select_lists(ListChooser* c, uint32 want) {
    float threshold = get_float4_infinity();
    uint32 ties = c->scored;
    if (want < c->scored - c->known) {
        float* buffer = static_cast<float*>(palloc_extended(sizeof(float) * 2 * want, MCXT_ALLOC_HUGE));
        threshold = select_threshold(c->flat, c->scored, want, buffer, &ties);
        pfree(buffer);
    }
    const uint32 end = c->known + want;
    uint16 below[kSelectBlock + 64];
    for (uint32 begin = 0; begin < c->scored; begin += kSelectBlock) {
        const size_t found =
            CompressBelow(c->flat + begin, std::min(kSelectBlock, c->scored - begin), threshold, below);
        for (size_t i = 0; i < found && c->known < end; i++) {
            const uint32 at = begin + below[i];
            if (c->flat_list[at] == kTakenList || (c->flat[at] == threshold && ties == 0)) continue;
            ties -= c->flat[at] == threshold;
            take_list(c, at);
        }
    }
    // Only scores that are no numbers leave some out.
    for (uint32 i = 0; i < c->scored && c->known < end; i++)
        if (c->flat_list[i] != kTakenList) take_list(c, i);
}

static void check_list(Relation index, const IndexCache* cache, uint32 list) {
    if (unlikely(list >= cache->meta.lists))
        report_corruption(index, cache->meta.compact.start, "a list that does not exist");
}

// Puts the `count` nearest of scores[from .. known) in order at scores[from ..), after refining the best with exact
// centroids.
static void order_lists(Relation index, IndexCache* cache, ListChooser* c, uint32 from, uint32 count) {
    const uint32 refined = known_lists(cache, c->known, from, count);
    const bool refines = refined_beyond(cache, count) > 0;
    if (refined < c->known) std::nth_element(c->scores + from, c->scores + refined, c->scores + c->known, NearerList());
    for (uint32 i = from; i < refined; i++) {
        check_list(index, cache, c->scores[i].list);
        if (refines)
            c->scores[i].score =
                MetricDistance(c->metric, c->query, cached_centroid(index, cache, c->scores[i].list, c->centroid),
                               cache->meta.code_dims);
    }
    std::sort(c->scores + from, c->scores + refined, NearerList());
}

static void begin_choice(IndexCache* cache, ListChooser* c, const float* query) {
    const uint32 dims = cache->meta.code_dims;
    if (c->context == NULL) c->context = CurrentMemoryContext;
    if (c->scratch == NULL) {
        c->scratch = static_cast<float*>(MemoryContextAlloc(c->context, sizeof(float) * 3 * dims));
        c->centroid = c->scratch + 2 * dims;
    }
    c->query = query;
    c->compact = PrepareCompactQuery(cache->compact, c->metric, query, c->scratch);
    c->scored = c->known = c->groups_taken = c->coarse.count = 0;
    score_groups(cache, c);
}

// The `want` nearest lists are known then, in no order.
static void select_nearest(Relation index, IndexCache* cache, ListChooser* c, uint32 want) {
    if (want <= c->known) return;
    const uint32 entries = cache->compact.entries;
    score_lists(index, cache, c, static_cast<uint32>(std::min<Size>(ListsToScore(entries, want), entries)), want);
    if (c->scores_room < want) {
        c->scores = enlarge(c->context, c->scores, want);
        c->scores_room = want;
    }
    select_lists(c, want - c->known);
}

void choose_lists(Relation index, IndexCache* cache, ListChooser* c, const float* query, uint32 count) {
    begin_choice(cache, c, query);
    select_nearest(index, cache, c, known_lists(cache, cache->compact.entries, 0, count));
    order_lists(index, cache, c, 0, count);
}

float centroid_distance_norm(Relation index, IndexCache* cache, const ListChooser* c, uint32 list) {
    if (!IsDotMetric(c->metric)) return 0;
    const uint32 dims = cache->meta.code_dims;
    check_list(index, cache, list);
    const float* centroid = cached_centroid(index, cache, list, c->centroid);
    return std::sqrt(DotF32(c->query, c->query, dims) * DotF32(centroid, centroid, dims));
}

// By the scores of compact centroids, which are near enough.
static EffortFeatures effort_features(Relation index, IndexCache* cache, ListChooser* c) {
    const uint32 rank = std::min(kEffortRank, c->known) - 1;
    std::nth_element(c->scores, c->scores + rank, c->scores + c->known, NearerList());
    const ListScore nearest = *std::min_element(c->scores, c->scores + rank + 1, NearerList());
    const float norm = centroid_distance_norm(index, cache, c, nearest.list);
    return FeaturesOf(MetricLength(c->metric, nearest.score, norm),
                      MetricLength(c->metric, c->scores[rank].score, norm));
}

uint32 choose_lists_with_effort(Relation index, IndexCache* cache, ListChooser* c, const float* query, uint32 mean,
                                const EffortRule* rule) {
    const uint32 entries = cache->compact.entries;
    begin_choice(cache, c, query);
    select_nearest(index, cache, c, std::max(known_lists(cache, entries, 0, mean), std::min(kEffortRank, entries)));
    c->features = effort_features(index, cache, c);
    c->effort = EffortOf(*rule, c->features);
    const uint32 count = ListsWithEffort(mean, c->effort, entries);
    select_nearest(index, cache, c, known_lists(cache, entries, 0, count));
    order_lists(index, cache, c, 0, count);
    return count;
}

// Scored lists that were not chosen.
static void add_other_lists(IndexCache* cache, ListChooser* c) {
    score_coarse_others(cache, c);
    for (uint32 i = 0; i < c->scored; i++)
        if (c->flat_list[i] != kTakenList) c->scores[c->known++] = {c->flat[i], c->flat_list[i]};
    c->scored = 0;
}

void choose_more_lists(Relation index, IndexCache* cache, ListChooser* c, uint32 from, uint32 count) {
    const uint32 lists = cache->compact.entries;
    const Size wanted = ListsToScore(lists, known_lists(cache, lists, from, count));
    if (c->scores_room < lists) {
        c->scores = enlarge(c->context, c->scores, lists);
        c->scores_room = lists;
    }
    // Those of the first choice, and then what is missing.
    add_other_lists(cache, c);
    if (c->known < std::min<Size>(wanted, lists)) {
        score_lists(index, cache, c, static_cast<uint32>(std::min<Size>(wanted, lists)) - c->known, count);
        add_other_lists(cache, c);
    }
    order_lists(index, cache, c, from, count);
}

// ---- rows

// The further lists of a row are looked for among so many nearest ones: as good as the table of neighbours that
// builds use (cluster/replicas.h).
static constexpr uint32 kReplicaCandidates = 64;

// Of scores[1 .. n), the lists that hold the row beside scores[0]: to row_lists[1 ..). Returns how many hold it.
static uint32 further_lists(Relation index, IndexCache* cache, const float* row, const ListScore* scores, uint32 n,
                            uint32* row_lists) {
    const uint32 dims = cache->meta.code_dims;
    const bool spherical = IsDotMetric(cache->codec.metric);
    float* near = static_cast<float*>(palloc_extended(sizeof(float) * dims * n, MCXT_ALLOC_HUGE));
    float* scratch = static_cast<float*>(palloc(sizeof(float) * (2 * n + dims)));
    for (uint32 i = 0; i < n; i++) {
        const float* centroid = cached_centroid(index, cache, scores[i].list, near + i * dims);
        if (centroid != near + i * dims) memcpy(near + i * dims, centroid, sizeof(float) * dims);
    }
    uint32 chosen[kMaxEntriesOfRow] = {0}, entries = 2;
    if (EntriesVary(cache->meta))
        entries = static_cast<uint32>(ClosureListsOfOne(near, n, dims, spherical, row, cache->meta.closure_epsilon,
                                                        kMaxEntriesOfRow, chosen, scratch));
    else chosen[1] = SoarSecondOfOne(near, n, dims, spherical, row, 0, kSoarLambda, scratch);
    for (uint32 entry = 1; entry < entries; entry++) row_lists[entry] = scores[chosen[entry]].list;
    pfree(near);
    pfree(scratch);
    return entries;
}

uint32 lists_of_row(Relation index, IndexCache* cache, const float* row, uint32* row_lists) {
    const uint32 lists = cache->compact.entries;
    row_lists[0] = 0;
    if (cache->meta.lists == 1) return 1;
    const uint32 entries = EntriesOfRow(cache->meta);
    const uint32 wanted = entries > 1 ? std::min(kReplicaCandidates, lists) : 1;
    ListChooser chooser;
    memset(&chooser, 0, sizeof(chooser));
    chooser.metric = row_list_metric(cache->codec.metric);
    choose_lists(index, cache, &chooser, row, wanted);
    row_lists[0] = chooser.scores[0].list;
    return entries > 1 ? further_lists(index, cache, row, chooser.scores, wanted, row_lists) : 1;
}

}  // namespace vectorq
