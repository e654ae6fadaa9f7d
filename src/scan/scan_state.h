// State of one index scan, by who owns what. Plain data in the scan's memory context, plus the rounds that the context
// owns; nothing in it holds a buffer or a lock between calls.
#pragma once
#include "lists/list_chooser.h"
#include "scan/list_search.h"
#include "scan/scan_plan.h"
#include "core/search/scan_rounds.h"
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
    uint64 rounds;  // 1 + how often the executor asked for more than was collected
    float target;   // recall that the settings were chosen for; 0: by hand, or not calibrated
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
    BlockNumber heap_blocks;  // of the table, as far as rows of this scan lie in it
};

struct ScanState {
    // — set by beginscan, then constant —
    MemoryContext context;
    bool prepared;  // search, chooser, reading and rounds are made: by the first call of all scans
    // — set when a scan starts, then constant —
    bool started;
    ScanPlan plan;
    float first_target;  // recall that the first lists were chosen for
    // — each changed by its own functions —
    ListSearch search;
    ScanChoice choice;  // for so many rows as were promised last
    ListChooser chooser;
    RowReading reading;
    ScanRounds* rounds;
};

// Does what the rounds ask for until there is a row to return: true, or there are none.
bool find_rows(IndexScanDesc scan, ScanState* state);
// The settings for `rows` rows, as the rounds want them.
RoundSettings settings_for(ScanState* state, uint64 rows);

// Raises ERRCODE_INDEX_CORRUPTED if the row cannot be in the table: the heap's own error would not say which index to
// rebuild.
void check_heap_block(IndexScanDesc scan, ScanState* state, uint64 tid);

}  // namespace vectorq
