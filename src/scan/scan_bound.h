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

// The same of one sphere around the query.
ScanBound bound_of_radius(const ListSearch* search, float radius);

// A radius in the order of the metric, as MetricDistance has distances.
double radius_in_order(Metric metric, float radius);

// The scan returns rows within this distance only, until the next rescan: to be called between rescan and the first
// gettuple, of a scan with an order and without conditions on the vector column. Nobody rechecks its rows.
void set_scan_radius(IndexScanDesc scan, float radius);

}  // namespace vectorq
