// The operators <<->> and so on: whether a row is within a sphere. One function for each metric and type, from the
// distance function that the type has (types/*_ops.cpp); and what such conditions select.
#include "types/sphere.h"

#include "core/simd/bit_distance.h"
#include "types/vector_ops-inl.h"

extern "C" {
#include "utils/typcache.h"
}

namespace vectorq {

Sphere sphere_from_datum(Datum value) {
    HeapTupleHeader header = DatumGetHeapTupleHeader(value);
    HeapTupleData tuple = {};
    tuple.t_len = HeapTupleHeaderGetDatumLength(header);
    tuple.t_data = header;
    TupleDesc desc = lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(header), HeapTupleHeaderGetTypMod(header));
    if (desc->natts != 2 || TupleDescAttr(desc, 1)->atttypid != FLOAT4OID)
        elog(ERROR, "type %s is not a sphere", format_type_be(HeapTupleHeaderGetTypeId(header)));
    Datum fields[2];
    bool nulls[2];
    heap_deform_tuple(&tuple, desc, fields, nulls);
    ReleaseTupleDesc(desc);
    if (nulls[0] || nulls[1]) return {0, 0, true};
    return {fields[0], DatumGetFloat4(fields[1]), false};
}

void check_radius(Metric metric, float radius) {
    if (radius != radius)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("radius of a sphere must not be NaN")));
    if (radius < 0 && metric != Metric::kInnerProduct)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("radius of a sphere must not be negative"),
                        errhint("Only <<#>> compares with numbers that may be negative: negative inner products.")));
}

namespace {
// Of a statement: its last sphere, which is mostly the only one.
struct SphereCache {
    Size bytes, room;
    char* value;  // (bytes) as it came
    Sphere sphere;
    Datum center;  // detoasted
    MemoryContext context;
};
}  // namespace

static void keep_sphere(SphereCache* cache, Metric metric, const struct varlena* value) {
    cache->bytes = 0;  // an error leaves nothing half done
    MemoryContextReset(cache->context);
    MemoryContext before = MemoryContextSwitchTo(cache->context);
    cache->value = static_cast<char*>(palloc(VARSIZE_ANY(value)));
    memcpy(cache->value, value, VARSIZE_ANY(value));
    cache->sphere = sphere_from_datum(PointerGetDatum(cache->value));
    if (!cache->sphere.is_null) {
        check_radius(metric, cache->sphere.radius);
        cache->center = PointerGetDatum(PG_DETOAST_DATUM(cache->sphere.center));
    }
    MemoryContextSwitchTo(before);
    cache->bytes = VARSIZE_ANY(value);
}

// The argument, which is taken apart only where it differs from the one before.
static const SphereCache* sphere_argument(FunctionCallInfo fcinfo, Metric metric) {
    const struct varlena* value = reinterpret_cast<const struct varlena*>(DatumGetPointer(PG_GETARG_DATUM(1)));
    SphereCache* cache = static_cast<SphereCache*>(fcinfo->flinfo->fn_extra);
    if (cache == NULL) {
        cache = static_cast<SphereCache*>(MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(SphereCache)));
        cache->context = AllocSetContextCreate(fcinfo->flinfo->fn_mcxt, "vectorq sphere", ALLOCSET_SMALL_SIZES);
        fcinfo->flinfo->fn_extra = cache;
    }
    // A pointer to a value elsewhere says nothing of the value.
    if (cache->bytes != VARSIZE_ANY(value) || VARATT_IS_EXTERNAL(value) ||
        memcmp(cache->value, value, cache->bytes) != 0)
        keep_sphere(cache, metric, value);
    return cache;
}

// distance: of SQL, of a row and the centre.
static Datum is_within(FunctionCallInfo fcinfo, Metric metric, PGFunction distance) {
    const SphereCache* cache = sphere_argument(fcinfo, metric);
    if (cache->sphere.is_null) PG_RETURN_NULL();
    const double found = DatumGetFloat8(DirectFunctionCall2(distance, PG_GETARG_DATUM(0), cache->center));
    PG_RETURN_BOOL(found < static_cast<double>(cache->sphere.radius));
}

}  // namespace vectorq

using namespace vectorq;

extern "C" {
PGDLLEXPORT Datum vectorq_hamming_distance(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum vectorq_jaccard_distance(PG_FUNCTION_ARGS);
}

#define VQ_WITHIN(type, element, name, metric, distance) \
    VQ_FUNCTION(vectorq_##type##_##name##_within) { return is_within(fcinfo, Metric::metric, distance<element>); }
#define VQ_WITHIN_OF(type, element)                                  \
    VQ_WITHIN(type, element, l2, kL2, vector_l2)                     \
    VQ_WITHIN(type, element, ip, kInnerProduct, vector_negative_dot) \
    VQ_WITHIN(type, element, cosine, kCosine, vector_cosine)         \
    VQ_WITHIN(type, element, l1, kL1, vector_l1)

VQ_WITHIN_OF(vector, F32)
VQ_WITHIN_OF(halfvec, F16)
VQ_FUNCTION(vectorq_bit_hamming_within) { return is_within(fcinfo, Metric::kHamming, vectorq_hamming_distance); }
VQ_FUNCTION(vectorq_bit_jaccard_within) { return is_within(fcinfo, Metric::kJaccard, vectorq_jaccard_distance); }

// Of the rows, those within a sphere that nothing is known of. As PostgreSQL takes it for points in a circle.
static constexpr double kUsualShare = 0.001;

// ANALYZE keeps some of a column's vectors, up to 1 kB each: the share of these, and of common values.
VQ_FUNCTION(vectorq_sphere_selectivity) {
    PlannerInfo* root = reinterpret_cast<PlannerInfo*>(PG_GETARG_POINTER(0));
    List* args = reinterpret_cast<List*>(PG_GETARG_POINTER(2));
    PG_RETURN_FLOAT8(generic_restriction_selectivity(root, PG_GETARG_OID(1), PG_GET_COLLATION(), args,
                                                     PG_GETARG_INT32(3), kUsualShare));
}
