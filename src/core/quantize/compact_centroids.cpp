// See compact_centroids.h.
#include "core/quantize/compact_centroids.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "core/quantize/pq.h"
#include "core/simd/dot_u8.h"
#include "core/simd/finish_distances.h"
#include "core/simd/lut16_scan.h"
#include "core/simd/topk_filter.h"

namespace vectorq {

namespace {
// Below so many lists all are scored: 2,000 take 13 us of a query.
constexpr size_t kGroupedLists = 2048;
// Groups: so many times the square root of the lists.
constexpr double kGroupsPerRoot = 5;
// Lists to score in the nearest groups so that 98 to 99 % of the `wanted` nearest are among them: 98 %, 99 %, and what
// kScored lists^kListsPower wanted^kWantedPower + kScoredPerWanted wanted gives (SIFT, 300 queries):
//              36 wanted              89                     146                    438
//     4,000     543    649    651     736    911    981      904  1,081  1,252    1,465  1,726  2,301
//    16,000   1,177  1,514  1,367   1,587  1,989  1,973    1,882  2,371  2,437    2,922  3,600  4,062
//   100,000   4,218  5,514  3,823   5,230  6,924  5,374    6,118  8,013  6,502    8,885 11,381 10,099
// Centroids in their two or three nearest groups, or in a second one by SOAR's loss, save nothing of that.
constexpr double kScored = 1.3, kListsPower = 0.58, kWantedPower = 0.36, kScoredPerWanted = 2;
constexpr double kLeastScored = 256;

// Groups that are taken at a time, at least.
constexpr uint32_t kLeastGroups = 8;

constexpr size_t kCoarseIterations = 10;

PqShape CoarseShape(size_t groups, size_t dims) noexcept {
    return {uint32_t(dims), uint32_t(CoarseSubspaces(groups, dims)), kCoarseBits};
}

void MiddleAndScale(const Matrix& centroids, float* middle, float* scale) noexcept {
    const size_t dims = centroids.cols();
    for (size_t d = 0; d < dims; d++) {
        float lo = std::numeric_limits<float>::max(), hi = std::numeric_limits<float>::lowest();
        for (size_t list = 0; list < centroids.rows(); list++) {
            lo = std::min(lo, centroids.row(list)[d]);
            hi = std::max(hi, centroids.row(list)[d]);
        }
        if (centroids.rows() == 0) lo = hi = 0;
        middle[d] = lo + (hi - lo) / 2;
        scale[d] = hi / 255 - lo / 255;
    }
}

// The scalar, and the code.
float Encode(const float* c, const float* middle, const float* scale, size_t dims, uint8_t* code) noexcept {
    float sq_norm = 0;
    for (size_t d = 0; d < dims; d++) {
        const float r = c[d] - middle[d];
        sq_norm += r * r;
        const float level = scale[d] > 0 ? r / scale[d] + 127.5f : 0.0f;
        code[d] = static_cast<uint8_t>(std::clamp(std::nearbyint(level), 0.0f, 255.0f));
    }
    return sq_norm;
}
}  // namespace

size_t SearchGroups(size_t lists) noexcept {
    return lists < kGroupedLists ? 0 : size_t(std::lround(kGroupsPerRoot * std::sqrt(double(lists))));
}

size_t ListsToScore(size_t lists, size_t wanted) noexcept {
    const double near = kScored * std::pow(double(lists), kListsPower) * std::pow(double(wanted), kWantedPower);
    return size_t(std::max(kLeastScored, near + kScoredPerWanted * double(wanted)));
}

bool CompactFrontIsSound(const uint8_t* bytes, size_t entries, size_t groups, size_t dims) noexcept {
    // The header says how long the arrays are: it is looked at first.
    const CompactHeader* header = reinterpret_cast<const CompactHeader*>(bytes);
    if (header->entries != entries || header->groups != groups) return false;
    if (groups == 0) return true;
    const uint32_t* start = ViewCompactFront(bytes, dims).start;
    return start[0] == 0 && start[groups] == entries && std::is_sorted(start, start + groups + 1);
}

CompactFront ViewCompactFront(const uint8_t* bytes, size_t dims) noexcept {
    const CompactHeader* header = reinterpret_cast<const CompactHeader*>(bytes);
    CompactFront front{};
    front.entries = header->entries;
    front.groups = header->groups;
    front.dims = dims;
    front.middle = reinterpret_cast<const float*>(bytes + sizeof(CompactHeader));
    front.scale = front.middle + dims;
    if (front.groups == 0) return front;
    front.scalar = front.scale + dims;
    front.start = reinterpret_cast<const uint32_t*>(front.scalar + front.groups);
    front.code = reinterpret_cast<const uint8_t*>(front.start + front.groups + 1);
    if (CoarseSubspaces(front.groups, dims) > 0)
        front.codebook = reinterpret_cast<const float*>(front.code + CompactPadded(front.groups * dims));
    return front;
}

CompactGroup ViewCompactGroup(const uint8_t* bytes, size_t entries, size_t) noexcept {
    const uint32_t* list = reinterpret_cast<const uint32_t*>(bytes);
    const float* scalar = reinterpret_cast<const float*>(list + entries);
    return {list, scalar, reinterpret_cast<const uint8_t*>(scalar + entries)};
}

static void BuildCoarseCodes(const Matrix& centroids, const CentroidGroups& groups, int threads, StopToken& stop,
                             uint8_t* bytes) {
    const size_t n = centroids.rows(), dims = centroids.cols(), count = groups.size();
    const PqShape shape = CoarseShape(count, dims);
    Matrix residuals(n, dims);  // in the order of the members
    for (size_t g = 0; g < count; g++)
        for (size_t j = groups.start[g]; j < groups.start[g + 1]; j++)
            for (size_t d = 0; d < dims; d++)
                residuals.row(j)[d] = centroids.row(groups.members[j])[d] - groups.centers.row(g)[d];
    const AlignedArray<float> codebook = TrainPq(shape, residuals, kCoarseIterations, 0, threads, stop);
    const CompactFront front = ViewCompactFront(bytes, dims);
    std::memcpy(const_cast<float*>(front.codebook), codebook.data(), 4 * kCoarseCodewords * dims);
    const size_t code_bytes = PqCodeBytes(shape);
    AlignedArray<uint8_t> codes(n * code_bytes);
    AlignedArray<float> scratch(std::max(PqEncodeScratchFloats(shape), dims));
    EncodePq(shape, codebook.data(), residuals.data(), n, codes.data(), scratch.data());
    float* scalar = reinterpret_cast<float*>(bytes + CoarseScalarOffset(n, count, dims));
    for (size_t g = 0; g < count; g++) {
        const size_t first = groups.start[g], entries = groups.start[g + 1] - first;
        const float* center = groups.centers.row(g);
        uint8_t* blocks = bytes + CoarseOffset(n, count, dims, g, first);
        for (size_t j = 0; j < entries; j++) {
            const uint8_t* code = codes.data() + (first + j) * code_bytes;
            PackCode4(blocks + j / kLut16BlockRows * Lut16BlockBytes(shape.m), shape.m, j % kLut16BlockRows, code);
            DecodePq(shape, codebook.data(), code, scratch.data());
            float sum = 0;
            for (size_t d = 0; d < dims; d++) sum += scratch[d] * (scratch[d] + 2 * (center[d] - front.middle[d]));
            scalar[first + j] = sum;
        }
    }
}

void BuildCompactCentroids(const Matrix& centroids, const uint32_t* list, const CentroidGroups& groups, int threads,
                           StopToken& stop, uint8_t* bytes) {
    const size_t n = centroids.rows(), dims = centroids.cols(), centers = groups.centers.rows();
    std::memset(bytes, 0, CompactBytes(n, centers, dims));
    CompactHeader* header = reinterpret_cast<CompactHeader*>(bytes);
    header->entries = uint32_t(n);
    header->groups = uint32_t(centers);
    const CompactFront front = ViewCompactFront(bytes, dims);
    MiddleAndScale(centroids, const_cast<float*>(front.middle), const_cast<float*>(front.scale));
    for (size_t g = 0; g < centers; g++) {
        const_cast<float*>(front.scalar)[g] =
            Encode(groups.centers.row(g), front.middle, front.scale, dims, const_cast<uint8_t*>(front.code) + g * dims);
    }
    if (centers > 0) std::memcpy(const_cast<uint32_t*>(front.start), groups.start.data(), 4 * (centers + 1));
    for (size_t g = 0; g < groups.size(); g++) {
        const size_t first = groups.start[g], entries = groups.start[g + 1] - first;
        const CompactGroup part = ViewCompactGroup(bytes + CompactGroupOffset(centers, dims, g, first), entries, dims);
        for (size_t j = 0; j < entries; j++) {
            const uint32_t i = groups.members[first + j];
            const_cast<uint32_t*>(part.list)[j] = list == nullptr ? i : list[i];
            const_cast<float*>(part.scalar)[j] =
                Encode(centroids.row(i), front.middle, front.scale, dims, const_cast<uint8_t*>(part.code) + j * dims);
        }
    }
    if (CoarseSubspaces(centers, dims) > 0) BuildCoarseCodes(centroids, groups, threads, stop, bytes);
}

// To the nearest whole number, of values within 2^22: a call of the library's function for each dimension took as long
// as scoring a hundred lists.
static float Round(float value) noexcept {
    constexpr float kShift = 12582912.0f;  // 1.5 * 2^23: no room for a fraction
    return (value + kShift) - kShift;
}

CompactQuery PrepareCompactQuery(const CompactFront& front, Metric metric, const float* query,
                                 float* scratch) noexcept {
    const bool dot = IsDotMetric(metric);
    const size_t dims = front.dims;
    float constant = 0, largest = 0;
    for (size_t d = 0; d < dims; d++) {
        const float q = dot ? query[d] : query[d] - front.middle[d];
        scratch[d] = q * front.scale[d];
        largest = std::max(largest, std::fabs(scratch[d]));
        constant += dot ? -q * front.middle[d] : q * q;
    }
    // In steps of `unit`: far finer than the codes themselves.
    const float limit = float(DotU8TableLimit(dims));
    const float unit = largest / limit,
                inverse = largest > std::numeric_limits<float>::min() * limit ? limit / largest : 0.0f;
    int16_t* table = reinterpret_cast<int16_t*>(scratch + dims);
    int64_t sum = 0;
    for (size_t d = 0; d < dims; d++) {
        const float level = std::clamp(Round(scratch[d] * inverse), -limit, limit);
        // NaN, from a query with infinite differences, ranks nothing.
        table[d] = level == level ? static_cast<int16_t>(level) : int16_t(0);
        sum += table[d];
    }
    const float shift = 127.5f * float(sum);
    const float factor = dot ? -unit : -2 * unit;
    return {table, constant - factor * shift, factor, !dot};
}

void ScoreCompact(const CompactQuery& query, const float* scalar, const uint8_t* code, size_t n, size_t dims,
                  float* score) noexcept {
    DotU8(query.table, code, n, dims, score);
    FinishDistances(score, query.has_scalar ? scalar : nullptr, query.bias, query.factor, n);
}

uint32_t TakeNearestGroups(const CompactFront& front, ListScore* groups, uint32_t taken, uint32_t more,
                           float* work) noexcept {
    ListScore* left = groups + taken;
    const uint32_t count = front.groups - taken;
    const uint64_t likely = uint64_t(more) * front.groups / front.entries;
    const uint32_t wanted = uint32_t(std::max<uint64_t>(likely, kLeastGroups));
    if (wanted >= count) return front.groups;
    for (uint32_t i = 0; i < count; i++) work[i] = left[i].score;
    const float farthest = KthSmallest(work, count, wanted);
    uint32_t end = 0;
    for (uint32_t i = 0; i < count; i++)
        if (left[i].score <= farthest) std::swap(left[end++], left[i]);
    return taken + end;
}

size_t CoarseScratchFloats(const CompactFront& front) noexcept {
    const size_t m = CoarseSubspaces(front.groups, front.dims);
    return kCoarseCodewords * m + Lut16TableBytes(m) / sizeof(float) + front.dims;
}

bool PrepareCoarseQuery(const CompactFront& front, Metric metric, const float* query, float* scratch,
                        CoarseQuery* out) noexcept {
    if (front.codebook == nullptr) return false;
    const PqShape shape = CoarseShape(front.groups, front.dims);
    const bool dot = IsDotMetric(metric);
    const size_t floats = PqTableFloats(shape);
    uint8_t* lut = reinterpret_cast<uint8_t*>(scratch + floats);
    float* factor = scratch + floats + Lut16TableBytes(shape.m) / sizeof(float);
    for (size_t d = 0; d < front.dims; d++) factor[d] = dot ? -query[d] : -2 * (query[d] - front.middle[d]);
    BuildPqTable(shape, front.codebook, PqTable::kDot, factor, scratch);
    float sum = 0;  // not finite if an entry is not
    for (size_t i = 0; i < floats; i++) sum += std::fabs(scratch[i]);
    if (!std::isfinite(sum)) return false;
    const Lut16Query quantized = QuantizeLut16(scratch, shape.m, lut);
    *out = {lut, quantized.scale, quantized.bias, !dot};
    return true;
}

void ScoreCoarse(const CoarseQuery& query, const CompactFront& front, float base, const uint8_t* blocks,
                 const float* scalar, size_t n, uint16_t* sums, float* score) noexcept {
    ScanLut16(query.lut, blocks, (n + kLut16BlockRows - 1) / kLut16BlockRows, CoarseSubspaces(front.groups, front.dims),
              sums);
    const float bias = base + query.bias, inf = std::numeric_limits<float>::infinity();
    for (size_t i = 0; i < n; i++) score[i] = bias + query.scale * float(sums[i]);
    for (size_t i = 0; query.has_scalar && i < n; i++) score[i] += scalar[i];
    // Of centroids so far off that their squares are infinite.
    for (size_t i = 0; i < n; i++) score[i] = score[i] == score[i] ? score[i] : inf;
}

}  // namespace vectorq
