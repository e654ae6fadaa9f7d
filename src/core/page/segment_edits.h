// Edits and checks of segments (posting_page.h): bytes only, no locks, no log. `payload` is the payload of a posting
// page, `used` its PageTail.used, `segment` where a segment begins in it.
//
// A segment is to be checked (SegmentProblem) before anything else is done with it: then whatever its bytes are, edits
// stay within it.
#pragma once
#include <cstdint>
#include <cstring>

#include "core/page/pieces.h"
#include "core/page/posting_codes.h"
#include "core/page/posting_page.h"
#include "core/page/segment_keys.h"
#include "core/page/tid.h"

namespace vectorq {

inline SegmentHeader* HeaderOf(char* segment) noexcept { return reinterpret_cast<SegmentHeader*>(segment); }
inline const SegmentHeader* HeaderOf(const char* segment) noexcept {
    return reinterpret_cast<const SegmentHeader*>(segment);
}
inline Tid* TidsOf(char* segment) noexcept { return reinterpret_cast<Tid*>(segment + sizeof(SegmentHeader)); }
inline const Tid* TidsOf(const char* segment) noexcept {
    return reinterpret_cast<const Tid*>(segment + sizeof(SegmentHeader));
}

// ---- checks

// Why there can be no segment at that offset of a page; null if there can.
const char* SegmentProblem(const PostingGeometry& g, const char* payload, uint32_t used, uint32_t offset) noexcept;
// The segments of a page, one after another:
//   for (uint32_t at = 0; at < SegmentsEnd(g, used); at = SegmentAfter(g, payload, at))
// after SegmentProblem has found nothing at `at`.
inline uint32_t SegmentsEnd(const PostingGeometry& g, uint32_t used) noexcept { return g.pages == 1 ? used : 1; }
inline uint32_t SegmentAfter(const PostingGeometry& g, const char* payload, uint32_t at) noexcept {
    return at + LayoutOf(g, HeaderOf(payload + at)->capacity).bytes;
}
// Why the segments of a page cannot be right; null if they can. Lists have numbers below `lists`, or kNoList. An extent
// of kNoList was taken from the free ones and not filled: anything.
const char* PostingPageProblem(const PostingGeometry& g, const char* payload, uint32_t used, uint32_t lists) noexcept;

// ---- segments

// Bytes left for further segments of a page; 0 for an extent.
inline uint32_t RoomOfPage(const PostingGeometry& g, uint32_t used) noexcept {
    return g.pages > 1 || used > g.payload ? 0 : g.payload - used;
}
// Begins an empty segment where the page is 0 from `offset` on. Returns the page's new PageTail.used.
inline uint32_t BeginSegment(const PostingGeometry& g, char* payload, uint32_t offset, uint32_t list,
                             uint32_t capacity) noexcept {
    *HeaderOf(payload + offset) = {list, 0, 0, static_cast<uint16_t>(capacity), 0, kInvalidBlock};
    return g.pages == 1 ? offset + LayoutOf(g, capacity).bytes : 0;
}

// ---- entries

// What a segment keeps of a row. Fields whose columns the index has not are nobody's.
struct PostingEntry {
    RowFields fields;
    const uint8_t* code;
    const char* keys = nullptr;  // packed (key_columns.h); nobody's without key columns
};

// The run of the stream that holds the code in `slot`: its own bytes, or its block's.
inline uint64_t CodeRunBegin(const PostingGeometry& g, const SegmentLayout& layout, uint32_t slot) noexcept {
    return layout.codes_offset +
           (g.block_bytes > 0 ? uint64_t(slot / kBlockRows) * g.block_bytes : uint64_t(slot) * g.code_bytes);
}
inline uint32_t CodeRunBytes(const PostingGeometry& g) noexcept {
    return g.block_bytes > 0 ? g.block_bytes : g.code_bytes;
}
inline PageRange PagesOfCode(const PostingGeometry& g, const SegmentLayout& layout, uint32_t slot) noexcept {
    if (g.pages == 1) return {0, 0};
    return PagesOfRun(g.payload, CodeRunBegin(g, layout, slot), CodeRunBytes(g));
}

// Puts, or takes, what lies on page `part` of a segment of the code in `slot`. first: the segment for part 0, the
// payload of that page otherwise.
void PutCode(const PostingGeometry& g, const SegmentLayout& layout, char* first, uint32_t part, uint32_t slot,
             const uint8_t* code) noexcept;
void TakeCode(const PostingGeometry& g, const SegmentLayout& layout, const char* first, uint32_t part, uint32_t slot,
              uint8_t* code) noexcept;
// The same of codes [0, count): into codes (count, code_bytes).
void TakeCodes(const PostingGeometry& g, const SegmentLayout& layout, const char* first, uint32_t part, uint32_t count,
               uint8_t* codes) noexcept;

// A slot that is free, the first; the capacity if the segment is full.
uint32_t FreeSlot(const char* segment) noexcept;
// Puts what lies of an entry on the first page into a free slot: afterwards the row is in the list. The rest of its
// code is on the other pages already.
void PutEntry(const PostingGeometry& g, const SegmentLayout& layout, char* segment, uint32_t slot,
              const PostingEntry& entry) noexcept;
// All of it but the code and key columns (TakeKeys). Fields whose columns the index has not are 0.
RowFields TakeFields(const PostingGeometry& g, const SegmentLayout& layout, const char* segment,
                     uint32_t slot) noexcept;
// Drops the entries in slots that `dead` (count) marks, all free ones among them. On one page the last entries move
// into the holes. With several pages slots are only marked, because a reader may be between two of them.
void DropEntries(const PostingGeometry& g, char* segment, const bool* dead) noexcept;

// ---- segments of lists that nobody reads any more

struct FreedSegments {
    uint32_t used;  // of the page from now on
    bool changed;   // the page
    bool empty;     // nothing is left in it
};

// Makes segments of such lists segments of kNoList, and takes those at the page's end away. is_dropped(list) says
// which; of kNoList, too.
template <class IsDropped>
FreedSegments FreeSegments(const PostingGeometry& g, char* payload, uint32_t used, IsDropped&& is_dropped) noexcept {
    FreedSegments freed = {used, false, false};
    uint32_t end = 0;
    for (uint32_t at = 0; at < SegmentsEnd(g, used); at = SegmentAfter(g, payload, at)) {
        SegmentHeader* header = HeaderOf(payload + at);
        if (!is_dropped(header->list)) {
            end = SegmentAfter(g, payload, at);
            continue;
        }
        freed.changed |= header->list != kNoList;
        *header = {kNoList, 0, 0, header->capacity, 0, kInvalidBlock};
        // Tids beyond a segment's rows are 0.
        const uint32_t bytes = g.pages == 1 ? LayoutOf(g, header->capacity).bytes : g.payload;
        std::memset(payload + at + sizeof(SegmentHeader), 0, bytes - sizeof(SegmentHeader));
    }
    freed.empty = end == 0;
    if (g.pages == 1 && end < used) {
        std::memset(payload + end, 0, used - end);
        freed.used = end;
        freed.changed = true;
    }
    freed.changed |= freed.empty;
    return freed;
}
// Whether FreeSegments would do anything.
template <class IsDropped>
bool HasDroppedSegments(const PostingGeometry& g, const char* payload, uint32_t used, IsDropped&& is_dropped) noexcept {
    for (uint32_t at = 0; at < SegmentsEnd(g, used); at = SegmentAfter(g, payload, at))
        if (is_dropped(HeaderOf(payload + at)->list)) return true;
    return SegmentsEnd(g, used) == 0;
}

}  // namespace vectorq
