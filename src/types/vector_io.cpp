// SQL entry points of vector: text and binary form, type modifier.
#include "types/vector_io-inl.h"

using namespace vectorq;

VQ_FUNCTION(vectorq_vector_in) { return vector_from_text<F32>(fcinfo); }
VQ_FUNCTION(vectorq_vector_out) { return vector_to_text<F32>(fcinfo); }
VQ_FUNCTION(vectorq_vector_typmod_in) { return typmod_from_text(fcinfo, F32::kTypeName, kMaxDims); }
VQ_FUNCTION(vectorq_vector_recv) { return vector_from_wire<F32>(fcinfo); }
VQ_FUNCTION(vectorq_vector_send) { return vector_to_wire<F32>(fcinfo); }
