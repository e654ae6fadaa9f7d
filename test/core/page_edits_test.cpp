// Segments under random edits, against a plain model; damaged ones, which edits must not leave; and the walk over
// pieces of codes, against single bytes.
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <vector>

#include "core/page/segment_edits.h"
#include "core/page/staged_row.h"
#include "page_bytes.h"

namespace vectorq {
namespace {

using Code = std::vector<uint8_t>;

struct Case {
    uint32_t page_bytes;
    PostingGeometry g;
};

std::string Name(const Case& c) {
    return "pages of " + std::to_string(c.page_bytes) + ", " + std::to_string(c.g.pages) + " a segment of " +
           std::to_string(c.g.capacity) + " codes of " + std::to_string(c.g.code_bytes) +
           (c.g.block_bytes > 0 ? " in blocks" : "") + (HasColumn(c.g.columns, kScalarColumn) ? ", scalars" : "") +
           (HasColumn(c.g.columns, kRecordColumn) ? ", records" : "") +
           (c.g.keys.count > 0 ? ", key columns: " + std::to_string(c.g.keys.count) : "");
}

// None; one of 4 bytes; of each kind one, in an order that is not that of their widths; the most there may be.
std::vector<KeyColumns> KeySets() {
    using enum KeyKind;
    KeyColumns most{kMaxKeyColumns, {}};
    std::fill(std::begin(most.kinds), std::end(most.kinds), kInt64);
    return {KeyColumns{}, KeyColumns{1, {kInt32}}, KeyColumns{6, {kInt8, kInt64, kInt16, kHash, kSignature, kInt32}},
            most};
}

// One page and several, codes row after row and in blocks, with and without scalars, records and key columns.
std::vector<Case> Cases() {
    std::vector<Case> cases;
    const auto add = [&](uint32_t page_bytes, const PostingGeometry& g) {
        if (g.capacity > 0) cases.push_back({page_bytes, g});
    };
    for (const uint32_t page_bytes : kBlockSizes)
        for (ColumnSet columns = 0; columns < 1u << kNumColumns; columns++) {
            for (const uint32_t code : {1u, 3u, 16u, 60u, 512u, 1536u, 3072u, 12000u, 64000u}) {
                PostingRow row = {code, 0, columns};
                add(page_bytes, ChooseGeometry(page_bytes, row));
                add(page_bytes, ChooseGeometry(page_bytes, row, kMaxExtentPages, kWasteOfOneList));
                add(page_bytes, GeometryOfPages(page_bytes, row, 2));
                row.keys = KeySets()[1 + code % 3];
                add(page_bytes, ChooseGeometry(page_bytes, row));
            }
            for (const uint32_t m : {1u, 7u, 16u, 96u, 257u, 768u, 8000u}) {
                PostingRow row = {(m + 1) / 2, static_cast<uint32_t>(Lut16BlockBytes(m)), columns};
                add(page_bytes, ChooseGeometry(page_bytes, row));
                add(page_bytes, GeometryOfPages(page_bytes, row, 3));
                row.keys = KeySets()[1 + m % 3];
                add(page_bytes, ChooseGeometry(page_bytes, row));
            }
        }
    return cases;
}

// Rows are told apart by their tids; the rest of an entry follows from it.
struct Row {
    RowFields fields;
    Code code;
    std::vector<char> keys;  // packed
    PostingEntry entry() const { return {fields, code.data(), keys.data()}; }
};

// Any values, some of them null.
std::vector<char> MakeKeys(const KeyColumns& columns, std::minstd_rand& random) {
    std::vector<char> keys(PackedKeyBytes(columns));
    if (keys.empty()) return keys;
    const uint32_t nulls =
        static_cast<uint32_t>(random()) & static_cast<uint32_t>(random()) & ((1u << columns.count) - 1);
    std::memcpy(keys.data(), &nulls, sizeof(nulls));
    size_t at = kPackedNullsBytes;
    for (uint32_t column = 0; column < columns.count; column++)
        for (uint32_t i = 0; i < KeyBytes(columns.kinds[column]); i++, at++)
            keys[at] = (nulls >> column & 1) != 0 ? '\0' : static_cast<char>(random() >> 8);
    return keys;
}

Row MakeRow(const PostingGeometry& g, uint32_t number) {
    std::minstd_rand random(number + 1);
    Row row{RowFields{}, Code(g.code_bytes), MakeKeys(g.keys, random)};
    // Every byte of every column.
    for (const ColumnTraits& column : kColumns)
        for (uint32_t i = 0; i < column.bytes; i++)
            reinterpret_cast<char*>(&row.fields)[column.at + i] = static_cast<char>(random() >> 8);
    row.fields.tid = MakeTid(number, 1 + number % 291);
    for (uint8_t& byte : row.code) byte = static_cast<uint8_t>(random() >> 8);
    return row;
}

struct Segment {
    uint32_t offset, list, capacity;
    std::map<uint32_t, Row> rows;  // by slot
};

// The page, or the extent, and what it should hold.
struct Postings {
    explicit Postings(const Case& c) : g(c.g), pages(c.g.pages, c.page_bytes) {}

    const PostingGeometry g;
    PageBytes pages;
    uint32_t used = 0;
    std::vector<Segment> segments;
    uint32_t next_row = 0;

    char* segment(const Segment& s) { return pages.payload() + s.offset; }
    char* first(const Segment& s, uint32_t part) { return part == 0 ? segment(s) : pages.payload(part); }

    void Begin(std::mt19937& random) {
        uint32_t capacity = g.capacity;
        if (g.pages == 1) {
            const uint32_t most = RowsThatFit(g, RoomOfPage(g, used));
            if (most == 0) return;
            capacity = 1 + random() % most;
            if (g.block_bytes > 0) capacity = RoundUp(capacity, kBlockRows);
        } else if (!segments.empty()) {
            return;
        }
        Segment s{used, static_cast<uint32_t>(random() % 5), capacity, {}};
        used = BeginSegment(g, pages.payload(), used, s.list, capacity);
        segments.push_back(s);
    }

    void Put(std::mt19937& random) {
        if (segments.empty()) return;
        Segment& s = segments[random() % segments.size()];
        const uint32_t slot = FreeSlot(segment(s));
        ASSERT_EQ(slot < s.capacity, s.rows.size() < s.capacity);
        if (slot == s.capacity) return;
        ASSERT_EQ(s.rows.count(slot), 0u);
        const Row row = MakeRow(g, next_row++);
        const SegmentLayout layout = LayoutOf(g, s.capacity);
        const PageRange range = PagesOfCode(g, layout, slot);
        ASSERT_LT(range.last, g.pages);
        for (uint32_t part = std::max(range.first, 1u); part <= range.last; part++)
            PutCode(g, layout, first(s, part), part, slot, row.code.data());
        PutEntry(g, layout, segment(s), slot, row.entry());
        s.rows[slot] = row;
    }

    void Drop(std::mt19937& random) {
        if (segments.empty()) return;
        Segment& s = segments[random() % segments.size()];
        const uint32_t count = HeaderOf(segment(s))->count, among = 1 + random() % 8;
        const std::unique_ptr<bool[]> dead(new bool[std::max(count, 1u)]);
        for (uint32_t slot = 0; slot < count; slot++) {
            dead[slot] = s.rows.count(slot) == 0 || random() % among == 0;
            if (dead[slot]) s.rows.erase(slot);
        }
        DropEntries(g, segment(s), dead.get());
        if (g.pages > 1) return;
        // Entries may have moved: the same ones, in other slots.
        std::map<uint32_t, Row> left;  // by the tid's block, which is the row's number
        for (auto& [slot, row] : s.rows) left[BlockOf(row.fields.tid)] = row;
        s.rows.clear();
        ASSERT_EQ(HeaderOf(segment(s))->count, left.size());
        for (uint32_t slot = 0; slot < left.size(); slot++) {
            const auto row = left.find(BlockOf(TidsOf(segment(s))[slot]));
            ASSERT_NE(row, left.end());
            s.rows[slot] = row->second;
        }
    }

    void Free(std::mt19937& random) {
        if (segments.empty()) return;
        const uint32_t gone = static_cast<uint32_t>(random() % 5);
        const auto dropped = [&](uint32_t list) { return list == gone || list == kNoList; };
        const bool has = HasDroppedSegments(g, pages.payload(), used, dropped);
        const FreedSegments freed = FreeSegments(g, pages.payload(), used, dropped);
        ASSERT_TRUE(has || !freed.changed);
        used = freed.used;
        std::vector<Segment> left;
        uint32_t end = 0;
        for (Segment& s : segments) {
            if (dropped(s.list)) s = {s.offset, kNoList, s.capacity, {}};
            else end = s.offset + LayoutOf(g, s.capacity).bytes;
        }
        ASSERT_EQ(freed.empty, end == 0);
        for (const Segment& s : segments)
            if (s.offset < end) left.push_back(s);
        segments = left;
        if (g.pages == 1) {
            ASSERT_EQ(used, end);
        }
    }

    void Check() {
        ASSERT_TRUE(pages.GuardsHold());
        if (g.pages > 1 && segments.empty()) return;
        ASSERT_STREQ(PostingPageProblem(g, pages.payload(), used, 5), nullptr);
        uint32_t n = 0;
        for (uint32_t at = 0; at < SegmentsEnd(g, used); at = SegmentAfter(g, pages.payload(), at), n++) {
            ASSERT_LT(n, segments.size());
            ASSERT_EQ(at, segments[n].offset);
            CheckSegment(segments[n]);
            if (g.pages > 1) break;
        }
    }

    void CheckSegment(const Segment& s) {
        const SegmentHeader* header = HeaderOf(segment(s));
        const SegmentLayout layout = LayoutOf(g, s.capacity);
        ASSERT_EQ(header->list, s.list);
        ASSERT_EQ(header->capacity, s.capacity);
        ASSERT_EQ(header->count - header->dead, static_cast<int>(s.rows.size()));
        Code code(g.code_bytes);
        std::vector<char> keys(g.key_places.packed_bytes);
        ASSERT_TRUE(KeysAreClear(g, layout, segment(s), s.capacity, header->count));
        for (uint32_t slot = 0; slot < s.capacity; slot++) {
            const Tid tid = TidsOf(segment(s))[slot];
            ASSERT_EQ(IsRow(tid), s.rows.count(slot) == 1) << slot;
            if (slot >= header->count) {
                ASSERT_EQ(tid, kZeroTid);
            }
            if (!IsRow(tid)) continue;
            const Row& row = s.rows.at(slot);
            const RowFields fields = TakeFields(g, layout, segment(s), slot);
            ASSERT_EQ(fields.tid, row.fields.tid);
            for (uint32_t column = 0; column < kNumColumns; column++) {
                const size_t at = kColumns[column].at, bytes = kColumns[column].bytes;
                const auto field = [&](const RowFields& of) {
                    return std::string(reinterpret_cast<const char*>(&of) + at, bytes);
                };
                ASSERT_EQ(field(fields), HasColumn(g.columns, column) ? field(row.fields) : std::string(bytes, 0))
                    << column;
            }
            TakeKeys(g, layout, segment(s), s.capacity, slot, keys.data());
            ASSERT_EQ(keys, row.keys) << slot;
            const PageRange range = PagesOfCode(g, layout, slot);
            for (uint32_t part = range.first; part <= range.last; part++)
                TakeCode(g, layout, first(s, part), part, slot, code.data());
            ASSERT_EQ(code, row.code) << slot;
        }
    }

    void Step(std::mt19937& random) {
        switch (random() % 16) {
            case 0: return Begin(random);
            case 1: return Drop(random);
            case 2:
                if (random() % 4 == 0) return Free(random);
                break;
            default: return Put(random);
        }
    }
};

TEST(PageEdits, SegmentsHoldWhatTheModelHolds) {
    std::mt19937 random(1);
    for (const Case& c : Cases()) {
        SCOPED_TRACE(Name(c));
        ASSERT_LE(c.g.capacity, UINT16_MAX);
        Postings postings(c);
        postings.Begin(random);
        for (int step = 0; step < 300; step++) {
            postings.Step(random);
            if (HasFatalFailure()) return;
            if (step % 50 == 49) postings.Check();
            if (HasFatalFailure()) return;
        }
    }
}

// Fills segments to their last slot: nothing runs into what stands behind.
TEST(PageEdits, FullSegmentsStayWithinTheirPages) {
    std::mt19937 random(2);
    for (const Case& c : Cases()) {
        if (c.g.capacity > 700) continue;
        SCOPED_TRACE(Name(c));
        Postings postings(c);
        for (int i = 0; i < 3; i++) postings.Begin(random);
        for (uint32_t i = 0; i < 6 * c.g.capacity; i++) postings.Put(random);
        if (HasFatalFailure()) return;
        postings.Check();
        if (HasFatalFailure()) return;
    }
}

TEST(PageEdits, CodesAreTakenTogether) {
    std::mt19937 random(3);
    for (const Case& c : Cases()) {
        if (c.g.capacity > 200) continue;
        SCOPED_TRACE(Name(c));
        Postings postings(c);
        postings.Begin(random);
        for (uint32_t i = 0; i < c.g.capacity; i++) postings.Put(random);
        Segment& s = postings.segments[0];
        const uint32_t count = static_cast<uint32_t>(s.rows.size());
        const SegmentLayout layout = LayoutOf(c.g, s.capacity);
        Code codes(count * c.g.code_bytes);
        for (uint32_t part = 0; part < c.g.pages; part++)
            TakeCodes(c.g, layout, postings.first(s, part), part, count, codes.data());
        for (const auto& [slot, row] : s.rows)
            ASSERT_TRUE(std::equal(row.code.begin(), row.code.end(), codes.begin() + slot * c.g.code_bytes)) << slot;
    }
}

// Does to a page whatever may be done to one that passes the checks.
void EditAnyhow(Postings& p, uint32_t used, std::mt19937& random) {
    const PostingGeometry& g = p.g;
    char* payload = p.pages.payload();
    if (PostingPageProblem(g, payload, used, 5) != nullptr) return;
    const std::unique_ptr<bool[]> dead(new bool[std::max(g.capacity, p.pages.bytes() / kTidBytes)]);
    const Row row = MakeRow(g, 7);
    Code code(g.code_bytes);
    std::vector<char> keys(g.key_places.packed_bytes);
    for (uint32_t at = 0; at < SegmentsEnd(g, used); at = SegmentAfter(g, payload, at)) {
        char* segment = payload + at;
        if (SegmentProblem(g, payload, used, at) != nullptr) break;  // an extent of no list
        const SegmentLayout layout = LayoutOf(g, HeaderOf(segment)->capacity);
        for (uint32_t slot = 0; slot < HeaderOf(segment)->count; slot++) {
            TakeFields(g, layout, segment, slot);
            TakeKeys(g, layout, segment, HeaderOf(segment)->capacity, slot, keys.data());
            TakeCode(g, layout, segment, 0, slot, code.data());
            dead[slot] = random() % 2 != 0;
        }
        DropEntries(g, segment, dead.get());
        const uint32_t slot = FreeSlot(segment);
        if (slot < HeaderOf(segment)->capacity) PutEntry(g, layout, segment, slot, row.entry());
    }
    FreeSegments(g, payload, used, [](uint32_t list) { return list % 2 == 0 || list == kNoList; });
}

TEST(PageEdits, DamagedPagesAreNoticedOrEditsStayWithin) {
    std::mt19937 random(4);
    for (const Case& c : Cases()) {
        if (c.page_bytes > 8192) continue;
        SCOPED_TRACE(Name(c));
        Postings sound(c);
        for (int i = 0; i < 3; i++) sound.Begin(random);
        for (int i = 0; i < 60; i++) sound.Put(random);
        const std::vector<char> bytes(sound.pages.payload(), sound.pages.payload() + sound.pages.bytes());
        std::vector<uint32_t> places;
        for (const Segment& s : sound.segments)
            for (uint32_t i = 0; i < sizeof(SegmentHeader); i++) places.push_back(s.offset + i);
        for (int i = 0; i < 16; i++) places.push_back(static_cast<uint32_t>(random() % bytes.size()));
        for (const uint32_t place : places) {
            for (const int value : {0, 1, 0x7F, 0x80, 0xFF}) {
                std::copy(bytes.begin(), bytes.end(), sound.pages.payload());
                sound.pages.payload()[place] = static_cast<char>(value);
                EditAnyhow(sound, sound.used, random);
                ASSERT_TRUE(sound.pages.GuardsHold()) << "byte " << place << " is " << value;
            }
        }
        for (int bit = 0; bit < 32; bit++) {
            std::copy(bytes.begin(), bytes.end(), sound.pages.payload());
            EditAnyhow(sound, sound.used ^ 1u << bit, random);
            ASSERT_TRUE(sound.pages.GuardsHold()) << "used is " << (sound.used ^ 1u << bit);
        }
    }
}

// A damaged directory or chain leads anywhere.
TEST(PageEdits, AnyOffsetMayBeAskedAbout) {
    std::mt19937 random(5);
    for (const Case& c : Cases()) {
        SCOPED_TRACE(Name(c));
        PageBytes page(1, c.page_bytes);
        for (uint32_t i = 0; i < page.bytes(); i++) page.payload()[i] = static_cast<char>(random() % 4);
        for (uint32_t offset = 0; offset < 2 * c.page_bytes; offset += 1 + random() % 9) {
            SegmentProblem(c.g, page.payload(), page.bytes(), offset);
            SegmentProblem(c.g, page.payload(), static_cast<uint32_t>(random()), offset);
            SegmentProblem(c.g, page.payload(), static_cast<uint32_t>(random() % page.bytes()), offset);
        }
        SegmentProblem(c.g, page.payload(), page.bytes(), 0xFFFFFFF8u);
    }
}

TEST(PageEdits, WrongHeadersAreNoticed) {
    const PostingGeometry g = ChooseGeometry(8192, {16, 0, (1u << kNumColumns) - 1});
    std::mt19937 random(6);
    Postings p({8192, g});
    p.Begin(random);
    for (int i = 0; i < 40; i++) p.Put(random);
    char* payload = p.pages.payload();
    const SegmentHeader sound = *HeaderOf(payload);
    const auto problem_with = [&](SegmentHeader header) {
        *HeaderOf(payload) = header;
        const char* problem = SegmentProblem(g, payload, p.used, 0);
        *HeaderOf(payload) = sound;
        return std::string(problem == nullptr ? "" : problem);
    };
    const auto changed = [&](auto change) {
        SegmentHeader header = sound;
        change(header);
        return problem_with(header);
    };
    EXPECT_EQ(problem_with(sound), "");
    EXPECT_EQ(changed([&](SegmentHeader& h) { h.count = static_cast<uint16_t>(h.capacity + 1); }),
              "more rows than fit the page");
    EXPECT_EQ(changed([](SegmentHeader& h) { h.dead = static_cast<uint16_t>(h.count + 1); }),
              "more rows than fit the page");
    EXPECT_EQ(changed([](SegmentHeader& h) { h.capacity = h.count = h.dead = 0; }), "more rows than fit the page");
    EXPECT_EQ(changed([&](SegmentHeader& h) { h.capacity = static_cast<uint16_t>(g.capacity); }),
              sound.capacity == g.capacity ? "" : "segment runs over the end of its page");
    if (sound.count > 0) {
        EXPECT_EQ(changed([](SegmentHeader& h) { h.count--; }), "rows beyond the row count");
    }
    EXPECT_STREQ(SegmentProblem(g, payload, p.used, 4), "no segment of a list there");
    EXPECT_STREQ(SegmentProblem(g, payload, p.used, p.used), "no segment of a list there");
    EXPECT_STREQ(PostingPageProblem(g, payload, p.used, sound.list), "segment of a list that does not exist");
}

// ---- key columns

TEST(SegmentKeys, EveryColumnHasItsOwnPlaceAlignedToItsWidth) {
    for (const Case& c : Cases()) {
        if (c.g.keys.count == 0) continue;
        SCOPED_TRACE(Name(c));
        for (const uint32_t capacity : {1u, 7u, 32u, 33u, c.g.capacity}) {
            if (capacity > c.g.capacity || (c.g.block_bytes > 0 && capacity % kBlockRows != 0)) continue;
            const SegmentLayout layout = LayoutOf(c.g, capacity);
            std::map<uint32_t, uint32_t> runs;  // from its begin to its end
            for (uint32_t column = 0; column < c.g.keys.count; column++) {
                const uint32_t bytes = KeyBytes(c.g.keys.kinds[column]);
                const uint32_t values = KeyValuesOffset(c.g, layout, capacity, column);
                const uint32_t nulls = KeyNullsOffset(c.g, layout, capacity, column);
                ASSERT_EQ(values % bytes, 0u);
                ASSERT_EQ(nulls % 4, 0u);
                ASSERT_TRUE(runs.emplace(values, values + bytes * capacity).second);
                ASSERT_TRUE(runs.emplace(nulls, nulls + NullBitsBytes(capacity)).second);
            }
            uint32_t end = layout.keys_offset;
            for (const auto& [begin, run_end] : runs) {
                ASSERT_EQ(begin, end);
                end = run_end;
            }
            ASSERT_LE(end, layout.codes_offset);
            ASSERT_LE(layout.codes_offset, c.g.payload);
            for (uint32_t column = 0; column < kNumColumns; column++)
                if (HasColumn(c.g.columns, column)) {
                    ASSERT_LE(layout.column_offset[column] + kColumns[column].bytes * capacity, layout.keys_offset);
                }
        }
    }
}

// A segment of a common size grows by the values and a bit a row.
TEST(SegmentKeys, AColumnOfFourBytesCostsLittleMore) {
    const KeyColumns one{1, {KeyKind::kInt32}};
    const auto grows = [&](const PostingRow& row, uint32_t capacity) {
        PostingRow with = row;
        with.keys = one;
        const PostingGeometry g = ChooseGeometry(8192, with), plain = ChooseGeometry(8192, row);
        EXPECT_EQ(g.pages, plain.pages);
        return LayoutOf(g, capacity).bytes - LayoutOf(plain, capacity).bytes;
    };
    for (uint32_t capacity = 2 * kBlockRows; capacity <= 3 * kBlockRows; capacity += kBlockRows)
        EXPECT_LE(grows({64, static_cast<uint32_t>(Lut16BlockBytes(128))}, capacity), 4.2 * capacity) << capacity;
    // A block alone is rounded up to 8 bytes.
    EXPECT_LE(grows({64, static_cast<uint32_t>(Lut16BlockBytes(128))}, kBlockRows), 4.25 * kBlockRows);
    // Row after row: over segments of all sizes, of which a word of null bits is a part.
    uint32_t rows = 0, bytes = 0;
    for (uint32_t capacity = 1; capacity <= 56; capacity++) {
        rows += capacity;
        bytes += grows({128}, capacity);
    }
    EXPECT_LE(bytes, 4.25 * rows);
}

TEST(SegmentKeys, ColumnsThatFitNoPageHaveNoGeometry) {
    PostingRow row = {64, static_cast<uint32_t>(Lut16BlockBytes(128))};
    row.keys = KeySets().back();
    EXPECT_EQ(ChooseGeometry(1024, row).capacity, 0u);
    EXPECT_EQ(ChooseGeometry(8192, row).capacity, 0u);
    row.keys.count = 29;
    EXPECT_EQ(ChooseGeometry(8192, row).capacity, 32u);
    // Row after row: some rows fit any page.
    row = {512};
    row.keys = KeySets().back();
    EXPECT_GE(ChooseGeometry(1024, row).capacity, 1u);
}

// ---- pieces

TEST(Pieces, EachByteIsInOnePiece) {
    std::mt19937 random(7);
    for (int trial = 0; trial < 2000; trial++) {
        const uint32_t payload = 1 + random() % 50, pages = 1 + random() % 6, stream = payload * pages;
        const uint32_t begin = random() % stream, length = 1 + random() % (stream - begin);
        uint32_t next = 0;
        const PageRange range = PagesOfRun(payload, begin, length);
        ForEachPiece(payload, begin, length, [&](const Piece& piece) {
            ASSERT_EQ(piece.within, next);
            ASSERT_EQ(piece.page * payload + piece.at, begin + next);
            ASSERT_GT(piece.length, 0u);
            ASSERT_LE(piece.at + piece.length, payload);
            const Piece same = PieceOnPage(payload, begin, length, piece.page);
            ASSERT_EQ(std::vector({same.at, same.within, same.length}),
                      std::vector({piece.at, piece.within, piece.length}));
            ASSERT_TRUE(piece.page >= range.first && piece.page <= range.last);
            next += piece.length;
        });
        ASSERT_EQ(next, length);
        for (uint32_t page = 0; page < pages; page++)
            if (page < range.first || page > range.last) {
                ASSERT_EQ(PieceOnPage(payload, begin, length, page).length, 0u);
            }
    }
}

TEST(Pieces, EachByteOfEachItemIsMetOnce) {
    std::mt19937 random(8);
    for (int trial = 0; trial < 2000; trial++) {
        const uint32_t payload = 1 + random() % 60, pages = 1 + random() % 6, item = 1 + random() % 40;
        const uint32_t begin = random() % payload, count = (payload * pages - begin) / item;
        std::vector<int> met(count * item, 0);
        for (uint32_t page = 0; page < pages; page++)
            ForEachItemPiece(payload, begin, item, count, page, [&](const ItemPiece& piece) {
                ASSERT_TRUE(piece.items == 1 || (piece.within == 0 && piece.length == item));
                ASSERT_LE(piece.at + piece.items * piece.length, payload);
                ASSERT_EQ(page * payload + piece.at, begin + piece.first * item + piece.within);
                for (uint32_t i = 0; i < piece.items * piece.length; i++) met[piece.first * item + piece.within + i]++;
            });
        ASSERT_EQ(met, std::vector<int>(count * item, 1));
    }
}

// ---- rows on their way

TEST(StagedRow, EntriesOfARowAreTakenApart) {
    for (const size_t code_bytes : {1u, 4u, 5u, 64u, 333u})
        for (const size_t count : {1u, 2u, 5u}) {
            const StagedShape shape = {code_bytes, (code_bytes + count) % 3 * 7};
            const std::vector<char> keys(shape.key_bytes, 'k');
            const size_t stride = EntryStride(shape);
            ASSERT_EQ(stride % 8, 0u);
            std::vector<uint8_t> tuple(count * stride);
            for (size_t i = 0; i < count; i++) {
                uint8_t* entry = tuple.data() + i * stride;
                if (i > 0) SetListOfEntry(entry, static_cast<uint32_t>(0x01020304 * i));
                RowFields fields{};
                fields.tid = MakeTid(0x00FF1234, static_cast<uint32_t>(i + 1));
                SetStagedFields(RowOfEntry(entry), fields);
                SetStagedRecord(RowOfEntry(entry), MakeTid(77, static_cast<uint32_t>(i)));
                const float scalar = static_cast<float>(i) + 0.5f;
                std::memcpy(entry + kEntryScalarAt, &scalar, sizeof(scalar));
                SetStagedKeys(RowOfEntry(entry), shape, keys.data());
                std::memset(entry + EntryCodeAt(shape), static_cast<int>(i + 1), code_bytes);
            }
            // Without the first head, at an odd place.
            std::vector<char> moved(1 + tuple.size() - kEntryHeadBytes);
            std::memcpy(moved.data() + 1, tuple.data() + kEntryHeadBytes, tuple.size() - kEntryHeadBytes);
            const StagedEntries entries(moved.data() + 1, moved.size() - 1, stride);
            ASSERT_EQ(entries.count(), count);
            for (size_t i = 0; i < count; i++) {
                const PostingEntry staged = StagedEntry(entries.row(i), shape);
                const RowFields& row = staged.fields;
                EXPECT_EQ(row.tid, MakeTid(0x00FF1234, static_cast<uint32_t>(i + 1)));
                EXPECT_EQ(BlockOf(row.tid), 0x00FF1234u);
                EXPECT_EQ(row.record, MakeTid(77, static_cast<uint32_t>(i)));
                EXPECT_EQ(row.scalar, static_cast<float>(i) + 0.5f);
                EXPECT_EQ(staged.code[code_bytes - 1], i + 1);
                EXPECT_TRUE(std::equal(keys.begin(), keys.end(), staged.keys));
                if (i > 0) {
                    EXPECT_EQ(entries.list(i), 0x01020304 * i);
                }
            }
        }
}

}  // namespace
}  // namespace vectorq
