// The filter of a scan: what the rows that it returns satisfy, as far as the index knows. Two sources, either or both:
// conditions on key columns (the scan's keys), and a set of rows that another index made (a bitmap).
#pragma once
#include "core/filter/key_condition.h"
#include "core/search/tid_blocks.h"
#include "pg/pg_headers.h"

namespace vectorq {

struct ListFilter;  // scan/list_filter.h

// What scanning lists asks of a row before it is collected. Plain data; what it points to is the scan's or the
// caller's.
struct RowFilter {
    const KeyCondition* conditions;  // (num_conditions)
    uint32 num_conditions;
    const TidBlocks* rows;  // NULL: all
    ListFilter* lists;      // NULL: without conditions
    // — by each segment —
    bool asks_late;   // `rows` is asked about those only that are near enough
    uint32 segments;  // so far
    // — counted, once for each time that a list is searched —
    uint64 asked, matches;  // entries that were asked, and of these those that satisfy it
};

// Only these rows are returned from now on until the next rescan, in order of distance: to be called between rescan and
// the first gettuple. `rows` must live and stay as it is until then; share: of the table's rows, as far as the caller
// knows. Where rows->needs_recheck(), the scan sets xs_recheck of each row. A scan with such a set or with conditions
// counts matches alone: its promise, its settings and the rows that it puts in order.
void set_scan_bitmap(IndexScanDesc scan, const TidBlocks* rows, double share);

}  // namespace vectorq
