// See opclass.h.
#include "am/opclass.h"

#include <cmath>

#include "core/simd/distance.h"
#include "pg/entry.h"

namespace vectorq {

const OpclassInfo* opclass_of_index(Relation index) {
    FmgrInfo* support = index_getprocinfo(index, 1, 1);
    const OpclassInfo* info =
        reinterpret_cast<const OpclassInfo*>(DatumGetPointer(FunctionCall1(support, PointerGetDatum(NULL))));
    if (info == NULL || info->magic != kOpclassMagic)
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
                 errmsg("operator class of index \"%s\" is not one of vectorq's", RelationGetRelationName(index)),
                 errhint("Use an operator class that CREATE EXTENSION vectorq made.")));
    return info;
}

bool load_vector(const OpclassInfo* opclass, Datum value, int dims, float* out) {
    const VectorView view = vector_view_from_datum(value, opclass->element);
    if (view.dims != dims)
        ereport(ERROR,
                (errcode(ERRCODE_DATA_EXCEPTION), errmsg("different vector dimensions %d and %d", dims, view.dims)));
    vector_view_to_f32(view, opclass->element, out);
    if (opclass->metric != Metric::kCosine) return true;
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

VQ_OPCLASS(vectorq_vector_l2_support, kL2, kF32)
VQ_OPCLASS(vectorq_vector_ip_support, kInnerProduct, kF32)
VQ_OPCLASS(vectorq_vector_cosine_support, kCosine, kF32)
VQ_OPCLASS(vectorq_vector_l1_support, kL1, kF32)
VQ_OPCLASS(vectorq_halfvec_l2_support, kL2, kF16)
VQ_OPCLASS(vectorq_halfvec_ip_support, kInnerProduct, kF16)
VQ_OPCLASS(vectorq_halfvec_cosine_support, kCosine, kF16)
VQ_OPCLASS(vectorq_halfvec_l1_support, kL1, kF16)
