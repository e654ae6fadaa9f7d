// Edits and checks of extents of records (reorder_page.h): bytes only, no locks, no log. `payload` is the payload of
// page `part` of an extent; its header is on page 0.
#pragma once
#include <algorithm>
#include <cstdint>
#include <cstring>

#include "core/page/pieces.h"
#include "core/page/reorder_page.h"
#include "core/page/tid.h"

namespace vectorq {

inline ReorderHeader* ExtentHeaderOf(char* payload) noexcept { return reinterpret_cast<ReorderHeader*>(payload); }

// Why there can be no extent with such a header; null if there can.
inline const char* ExtentProblem(const ReorderGeometry& g, const ReorderHeader& header) noexcept {
    return header.count > g.capacity || header.free > header.count ? "more records than fit the page" : nullptr;
}

// Slots [first, end) have their tids on a page.
struct SlotRange {
    uint32_t first, end;
};
// Of an extent with `count` slots in use.
inline SlotRange SlotsOnPage(const ReorderGeometry& g, uint32_t count, uint32_t part) noexcept {
    // The first record that begins on the page or behind it.
    const auto from = [&](uint64_t page) {
        const uint64_t begin = page * g.payload;
        if (begin <= sizeof(ReorderHeader)) return uint64_t(0);
        return (begin - sizeof(ReorderHeader) + g.record_bytes - 1) / g.record_bytes;
    };
    return {static_cast<uint32_t>(std::min<uint64_t>(from(part), count)),
            static_cast<uint32_t>(std::min<uint64_t>(from(uint64_t(part) + 1), count))};
}

// The tid of a record, on the page where RecordPart says that it lies.
inline Tid* RecordTid(const ReorderGeometry& g, char* payload, uint32_t slot) noexcept {
    return reinterpret_cast<Tid*>(payload + RecordOffsetInPart(g, slot) + kRecordTidAt);
}

// The pages that a record lies on.
inline PageRange PagesOfRecord(const ReorderGeometry& g, uint32_t slot) noexcept {
    return PagesOfRun(g.payload, RecordOffset(g, slot), g.record_bytes);
}
// Puts, or takes, what lies on a page of a record (record_bytes).
inline void PutRecordPart(const ReorderGeometry& g, char* payload, uint32_t part, uint32_t slot,
                          const char* record) noexcept {
    const Piece piece = PieceOnPage(g.payload, RecordOffset(g, slot), g.record_bytes, part);
    if (piece.length > 0) std::memcpy(payload + piece.at, record + piece.within, piece.length);
}
inline void TakeRecordPart(const ReorderGeometry& g, const char* payload, uint32_t part, uint32_t slot,
                           char* record) noexcept {
    const Piece piece = PieceOnPage(g.payload, RecordOffset(g, slot), g.record_bytes, part);
    if (piece.length > 0) std::memcpy(record + piece.within, payload + piece.at, piece.length);
}

// The first free slot whose tid lies on the page; the capacity if there is none.
inline uint32_t FreeRecordSlot(const ReorderGeometry& g, char* payload, uint32_t part, uint32_t count) noexcept {
    const SlotRange slots = SlotsOnPage(g, count, part);
    for (uint32_t slot = slots.first; slot < slots.end; slot++)
        if (!IsRow(*RecordTid(g, payload, slot))) return slot;
    return g.capacity;
}
// Counts a record that is in `slot` now, which was free.
inline void CountRecord(ReorderHeader* header, uint32_t slot) noexcept {
    if (slot == header->count) header->count++;
    else if (header->free > 0) header->free--;
}
// Frees the slots that `dead` (capacity) marks, of those whose tids lie on the page.
inline void DropRecords(const ReorderGeometry& g, char* payload, uint32_t part, uint32_t count,
                        const bool* dead) noexcept {
    const SlotRange slots = SlotsOnPage(g, count, part);
    for (uint32_t slot = slots.first; slot < slots.end; slot++)
        if (dead[slot]) *RecordTid(g, payload, slot) = kFreeTid;
}

}  // namespace vectorq
