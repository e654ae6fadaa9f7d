// See scan_bound.h.
//
// A sphere around the query itself bounds the distance by its radius. One around another vector does by the triangle
// inequality: what is within r of c is within r + d(q, c) of q. So it is for all metrics but the inner product; cosine
// distances are those of angles.
#include "scan/scan_bound.h"

#include <algorithm>
#include <cmath>

#include "core/simd/metric_distance.h"
#include "types/sphere.h"
#include "pg/entry.h"

namespace vectorq {

static double infinite() { return get_float8_infinity(); }

// What distances may err by, as a part of what is added up: sums of floats, and codes that have the last word.
static constexpr double kRounding = 1e-5, kHalfRounding = 1e-3, kCodeRounding = 1e-2;

static double rounding_of(const ListSearch* search) {
    const Reorder reorder = static_cast<Reorder>(search->cache->meta.reorder);
    if (reorder == Reorder::kHeap) return kRounding;
    const CodeKind code = reorder == Reorder::kOff ? search->codec.kind : TraitsOf(reorder).code;
    return code == CodeKind::kF16 ? kHalfRounding : TraitsOf(code).exact ? kRounding : kCodeRounding;
}

static double length_of(const ListSearch* search) {
    double square = 0;
    for (uint32 d = 0; d < search->cache->meta.dims; d++)
        square += static_cast<double>(search->query[d]) * search->query[d];
    return std::sqrt(square);
}

// By cosine distance: rows within an angle of the centre, which is `apart` (-cosine) from the query.
static double bound_of_angles(double radius, double apart) {
    if (radius >= 2) return infinite();
    const double angle = std::acos(std::clamp(1 - radius, -1.0, 1.0)) + std::acos(std::clamp(-apart, -1.0, 1.0));
    return angle < M_PI ? -std::cos(angle) : infinite();
}

// The distance, in the order of the metric, that no row of the sphere exceeds. same: the centre is the query; else they
// are `apart`, in the same order.
static double bound_of(const ListSearch* search, double radius, bool same, double apart) {
    const MetricTraits& metric = TraitsOf(search->opclass->metric);
    const double rounding = rounding_of(search), query = length_of(search);
    if (metric.normalised) return (same ? radius - 1 : bound_of_angles(radius, apart)) + rounding;
    if (metric.dot) return same ? radius + rounding * (std::fabs(radius) + query * query) : infinite();
    if (metric.bits) return (radius + apart) * (1 + rounding);
    // Differences of floats are exact, those of coarser numbers err as these do.
    const double coarse = rounding > kRounding ? rounding * query : 0;
    if (metric.sum == Sum::kAbsolute)
        return (radius + apart) * (1 + rounding) + coarse * std::sqrt(static_cast<double>(search->cache->meta.dims));
    const double length = (radius + std::sqrt(std::max(apart, 0.0))) * (1 + rounding) + coarse;
    return length * length;
}

double radius_in_order(Metric metric, float radius) {
    const MetricTraits& traits = TraitsOf(metric);
    const double value = radius;
    if (traits.normalised) return value - 1;
    return traits.sum == Sum::kSquares && !traits.bits ? value * value : value;
}

ScanBound bound_of_radius(const ListSearch* search, float radius) {
    check_radius(search->opclass->metric, radius);
    return {true, false, static_cast<float>(bound_of(search, radius, true, 0))};
}

static double bound_of_sphere(const ListSearch* search, const Sphere* sphere, const float* center) {
    const uint32 dims = search->cache->meta.dims;
    if (search->null_query) return infinite();
    const bool same = std::equal(center, center + dims, search->query);
    return bound_of(search, sphere->radius, same,
                    same ? 0 : MetricDistance(search->opclass->metric, search->query, center, dims));
}

namespace {
// What the keys have said so far.
struct BoundReader {
    IndexScanDesc scan;
    ListSearch* search;
    float* center;
    bool has_query;
};
}  // namespace

// The distance that rows of one sphere are within; less than all distances: no row is.
static double read_sphere(BoundReader* r, Datum value) {
    const uint32 dims = r->search->cache->meta.dims;
    const Sphere sphere = sphere_from_datum(value);
    if (sphere.is_null) return -infinite();
    check_radius(r->search->opclass->metric, sphere.radius);
    // From a vector without a direction no row has a distance.
    if (!load_vector(r->search->opclass, sphere.center, static_cast<int>(dims), r->center)) return -infinite();
    if (!r->has_query) std::copy(r->center, r->center + dims, r->search->query);
    r->has_query = true;
    return bound_of_sphere(r->search, &sphere, r->center);
}

// The same of `ANY (…)`: of the widest sphere.
static double read_key(BoundReader* r, const ScanKeyData* key) {
    if ((key->sk_flags & SK_ISNULL) != 0) return -infinite();
    if ((key->sk_flags & SK_SEARCHARRAY) == 0) return read_sphere(r, key->sk_argument);
    ArrayType* array = DatumGetArrayTypeP(key->sk_argument);
    ArrayIterator elements = array_create_iterator(array, 0, NULL);
    double widest = -infinite();
    Datum value;
    bool is_null;
    while (array_iterate(elements, &value, &is_null))
        if (!is_null) widest = std::max(widest, read_sphere(r, value));
    array_free_iterator(elements);
    return widest;
}

ScanBound scan_bound(IndexScanDesc scan, ListSearch* search) {
    ScanBound bound = {false, false, get_float4_infinity()};
    BoundReader reader = {scan, search, NULL, scan->numberOfOrderBys > 0};
    for (const ScanKeyData* key = scan->keyData; key < scan->keyData + scan->numberOfKeys; key++) {
        if (!is_bound_key(key)) continue;
        if (!bound.given) reader.center = static_cast<float*>(palloc(sizeof(float) * search->cache->meta.dims));
        bound.given = true;
        bound.distance = static_cast<float>(std::min<double>(bound.distance, read_key(&reader, key)));
    }
    bound.never = bound.distance == -get_float4_infinity();
    return bound;
}

}  // namespace vectorq
