// Many queries at once: lists that they probe, what they collect, rows in order; each beside the plain way.
#include <algorithm>
#include <cmath>

#include "core/batch/batch_lists.h"
#include "core/batch/batch_order.h"
#include "core/batch/batch_score.h"
#include "core/batch/list_terms.h"
#include "core/simd/distance.h"
#include "test_support.h"

namespace vectorq::test {
namespace {

constexpr size_t kDims = 24, kRows = 600, kLists = 6, kQueries = 70, kCapacity = 20;

// Rows as lists keep them, each list in two segments; a row's number is its tid's block.
struct Lists {
    // lengths: codes are of directions.
    explicit Lists(CodeKind kind, bool lengths = false, Metric metric = Metric::kL2)
        : rows(RandomMatrix(kRows, kDims, 1)), centroids(kLists, kDims) {
        for (size_t i = 0; i < kLists * kDims; i++) centroids.data()[i] = 0.1f * float(i % 7);
        codec.metric = metric;
        codec.lengths = lengths;
        codec.kind = kind;
        codec.dims = kDims;
        if (kind == CodeKind::kPq4) {
            codec.pq = {kDims, kDims / 2, 4};
            codebook = RandomMatrix(1, PqCodebookFloats(codec.pq), 3);
            // Of directions: pieces of vectors of length 1.
            for (size_t i = 0; lengths && i < PqCodebookFloats(codec.pq); i++) codebook.data()[i] *= 0.25f;
            codec.codebook = codebook.data();
        }
        geometry = {4000,
                    1,
                    64,
                    uint32_t(CodeBytes(codec)),
                    uint32_t(CodeBlockBytes(codec)),
                    lengths ? ColumnSet(1u << kScalarColumn) : ColumnSet(0)};
        for (size_t list = 0; list < kLists; list++)
            for (size_t from = list; from < kRows; from += kLists * 50) AddSegment(list, from);
    }
    size_t ListOf(size_t row) const { return row % kLists; }

    // Of rows from `from` on, every kLists-th, 50 of them.
    void AddSegment(size_t list, size_t from) {
        const SegmentLayout layout = LayoutOf(geometry, 64);
        std::vector<char> bytes(layout.bytes, 0);
        uint32_t count = 0;
        for (size_t row = from; count < 50 && row < kRows; row += kLists, count++) {
            const Tid tid = MakeTid(uint32_t(row), 1);
            std::memcpy(bytes.data() + sizeof(SegmentHeader) + kTidBytes * count, &tid, sizeof(tid));
            std::vector<uint8_t> code(CodeBytes(codec) + sizeof(float)), fits(1);
            std::vector<float> scratch(EncodeScratchFloats(codec, 1));
            const uint32_t in = uint32_t(list);
            EncodeRows(codec, rows.row(row), 1, centroids.data(), &in,
                       {code.data(), code.size(), 0, CodeBytes(codec), fits.data()}, scratch.data());
            if (codec.lengths)
                std::memcpy(bytes.data() + layout.column_offset[kScalarColumn] + sizeof(float) * count,
                            code.data() + CodeBytes(codec), sizeof(float));
            uint8_t* codes = reinterpret_cast<uint8_t*>(bytes.data()) + layout.codes_offset;
            if (geometry.block_bytes > 0)
                PackCode4(codes + count / 32 * geometry.block_bytes, codec.pq.m, count % 32, code.data());
            else std::memcpy(codes + count * geometry.code_bytes, code.data(), CodeBytes(codec));
        }
        of_list[list].push_back(bytes);
        counts[list].push_back(count);
    }

    // Of the row in a slot, by the tables of a single scan; and the row.
    std::pair<float, size_t> Distance(const ListTable& table, const std::vector<char>& segment, uint32_t slot) const {
        const SegmentLayout layout = LayoutOf(geometry, 64);
        const uint8_t* blocks = reinterpret_cast<const uint8_t*>(segment.data()) + layout.codes_offset;
        std::vector<uint8_t> code(CodeBytes(codec));
        UnpackCode4(blocks + slot / 32 * geometry.block_bytes, codec.pq.m, slot % 32, code.data());
        float sum = 0, word;
        for (size_t s = 0; s < codec.pq.m; s++) sum += table.table[s * 16 + (code[s / 2] >> s % 2 * 4 & 15)];
        std::memcpy(&word, segment.data() + layout.column_offset[kScalarColumn] + sizeof(float) * slot, sizeof(word));
        FinishSums(table, &sum, &word, 1);
        Tid tid;
        std::memcpy(&tid, segment.data() + sizeof(SegmentHeader) + kTidBytes * slot, sizeof(tid));
        return {sum, BlockOf(tid)};
    }
    // Segments of a list, with the terms of their rows where there are such.
    std::vector<SegmentCopy> Segments(size_t list, std::vector<std::vector<float>>* rooms) const {
        std::vector<SegmentCopy> segments;
        ListTerms terms(codec, geometry, centroids.row(1));
        if (HasListTerms(codec)) terms.BeginList(centroids.row(list));
        for (size_t s = 0; s < counts[list].size(); s++) {
            SegmentCopy copy = {of_list[list][s].data(), counts[list][s], 64};
            if (HasListTerms(codec)) {
                float* scales = rooms->emplace_back(2 * copy.count).data();
                terms.Fill(copy.bytes, copy.capacity, copy.count, scales, scales + copy.count);
                copy.scales = scales;
                copy.bases = scales + copy.count;
            }
            segments.push_back(copy);
        }
        return segments;
    }

    Matrix rows, centroids, codebook;
    Codec codec{};
    PostingGeometry geometry{};
    std::vector<std::vector<char>> of_list[kLists];
    std::vector<uint32_t> counts[kLists];
};

// Scores all lists, `at_once` segments a call, and returns what each query has, nearest first.
// nearest: how far the nearest list is said to be.
std::vector<std::vector<Candidate>> Collect(const Lists& lists, const Matrix& queries, int threads, bool in_pieces,
                                            float nearest = 1e30f) {
    BatchScorer scorer({lists.codec, lists.geometry, kCapacity, kQueries, false, threads, lists.centroids.row(1)});
    StopToken stop;
    scorer.Begin();
    std::vector<uint32_t> position(kLists);
    for (uint32_t i = 0; i < kLists; i++) position[i] = kLists - i;
    for (size_t q = 0; q < kQueries; q++) {
        // The query probes lists q % kLists and those after it, one to four.
        std::vector<ListScore> probed;
        for (size_t i = 0; i <= q % 4; i++) probed.push_back({nearest, uint32_t((q + i) % kLists)});
        std::copy_n(queries.row(q), kDims, scorer.code_query(scorer.AddQuery(probed.data(), uint32_t(probed.size()))));
    }
    const std::vector<uint32_t> to_read = scorer.ListsToRead(position.data(), stop);
    EXPECT_EQ(to_read.size(), kLists);
    EXPECT_TRUE(std::is_sorted(to_read.rbegin(), to_read.rend()));
    for (const uint32_t list : to_read) {
        std::vector<std::vector<float>> rooms;
        const std::vector<SegmentCopy> segments = lists.Segments(list, &rooms);
        const ListCopy copy = {list, lists.centroids.row(list), segments.data(), segments.size()};
        for (size_t s = 0; in_pieces && s < segments.size(); s++) {
            const ListCopy piece = {list, copy.centroid, &segments[s], 1};
            scorer.Score(&piece, 1, s + 1 < segments.size(), stop);
        }
        if (!in_pieces) scorer.Score(&copy, 1, false, stop);
    }
    scorer.EndScoring(stop);
    std::vector<std::vector<Candidate>> found(kQueries);
    for (size_t q = 0; q < kQueries; q++)
        for (size_t i = 0; i < scorer.candidates(q); i++) found[q].push_back(scorer.Take(q, i));
    return found;
}

bool Same(const std::vector<Candidate>& a, const std::vector<Candidate>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const Candidate& x, const Candidate& y) {
        return x.distance == y.distance && x.tid == y.tid;
    });
}

TEST(Batch, CollectsTheNearestOfTheListsThatAQueryProbes) {
    const Lists lists(CodeKind::kF32);
    const Matrix queries = RandomMatrix(kQueries, kDims, 2);
    const auto found = Collect(lists, queries, 1, false);
    for (size_t q = 0; q < kQueries; q++) {
        std::vector<std::pair<float, size_t>> want;
        for (size_t row = 0; row < kRows; row++)
            if ((lists.ListOf(row) + kLists - q % kLists) % kLists <= q % 4)
                want.push_back({L2SquaredF32(queries.row(q), lists.rows.row(row), kDims), row});
        std::sort(want.begin(), want.end());
        ASSERT_EQ(found[q].size(), kCapacity);
        for (size_t i = 0; i < kCapacity; i++) {
            ASSERT_EQ(found[q][i].tid >> 32, want[i].second) << "query " << q << " row " << i;
            ASSERT_NEAR(found[q][i].distance, want[i].first, 1e-4f * want[i].first);
        }
    }
}

TEST(Batch, NeitherThreadsNorPiecesChangeTheAnswer) {
    for (const Lists& lists : {Lists(CodeKind::kF32), Lists(CodeKind::kPq4), Lists(CodeKind::kPq4, true)}) {
        const Matrix queries = RandomMatrix(kQueries, kDims, 2);
        const auto want = Collect(lists, queries, 1, false);
        for (const int threads : {1, 2, 5})
            for (const bool in_pieces : {false, true}) {
                const auto got = Collect(lists, queries, threads, in_pieces);
                for (size_t q = 0; q < kQueries; q++) ASSERT_TRUE(Same(got[q], want[q])) << threads << " query " << q;
            }
    }
}

// One table for all lists, and terms of rows, give the distances of a table for each list.
TEST(Batch, TermsOfListsGiveTheDistancesOfSingleScans) {
    for (const auto& [metric, nearest] :
         {std::pair{Metric::kL2, 1e30f}, {Metric::kL2, 0.0f}, {Metric::kInnerProduct, 1e30f}}) {
        // A query that is far from the origin of terms has tables of its own.
        const Lists lists(CodeKind::kPq4, true, metric);
        const Codec& codec = lists.codec;
        const Matrix queries = RandomMatrix(kQueries, kDims, 2);
        const auto found = Collect(lists, queries, 1, false, nearest);
        for (size_t q = 0; q < kQueries; q++) {
            std::vector<std::pair<float, size_t>> want;
            for (size_t i = 0; i <= q % 4; i++) {
                const uint32_t list = uint32_t((q + i) % kLists);
                std::vector<float> scratch(TableScratchFloats(codec));
                const ListTable table =
                    PrepareListTable(codec, queries.row(q), lists.centroids.row(list), scratch.data(), true);
                for (size_t s = 0; s < lists.counts[list].size(); s++)
                    for (uint32_t slot = 0; slot < lists.counts[list][s]; slot++)
                        want.push_back(lists.Distance(table, lists.of_list[list][s], slot));
            }
            std::sort(want.begin(), want.end());
            ASSERT_EQ(found[q].size(), kCapacity);
            // Tables in 8 bits: of two rows that are equally near, either may come first.
            for (size_t i = 0; i < kCapacity; i++)
                ASSERT_NEAR(found[q][i].distance, want[i].first, 0.02f * std::fabs(want[i].first) + 0.3f)
                    << "query " << q << " row " << i;
        }
    }
}

TEST(Batch, PassesPutTheNearestRowsInOrder) {
    const Lists lists(CodeKind::kPq4);
    const Matrix queries = RandomMatrix(kQueries, kDims, 2);
    StopToken stop;
    for (const size_t pass_entries : {16, 100000}) {
        BatchScorer scorer({lists.codec, lists.geometry, kRows, kQueries, false, 2});
        BatchOrder order({5, 5, true, false, false, 0, 0, 0.05, pass_entries, 2}, kQueries);
        scorer.Begin();
        std::vector<uint32_t> position(kLists, 0);
        for (size_t q = 0; q < kQueries; q++) {
            const ListScore probed = {0, uint32_t(q % kLists)};
            std::copy_n(queries.row(q), kDims, scorer.code_query(scorer.AddQuery(&probed, 1)));
        }
        for (const uint32_t list : std::vector<uint32_t>(scorer.ListsToRead(position.data(), stop))) {
            std::vector<SegmentCopy> segments;
            for (size_t s = 0; s < lists.counts[list].size(); s++)
                segments.push_back({lists.of_list[list][s].data(), lists.counts[list][s], 64});
            const ListCopy copy = {list, lists.centroids.row(list), segments.data(), segments.size()};
            scorer.Score(&copy, 1, false, stop);
        }
        scorer.EndScoring(stop);
        order.Begin(&scorer, stop);
        for (;;) {
            const std::vector<RowRequest>& requests = order.NextPass(stop);
            if (requests.empty()) break;
            for (size_t i = 0; i < requests.size(); i++) {
                ASSERT_TRUE(i == 0 || requests[i - 1].place <= requests[i].place);
                const uint64_t row = requests[i].tid >> 32;
                if (row % 5 == 0) continue;  // is not there any more
                const float d = L2SquaredF32(queries.row(requests[i].query), lists.rows.row(row), kDims);
                order.SetDistance(requests[i].slot, d, requests[i].tid);
            }
            order.EndPass(stop);
        }
        for (size_t q = 0; q < kQueries; q++) {
            std::vector<std::pair<float, size_t>> want;
            for (size_t row = q % kLists; row < kRows; row += kLists)
                if (row % 5 != 0) want.push_back({L2SquaredF32(queries.row(q), lists.rows.row(row), kDims), row});
            std::sort(want.begin(), want.end());
            size_t count;
            const Candidate* rows = order.rows(q, &count);
            ASSERT_EQ(count, 5u);
            for (size_t i = 0; i < 5; i++) ASSERT_EQ(rows[i].tid >> 32, want[i].second);
            ASSERT_TRUE(order.exhausted(q));
        }
    }
}

TEST(Batch, PicksTheNearestLists) {
    StopToken stop;
    const size_t lists = 300, dims = 16;
    const Matrix centroids = RandomMatrix(lists, dims, 4), queries = RandomMatrix(20, dims, 5);
    CentroidGroups one;
    one.start = {0, uint32_t(lists)};
    for (uint32_t i = 0; i < lists; i++) one.members.push_back(i);
    AlignedArray<uint8_t> bytes(CompactBytes(lists, 0, dims));
    BuildCompactCentroids(centroids, nullptr, one, 1, stop, bytes.data());
    const Centroids view = {ViewCompactFront(bytes.data(), dims), bytes.data(), centroids.data(), Metric::kL2, 0};
    ListPicker picker;
    for (size_t q = 0; q < queries.rows(); q++) {
        std::vector<std::pair<float, uint32_t>> want;
        for (uint32_t i = 0; i < lists; i++) want.push_back({L2SquaredF32(queries.row(q), centroids.row(i), dims), i});
        std::sort(want.begin(), want.end());
        std::vector<ListScore> got(12);
        ASSERT_EQ(picker.Pick(view, {12, 12, nullptr, 0}, queries.row(q), got.data()), 12u);
        for (size_t i = 0; i < 12; i++) ASSERT_EQ(got[i].list, want[i].second);
        // Lists beyond 1.1 times the distance of the nearest are left out.
        const uint32_t near = picker.Pick(view, {12, 12, nullptr, 0.1}, queries.row(q), got.data());
        for (size_t i = 0; i < 12; i++)
            ASSERT_EQ(i < near, std::sqrt(want[i].first) <= 1.1f * std::sqrt(want[0].first)) << i;
    }
    std::vector<uint32_t> position(lists + 1);
    SpatialOrder(view, uint32_t(lists + 1), position.data());
    ASSERT_EQ(position[lists], lists + 1);  // no such list is searched
    std::sort(position.begin(), position.end());
    for (uint32_t i = 0; i < lists; i++) ASSERT_EQ(position[i], i);
}

}  // namespace
}  // namespace vectorq::test
