// SQL entry points of halfvec: text and binary form, type modifier.
#include "types/vector_io-inl.h"

using namespace vectorq;

VQ_FUNCTION(vectorq_halfvec_in) { return vector_from_text<F16>(fcinfo); }
VQ_FUNCTION(vectorq_halfvec_out) { return vector_to_text<F16>(fcinfo); }
VQ_FUNCTION(vectorq_halfvec_typmod_in) { return typmod_from_text(fcinfo, F16::kTypeName, kMaxDims); }
VQ_FUNCTION(vectorq_halfvec_recv) { return vector_from_wire<F16>(fcinfo); }
VQ_FUNCTION(vectorq_halfvec_send) { return vector_to_wire<F16>(fcinfo); }
