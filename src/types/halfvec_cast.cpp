// SQL entry points of halfvec: casts to halfvec, and to real[].
#include "types/vector_cast-inl.h"

using namespace vectorq;

VQ_FUNCTION(vectorq_halfvec) { return vector_to_length<F16>(fcinfo); }
VQ_FUNCTION(vectorq_array_to_halfvec) { return vector_from_array<F16>(fcinfo); }
VQ_FUNCTION(vectorq_halfvec_to_float4) { return vector_to_float4_array<F16>(fcinfo); }
VQ_FUNCTION(vectorq_vector_to_halfvec) { return vector_to_halfvec(fcinfo); }
