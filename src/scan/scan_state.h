// State of one index scan, by who owns what. Plain data in the scan's memory context, plus the rounds that the context
// owns; nothing in it holds a buffer or a lock between calls.
#pragma once
#include "lists/list_chooser.h"
#include "scan/list_search.h"
#include "scan/scan_bound.h"
#include "scan/scan_filter.h"
#include "scan/scan_plan.h"
#include "core/search/scan_rounds.h"
#include "stats/stat_table.h"
#include "pg/pg_headers.h"

namespace vectorq {

// Counters of the session's last scan, shown by vectorq_stats().
struct ScanStats {
    Oid index;
    uint64 lists_probed;
    uint64 entries_scored;
    uint64 rows_collected;
    uint64 rows_reordered;
    uint64 rows_returned;
    uint64 pages_read;
    uint64 entries_passed;  // read and not scored: a filter lets no row of their run pass
    uint64 lists_skipped;   // of those as near as the ones probed: they cannot have a match
    bool ended_short;       // lists were left that a limit or vectorq.iterative_scan kept from being searched
    uint64 rounds;          // 1 + how often the executor asked for more than was collected
    float target;           // recall that the settings were chosen for; 0: by hand, or not calibrated
    TargetSource target_from;
};
extern ScanStats last_scan_stats;

// What reading the rows to put in order takes.
struct RowReading {
    Reorder from;         // kOff: rows come in the order of their codes
    void* heap_reader;    // heap_reader.cpp; NULL until used
    float* record_table;  // reorder_records.cpp; NULL until used
    float* row;           // (dims): buffer
    uint64* tids;         // (tids_size) of the rows at hand
    Size tids_size;
    ItemPointerData version;  // of the row at hand, the one that the snapshot sees
    BlockNumber heap_blocks;  // of the table, as far as rows of this scan lie in it
};

// Nanoseconds that a scan spent in its stages; 0 without vectorq.track_timing.
struct StageTimes {
    uint64 choose, search, order;
};

struct ScanState {
    // — set by beginscan, then constant —
    MemoryContext context;
    bool prepared;  // search, chooser, reading and rounds are made: by the first call of all scans
    // — set by set_scan_bitmap, and forgotten by rescan —
    const TidBlocks* bitmap;  // the rows that may be returned; NULL: all
    double bitmap_share;
    bool every_row;   // a bitmap of conditions on key columns: all that match, in no order
    bool has_radius;  // set_scan_radius, likewise
    float radius;
    // — set when a scan starts, then constant —
    bool started;
    ScanPlan plan;
    float first_target;  // recall that the first lists were chosen for
    // — each changed by its own functions —
    ListSearch search;
    MemoryContext key_context;  // of the conditions; NULL without any
    RowFilter filter;           // if it has any source
    ScanBound bound;            // of conditions on the vector column
    bool lossy_filter;          // a row that passes has to be looked at
    ScanChoice choice;          // for so many rows as were promised last
    ListChooser chooser;
    RowReading reading;
    ScanRounds* rounds;
    StageTimes times;
    StatCounts explained;  // of EXPLAIN ANALYZE: what ended scans did, all those of one node
};

// Does what the rounds ask for until there is a row to return: true, or there are none.
bool find_rows(IndexScanDesc scan, ScanState* state);
// The counters of vectorq_stats() are those of this scan.
void note_stats(IndexScanDesc scan, const ScanState* state);
// The settings for `rows` rows where `share` of the rows match, as the rounds want them.
RoundSettings settings_for(ScanState* state, uint64 rows, double share);

// count_scan.cpp: what the scan did since it started, which goes to the statistics of its index when it ends.
StatCounts counts_of_scan(const ScanState* state);
void count_ended_scan(IndexScanDesc scan, ScanState* state);
// The time that a stage begins at, if the scan is to know it; and its end.
uint64 begin_stage(const ScanState* state);
void end_stage(ScanState* state, RoundStep::Kind kind, uint64 began);

// explain_scan.cpp: tells EXPLAIN ANALYZE what all scans of its node did, in a NOTICE if vectorq.explain is on.
void explain_ended_scans(IndexScanDesc scan, const ScanState* state);

// Raises ERRCODE_INDEX_CORRUPTED if the row cannot be in the table: the heap's own error would not say which index to
// rebuild.
void check_heap_block(IndexScanDesc scan, ScanState* state, uint64 tid);

}  // namespace vectorq
