// Cumulative statistics: what all backends did with each index since the last reset, in shared memory.
#pragma once
#include "pg/pg_headers.h"

namespace vectorq {

// In the order of the columns of vectorq_stat_counters().
enum class StatCount : int {
    kScans,
    kShortScans,
    kRounds,
    kListsProbed,
    kPagesRead,
    kCodesScored,
    kEntriesReordered,
    kHeapRowsVisited,
    kRowsReturned,
    kBatches,
    kBatchQueries,
    kInserts,
    kRenewals,
    kRenewalMicros,
    kChooseNanos,
    kSearchNanos,
    kOrderNanos
};
inline constexpr int kNumStatCounts = static_cast<int>(StatCount::kOrderNanos) + 1;

struct StatCounts {
    uint64 of[kNumStatCounts];
    uint64& operator[](StatCount count) { return of[static_cast<int>(count)]; }
    uint64 operator[](StatCount count) const { return of[static_cast<int>(count)]; }
};

inline void add_counts(StatCounts* to, const StatCounts* more) {
    for (int i = 0; i < kNumStatCounts; i++) to->of[i] += more->of[i];
}

// Adds to the counts of an index of this database. Does nothing if track_counts is off, or nothing is kept.
void add_stats(Oid index, const StatCounts* counts);
// The same for one count.
void add_stat(Oid index, StatCount count, uint64 more);

// ---- to look at the table

struct StatEntry {
    Oid database, index;
    StatCounts counts;
    TimestampTz last_used, since;
};
struct StatSummary {
    int indexes, most_indexes;
    uint64 evicted;  // entries that made room for others
};

// Whether statistics are kept: by a module that was preloaded, or on a server that needs no preloading.
bool keeps_stats();
StatSummary stat_summary();
// Entries have numbers from 0 to most_indexes - 1; false: nothing has this one.
bool read_stat_entry(int number, StatEntry* entry);
// Sets counts of this database to zero: of one index, or of all (InvalidOid).
void reset_stats(Oid index);
// Removes entries of indexes and databases that are there no more. Reads catalogs.
void forget_dropped_indexes();

// Asks for shared memory, and has the statistics kept in a file between a shutdown and the next start. From _PG_init,
// when the module is preloaded.
void share_stats();

}  // namespace vectorq
