// See stat_table.h.
#include "stats/stat_memory.h"

#include <algorithm>

extern "C" {
#include "access/xact.h"
#include "common/hashfn.h"
#include "utils/timestamp.h"
}

namespace vectorq {

// Where this backend last saw an index: a guess that its key proves.
static constexpr uint32 kGuesses = 64;
static uint32 guesses[kGuesses];

static uint32* guess_of(uint64 key) { return &guesses[murmurhash32(static_cast<uint32>(key)) % kGuesses]; }

static uint32 used_slots(StatTable* table) { return pg_atomic_read_u32(&table->used); }

// NULL: it has none.
static StatSlot* find_slot(StatTable* table, uint64 key) {
    const uint32 used = used_slots(table);
    uint32* guess = guess_of(key);
    if (likely(*guess < used && pg_atomic_read_u64(&table->keys[*guess]) == key)) return &stat_slots(table)[*guess];
    for (uint32 i = 0; i < used; i++)
        if (pg_atomic_read_u64(&table->keys[i]) == key) {
            *guess = i;
            return &stat_slots(table)[i];
        }
    return NULL;
}

static void clear_slot(StatSlot* slot, TimestampTz now) {
    for (pg_atomic_uint64& count : slot->counts) pg_atomic_write_u64(&count, 0);
    pg_atomic_write_u64(&slot->last_used, static_cast<uint64>(now));
    pg_atomic_write_u64(&slot->since, static_cast<uint64>(now));
}

// A slot that nothing has, else that of the index which was not used for longest.
static uint32 slot_to_give(StatTable* table) {
    const uint32 used = used_slots(table);
    const StatSlot* slots = stat_slots(table);
    uint32 oldest = 0;
    for (uint32 i = 0; i < used; i++) {
        if (pg_atomic_read_u64(&table->keys[i]) == 0) return i;
        if (pg_atomic_read_u64(const_cast<pg_atomic_uint64*>(&slots[i].last_used)) <
            pg_atomic_read_u64(const_cast<pg_atomic_uint64*>(&slots[oldest].last_used)))
            oldest = i;
    }
    if (used < static_cast<uint32>(table->size)) return used;
    pg_atomic_fetch_add_u64(&table->evicted, 1);
    return oldest;
}

StatSlot* claim_slot(StatTable* table, uint64 key) {
    StatSlot* slot = find_slot(table, key);
    if (slot != NULL) return slot;
    const uint32 i = slot_to_give(table);
    slot = &stat_slots(table)[i];
    pg_atomic_write_u64(&table->keys[i], 0);
    pg_write_barrier();
    clear_slot(slot, GetCurrentTimestamp());
    pg_write_barrier();
    pg_atomic_write_u64(&table->keys[i], key);
    pg_atomic_write_u32(&table->used, std::max(used_slots(table), i + 1));
    return slot;
}

static StatSlot* slot_of(StatTable* table, Oid index) {
    const uint64 key = stat_key(MyDatabaseId, index);
    StatSlot* slot = find_slot(table, key);
    if (likely(slot != NULL)) return slot;
    LWLockAcquire(&table->lock, LW_EXCLUSIVE);
    slot = claim_slot(table, key);
    LWLockRelease(&table->lock);
    return slot;
}

void add_stats(Oid index, const StatCounts* counts) {
    StatTable* table = pgstat_track_counts ? stat_table() : NULL;
    if (table == NULL) return;
    StatSlot* slot = slot_of(table, index);
    for (int i = 0; i < kNumStatCounts; i++)
        if (counts->of[i] > 0) pg_atomic_fetch_add_u64(&slot->counts[i], static_cast<int64>(counts->of[i]));
    pg_atomic_write_u64(&slot->last_used, static_cast<uint64>(GetCurrentStatementStartTimestamp()));
}

void add_stat(Oid index, StatCount count, uint64 more) {
    StatCounts counts = {};
    counts[count] = more;
    add_stats(index, &counts);
}

bool keeps_stats() { return stat_table() != NULL; }

StatSummary stat_summary() {
    StatTable* table = stat_table();
    StatSummary summary = {};
    if (table == NULL) return summary;
    for (uint32 i = 0; i < used_slots(table); i++) summary.indexes += pg_atomic_read_u64(&table->keys[i]) != 0;
    summary.most_indexes = table->size;
    summary.evicted = pg_atomic_read_u64(&table->evicted);
    return summary;
}

bool read_stat_entry(int number, StatEntry* entry) {
    StatTable* table = stat_table();
    if (table == NULL || static_cast<uint32>(number) >= used_slots(table)) return false;
    const uint64 key = pg_atomic_read_u64(&table->keys[number]);
    StatSlot* slot = &stat_slots(table)[number];
    for (int i = 0; i < kNumStatCounts; i++) entry->counts.of[i] = pg_atomic_read_u64(&slot->counts[i]);
    entry->last_used = static_cast<TimestampTz>(pg_atomic_read_u64(&slot->last_used));
    entry->since = static_cast<TimestampTz>(pg_atomic_read_u64(&slot->since));
    entry->database = static_cast<Oid>(key >> 32);
    entry->index = static_cast<Oid>(key);
    return key != 0;
}

void reset_stats(Oid index) {
    StatTable* table = stat_table();
    if (table == NULL) return;
    const TimestampTz now = GetCurrentTimestamp();
    LWLockAcquire(&table->lock, LW_EXCLUSIVE);
    for (uint32 i = 0; i < used_slots(table); i++) {
        const uint64 key = pg_atomic_read_u64(&table->keys[i]);
        if (key >> 32 == MyDatabaseId && (!OidIsValid(index) || static_cast<Oid>(key) == index))
            clear_slot(&stat_slots(table)[i], now);
    }
    LWLockRelease(&table->lock);
}

static bool is_dropped(const StatEntry* entry) {
    if (entry->database == MyDatabaseId) return !SearchSysCacheExists1(RELOID, ObjectIdGetDatum(entry->index));
    return !SearchSysCacheExists1(DATABASEOID, ObjectIdGetDatum(entry->database));
}

void forget_dropped_indexes() {
    StatTable* table = stat_table();
    const int count = stat_summary().most_indexes;
    StatEntry entry;
    for (int i = 0; i < count; i++) {
        // Catalogs are not read under the lock.
        if (!read_stat_entry(i, &entry) || !is_dropped(&entry)) continue;
        LWLockAcquire(&table->lock, LW_EXCLUSIVE);
        if (pg_atomic_read_u64(&table->keys[i]) == stat_key(entry.database, entry.index))
            pg_atomic_write_u64(&table->keys[i], 0);
        LWLockRelease(&table->lock);
    }
}

}  // namespace vectorq
