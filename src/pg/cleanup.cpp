// See cleanup.h.
#include "pg/cleanup.h"

extern "C" {
#include "storage/ipc.h"
}

namespace vectorq {

namespace {
struct Cleanup {
    void (*call)(void* arg);
    void* arg;
};
}  // namespace

static void clean_up(int, Datum arg) {
    const Cleanup* cleanup = reinterpret_cast<Cleanup*>(DatumGetPointer(arg));
    cleanup->call(cleanup->arg);
}

void call_with_cleanup(void (*body)(void* arg), void (*cleanup)(void* arg), void* arg) {
    Cleanup at_end = {cleanup, arg};
    PG_ENSURE_ERROR_CLEANUP(clean_up, PointerGetDatum(&at_end));
    body(arg);
    PG_END_ENSURE_ERROR_CLEANUP(clean_up, PointerGetDatum(&at_end));
    cleanup(arg);
}

}  // namespace vectorq
