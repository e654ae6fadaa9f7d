// Where the table of statistics lies: in the shared memory that a preloaded module asks the server for, or, where the
// server has it, in a segment that the first session makes.
#include "stats/stat_memory.h"

#include "am/options.h"

extern "C" {
#include "storage/ipc.h"
#include "storage/shmem.h"
}

namespace vectorq {

// Its layout is part of the name: a session with another version of the module makes one of its own.
static constexpr const char* kName = "vectorq statistics 1";
static constexpr const char* kTranche = "vectorq_statistics";

static StatTable* table;
static bool preloaded;
static shmem_startup_hook_type startup_before;

static Size table_bytes(int size) {
    return add_size(offsetof(StatTable, keys),
                    mul_size(static_cast<Size>(size), sizeof(pg_atomic_uint64) + sizeof(StatSlot)));
}

static void begin_table(StatTable* fresh, int size) {
    memset(static_cast<void*>(fresh), 0, table_bytes(size));
    LWLockInitialize(&fresh->lock, LWLockNewTrancheId());
    fresh->size = size;
    pg_atomic_init_u32(&fresh->used, 0);
    pg_atomic_init_u64(&fresh->evicted, 0);
    for (int i = 0; i < size; i++) {
        pg_atomic_init_u64(&fresh->keys[i], 0);
        StatSlot* slot = &stat_slots(fresh)[i];
        for (pg_atomic_uint64& count : slot->counts) pg_atomic_init_u64(&count, 0);
        pg_atomic_init_u64(&slot->last_used, 0);
        pg_atomic_init_u64(&slot->since, 0);
    }
}

static void use_table(StatTable* found) {
    table = found;
    LWLockRegisterTranche(found->lock.tranche, kTranche);
}

// ---- preloaded

static void request_memory() { RequestAddinShmemSpace(table_bytes(settings.stat_indexes)); }

// After a crash the counts may be of transactions that are gone, and there is no file.
static void save_at_exit(int code, Datum) {
    if (code == 0 && table != NULL) save_stats(table);
}

static void start_memory() {
    if (startup_before != NULL) startup_before();
    bool found;
    LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
    StatTable* memory = static_cast<StatTable*>(ShmemInitStruct(kName, table_bytes(settings.stat_indexes), &found));
    if (!found) begin_table(memory, settings.stat_indexes);
    LWLockRelease(AddinShmemInitLock);
    use_table(memory);
    if (!IsUnderPostmaster) on_shmem_exit(save_at_exit, static_cast<Datum>(0));
    if (!found) load_stats(memory);
}

void share_stats() {
    preloaded = true;
    on_shared_memory_request(request_memory);
    startup_before = shmem_startup_hook;
    shmem_startup_hook = start_memory;
}

// ---- not preloaded

static void begin_usual_table(void* memory) { begin_table(static_cast<StatTable*>(memory), kUsualStatIndexes); }

StatTable* stat_table() {
    if (likely(table != NULL) || preloaded || !kSharesWithoutPreloading) return table;
    use_table(static_cast<StatTable*>(named_shared_memory(kName, table_bytes(kUsualStatIndexes), begin_usual_table)));
    return table;
}

}  // namespace vectorq
