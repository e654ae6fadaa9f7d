// SQL entry points of halfvec: distances, arithmetic, order, aggregates.
#include "types/vector_aggregate-inl.h"
#include "types/vector_ops-inl.h"

using namespace vectorq;

VQ_FUNCTION(vectorq_halfvec_l2_distance) { return vector_l2<F16>(fcinfo); }
VQ_FUNCTION(vectorq_halfvec_l2_squared_distance) { return vector_l2_squared<F16>(fcinfo); }
VQ_FUNCTION(vectorq_halfvec_inner_product) { return vector_dot<F16>(fcinfo); }
VQ_FUNCTION(vectorq_halfvec_negative_inner_product) { return vector_negative_dot<F16>(fcinfo); }
VQ_FUNCTION(vectorq_halfvec_cosine_distance) { return vector_cosine<F16>(fcinfo); }
VQ_FUNCTION(vectorq_halfvec_l1_distance) { return vector_l1<F16>(fcinfo); }
VQ_FUNCTION(vectorq_halfvec_spherical_distance) { return vector_spherical<F16>(fcinfo); }

VQ_FUNCTION(vectorq_halfvec_dims) { return vector_dims<F16>(fcinfo); }
VQ_FUNCTION(vectorq_halfvec_l2_norm) { return vector_l2_norm<F16>(fcinfo); }
VQ_FUNCTION(vectorq_halfvec_l2_normalize) { return vector_l2_normalize<F16>(fcinfo); }
VQ_FUNCTION(vectorq_halfvec_binary_quantize) { return vector_binary_quantize<F16>(fcinfo); }
VQ_FUNCTION(vectorq_halfvec_subvector) { return vector_slice<F16>(fcinfo); }
VQ_FUNCTION(vectorq_halfvec_concat) { return vector_concat<F16>(fcinfo); }
VQ_FUNCTION(vectorq_halfvec_add) { return vector_elementwise<F16, Plus>(fcinfo); }
VQ_FUNCTION(vectorq_halfvec_sub) { return vector_elementwise<F16, Minus>(fcinfo); }
VQ_FUNCTION(vectorq_halfvec_mul) { return vector_elementwise<F16, Times>(fcinfo); }

VQ_FUNCTION(vectorq_halfvec_lt) { return BoolGetDatum(compare_arguments<F16>(fcinfo) < 0); }
VQ_FUNCTION(vectorq_halfvec_le) { return BoolGetDatum(compare_arguments<F16>(fcinfo) <= 0); }
VQ_FUNCTION(vectorq_halfvec_eq) { return BoolGetDatum(compare_arguments<F16>(fcinfo) == 0); }
VQ_FUNCTION(vectorq_halfvec_ne) { return BoolGetDatum(compare_arguments<F16>(fcinfo) != 0); }
VQ_FUNCTION(vectorq_halfvec_ge) { return BoolGetDatum(compare_arguments<F16>(fcinfo) >= 0); }
VQ_FUNCTION(vectorq_halfvec_gt) { return BoolGetDatum(compare_arguments<F16>(fcinfo) > 0); }
VQ_FUNCTION(vectorq_halfvec_cmp) { return Int32GetDatum(compare_arguments<F16>(fcinfo)); }

VQ_FUNCTION(vectorq_halfvec_accum) { return vector_accumulate<F16>(fcinfo, "halfvec_accum"); }
VQ_FUNCTION(vectorq_halfvec_avg) { return vector_average<F16>(fcinfo, "halfvec_avg"); }
