// What an operator class means: the metric and the column's element type. Support function 1 of
// each operator class returns a pointer to one of these.
#pragma once
#include "core/base/kinds.h"
#include "pg/pg_headers.h"
#include "types/datum.h"

namespace vectorq {

struct OpclassInfo {
    uint32 magic;  // kOpclassMagic: guards against a foreign support function
    Metric metric;
    ElementType element;
    const char* name;
};
inline constexpr uint32 kOpclassMagic = 0x56514F50;

// Operators of the class: that it orders by, and that it searches by: whether a row is within a sphere.
inline constexpr StrategyNumber kDistanceStrategy = 1, kWithinStrategy = 2;

// The operator class of the index's vector column, the first. Errors out if its support function is not ours, or if the
// further columns are not ones that an index may have (am/keys.h).
const OpclassInfo* opclass_of_index(Relation index);

// Reads a vector of the index's column into f32 (dims long), as the lists keep it: normalised for
// cosine. False for a row that the index does not keep: a zero vector under cosine.
// Raises ERRCODE_DATA_EXCEPTION on other dimensions.
bool load_vector(const OpclassInfo* opclass, Datum value, int dims, float* out);

}  // namespace vectorq
