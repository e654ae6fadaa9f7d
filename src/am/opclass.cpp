// See opclass.h.
#include "am/opclass.h"

#include <cmath>

#include "core/simd/distance.h"
#include "am/keys.h"
#include "pg/entry.h"

namespace vectorq {

const OpclassInfo* opclass_of_index(Relation index) {
    FmgrInfo* support = index_getprocinfo(index, 1, 1);
    const OpclassInfo* info =
        reinterpret_cast<const OpclassInfo*>(DatumGetPointer(FunctionCall1(support, PointerGetDatum(NULL))));
    if (info != NULL && info->magic == kKeyClassMagic)
        ereport(ERROR, (errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
                        errmsg("first column of index \"%s\" must be a vector column", RelationGetRelationName(index)),
                        errhint("Put the vector column first, and the columns that queries filter by behind it.")));
    if (info == NULL || info->magic != kOpclassMagic)
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
                 errmsg("operator class of index \"%s\" is not one of vectorq's", RelationGetRelationName(index)),
                 errhint("Use an operator class that CREATE EXTENSION vectorq made.")));
    key_columns_of_index(index);  // the other columns may not be all right
    return info;
}

bool load_vector(const OpclassInfo* opclass, Datum value, int dims, float* out) {
    const VectorView view = vector_view_from_datum(value, opclass->element);
    if (view.dims != dims)
        ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
                        opclass->element == ElementType::kBit
                            ? errmsg("different bit lengths %d and %d", dims, view.dims)
                            : errmsg("different vector dimensions %d and %d", dims, view.dims)));
    vector_view_to_f32(view, opclass->element, out);
    if (!TraitsOf(opclass->metric).normalised) return true;
    // In double: the squares of f32 values may overflow or vanish.
    double sq_norm = 0;
    for (int d = 0; d < dims; d++) sq_norm += static_cast<double>(out[d]) * out[d];
    if (!(sq_norm > 0)) return false;
    const double inverse = 1.0 / std::sqrt(sq_norm);
    for (int d = 0; d < dims; d++) out[d] = static_cast<float>(out[d] * inverse);
    return true;
}

}  // namespace vectorq

#define VQ_OPCLASS(c_name, metric, element)                                                        \
    VQ_FUNCTION(c_name) {                                                                          \
        static const vectorq::OpclassInfo info = {vectorq::kOpclassMagic, vectorq::Metric::metric, \
                                                  vectorq::ElementType::element, #c_name};         \
        PG_RETURN_POINTER(&info);                                                                  \
    }

// The support functions of a type: one for each distance that it has (sql/install/80_operator_classes.sh).
#define VQ_OPCLASSES(type, element)                                 \
    VQ_OPCLASS(vectorq_##type##_l2_support, kL2, element)           \
    VQ_OPCLASS(vectorq_##type##_ip_support, kInnerProduct, element) \
    VQ_OPCLASS(vectorq_##type##_cosine_support, kCosine, element)   \
    VQ_OPCLASS(vectorq_##type##_l1_support, kL1, element)

VQ_OPCLASSES(vector, kF32)
VQ_OPCLASSES(halfvec, kF16)
VQ_OPCLASS(vectorq_bit_hamming_support, kHamming, kBit)
VQ_OPCLASS(vectorq_bit_jaccard_support, kJaccard, kBit)
