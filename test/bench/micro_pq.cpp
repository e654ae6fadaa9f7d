// Micro benchmark of the product quantizer: scans, tables, encoding. Compare the columns of one
// run with each other, not runs of different days.
#include <hwy/targets.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <random>
#include <vector>

#include "core/quantize/pq.h"
#include "core/simd/distance.h"
#include "core/simd/lut16_scan.h"
#include "core/simd/pq_scan.h"

namespace {
using namespace vectorq;

double Now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// Best of several runs of about 20 ms each, in seconds per call.
template <class Body>
double Best(const Body& body) {
    double best = 1e9;
    for (int run = 0; run < 7; run++) {
        const double start = Now();
        size_t calls = 0;
        do {
            body();
            calls++;
        } while (Now() - start < 0.02);
        best = std::min(best, (Now() - start) / double(calls));
    }
    return best;
}

std::vector<uint8_t> RandomBytes(size_t n) {
    std::mt19937 random(1);
    std::vector<uint8_t> bytes(n);
    for (uint8_t& b : bytes) b = uint8_t(random());
    return bytes;
}

std::vector<float> RandomFloats(size_t n) {
    std::mt19937 random(1);
    std::normal_distribution<float> normal;
    std::vector<float> floats(n);
    for (float& f : floats) f = normal(random);
    return floats;
}

void BenchScanRows() {
    for (const PqShape shape :
         {PqShape{128, 8, 8}, {128, 16, 8}, {128, 32, 8}, {128, 32, 4}, {128, 64, 4}, {128, 16, 6}}) {
        for (const size_t rows : {size_t(200), size_t(4000000)}) {
            const size_t bytes = PqCodeBytes(shape);
            const std::vector<float> table = RandomFloats(PqTableFloats(shape));
            const std::vector<uint8_t> codes = RandomBytes(rows * bytes);
            std::vector<float> out(rows, 0.0f);
            const double t = Best([&] { ScanPqRows(table.data(), codes.data(), bytes, rows, shape, out.data()); });
            std::printf("ScanPqRows m=%-3u bits=%u rows=%-8zu %6.2f ns/row  %.3f ns/lookup\n", shape.m, shape.bits,
                        rows, t / double(rows) * 1e9, t / double(rows) / shape.m * 1e9);
        }
    }
}

void BenchLut16() {
    for (const size_t m : {16, 32, 64, 128, 256}) {
        std::printf("ScanLut16 m=%-4zu", m);
        const std::vector<float> table = RandomFloats(m * 16);
        std::vector<uint8_t> lut(Lut16TableBytes(m));
        const double quantize = Best([&] { QuantizeLut16(table.data(), m, lut.data()); });
        for (const size_t blocks : {size_t(8), size_t(60000)}) {
            const std::vector<uint8_t> codes = RandomBytes(blocks * Lut16BlockBytes(m));
            std::vector<uint16_t> sums(blocks * 32);
            const double t = Best([&] { ScanLut16(lut.data(), codes.data(), blocks, m, sums.data()); });
            std::printf("  rows=%-8zu %6.3f ns/row", blocks * 32, t / double(blocks * 32) * 1e9);
        }
        std::printf("  QuantizeLut16 %.3f us\n", quantize * 1e6);
    }
    std::vector<uint16_t> sums(3200), indices(3200);
    std::mt19937 random(2);
    for (uint16_t& s : sums) s = uint16_t(random());
    for (const uint16_t threshold : {uint16_t(60), uint16_t(600), uint16_t(6000)}) {
        const double t = Best([&] { FilterBelowU16(sums.data(), sums.size(), threshold, indices.data()); });
        std::printf("FilterBelowU16 %4.1f%% pass: %.3f ns/row\n", threshold / 655.36, t / 3200 * 1e9);
    }
}

void BenchEncode() {
    constexpr size_t kRows = 20000;
    for (const PqShape shape : {PqShape{128, 8, 8}, {128, 16, 8}, {128, 32, 4}, {128, 64, 4}, {1536, 96, 8}}) {
        const std::vector<float> x = RandomFloats(kRows * shape.dims), codebook = RandomFloats(PqCodebookFloats(shape));
        std::vector<float> scratch(PqEncodeScratchFloats(shape)), table(PqTableFloats(shape));
        std::vector<uint8_t> codes(kRows * PqCodeBytes(shape));
        const double t = Best([&] { EncodePq(shape, codebook.data(), x.data(), kRows, codes.data(), scratch.data()); });
        const double one = Best([&] { EncodePq(shape, codebook.data(), x.data(), 1, codes.data(), scratch.data()); });
        const double tables = Best([&] { BuildPqTable(shape, codebook.data(), PqTable::kL2, x.data(), table.data()); });
        std::printf("dims=%-4u m=%-2u bits=%u: encode %8.0f rows/s, one row %.2f us, L2 table %.2f us\n", shape.dims,
                    shape.m, shape.bits, kRows / t, one * 1e6, tables * 1e6);
    }
}

}  // namespace

// An argument names a SIMD target by its Highway bit, e.g. 512 for AVX2.
int main(int argc, char** argv) {
    if (argc > 1) hwy::SetSupportedTargetsForTest(std::atoll(argv[1]));
    std::printf("%s\n", SimdTargetName());
    BenchScanRows();
    BenchLut16();
    BenchEncode();
}
