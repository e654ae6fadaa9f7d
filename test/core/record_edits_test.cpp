// Extents of records: every record can be put and read back page by page, and no page ends within its head; random
// edits against a plain model; damaged headers.
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <random>
#include <vector>

#include "core/page/record_edits.h"
#include "page_bytes.h"

namespace vectorq {
namespace {

TEST(ReorderPage, RecordsAreReadBackAsTheyWerePut) {
    std::mt19937 random(4);
    for (const uint32_t vector_bytes :
         {1u, 3u, 8u, 96u, 128u, 512u, 1536u, 3072u, 6144u, 8140u, 8152u, 12000u, 32000u, 64000u}) {
        for (const bool has_scalar : {false, true}) {
            const ReorderGeometry g = ChooseReorderGeometry(8192, vector_bytes, has_scalar);
            ASSERT_GE(g.capacity, 1u) << vector_bytes;
            std::vector<std::vector<char>> pages(g.pages, std::vector<char>(g.payload, 0));
            std::vector<std::vector<char>> records(g.capacity, std::vector<char>(g.record_bytes));
            for (uint32_t slot = 0; slot < g.capacity; slot++) {
                for (char& c : records[slot]) c = static_cast<char>(random());
                for (uint32_t part = 0; part < g.pages; part++)
                    PutRecordPart(g, pages[part].data(), part, slot, records[slot].data());
            }
            for (uint32_t slot = 0; slot < g.capacity; slot++) {
                uint32_t part = RecordPart(g, slot), at = RecordOffsetInPart(g, slot);
                ASSERT_LE(at + g.vector_at, g.payload) << vector_bytes;
                ASSERT_LT(RecordLastPart(g, slot), g.pages);
                for (uint32_t i = 0; i < g.vector_at + g.vector_bytes; i++, at++) {
                    if (at == g.payload) {
                        part++;
                        at = 0;
                    }
                    ASSERT_EQ(pages[part][at], records[slot][i]) << vector_bytes << " slot " << slot << " byte " << i;
                }
                ASSERT_EQ(part, RecordLastPart(g, slot));
            }
        }
    }
}

namespace {
std::vector<char> MakeRecord(const ReorderGeometry& g, uint32_t number) {
    std::minstd_rand random(number + 1);
    std::vector<char> record(g.record_bytes);
    for (char& c : record) c = static_cast<char>(random() >> 8);
    const Tid tid = MakeTid(number, 1 + number % 200);
    std::memcpy(record.data() + kRecordTidAt, &tid, sizeof(tid));
    return record;
}

// An extent, and what it should hold.
struct Extent {
    explicit Extent(const ReorderGeometry& geometry, uint32_t page_bytes)
        : g(geometry), pages(g.pages, page_bytes), dead(new bool[g.capacity]) {}

    const ReorderGeometry g;
    PageBytes pages;
    std::unique_ptr<bool[]> dead;
    std::map<uint32_t, std::vector<char>> records;  // by slot
    uint32_t next = 0;

    ReorderHeader* header() { return ExtentHeaderOf(pages.payload()); }

    uint32_t FreeSlot() {
        for (uint32_t part = 0; header()->free > 0 && part < g.pages; part++) {
            const uint32_t slot = FreeRecordSlot(g, pages.payload(part), part, header()->count);
            if (slot < g.capacity) return slot;
        }
        return header()->count;
    }

    void Put() {
        const uint32_t slot = FreeSlot();
        ASSERT_EQ(slot < g.capacity, records.size() < g.capacity);
        if (slot == g.capacity) return;
        ASSERT_EQ(records.count(slot), 0u);
        const std::vector<char> record = MakeRecord(g, next++);
        const PageRange range = PagesOfRecord(g, slot);
        ASSERT_LT(range.last, g.pages);
        for (uint32_t part = range.first; part <= range.last; part++)
            PutRecordPart(g, pages.payload(part), part, slot, record.data());
        CountRecord(header(), slot);
        records[slot] = record;
    }

    void Drop(std::mt19937& random) {
        const uint32_t count = header()->count;
        for (uint32_t slot = 0; slot < count; slot++) {
            dead[slot] = records.count(slot) == 1 && random() % 3 == 0;
            if (dead[slot]) records.erase(slot);
        }
        for (uint32_t part = 0; part < g.pages; part++) DropRecords(g, pages.payload(part), part, count, dead.get());
        header()->free = static_cast<uint16_t>(count - records.size());
    }

    void Check() {
        ASSERT_TRUE(pages.GuardsHold());
        ASSERT_EQ(ExtentProblem(g, *header()), nullptr);
        ASSERT_EQ(header()->count - header()->free, static_cast<int>(records.size()));
        uint32_t seen = 0;
        std::vector<char> record(g.record_bytes);
        for (uint32_t part = 0; part < g.pages; part++) {
            const SlotRange slots = SlotsOnPage(g, header()->count, part);
            for (uint32_t slot = slots.first; slot < slots.end; slot++, seen++) {
                ASSERT_EQ(slot, seen);
                ASSERT_EQ(RecordPart(g, slot), part);
                ASSERT_EQ(IsRow(*RecordTid(g, pages.payload(part), slot)), records.count(slot) == 1);
                if (records.count(slot) == 0) continue;
                const PageRange range = PagesOfRecord(g, slot);
                for (uint32_t i = range.first; i <= range.last; i++)
                    TakeRecordPart(g, pages.payload(i), i, slot, record.data());
                ASSERT_EQ(record, records[slot]) << slot;
            }
        }
        ASSERT_EQ(seen, header()->count);
    }
};

template <class See>
void ForEachExtent(See see) {
    for (const uint32_t page_bytes : kBlockSizes)
        for (const uint32_t vector_bytes : {1u, 8u, 100u, 128u, 700u, 1536u, 6144u, 15000u, 64000u})
            for (const bool has_scalar : {false, true}) {
                const ReorderGeometry g = ChooseReorderGeometry(page_bytes, vector_bytes, has_scalar);
                if (g.capacity == 0) continue;
                SCOPED_TRACE("pages of " + std::to_string(page_bytes) + ", vectors of " + std::to_string(vector_bytes));
                see(g, page_bytes);
                if (testing::Test::HasFatalFailure()) return;
            }
}
}  // namespace

TEST(RecordEdits, ExtentsHoldWhatTheModelHolds) {
    std::mt19937 random(9);
    ForEachExtent([&](const ReorderGeometry& g, uint32_t page_bytes) {
        ASSERT_LE(g.capacity, UINT16_MAX);
        Extent extent(g, page_bytes);
        for (int round = 0; round < 8; round++) {
            for (uint32_t i = random() % (2 * g.capacity); i > 0; i--) {
                extent.Put();
                if (testing::Test::HasFatalFailure()) return;
            }
            extent.Check();
            if (testing::Test::HasFatalFailure()) return;
            extent.Drop(random);
            extent.Check();
            if (testing::Test::HasFatalFailure()) return;
        }
    });
}

TEST(RecordEdits, DamagedHeadersAreNoticedOrEditsStayWithin) {
    std::mt19937 random(10);
    ForEachExtent([&](const ReorderGeometry& g, uint32_t page_bytes) {
        Extent extent(g, page_bytes);
        for (uint32_t i = 0; i < g.capacity / 2 + 1; i++) extent.Put();
        const ReorderHeader sound = *extent.header();
        for (uint32_t byte = 0; byte < sizeof(ReorderHeader); byte++)
            for (const int value : {0, 1, 0x7F, 0xFF}) {
                *extent.header() = sound;
                extent.pages.payload()[byte] = static_cast<char>(value);
                if (ExtentProblem(g, *extent.header()) != nullptr) continue;
                const uint32_t count = extent.header()->count;
                for (uint32_t slot = 0; slot < count; slot++) extent.dead[slot] = random() % 2 != 0;
                for (uint32_t part = 0; part < g.pages; part++)
                    DropRecords(g, extent.pages.payload(part), part, count, extent.dead.get());
                const uint32_t slot = extent.FreeSlot();
                if (slot == g.capacity) continue;
                const std::vector<char> record = MakeRecord(g, 1);
                const PageRange range = PagesOfRecord(g, slot);
                for (uint32_t part = range.first; part <= range.last; part++)
                    PutRecordPart(g, extent.pages.payload(part), part, slot, record.data());
                CountRecord(extent.header(), slot);
                ASSERT_TRUE(extent.pages.GuardsHold()) << "byte " << byte << " is " << value;
            }
        *extent.header() = sound;
        extent.header()->count = static_cast<uint16_t>(g.capacity + 1);
        ASSERT_STREQ(ExtentProblem(g, *extent.header()), "more records than fit the page");
        *extent.header() = {1, 2, {0, 0, 0}};
        ASSERT_STREQ(ExtentProblem(g, *extent.header()), "more records than fit the page");
    });
}

TEST(ReorderPage, LittleIsUnused) {
    for (uint32_t dims = 8; dims <= 16000; dims += 8) {
        const ReorderGeometry g = ChooseReorderGeometry(8192, 4 * dims, false);
        ASSERT_GE(g.capacity * uint64_t(4 * dims + 8) * 100, g.pages * uint64_t(8152) * (dims > 8 ? 84 : 80)) << dims;
    }
}

}  // namespace
}  // namespace vectorq
