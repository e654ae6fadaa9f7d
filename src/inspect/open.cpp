// See open.h.
#include "inspect/open.h"

#include "am/am.h"
#include "pg/entry.h"

extern "C" {
#include "utils/rls.h"
}

namespace vectorq {

static void check_rights(Oid heap_oid, bool reveals_rows) {
    const AclResult acl = pg_class_aclcheck(heap_oid, GetUserId(), ACL_SELECT);
    if (acl != ACLCHECK_OK) aclcheck_error(acl, get_relkind_objtype(get_rel_relkind(heap_oid)), get_rel_name(heap_oid));
    if (reveals_rows && check_enable_rls(heap_oid, InvalidOid, false) == RLS_ENABLED)
        ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                        errmsg("row-level security on table \"%s\" applies to you", get_rel_name(heap_oid)),
                        errhint("Let a role that may see all rows call this function.")));
}

OpenedIndex open_index(Oid index_oid, LOCKMODE lock, bool reveals_rows) {
    if (get_rel_relkind(index_oid) == RELKIND_PARTITIONED_INDEX)
        ereport(ERROR,
                (errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("\"%s\" is a partitioned index", get_rel_name(index_oid)),
                 errhint("Name the index of one partition.")));
    if (get_rel_relkind(index_oid) != RELKIND_INDEX)
        ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("relation %u is not an index", index_oid)));
    // The table first, as everybody does.
    const Oid heap_oid = IndexGetRelation(index_oid, false);
    OpenedIndex opened;
    opened.heap = table_open(heap_oid, lock);
    opened.index = index_open(index_oid, lock);
    if (opened.index->rd_indam->ambuild != vq_build)
        ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
                        errmsg("\"%s\" is not a vectorq index", RelationGetRelationName(opened.index))));
    check_rights(heap_oid, reveals_rows);
    if (RELATION_IS_OTHER_TEMP(opened.index))
        ereport(ERROR,
                (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("cannot access temporary indexes of other sessions")));
    if (!opened.index->rd_index->indisvalid)
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("index \"%s\" is not valid", RelationGetRelationName(opened.index)),
                        errhint("REINDEX it, or drop it: a concurrent build of it did not finish.")));
    return opened;
}

void close_index(OpenedIndex* opened, LOCKMODE lock) {
    index_close(opened->index, lock);
    table_close(opened->heap, lock);
}

const char* metric_name(uint8 metric) {
    static const char* const names[] = {"l2", "inner_product", "cosine", "l1"};
    return metric < kNumMetrics ? names[metric] : "unknown";
}

const char* code_name(uint8 code) {
    static const char* const names[] = {"f32", "f16", "sq8", "pq", "pq4"};
    return code < kNumCodeKinds ? names[code] : "unknown";
}

const char* reorder_name(uint8 reorder) {
    static const char* const names[] = {"off", "heap", "f32", "f16", "sq8"};
    return reorder < kNumReorders ? names[reorder] : "unknown";
}

const char* replicas_name(uint8 replicas) {
    static const char* const names[] = {"none", "soar", "closure"};
    return replicas < kNumReplicas ? names[replicas] : "unknown";
}

}  // namespace vectorq
