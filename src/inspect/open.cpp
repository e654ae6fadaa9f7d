// See open.h.
#include "inspect/open.h"

#include "am/am.h"
#include "pg/entry.h"

extern "C" {
#include "catalog/pg_inherits.h"
#include "commands/defrem.h"
#include "utils/rls.h"
}

namespace vectorq {

// Whether the caller may read what the index has: plain columns, each of which a right to it suffices for.
static bool may_read_columns(Relation index, Oid heap_oid) {
    const Form_pg_index form = index->rd_index;
    for (int i = 0; i < form->indnatts; i++) {
        const AttrNumber column = form->indkey.values[i];
        if (column == 0 || pg_attribute_aclcheck(heap_oid, column, GetUserId(), ACL_SELECT) != ACLCHECK_OK)
            return false;
    }
    return true;
}

static void check_rights(Relation index, Oid heap_oid, bool reveals_rows) {
    AclResult acl = pg_class_aclcheck(heap_oid, GetUserId(), ACL_SELECT);
    if (acl != ACLCHECK_OK && may_read_columns(index, heap_oid)) acl = ACLCHECK_OK;
    if (acl != ACLCHECK_OK) aclcheck_error(acl, get_relkind_objtype(get_rel_relkind(heap_oid)), get_rel_name(heap_oid));
    if (reveals_rows && check_enable_rls(heap_oid, InvalidOid, false) == RLS_ENABLED)
        ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                        errmsg("row-level security on table \"%s\" applies to you", get_rel_name(heap_oid)),
                        errhint("Let a role that may see all rows call this function.")));
}

static bool is_ours(Relation index) { return index->rd_indam->ambuild == vq_build; }

// Names in a hint, at most.
static constexpr int kMostNames = 5;

namespace {
struct Names {
    StringInfoData text;
    int count;
};
}  // namespace

static void add_name(Names* names, const char* name) {
    if (names->count == kMostNames) appendStringInfoString(&names->text, ", ...");
    if (names->count < kMostNames) appendStringInfo(&names->text, "%s\"%s\"", names->count > 0 ? ", " : "", name);
    names->count++;
}

static void add_index_if_ours(Names* names, Oid oid) {
    if (get_rel_relkind(oid) != RELKIND_INDEX) return;
    Relation index = index_open(oid, AccessShareLock);
    if (is_ours(index)) add_name(names, RelationGetRelationName(index));
    index_close(index, AccessShareLock);
}

static void add_indexes_of_table(Names* names, Oid oid) {
    Relation table = table_open(oid, AccessShareLock);
    ListCell* cell;
    foreach (cell, RelationGetIndexList(table)) add_index_if_ours(names, lfirst_oid(cell));
    table_close(table, AccessShareLock);
}

// The names of the vectorq indexes that somebody who named this relation may have meant, or NULL.
static const char* names_of_indexes(Oid oid) {
    Names names = {};
    initStringInfo(&names.text);
    // It and its partitions, or itself alone.
    ListCell* cell;
    foreach (cell, find_all_inheritors(oid, AccessShareLock, NULL)) {
        const char relkind = get_rel_relkind(lfirst_oid(cell));
        if (relkind == RELKIND_INDEX) add_index_if_ours(&names, lfirst_oid(cell));
        else if (relkind == RELKIND_RELATION || relkind == RELKIND_MATVIEW)
            add_indexes_of_table(&names, lfirst_oid(cell));
    }
    return names.count > 0 ? names.text.data : NULL;
}

static const char* kind_in_words(char relkind) {
    switch (relkind) {
        case RELKIND_RELATION: return "table ";
        case RELKIND_MATVIEW: return "materialized view ";
        case RELKIND_PARTITIONED_TABLE: return "partitioned table ";
        case RELKIND_VIEW: return "view ";
        case RELKIND_FOREIGN_TABLE: return "foreign table ";
        case RELKIND_SEQUENCE: return "sequence ";
        default: return "";
    }
}

[[noreturn]] static void report_not_an_index(Oid oid) {
    const char* name = get_rel_name(oid);
    if (name == NULL) ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("there is no relation %u", oid)));
    const char relkind = get_rel_relkind(oid);
    const char* indexes = names_of_indexes(oid);
    if (relkind == RELKIND_PARTITIONED_INDEX || relkind == RELKIND_PARTITIONED_TABLE)
        ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
                        relkind == RELKIND_PARTITIONED_INDEX
                            ? errmsg("\"%s\" is a partitioned index", name)
                            : errmsg("%s\"%s\" is not an index", kind_in_words(relkind), name),
                        indexes != NULL ? errhint("Name the index of one partition: %s.", indexes)
                                        : errhint("Name the index of one partition.")));
    ereport(ERROR,
            (errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("%s\"%s\" is not an index", kind_in_words(relkind), name),
             indexes != NULL           ? errhint("Name one of its indexes: %s.", indexes)
             : relkind == RELKIND_VIEW ? errhint("Name an index of the table that it shows.")
                                       : errhint("It has no vectorq index.")));
    pg_unreachable();
}

[[noreturn]] static void report_not_ours(Relation index, Oid heap_oid) {
    const char* indexes = names_of_indexes(heap_oid);
    ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
                    errmsg("index \"%s\" is of access method %s, not one of vectorq's", RelationGetRelationName(index),
                           get_am_name(index->rd_rel->relam)),
                    indexes != NULL ? errhint("Its table has others: %s.", indexes)
                                    : errhint("Name an index that was made with USING ah, ivf or pq.")));
    pg_unreachable();
}

OpenedIndex open_index(Oid index_oid, LOCKMODE lock, bool reveals_rows) {
    if (get_rel_relkind(index_oid) != RELKIND_INDEX) report_not_an_index(index_oid);
    // The table first, as everybody does.
    const Oid heap_oid = IndexGetRelation(index_oid, false);
    OpenedIndex opened;
    opened.heap = table_open(heap_oid, lock);
    opened.index = index_open(index_oid, lock);
    if (!is_ours(opened.index)) report_not_ours(opened.index, heap_oid);
    check_rights(opened.index, heap_oid, reveals_rows);
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
