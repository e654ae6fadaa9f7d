// See segment_edits.h.
#include "core/page/segment_edits.h"

namespace vectorq {

const char* SegmentProblem(const PostingGeometry& g, const char* payload, uint32_t used, uint32_t offset) noexcept {
    const uint32_t end = g.pages == 1 ? used : g.payload;
    if (offset % 8 != 0 || end > g.payload || offset > end || end - offset < sizeof(SegmentHeader))
        return "no segment of a list there";
    const SegmentHeader* header = HeaderOf(payload + offset);
    if (header->capacity < 1 || header->capacity > g.capacity || header->count > header->capacity ||
        header->dead > header->count || (g.block_bytes > 0 && header->capacity % kBlockRows != 0))
        return "more rows than fit the page";
    if (g.pages > 1 && (offset != 0 || header->capacity != g.capacity)) return "segment of an unknown size";
    if (g.pages == 1 && offset + LayoutOf(g, header->capacity).bytes > end)
        return "segment runs over the end of its page";
    return header->count == header->capacity || TidIsZero(payload + offset, header->count)
               ? nullptr
               : "rows beyond the row count";
}

const char* PostingPageProblem(const PostingGeometry& g, const char* payload, uint32_t used, uint32_t lists) noexcept {
    const char* problem = nullptr;
    for (uint32_t at = 0; problem == nullptr && at < SegmentsEnd(g, used); at = SegmentAfter(g, payload, at)) {
        if (g.pages > 1 && HeaderOf(payload)->list == kNoList) return nullptr;
        problem = SegmentProblem(g, payload, used, at);
        if (problem != nullptr) return problem;
        const uint32_t list = HeaderOf(payload + at)->list;
        if (list != kNoList && list >= lists) problem = "segment of a list that does not exist";
    }
    return problem;
}

void PutCode(const PostingGeometry& g, const SegmentLayout& layout, char* first, uint32_t part, uint32_t slot,
             const uint8_t* code) noexcept {
    const Piece piece = PieceOnPage(g.payload, CodeRunBegin(g, layout, slot), CodeRunBytes(g), part);
    if (piece.length == 0) return;
    if (g.block_bytes > 0)
        PackCode4(reinterpret_cast<uint8_t*>(first) + piece.at, piece.length / 16, slot % kBlockRows,
                  code + piece.within / kBlockPairBytes);
    else std::memcpy(first + piece.at, code + piece.within, piece.length);
}

void TakeCode(const PostingGeometry& g, const SegmentLayout& layout, const char* first, uint32_t part, uint32_t slot,
              uint8_t* code) noexcept {
    const Piece piece = PieceOnPage(g.payload, CodeRunBegin(g, layout, slot), CodeRunBytes(g), part);
    if (piece.length == 0) return;
    if (g.block_bytes > 0)
        UnpackCode4(reinterpret_cast<const uint8_t*>(first) + piece.at, piece.length / 16, slot % kBlockRows,
                    code + piece.within / kBlockPairBytes);
    else std::memcpy(code + piece.within, first + piece.at, piece.length);
}

void TakeCodes(const PostingGeometry& g, const SegmentLayout& layout, const char* first, uint32_t part, uint32_t count,
               uint8_t* codes) noexcept {
    if (g.block_bytes > 0) {
        for (uint32_t slot = 0; slot < count; slot++)
            TakeCode(g, layout, first, part, slot, codes + slot * g.code_bytes);
        return;
    }
    const Piece piece = PieceOnPage(g.payload, layout.codes_offset, count * g.code_bytes, part);
    if (piece.length > 0) std::memcpy(codes + piece.within, first + piece.at, piece.length);
}

// see(number, traits) of each column that the index has.
template <class See>
static void ForEachColumn(const PostingGeometry& g, See&& see) noexcept {
    for (uint32_t column = 0; column < kNumColumns; column++)
        if (HasColumn(g.columns, column)) see(column, kColumns[column]);
}

uint32_t FreeSlot(const char* segment) noexcept {
    const SegmentHeader* header = HeaderOf(segment);
    if (header->dead > 0)
        for (uint32_t slot = 0; slot < header->count; slot++)
            if (!IsRow(TidsOf(segment)[slot])) return slot;
    return header->count;
}

void PutEntry(const PostingGeometry& g, const SegmentLayout& layout, char* segment, uint32_t slot,
              const PostingEntry& entry) noexcept {
    SegmentHeader* header = HeaderOf(segment);
    PutCode(g, layout, segment, 0, slot, entry.code);
    TidsOf(segment)[slot] = entry.fields.tid;
    ForEachColumn(g, [&](uint32_t column, const ColumnTraits& traits) {
        std::memcpy(segment + layout.column_offset[column] + slot * traits.bytes,
                    reinterpret_cast<const char*>(&entry.fields) + traits.at, traits.bytes);
    });
    PutKeys(g, layout, segment, header->capacity, slot, entry.keys);
    if (slot == header->count) header->count++;
    else header->dead--;
}

RowFields TakeFields(const PostingGeometry& g, const SegmentLayout& layout, const char* segment,
                     uint32_t slot) noexcept {
    RowFields fields{};
    fields.tid = TidsOf(segment)[slot];
    ForEachColumn(g, [&](uint32_t column, const ColumnTraits& traits) {
        std::memcpy(reinterpret_cast<char*>(&fields) + traits.at,
                    segment + layout.column_offset[column] + slot * traits.bytes, traits.bytes);
    });
    return fields;
}

// Within a segment of one page.
static void MoveEntry(const PostingGeometry& g, const SegmentLayout& layout, char* segment, uint32_t from,
                      uint32_t to) noexcept {
    TidsOf(segment)[to] = TidsOf(segment)[from];
    ForEachColumn(g, [&](uint32_t column, const ColumnTraits& traits) {
        char* fields = segment + layout.column_offset[column];
        std::memcpy(fields + to * traits.bytes, fields + from * traits.bytes, traits.bytes);
    });
    CopyKeys(g, layout, segment, HeaderOf(segment)->capacity, from, to);
    char* codes = segment + layout.codes_offset;
    if (g.block_bytes > 0) MoveBlockCode(g, layout, segment, from, to);
    else std::memmove(codes + to * g.code_bytes, codes + from * g.code_bytes, g.code_bytes);
}

void DropEntries(const PostingGeometry& g, char* segment, const bool* dead) noexcept {
    SegmentHeader* header = HeaderOf(segment);
    const SegmentLayout layout = LayoutOf(g, header->capacity);
    Tid* tids = TidsOf(segment);
    uint32_t count = header->count, free = 0;
    if (g.pages == 1) {
        // From the end, so that the entry moved into a hole is always a live one.
        for (uint32_t slot = count; slot-- > 0;)
            if (dead[slot] && slot != --count) MoveEntry(g, layout, segment, count, slot);
    } else {
        for (uint32_t slot = 0; slot < count; slot++)
            if (dead[slot]) tids[slot] = kFreeTid;
        while (count > 0 && !IsRow(tids[count - 1])) count--;
        for (uint32_t slot = 0; slot < count; slot++) free += !IsRow(tids[slot]);
    }
    std::memset(static_cast<void*>(&tids[count]), 0, kTidBytes * (header->count - count));
    ClearKeys(g, layout, segment, header->capacity, count, header->count);
    header->count = static_cast<uint16_t>(count);
    header->dead = static_cast<uint16_t>(free);
}

}  // namespace vectorq
