// Tables of metrics, codes and the like: a row for each number, in order, and no name twice.
#include "core/base/kinds.h"

#include <gtest/gtest.h>

#include <cmath>
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
        if (code.exact) {  // before training
            EXPECT_EQ(code.ams, kAllAms);
        }
        Codec codec = {};
        codec.kind = code.number;
        codec.dims = 64;
        codec.pq = {64, 16, code.number == CodeKind::kPq4 ? 4u : 8u};
        EXPECT_EQ(QuantizerFloats(codec) > 0, code.trained);
        EXPECT_EQ(CodeBlockBytes(codec) > 0, code.stored == Stored::kCodewordBlocks);
        if (!code.product) {
            EXPECT_EQ(CodeBytes(codec), size_t(code.element_bytes) * 64);
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

TEST(Kinds, MetricLengthIsADistance) {
    const float a[2] = {3, 0}, b[2] = {0, 4};
    EXPECT_FLOAT_EQ(MetricLength(Metric::kL2, MetricDistance(Metric::kL2, a, b, 2), 12), 5);
    EXPECT_FLOAT_EQ(MetricLength(Metric::kL1, MetricDistance(Metric::kL1, a, b, 2), 12), 7);
    EXPECT_FLOAT_EQ(MetricLength(Metric::kInnerProduct, MetricDistance(Metric::kInnerProduct, a, b, 2), 12),
                    std::sqrt(2.0f));
}

}  // namespace
}  // namespace vectorq
