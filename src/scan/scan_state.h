// State of one index scan. Plain data in the scan's memory context, plus the collector that the
// context owns; nothing in it holds a buffer or a lock between calls.
#pragma once
#include "store/index_cache.h"
#include "lists/list_chooser.h"
#include "store/tid.h"
#include "am/opclass.h"
#include "scan/settings_choice.h"
#include "core/search/reorder_stop.h"
#include "core/search/topk.h"
#include "core/simd/lut16_scan.h"
#include "pg/pg_headers.h"

namespace vectorq {

// Counters of the session's last scan, shown by vectorq_stats().
struct ScanStats {
    Oid index;
    uint64 lists_probed;
    uint64 rows_scored;
    uint64 rows_collected;
    uint64 rows_reordered;
    uint64 rows_returned;
    uint64 pages_read;
    uint64 rounds;  // 1 + how often the executor asked for more than was collected
    float target;   // recall that the settings were chosen for; 0: by hand, or not calibrated
};
extern ScanStats last_scan_stats;

struct ScanState {
    // — set by beginscan, then constant —
    MemoryContext context;
    const OpclassInfo* opclass;
    // — set by the first call of a scan —
    IndexCache* cache;
    Codec codec;  // the cache's, with this session's distance
    TopK* collector;
    ReorderStop* reorder_stop;  // NULL unless rows are reordered
    BlockFn kernel;
    bool started;
    bool null_query;
    float* query;          // (dims), normalised for cosine
    float* code_query;     // (code dims), transformed; query itself without a transform
    float* table;          // scratch of list tables
    float* centroid;       // (code dims): buffer
    uint8* lut;            // pq4: table of 8-bit entries
    Lut16Query lut_scale;  // and what their sums mean
    bool table_ready;      // table and lut are of this query; those that depend on the list are of the last one
    uint16* sums;          // pq4: (segment capacity); NULL where sums may need more than 16 bits, then
    uint32* wide_sums;     // likewise
    void* heap_reader;     // reorder.cpp; NULL until used
    float* copy_table;     // scan/reorder_records.cpp; NULL until used
    Reorder reorder;
    TidSet* met;    // rows collected in earlier rounds; NULL unless lists hold rows several times
    TidSet* found;  // of the present round, likewise
    ListChooser chooser;
    ListScore* lists;           // the chooser's choice, ordered as far as list_end
    float* distances;           // (segment capacity)
    uint16* survivors;          // (segment capacity)
    ItemPointerData* tids;      // (segment capacity); segments of several pages only
    ItemPointerData* pointers;  // likewise
    float* scalars;             // likewise
    ScanChoice choice;          // for so many rows as were promised last
    BlockNumber index_blocks;
    BlockNumber heap_blocks;  // of the table, as far as rows of this scan lie in it
    ScanStats stats;          // copied to last_scan_stats after each round
    // — changed by each round —
    uint32 list_begin, list_end;  // the window of lists[] that this round searches
    uint32 split;                 // of it, lists before this one were searched before
    Candidate done_before_split;  // the last entry of these, in the order of codes, that needs no second look
    Candidate done_after_split;   // likewise of the others; distance -infinity: none
    Candidate done_in_old_lists;  // what the round at hand went on from in the lists before `split`
    uint32 lists_counted;         // whose rows are in rows_seen
    uint64 promised;              // rows that may be returned before a scan looks further
    Size capacity;                // of the collector
    Size collected_before;        // entries that were put in order or returned in earlier rounds
    Size asked;                   // rows that the executor is expected to take of what this round collects
    bool overflowed;              // this window has rows that the collector dropped
    uint64 rows_seen;             // in all windows so far, for max_scan_rows
    // — changed by each call —
    size_t collected;     // rows of this round in the collector
    size_t calibrated;    // of these, as many as the calibration's queries needed
    size_t reordered;     // of these, in the order of their codes, that have been put in order
    size_t count, next;   // of the rows to return: the collector's, or the results
    Candidate* results;   // reordered rows, instead of the collector's
    uint64* result_tids;  // (collected) of the rows to reorder
    float* row;           // (dims): buffer of reordering
    size_t results_size;
    Candidate* pending;  // reordered rows that wait while another round is made
    size_t pending_count, pending_size;
    float last_distance;  // of the last row returned
    uint64 last_tid;
};

// For scans other than the executor's (calibrate.cpp), too. A state lives as long as `parent`; prepare_scan makes what
// stays for all queries; begin_query makes state->code_query of state->query: choosing lists comes next.
ScanState* make_scan_state(Relation index, MemoryContext parent);
void prepare_scan(Relation index, ScanState* state);
void begin_query(ScanState* state);

// Collects the best rows of lists[list_begin .. list_end) into the collector.
void scan_lists(Relation index, ScanState* state);
// Raises ERRCODE_INDEX_CORRUPTED if the row cannot be in the table: the heap's own error would not say which index to
// rebuild.
void check_heap_block(IndexScanDesc scan, ScanState* state, uint64 tid);

}  // namespace vectorq
