// The only way from a Datum to vector elements for code outside src/types (the index AM).
#pragma once
#include "types/vector.h"

namespace vectorq {

// Elements in detoasted memory; valid as long as the datum's memory or, if it had to be
// detoasted, as long as the memory context that was current then. May be unaligned.
struct VectorView {
    const void* data;
    int dims;
};

VectorView vector_view_from_datum(Datum value, ElementType type);
// `out` has room for view.dims floats.
void vector_view_to_f32(VectorView view, ElementType type, float* out);

}  // namespace vectorq
