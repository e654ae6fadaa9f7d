// Tables of metrics, codes and the like: a row for each number, in order, and no name twice.
#include "core/base/kinds.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <set>
#include <string>
#include <vector>

#include "core/quantize/codec.h"
#include "core/simd/metric_distance.h"
#include "core/simd/row_distance.h"
#include "test_support.h"

namespace vectorq {
namespace {

template <class Row, size_t n>
void ExpectNamesOnce(const Row (&rows)[n], const char* Row::*name) {
    std::set<std::string> names;
    for (size_t i = 0; i < n; i++) {
        EXPECT_EQ(size_t(rows[i].number), i);
        if (rows[i].*name == nullptr) continue;
        EXPECT_NE(std::string(rows[i].*name), "");
        EXPECT_TRUE(names.insert(rows[i].*name).second) << rows[i].*name;
    }
}

TEST(Kinds, EachNumberHasOneRowAndNamesAreUnique) {
    ExpectNamesOnce(kMetrics, &MetricTraits::name);
    ExpectNamesOnce(kMetrics, &MetricTraits::class_name);
    ExpectNamesOnce(kMetrics, &MetricTraits::sql_operator);
    ExpectNamesOnce(kCodes, &CodeTraits::name);
    ExpectNamesOnce(kCodes, &CodeTraits::quantizer);
    ExpectNamesOnce(kReorders, &ReorderTraits::name);
    ExpectNamesOnce(kReplicas, &ReplicasTraits::name);
    std::set<std::string> ams(kAmNames, kAmNames + kNumAms);
    EXPECT_EQ(ams.size(), size_t(kNumAms));
}

TEST(Kinds, InOrderFindsAMisplacedRow) {
    struct Row {
        int number;
    };
    static constexpr Row good[] = {{0}, {1}, {2}}, swapped[] = {{0}, {2}, {1}}, twice[] = {{0}, {1}, {1}};
    static_assert(InOrder(good) && !InOrder(swapped) && !InOrder(twice));
}

TEST(Kinds, ColumnsAgree) {
    for (const CodeTraits& code : kCodes) {
        SCOPED_TRACE(code.name);
        EXPECT_NE(code.exact, code.trained);  // what is not exact is learned
        EXPECT_GT(code.byte_cost, 0);
        EXPECT_NE(code.ams, kNoAm);
        if (code.exact && code.number != CodeKind::kBits) {  // before training
            EXPECT_EQ(code.ams, kAllAms);
        }
        Codec codec = {};
        codec.kind = code.number;
        codec.dims = 64;
        codec.pq = {64, 16, code.number == CodeKind::kPq4 ? 4u : 8u};
        EXPECT_EQ(QuantizerFloats(codec) > 0, code.trained);
        EXPECT_EQ(CodeBlockBytes(codec) > 0, code.stored == Stored::kCodewordBlocks);
        if (!code.product) {
            EXPECT_EQ(CodeBytes(codec), size_t(code.element_bytes) * 64 / code.element_dims);
            EXPECT_EQ(CodeElements(codec) * code.element_bytes, CodeBytes(codec));
        }
        float learned[2 * 64] = {};
        AttachQuantizer(&codec, learned);
        EXPECT_EQ(codec.codebook != nullptr, code.product);
        EXPECT_EQ(codec.sq8_offset != nullptr, code.trained && !code.product);
    }
    for (const MetricTraits& metric : kMetrics) {
        SCOPED_TRACE(metric.name);
        if (metric.dot) {
            EXPECT_EQ(metric.sum, Sum::kProducts);
        }
        if (metric.normalised) {
            EXPECT_TRUE(metric.dot);
        }
    }
    for (const ReorderTraits& reorder : kReorders)
        if (reorder.records) {
            EXPECT_STREQ(reorder.name, TraitsOf(reorder.code).name);
        }
}

// Every metric's kernel over every plain code says the distance that MetricDistance says of the f32 row.
TEST(Kinds, KernelsGiveTheMetricsDistance) {
    constexpr size_t kDims = 37;
    std::vector<float> query(kDims), row(kDims);
    for (size_t d = 0; d < kDims; d++) {
        query[d] = float(d % 7) * 0.25f - 0.5f;
        row[d] = float(d % 5) * 0.5f - 1.0f;
    }
    std::vector<half> halves(kDims);
    F32ToF16(row.data(), kDims, halves.data());
    for (const MetricTraits& metric : kMetrics) {
        if (metric.bits) continue;
        SCOPED_TRACE(metric.name);
        const float expected = MetricDistance(metric.number, query.data(), row.data(), kDims);
        for (const CodeKind kind : {CodeKind::kF32, CodeKind::kF16}) {
            Codec codec = {};
            codec.metric = metric.number;
            codec.kind = kind;
            codec.dims = kDims;
            const void* code = kind == CodeKind::kF32 ? static_cast<const void*>(row.data()) : halves.data();
            const ListTable table = PrepareListTable(codec, query.data(), nullptr, nullptr, true);
            const float sum = GetRowKernel(CodecKernel(codec))(table.table, code, kDims);
            EXPECT_NEAR(table.bias + table.factor * sum, expected, 1e-4);
        }
    }
}

// The same of bit strings, whose rows are vectors of 0 and 1 and whose codes are bits; and a code that is scored in two
// parts, as where it runs over a page's end.
TEST(Kinds, BitCodesGiveTheMetricsDistance) {
    constexpr size_t kDims = 101, kCut = 5;
    std::vector<float> query(kDims), row(kDims), decoded(kDims);
    for (size_t d = 0; d < kDims; d++) {
        query[d] = d % 7 < 3;
        row[d] = d % 5 < 3;
    }
    for (const Metric metric : {Metric::kHamming, Metric::kJaccard}) {
        SCOPED_TRACE(TraitsOf(metric).name);
        Codec codec = {};
        codec.metric = metric;
        codec.kind = CodeKind::kBits;
        codec.dims = kDims;
        uint8_t code[24] = {}, fits;
        float none, bits_set, sums[2] = {};
        EncodeRows(codec, row.data(), 1, nullptr, nullptr, {code, sizeof(code), 0, 16, &fits}, &none);
        std::memcpy(&bits_set, code + 16, sizeof(bits_set));
        EXPECT_EQ(bits_set, CodeHasScalar(codec) ? DotF32(row.data(), row.data(), kDims) : 0.0f);
        DecodeExact(codec, code, decoded.data());
        EXPECT_EQ(decoded, row);
        std::vector<float> scratch(TableScratchFloats(codec));
        const ListTable table = PrepareListTable(codec, query.data(), nullptr, scratch.data(), true);
        const BlockFn kernel = GetBlockKernel(CodecKernel(codec));
        const size_t elements = CodeElements(codec);
        kernel(table.table, code, sizeof(code), 1, elements, &sums[0]);
        kernel(table.table, code, sizeof(code), 1, kCut, &sums[1]);
        kernel(TableFrom(codec, table, kCut), code + kCut, sizeof(code), 1, elements - kCut, &sums[1]);
        EXPECT_EQ(sums[0], sums[1]);
        FinishSums(table, sums, &bits_set, 1);
        EXPECT_FLOAT_EQ(sums[0], MetricDistance(metric, query.data(), row.data(), kDims));
    }
}

TEST(Kinds, OperatorDistanceIsTheOperators) {
    const float a[] = {0.6f, 0.8f}, b[] = {0.8f, 0.6f};
    const auto of = [&](Metric metric) { return OperatorDistance(metric, MetricDistance(metric, a, b, 2)); };
    EXPECT_NEAR(of(Metric::kL2), std::sqrt(0.08), 1e-6);
    EXPECT_NEAR(of(Metric::kInnerProduct), -0.96, 1e-6);
    EXPECT_NEAR(of(Metric::kCosine), 0.04, 1e-6);
    EXPECT_NEAR(of(Metric::kL1), 0.4, 1e-6);
    // Rounding takes no distance below the least.
    EXPECT_EQ(OperatorDistance(Metric::kL2, -1e-9f), 0);
    EXPECT_EQ(OperatorDistance(Metric::kCosine, -1.00001f), 0);
}

TEST(Kinds, MetricLengthIsADistance) {
    const float a[2] = {3, 0}, b[2] = {0, 4};
    EXPECT_FLOAT_EQ(MetricLength(Metric::kL2, MetricDistance(Metric::kL2, a, b, 2), 12), 5);
    EXPECT_FLOAT_EQ(MetricLength(Metric::kL1, MetricDistance(Metric::kL1, a, b, 2), 12), 7);
    EXPECT_FLOAT_EQ(MetricLength(Metric::kInnerProduct, MetricDistance(Metric::kInnerProduct, a, b, 2), 12),
                    std::sqrt(2.0f));
}

}  // namespace
}  // namespace vectorq
