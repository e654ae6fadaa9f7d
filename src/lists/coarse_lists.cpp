// See coarse_lists.h.
#include "lists/coarse_lists.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/simd/lut16_scan.h"
#include "core/simd/topk_filter.h"
#include "pg/memory.h"

namespace vectorq {

// Scores that are looked at together, and rows that the kernel of 8-bit codes gets at a time.
static constexpr uint32 kScoreBlock = 256, kRowBlock = 32;
// In place of a coarse score, which may be infinite but always is a number.
static constexpr float kTakenScore = std::numeric_limits<float>::quiet_NaN();

static uint32 lists_of_group(const IndexCache* cache, uint32 group) {
    return RangeOfGroup(cache->compact, group).count;
}

static CompactGroup members_of_group(const IndexCache* cache, uint32 group) {
    return ViewCompactGroup(kept_compact_group(cache, group), lists_of_group(cache, group), cache->compact.dims);
}

static const float* coarse_scalars(const IndexCache* cache, uint32 group) {
    const CompactFront* front = &cache->compact;
    const Size all = CoarseScalarOffset(front->entries, front->groups, front->dims);
    return reinterpret_cast<const float*>(cache->compact_bytes + all) + RangeOfGroup(*front, group).start;
}

bool begin_coarse(const IndexCache* cache, CoarseLists* c, Metric metric, const float* query) {
    const CompactFront* front = &cache->compact;
    c->count = 0;
    if (front->codebook == NULL || kept_coarse_codes(cache, 0) == NULL) return false;
    if (c->scratch == NULL)
        c->scratch = static_cast<float*>(MemoryContextAlloc(c->context, sizeof(float) * CoarseScratchFloats(*front)));
    return PrepareCoarseQuery(*front, metric, query, c->scratch, &c->query);
}

void prefetch_coarse(const IndexCache* cache, uint32 group) {
    const CompactFront* front = &cache->compact;
    const uint32 lists = lists_of_group(cache, group);
    prefetch_bytes(kept_coarse_codes(cache, group), CoarseBytes(lists, front->groups, front->dims));
    prefetch_bytes(coarse_scalars(cache, group), sizeof(float) * lists);
}

uint32 score_coarse(const IndexCache* cache, CoarseLists* c, uint32 group, float base) {
    const CompactFront* front = &cache->compact;
    const uint32 lists = lists_of_group(cache, group);
    if (c->count + lists > c->room) {
        c->room = std::max(2 * c->room, c->count + lists);
        c->scores = enlarge(c->context, c->scores, c->room);
    }
    if (lists + kLut16BlockRows > c->sums_room) {
        c->sums_room = 2 * lists + kLut16BlockRows;
        c->sums = enlarge(c->context, c->sums, c->sums_room);
    }
    ScoreCoarse(c->query, *front, base, kept_coarse_codes(cache, group), coarse_scalars(cache, group), lists, c->sums,
                c->scores + c->count);
    c->count += lists;
    return lists;
}

namespace {
// Where the list's entry in its group is.
struct FinerList {
    const uint8* code;
    const float* scalar;
    const uint32* list;
    uint32 at;  // of its coarse score
};

// Goes along the scores with the group that each is of.
struct GroupCursor {
    const IndexCache* cache;
    const ListScore* groups;
    CompactGroup members;
    uint32 begin, end;

    GroupCursor(const IndexCache* of, const ListScore* taken) : cache(of), groups(taken), members{}, begin(0), end(0) {}
    // The entry of `members` that score `at` is of; never a smaller one than before.
    uint32 EntryOf(uint32 at) {
        for (; at >= end; groups++) {
            begin = end;
            end += lists_of_group(cache, groups->list);
            if (at < end) members = members_of_group(cache, groups->list);
        }
        return at - begin;
    }
};
}  // namespace

// The `wanted` lists of the least coarse scores, in the order of groups. Only asks for the memory of their entries:
// they lie anywhere, and to read them at once took twice the time.
static void choose_finer(const IndexCache* cache, const CoarseLists* c, const ListScore* groups, uint32 wanted,
                         FinerList* finer) {
    const float farthest = KthSmallest(c->scores, c->count, wanted);
    GroupCursor cursor(cache, groups);
    uint16 below[kScoreBlock + 64];
    uint32 found = 0;
    for (uint32 begin = 0; begin < c->count && found < wanted; begin += kScoreBlock) {
        const size_t count = CompressBelow(c->scores + begin, std::min(kScoreBlock, c->count - begin), farthest, below);
        for (size_t i = 0; i < count && found < wanted; i++) {
            const uint32 at = begin + below[i], entry = cursor.EntryOf(at);
            const CompactGroup& members = cursor.members;
            const FinerList one = {members.code + static_cast<Size>(entry) * cache->compact.dims,
                                   members.scalar + entry, members.list + entry, at};
            prefetch_bytes(one.code, cache->compact.dims);
            __builtin_prefetch(one.scalar);
            __builtin_prefetch(one.list);
            finer[found++] = one;
        }
    }
}

void take_finer(const IndexCache* cache, CoarseLists* c, const ListScore* groups, const CompactQuery& query,
                uint32 wanted, float* score, uint32* list) {
    const uint32 dims = static_cast<uint32>(cache->compact.dims);
    FinerList* finer = static_cast<FinerList*>(palloc_extended(sizeof(FinerList) * wanted, MCXT_ALLOC_HUGE));
    uint8* codes = static_cast<uint8*>(palloc(kRowBlock * dims));
    choose_finer(cache, c, groups, wanted, finer);
    float errors = 0;
    for (uint32 begin = 0; begin < wanted; begin += kRowBlock) {
        const uint32 rows = std::min(kRowBlock, wanted - begin);
        float scalar[kRowBlock];
        for (uint32 i = 0; i < rows; i++) {
            const FinerList& one = finer[begin + i];
            memcpy(codes + i * dims, one.code, dims);
            scalar[i] = *one.scalar;
            list[begin + i] = *one.list;
        }
        ScoreCompact(query, scalar, codes, rows, dims, score + begin);
        for (uint32 i = 0; i < rows; i++) {
            float* coarse = &c->scores[finer[begin + i].at];
            errors += score[begin + i] - *coarse;
            *coarse = kTakenScore;
        }
    }
    // Of a query so far off that distances are infinite, it is no number.
    c->error = std::isfinite(errors) ? errors / static_cast<float>(wanted) : 0;
    pfree(finer);
    pfree(codes);
}

uint32 take_others(const IndexCache* cache, CoarseLists* c, const ListScore* groups, float* score, uint32* list) {
    GroupCursor cursor(cache, groups);
    uint32 taken = 0;
    for (uint32 at = 0; at < c->count; at++) {
        if (std::isnan(c->scores[at])) continue;
        const uint32 entry = cursor.EntryOf(at);
        list[taken] = cursor.members.list[entry];
        score[taken++] = c->scores[at] + c->error;
    }
    c->count = 0;
    return taken;
}

}  // namespace vectorq
