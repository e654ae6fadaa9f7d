// See fault.h. Empty in the shipped module.
#include "pg/fault.h"

#ifdef VECTORQ_FAULTS

#include <unistd.h>

#include <cstring>

#include "pg/entry.h"

namespace vectorq {

namespace {
constexpr int kMaxPoints = 256, kMaxName = 64;
struct Point {
    char name[kMaxName];
    int64 hits;
};
Point points[kMaxPoints];  // passed since vectorq_fault_hits() was last asked
int num_points;

char* setting;
// From the setting: the point, the passages until it strikes (0: off), and how.
char armed_name[kMaxName];
int armed_left;
enum class How { kError, kCrash, kWait } armed_how;
constexpr const char* kHow[] = {"error", "crash", "wait"};
constexpr int kWaitLock = 20;  // an advisory lock, if no other is named
int armed_lock;
}  // namespace

static bool parse(const char* text, char* name, int* nth, How* how, int* lock) {
    char word[16];
    *lock = kWaitLock;
    if (sscanf(text, "%63[^:]:%d:%15[^:]:%d", name, nth, word, lock) < 3 || *nth <= 0) return false;
    for (const How one : {How::kError, How::kCrash, How::kWait})
        if (strcmp(word, kHow[static_cast<int>(one)]) == 0) {
            *how = one;
            return true;
        }
    return false;
}

static bool check_setting(char** value, void**, GucSource) {
    char name[kMaxName];
    int nth = 0, lock;
    How how;
    return **value == '\0' || parse(*value, name, &nth, &how, &lock);
}

static void assign_setting(const char* value, void*) {
    armed_left = 0;
    if (value != NULL && *value != '\0' && !parse(value, armed_name, &armed_left, &armed_how, &armed_lock))
        armed_left = 0;
}

void register_fault_setting() {
    DefineCustomStringVariable("vectorq.fault", "Where to fail: name:nth:error, name:nth:crash or name:nth:wait", NULL,
                               &setting, "", PGC_SUSET, 0, check_setting, assign_setting, NULL);
}

static void count_hit(const char* name) {
    for (int i = 0; i < num_points; i++)
        if (strcmp(points[i].name, name) == 0) {
            points[i].hits++;
            return;
        }
    if (num_points == kMaxPoints) return;
    strlcpy(points[num_points].name, name, kMaxName);
    points[num_points++].hits = 1;
}

void fault_point(const char* name) {
    count_hit(name);
    if (armed_left == 0 || strcmp(name, armed_name) != 0 || --armed_left > 0) return;
    if (armed_how == How::kWait) {
        DirectFunctionCall1(pg_advisory_xact_lock_shared_int8, Int64GetDatum(armed_lock));
        return;
    }
    if (armed_how == How::kCrash) {
        write_stderr("crash at fault point %s\n", name);
        _exit(2);  // no callbacks: the postmaster sees a crash, and recovers
    }
    ereport(ERROR, (errmsg("fault point \"%s\"", name)));
}

void fault_point(const char* name, const char* step) {
    char whole[kMaxName];
    pg_snprintf(whole, sizeof(whole), "%s.%s", name, step);
    fault_point(whole);
}

}  // namespace vectorq

using namespace vectorq;

// "name hits" a line since the last call; begins anew.
VQ_FUNCTION(vectorq_fault_hits) {
    StringInfoData text;
    initStringInfo(&text);
    for (int i = 0; i < num_points; i++)
        appendStringInfo(&text, "%s %ld\n", points[i].name, static_cast<long>(points[i].hits));
    num_points = 0;
    PG_RETURN_TEXT_P(cstring_to_text_with_len(text.data, text.len));
}

// (index, block, offset, bytes): damages a page of an index in the buffers, so that a trial costs no restart.
// Returns what was there. What backends remember of the index is forgotten.
VQ_FUNCTION(vectorq_fault_poke) {
    Relation index = index_open(PG_GETARG_OID(0), AccessShareLock);
    const int32 offset = PG_GETARG_INT32(2);
    bytea* bytes = PG_GETARG_BYTEA_PP(3);
    const Size length = VARSIZE_ANY_EXHDR(bytes);
    if (offset < 0 || offset + length > BLCKSZ) elog(ERROR, "outside the page");
    bytea* old = static_cast<bytea*>(palloc(VARHDRSZ + length));
    SET_VARSIZE(old, VARHDRSZ + length);
    Buffer buffer = ReadBuffer(index, static_cast<BlockNumber>(PG_GETARG_INT32(1)));
    LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
    char* at = static_cast<char*>(BufferGetPage(buffer)) + offset;
    memcpy(VARDATA(old), at, length);
    memcpy(at, VARDATA_ANY(bytes), length);
    MarkBufferDirty(buffer);  // or an eviction would undo it
    UnlockReleaseBuffer(buffer);
    CacheInvalidateRelcache(index);
    index_close(index, AccessShareLock);
    PG_RETURN_BYTEA_P(old);
}

#endif
