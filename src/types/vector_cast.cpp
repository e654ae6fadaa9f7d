// SQL entry points of vector: casts to vector, and to real[].
#include "types/vector_cast-inl.h"

using namespace vectorq;

VQ_FUNCTION(vectorq_vector) { return vector_to_length<F32>(fcinfo); }
VQ_FUNCTION(vectorq_array_to_vector) { return vector_from_array<F32>(fcinfo); }
VQ_FUNCTION(vectorq_vector_to_float4) { return vector_to_float4_array<F32>(fcinfo); }
VQ_FUNCTION(vectorq_halfvec_to_vector) { return halfvec_to_vector(fcinfo); }
