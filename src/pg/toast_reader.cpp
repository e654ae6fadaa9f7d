// See toast_reader.h.
#include "pg/toast_reader.h"

#include <algorithm>

extern "C" {
#include "access/detoast.h"
#include "access/heapam.h"
#include "access/heaptoast.h"
#include "access/toast_internals.h"
#include "utils/fmgroids.h"
}

namespace vectorq {

ToastReader open_toast(Relation heap) {
    ToastReader toast = {NULL, NULL, NULL, 0};
    if (!OidIsValid(heap->rd_rel->reltoastrelid)) return toast;
    toast.table = table_open(heap->rd_rel->reltoastrelid, AccessShareLock);
    if (toast.table->rd_tableam != GetHeapamTableAmRoutine()) {
        table_close(toast.table, AccessShareLock);
        toast.table = NULL;
        return toast;
    }
    const int valid = toast_open_indexes(toast.table, AccessShareLock, &toast.indexes, &toast.num_indexes);
    toast.index = toast.indexes[valid];
    return toast;
}

void close_toast(ToastReader* toast) {
    if (toast->table == NULL) return;
    toast_close_indexes(toast->indexes, toast->num_indexes, AccessShareLock);
    table_close(toast->table, AccessShareLock);
    toast->table = NULL;
}

// Chunks are numbered from 0 on; all but the last one are full.
static bool copy_chunk(const ToastReader* toast, HeapTuple chunk, int32 size, int32* done, char* out) {
    const TupleDesc desc = RelationGetDescr(toast->table);
    bool isnull;
    const int32 number = DatumGetInt32(heap_getattr(chunk, 2, desc, &isnull));
    struct varlena* data = reinterpret_cast<struct varlena*>(DatumGetPointer(heap_getattr(chunk, 3, desc, &isnull)));
    const int32 wanted = std::min<int32>(size - *done, TOAST_MAX_CHUNK_SIZE);
    if (wanted == 0 || number != static_cast<int32>(*done / TOAST_MAX_CHUNK_SIZE)) return false;
    if (VARATT_IS_EXTERNAL(data) || static_cast<int32>(VARSIZE_ANY_EXHDR(data)) != wanted) return false;
    memcpy(out + *done, VARDATA_ANY(data), wanted);
    *done += wanted;
    return true;
}

static bool copy_chunks(const ToastReader* toast, Oid value, int32 size, char* out) {
    ScanKeyData key;
    ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(value));
    SysScanDesc scan = systable_beginscan_ordered(toast->table, toast->index, SnapshotAny, 1, &key);
    int32 done = 0;
    bool whole = true;
    for (HeapTuple chunk; whole && (chunk = systable_getnext_ordered(scan, ForwardScanDirection)) != NULL;)
        whole = copy_chunk(toast, chunk, size, &done, out);
    systable_endscan_ordered(scan);
    return whole && done == size;
}

bool read_external(const ToastReader* toast, struct varlena* external, struct varlena** value) {
    if (toast->table == NULL || !VARATT_IS_EXTERNAL_ONDISK(external)) {
        *value = detoast_attr(external);
        return true;
    }
    struct varatt_external pointer;
    VARATT_EXTERNAL_GET_POINTER(pointer, external);
    const int32 size = static_cast<int32>(VARATT_EXTERNAL_GET_EXTSIZE(pointer));
    struct varlena* stored = static_cast<struct varlena*>(palloc(VARHDRSZ + size));
    // As VARATT_EXTERNAL_IS_COMPRESSED has it.
    if (size < pointer.va_rawsize - VARHDRSZ) SET_VARSIZE_COMPRESSED(stored, VARHDRSZ + size);
    else SET_VARSIZE(stored, VARHDRSZ + size);
    if (!copy_chunks(toast, pointer.va_valueid, size, VARDATA(stored))) return false;
    *value = detoast_attr(stored);
    return static_cast<int32>(VARSIZE(*value)) == pointer.va_rawsize;
}

}  // namespace vectorq
