// Extents of records: every record can be put and read back page by page, and no page ends within its head.
#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "core/page/reorder_page.h"

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

TEST(ReorderPage, LittleIsUnused) {
    for (uint32_t dims = 8; dims <= 16000; dims += 8) {
        const ReorderGeometry g = ChooseReorderGeometry(8192, 4 * dims, false);
        ASSERT_GE(g.capacity * uint64_t(4 * dims + 8) * 100, g.pages * uint64_t(8152) * (dims > 8 ? 84 : 80)) << dims;
    }
}

}  // namespace
}  // namespace vectorq
