// See open.h.
#include "inspect/open.h"

#include "am/am.h"
#include "pg/entry.h"

extern "C" {
#include "commands/defrem.h"
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

static bool is_ours(Relation index) { return index->rd_indam->ambuild == vq_build; }

// The names of a table's vectorq indexes, or NULL.
static const char* names_of_indexes(Oid table_oid) {
    Relation table = table_open(table_oid, AccessShareLock);
    StringInfoData names;
    initStringInfo(&names);
    List* indexes = RelationGetIndexList(table);
    ListCell* cell;
    foreach (cell, indexes) {
        if (get_rel_relkind(lfirst_oid(cell)) != RELKIND_INDEX) continue;
        Relation index = index_open(lfirst_oid(cell), AccessShareLock);
        if (is_ours(index))
            appendStringInfo(&names, "%s\"%s\"", names.len > 0 ? ", " : "", RelationGetRelationName(index));
        index_close(index, AccessShareLock);
    }
    table_close(table, AccessShareLock);
    return names.len > 0 ? names.data : NULL;
}

[[noreturn]] static void report_not_an_index(Oid oid) {
    const char* name = get_rel_name(oid);
    if (name == NULL) ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("there is no relation %u", oid)));
    const char relkind = get_rel_relkind(oid);
    if (relkind == RELKIND_PARTITIONED_INDEX)
        ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("\"%s\" is a partitioned index", name),
                        errhint("Name the index of one partition.")));
    if (relkind == RELKIND_PARTITIONED_TABLE)
        ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("partitioned table \"%s\" is not an index", name),
                        errhint("Name the index of one partition.")));
    if (relkind != RELKIND_RELATION && relkind != RELKIND_MATVIEW)
        ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("\"%s\" is not an index", name)));
    const char* indexes = names_of_indexes(oid);
    ereport(ERROR,
            (errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("table \"%s\" is not an index", name),
             indexes != NULL ? errhint("Name one of its indexes: %s.", indexes) : errhint("It has no vectorq index.")));
    pg_unreachable();
}

OpenedIndex open_index(Oid index_oid, LOCKMODE lock, bool reveals_rows) {
    if (get_rel_relkind(index_oid) != RELKIND_INDEX) report_not_an_index(index_oid);
    // The table first, as everybody does.
    const Oid heap_oid = IndexGetRelation(index_oid, false);
    OpenedIndex opened;
    opened.heap = table_open(heap_oid, lock);
    opened.index = index_open(index_oid, lock);
    if (!is_ours(opened.index))
        ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
                        errmsg("index \"%s\" is of access method %s, not one of vectorq's",
                               RelationGetRelationName(opened.index), get_am_name(opened.index->rd_rel->relam)),
                        errhint("Name an index that was made with USING ah, ivf or pq.")));
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

}  // namespace vectorq
