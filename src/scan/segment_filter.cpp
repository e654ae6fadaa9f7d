// See segment_filter.h.
#include "scan/segment_filter.h"

#include <bit>

#include "core/filter/match_rows.h"
#include "core/page/segment_edits.h"
#include "core/page/segment_keys.h"
#include "pg/entry.h"

namespace vectorq {

// Codes of so many bytes a row, and less, are scored in less time than a row is looked for among those of a bitmap.
static constexpr uint32 kCheapCode = 64;
// Of segments that are asked late, each so-many-th is asked at once, so that the share of matches stays known.
static constexpr uint32 kSampledSegments = 8;

static uint32 mask_by_keys(ListSearch* search, const SegmentLayout* layout, const char* front, uint32 capacity,
                           uint32 count) {
    const PostingGeometry* g = &search->cache->geometry;
    const RowFilter* filter = search->filter;
    SegmentKeys keys;
    for (uint32 column = 0; column < g->keys.count; column++) {
        keys.values[column] = KeyValuesOf(*g, *layout, front, capacity, column);
        keys.nulls[column] = KeyNullsOf(*g, *layout, front, capacity, column);
    }
    return MatchRows(g->keys, filter->conditions, filter->num_conditions, keys, count, search->mask);
}

// Of the rows in the mask those that the bitmap has.
static uint32 mask_by_rows(ListSearch* search, const char* front, uint32 count) {
    const ItemPointerData* tids = segment_tids(const_cast<char*>(front));
    uint32 matches = 0;
    for (uint32 word = 0; word < (count + 31) / 32; word++) {
        uint32 bits = search->mask[word];
        for (uint32 left = bits; left != 0; left &= left - 1) {
            const uint32 bit = static_cast<uint32>(std::countr_zero(left));
            if (!in_rows(search->filter, &tids[word * 32 + bit])) bits &= ~(1u << bit);
        }
        search->mask[word] = bits;
        matches += static_cast<uint32>(std::popcount(bits));
    }
    return matches;
}

// Once there is a threshold, most codes are farther than it: then only the others are looked for in the bitmap.
static bool asks_late(const ListSearch* search) {
    const RowFilter* filter = search->filter;
    return search->collector->threshold() < get_float4_infinity() && search->cache->geometry.code_bytes <= kCheapCode &&
           filter->segments % kSampledSegments != 0;
}

uint32 mask_segment(ListSearch* search, const SegmentLayout* layout, const char* front, uint32 capacity, uint32 count) {
    RowFilter* filter = search->filter;
    uint32 matches = mask_by_keys(search, layout, front, capacity, count);
    filter->segments++;
    filter->asks_late = filter->rows != NULL && matches > 0 && asks_late(search);
    if (filter->asks_late) return matches;
    if (filter->rows != NULL && matches > 0) matches = mask_by_rows(search, front, count);
    filter->asked += count;
    filter->matches += matches;
    return matches;
}

}  // namespace vectorq
