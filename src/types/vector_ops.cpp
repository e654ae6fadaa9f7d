// SQL entry points of vector: distances, arithmetic, order, aggregates.
#include "types/vector_aggregate-inl.h"
#include "types/vector_ops-inl.h"

using namespace vectorq;

VQ_FUNCTION(vectorq_vector_l2_distance) { return vector_l2<F32>(fcinfo); }
VQ_FUNCTION(vectorq_vector_l2_squared_distance) { return vector_l2_squared<F32>(fcinfo); }
VQ_FUNCTION(vectorq_vector_inner_product) { return vector_dot<F32>(fcinfo); }
VQ_FUNCTION(vectorq_vector_negative_inner_product) { return vector_negative_dot<F32>(fcinfo); }
VQ_FUNCTION(vectorq_vector_cosine_distance) { return vector_cosine<F32>(fcinfo); }
VQ_FUNCTION(vectorq_vector_l1_distance) { return vector_l1<F32>(fcinfo); }
VQ_FUNCTION(vectorq_vector_spherical_distance) { return vector_spherical<F32>(fcinfo); }

VQ_FUNCTION(vectorq_vector_dims) { return vector_dims<F32>(fcinfo); }
VQ_FUNCTION(vectorq_vector_norm) { return vector_l2_norm<F32>(fcinfo); }
VQ_FUNCTION(vectorq_vector_l2_normalize) { return vector_l2_normalize<F32>(fcinfo); }
VQ_FUNCTION(vectorq_vector_binary_quantize) { return vector_binary_quantize<F32>(fcinfo); }
VQ_FUNCTION(vectorq_vector_subvector) { return vector_slice<F32>(fcinfo); }
VQ_FUNCTION(vectorq_vector_concat) { return vector_concat<F32>(fcinfo); }
VQ_FUNCTION(vectorq_vector_add) { return vector_elementwise<F32, Plus>(fcinfo); }
VQ_FUNCTION(vectorq_vector_sub) { return vector_elementwise<F32, Minus>(fcinfo); }
VQ_FUNCTION(vectorq_vector_mul) { return vector_elementwise<F32, Times>(fcinfo); }

VQ_FUNCTION(vectorq_vector_lt) { return BoolGetDatum(compare_arguments<F32>(fcinfo) < 0); }
VQ_FUNCTION(vectorq_vector_le) { return BoolGetDatum(compare_arguments<F32>(fcinfo) <= 0); }
VQ_FUNCTION(vectorq_vector_eq) { return BoolGetDatum(compare_arguments<F32>(fcinfo) == 0); }
VQ_FUNCTION(vectorq_vector_ne) { return BoolGetDatum(compare_arguments<F32>(fcinfo) != 0); }
VQ_FUNCTION(vectorq_vector_ge) { return BoolGetDatum(compare_arguments<F32>(fcinfo) >= 0); }
VQ_FUNCTION(vectorq_vector_gt) { return BoolGetDatum(compare_arguments<F32>(fcinfo) > 0); }
VQ_FUNCTION(vectorq_vector_cmp) { return Int32GetDatum(compare_arguments<F32>(fcinfo)); }

VQ_FUNCTION(vectorq_vector_accum) { return vector_accumulate<F32>(fcinfo, "vector_accum"); }
VQ_FUNCTION(vectorq_vector_combine) { return combine_sums(fcinfo, "vector_combine"); }  // of both types
VQ_FUNCTION(vectorq_vector_avg) { return vector_average<F32>(fcinfo, "vector_avg"); }
