// The statistics between a shutdown and the next start, in pg_stat/vectorq.stat: head, entries, checksum. The file is
// removed once it was read, so that none outlives a crash. A file that cannot be read is left out with a message: the
// counts begin anew.
#include "stats/stat_memory.h"

extern "C" {
#include <unistd.h>

#include "port/pg_crc32c.h"
#include "storage/fd.h"
}

namespace vectorq {

static constexpr const char* kFile = PGSTAT_STAT_PERMANENT_DIRECTORY "/vectorq.stat";
static constexpr const char* kFresh = PGSTAT_STAT_PERMANENT_DIRECTORY "/vectorq.stat.new";
static constexpr uint32 kMagic = 0x76715301;

namespace {
struct FileHead {
    uint32 magic, counts, entries, unused;
};
struct SummedFile {
    FILE* file;
    pg_crc32c crc;
    bool fails;
};
}  // namespace

static void put(SummedFile* out, const void* bytes, Size size) {
    COMP_CRC32C(out->crc, bytes, size);
    out->fails = out->fails || fwrite(bytes, size, 1, out->file) != 1;
}

static bool take(SummedFile* in, void* bytes, Size size) {
    in->fails = in->fails || fread(bytes, size, 1, in->file) != 1;
    if (!in->fails) COMP_CRC32C(in->crc, bytes, size);
    return !in->fails;
}

static void put_entries(SummedFile* out, int most) {
    FileHead head = {kMagic, kNumStatCounts, static_cast<uint32>(stat_summary().indexes), 0};
    put(out, &head, sizeof(head));
    StatEntry entry;
    memset(&entry, 0, sizeof(entry));
    for (int i = 0; i < most; i++)
        if (read_stat_entry(i, &entry)) put(out, &entry, sizeof(entry));
    FIN_CRC32C(out->crc);
    const pg_crc32c crc = out->crc;
    put(out, &crc, sizeof(crc));
}

void save_stats(StatTable* table) {
    SummedFile out = {AllocateFile(kFresh, PG_BINARY_W), 0, false};
    INIT_CRC32C(out.crc);
    if (out.file != NULL) {
        put_entries(&out, table->size);
        out.fails = FreeFile(out.file) != 0 || out.fails;
        if (!out.fails && durable_rename(kFresh, kFile, LOG) == 0) return;
    }
    ereport(LOG, (errcode_for_file_access(), errmsg("could not write file \"%s\": %m", kFresh)));
    unlink(kFresh);
}

// Takes all entries, or none: what a damaged file says is thrown away with its slots.
static bool take_entries(SummedFile* in, StatTable* table) {
    FileHead head;
    if (!take(in, &head, sizeof(head)) || head.magic != kMagic || head.counts != kNumStatCounts) return false;
    StatEntry entry;
    for (uint32 i = 0; i < head.entries; i++) {
        if (!take(in, &entry, sizeof(entry)) || !OidIsValid(entry.database) || !OidIsValid(entry.index)) return false;
        StatSlot* slot = claim_slot(table, stat_key(entry.database, entry.index));
        for (int c = 0; c < kNumStatCounts; c++) pg_atomic_write_u64(&slot->counts[c], entry.counts.of[c]);
        pg_atomic_write_u64(&slot->last_used, static_cast<uint64>(entry.last_used));
        pg_atomic_write_u64(&slot->since, static_cast<uint64>(entry.since));
    }
    FIN_CRC32C(in->crc);
    const pg_crc32c expected = in->crc;
    pg_crc32c crc;
    return take(in, &crc, sizeof(crc)) && EQ_CRC32C(crc, expected);
}

void load_stats(StatTable* table) {
    SummedFile in = {AllocateFile(kFile, PG_BINARY_R), 0, false};
    if (in.file == NULL) {
        if (errno != ENOENT) ereport(LOG, (errcode_for_file_access(), errmsg("could not read file \"%s\": %m", kFile)));
        return;
    }
    INIT_CRC32C(in.crc);
    if (!take_entries(&in, table)) {
        for (int i = 0; i < table->size; i++) pg_atomic_write_u64(&table->keys[i], 0);
        ereport(LOG, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("ignoring invalid data in file \"%s\"", kFile),
                      errhint("The statistics of vectorq begin anew.")));
    }
    FreeFile(in.file);
    unlink(kFile);
}

}  // namespace vectorq
