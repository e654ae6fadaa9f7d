// The table of statistics in shared memory, and where it is. For the files of this folder.
#pragma once
#include "stats/stat_table.h"

extern "C" {
#include "port/atomics.h"
#include "storage/lwlock.h"
}

namespace vectorq {

struct StatSlot {
    pg_atomic_uint64 counts[kNumStatCounts];
    pg_atomic_uint64 last_used, since;  // TimestampTz
};

// Counts are added without a lock. An entry that is removed at that moment may leave them to the one that comes next
// into its slot: a scan's worth, of another index.
struct StatTable {
    LWLock lock;  // to give a slot to an index, to take it away, to reset
    int size;
    pg_atomic_uint32 used;  // slots before this one are or were used
    pg_atomic_uint64 evicted;
    pg_atomic_uint64 keys[FLEXIBLE_ARRAY_MEMBER];  // (size) database and index; 0: free. Then the slots
};

inline StatSlot* stat_slots(StatTable* table) { return reinterpret_cast<StatSlot*>(table->keys + table->size); }
inline uint64 stat_key(Oid database, Oid index) { return static_cast<uint64>(database) << 32 | index; }

// NULL: no statistics are kept.
StatTable* stat_table();

// Between a shutdown and the next start: writes all entries, or reads and removes the file. In stat_file.cpp.
void save_stats(StatTable* table);
void load_stats(StatTable* table);

// The entry's slot, which is given to it if it has none. The caller holds the lock. In stat_table.cpp.
StatSlot* claim_slot(StatTable* table, uint64 key);

}  // namespace vectorq
