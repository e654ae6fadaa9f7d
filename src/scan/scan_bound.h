// The bound of a scan: what conditions on the vector column (a row is within a sphere) say about the distance to the
// query. Rows that are farther than the bound are outside. Those that are not are asked by the executor once more.
#pragma once
#include "scan/list_search.h"

namespace vectorq {

struct ScanBound {
    bool given;      // there are such conditions
    bool never;      // that no row satisfies
    float distance;  // in the order of the metric, with what rounding may change; infinite: any row may be within
};

// Whether the scan key is such a condition.
inline bool is_bound_key(const ScanKeyData* key) {
    return key->sk_attno == 1 && key->sk_strategy == kWithinStrategy &&
           (key->sk_flags & (SK_SEARCHNULL | SK_SEARCHNOTNULL)) == 0;
}

// The bound of the scan's keys. search->query is loaded, or becomes the centre of the first sphere where the scan has
// no order. May allocate in the current memory context.
ScanBound scan_bound(IndexScanDesc scan, ListSearch* search);

}  // namespace vectorq
