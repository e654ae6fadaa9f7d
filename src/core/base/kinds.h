// The small closed sets that the whole engine speaks about: one row each, in the order of their numbers, which are on
// disk. What differs between two metrics, codes or access methods is a column here; no other place lists them.
#pragma once
#include <cstddef>
#include <cstdint>

namespace vectorq {

// ---- metrics

enum class Metric : uint8_t { kL2 = 0, kInnerProduct = 1, kCosine = 2, kL1 = 3, kHamming = 4, kJaccard = 5 };
inline constexpr int kNumMetrics = 6;

// What the kernels add up over the dimensions. kOverlap: products, which become a distance by way of both lengths.
enum class Sum : uint8_t { kSquares = 0, kProducts = 1, kAbsolute = 2, kOverlap = 3 };
inline constexpr int kNumSums = 4;

struct MetricTraits {
    Metric number;
    const char* name;          // as vectorq_index_info shows it
    const char* class_name;    // <type>_<class_name>_ops, vectorq_<type>_<class_name>_support
    const char* sql_operator;  // that orders by it
    Sum sum;
    // Nearest means the largest inner product: centroids are all of one length, and a shift of rows and queries changes
    // the order.
    bool dot;
    bool normalised;     // lists keep rows of length 1, and no zero vectors
    bool from_products;  // follows from inner products and lengths, which lossy codes, transforms and tiles need
    bool list_tables;    // product codes have a table for each list: what the centroid leaves of the query
    // Of bit strings: to training and to the choice of lists a row is a vector of 0 and 1; the lists keep its bits.
    bool bits;
};
inline constexpr MetricTraits kMetrics[kNumMetrics] = {
    {Metric::kL2, "l2", "l2", "<->", Sum::kSquares, false, false, true, true, false},
    {Metric::kInnerProduct, "inner_product", "ip", "<#>", Sum::kProducts, true, false, true, false, false},
    {Metric::kCosine, "cosine", "cosine", "<=>", Sum::kProducts, true, true, true, false, false},
    {Metric::kL1, "l1", "l1", "<+>", Sum::kAbsolute, false, false, false, false, false},
    {Metric::kHamming, "hamming", "hamming", "<~>", Sum::kSquares, false, false, true, true, true},
    {Metric::kJaccard, "jaccard", "jaccard", "<%>", Sum::kOverlap, false, false, false, false, true},
};
inline constexpr const MetricTraits& TraitsOf(Metric metric) noexcept { return kMetrics[static_cast<int>(metric)]; }
inline constexpr bool IsDotMetric(Metric metric) noexcept { return TraitsOf(metric).dot; }

// ---- access methods

enum class AmKind : uint8_t { kIvf = 0, kPq = 1, kAh = 2 };
inline constexpr int kNumAms = 3;
inline constexpr const char* kAmNames[kNumAms] = {"ivf", "pq", "ah"};
// A set of them, as bits.
enum AmMask : uint8_t {
    kNoAm = 0,
    kIvf = 1 << static_cast<int>(AmKind::kIvf),
    kPq = 1 << static_cast<int>(AmKind::kPq),
    kAh = 1 << static_cast<int>(AmKind::kAh),
    kAllAms = kIvf | kPq | kAh
};

// ---- codes

// How a row's vector is kept in the posting lists.
enum class CodeKind : uint8_t { kF32 = 0, kF16 = 1, kSq8 = 2, kPq = 3, kPq4 = 4, kBits = 5 };
inline constexpr int kNumCodeKinds = 6;

// What a kernel reads of a row.
enum class Stored : uint8_t { kF32 = 0, kF16 = 1, kU8 = 2, kBits = 3, kCodewords = 4, kCodewordBlocks = 5 };

struct CodeTraits {
    CodeKind number;
    const char* name;       // as vectorq_index_info shows it
    const char* quantizer;  // value of the option quantizer; NULL: follows from another option
    Stored stored;
    uint8_t element_bytes;  // a code may be cut between elements only
    uint8_t element_dims;   // dimensions in an element
    bool exact;             // its distances are those of the rows but for rounding
    bool trained;           // has parameters that are learned from rows
    bool product;           // product codes
    float byte_cost;        // nanoseconds that a byte of it takes a scan (measure_recall.cpp says where)
    AmMask ams;             // that can have it
};
inline constexpr CodeTraits kCodes[kNumCodeKinds] = {
    {CodeKind::kF32, "f32", "flat", Stored::kF32, 4, 1, true, false, false, 0.03f, kAllAms},  // others: before training
    {CodeKind::kF16, "f16", "f16", Stored::kF16, 2, 1, true, false, false, 0.03f, kAllAms},
    {CodeKind::kSq8, "sq8", "sq8", Stored::kU8, 1, 1, false, true, false, 0.03f, kIvf},
    // Row after row, of 4 to 8 bits.
    {CodeKind::kPq, "pq", "pq", Stored::kCodewords, 1, 1, false, true, true, 0.6f, static_cast<AmMask>(kIvf | kPq)},
    // Of 4 bits, in blocks of 32 rows that are scored in registers.
    {CodeKind::kPq4, "pq4", NULL, Stored::kCodewordBlocks, 1, 1, false, true, true, 0.03f, kAllAms},
    // Of bit strings, as they are: eight dimensions a byte.
    {CodeKind::kBits, "bits", NULL, Stored::kBits, 1, 8, true, false, false, 0.08f, kIvf},
};
inline constexpr const CodeTraits& TraitsOf(CodeKind kind) noexcept { return kCodes[static_cast<int>(kind)]; }
inline constexpr bool IsProductCode(CodeKind kind) noexcept { return TraitsOf(kind).product; }

// ---- reordering

// From what the rows that the codes chose are put in order again.
enum class Reorder : uint8_t { kOff = 0, kHeap = 1, kF32 = 2, kF16 = 3, kSq8 = 4 };
inline constexpr int kNumReorders = 5;

struct ReorderTraits {
    Reorder number;
    const char* name;  // value of the option reorder
    bool records;      // from records of the vectors in the index
    CodeKind code;     // of the records
};
inline constexpr ReorderTraits kReorders[kNumReorders] = {
    {Reorder::kOff, "off", false, CodeKind::kF32}, {Reorder::kHeap, "heap", false, CodeKind::kF32},
    {Reorder::kF32, "f32", true, CodeKind::kF32},  {Reorder::kF16, "f16", true, CodeKind::kF16},
    {Reorder::kSq8, "sq8", true, CodeKind::kSq8},
};
inline constexpr const ReorderTraits& TraitsOf(Reorder reorder) noexcept {
    return kReorders[static_cast<int>(reorder)];
}
inline constexpr bool KeepsRecords(Reorder reorder) noexcept { return TraitsOf(reorder).records; }

// ---- replicas

// Whether a row lies in further lists than the nearest, so that queries just across a border find it: kSoar: in
// a second one whose residual is as orthogonal to the first as can be; kClosure: in those, up to eight in all, that are
// nearly as near as the first (cluster/replicas.h).
enum class Replicas : uint8_t { kNone = 0, kSoar = 1, kClosure = 2 };
inline constexpr int kNumReplicas = 3;
inline constexpr uint32_t kMaxEntriesOfRow = 8;

struct ReplicasTraits {
    Replicas number;
    const char* name;  // value of the option replicas
    uint32_t lists;    // that hold a row, at most
    bool vary;         // some rows lie in more lists than others
};
inline constexpr ReplicasTraits kReplicas[kNumReplicas] = {
    {Replicas::kNone, "none", 1, false},
    {Replicas::kSoar, "soar", 2, false},
    {Replicas::kClosure, "closure", kMaxEntriesOfRow, true},
};
inline constexpr const ReplicasTraits& TraitsOf(Replicas replicas) noexcept {
    return kReplicas[static_cast<int>(replicas)];
}

// A table whose row i is not number i: the functions above would return another one's row.
template <class Row, size_t n>
constexpr bool InOrder(const Row (&rows)[n]) noexcept {
    for (size_t i = 0; i < n; i++)
        if (static_cast<size_t>(rows[i].number) != i) return false;
    return true;
}
static_assert(InOrder(kMetrics) && InOrder(kCodes) && InOrder(kReorders) && InOrder(kReplicas));

}  // namespace vectorq
