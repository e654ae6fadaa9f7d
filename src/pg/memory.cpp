// See memory.h.
#include "pg/memory.h"

namespace vectorq {

namespace {
struct OwnedObject {
    MemoryContextCallback callback;
    void* object;
    void (*destroy)(void*);
};
}  // namespace

static void run_destroy(void* arg) {
    OwnedObject* owned = static_cast<OwnedObject*>(arg);
    owned->destroy(owned->object);
}

void destroy_with_context(MemoryContext context, void* object, void (*destroy)(void*)) {
    OwnedObject* owned =
        static_cast<OwnedObject*>(MemoryContextAllocExtended(context, sizeof(OwnedObject), MCXT_ALLOC_NO_OOM));
    if (owned == nullptr) {
        destroy(object);
        ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
    }
    owned->object = object;
    owned->destroy = destroy;
    owned->callback.func = run_destroy;
    owned->callback.arg = owned;
    MemoryContextRegisterResetCallback(context, &owned->callback);
}

}  // namespace vectorq
