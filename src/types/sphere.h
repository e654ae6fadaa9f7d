// Values of the SQL types sphere_vector, sphere_halfvec and sphere_bit: composite types of a centre and a radius, in
// this order. A row is within one if its distance to the centre is less than the radius.
#pragma once
#include "core/base/kinds.h"
#include "pg/pg_headers.h"

namespace vectorq {

// Sphere in memory of its own; the centre is as it was stored, which may be short or compressed.
struct Sphere {
    Datum center;
    float radius;
    bool is_null;  // one of the two is: then nothing is within
};

// The fields point into the value, or, if it had to be detoasted, into the current memory context.
Sphere sphere_from_datum(Datum value);

// Raises an error for a radius that no distance can be compared with: NaN; or a negative one, unless the metric's
// distances may be negative.
void check_radius(Metric metric, float radius);

}  // namespace vectorq
