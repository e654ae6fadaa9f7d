// Centroids from elsewhere: WITH (centroids = 'schema.table') of CREATE INDEX. The table is read as it is, by no query:
// so nothing of its owner's runs, in a build that has the rights of the indexed table's owner.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "build/build.h"
#include "pg/entry.h"

extern "C" {
#include "access/table.h"
#include "catalog/namespace.h"
#include "utils/acl.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"
#include "utils/varlena.h"
}

namespace vectorq {

// What the option lists may be.
static constexpr int64 kMostLists = 1000000;

namespace {
struct GivenRows {
    Relation table;
    int column;     // its attribute number
    float* values;  // (room, dims)
    int64 count, room;
};
}  // namespace

static void refuse_table(const Relation table, const char* why, const char* hint) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("table \"%s\" cannot give centroids", RelationGetRelationName(table)), errdetail("%s", why),
                    errhint("%s", hint)));
}

static Relation open_table(const char* name) {
    RangeVar* range = makeRangeVarFromNameList(textToQualifiedNameList(cstring_to_text(name)));
    const Oid oid = RangeVarGetRelid(range, AccessShareLock, true);
    if (!OidIsValid(oid))
        ereport(ERROR,
                (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("table \"%s\" of option centroids does not exist", name),
                 errhint("Make it again, or take the option away by ALTER INDEX ... RESET (centroids): then "
                         "training finds the lists.")));
    Relation table = table_open(oid, NoLock);
    if (table->rd_rel->relkind != RELKIND_RELATION && table->rd_rel->relkind != RELKIND_MATVIEW)
        refuse_table(table, "It is neither a table nor a materialized view.", "Put the centroids into a table.");
    const AclResult allowed = pg_class_aclcheck(oid, GetUserId(), ACL_SELECT);
    if (allowed != ACLCHECK_OK) aclcheck_error(allowed, OBJECT_TABLE, RelationGetRelationName(table));
    if (check_enable_rls(oid, InvalidOid, true) == RLS_ENABLED)
        refuse_table(table, "Row-level security hides rows of it.", "Put the centroids into a table without policies.");
    return table;
}

// The one column of the indexed column's type.
static int column_of(const Build* b, Relation table) {
    const Oid type = TupleDescAttr(RelationGetDescr(b->index), 0)->atttypid;
    int column = 0, count = 0;
    for (int i = 0; i < RelationGetDescr(table)->natts; i++) {
        const Form_pg_attribute attribute = TupleDescAttr(RelationGetDescr(table), i);
        if (attribute->attisdropped || attribute->atttypid != type) continue;
        column = attribute->attnum;
        count++;
    }
    if (count != 1)
        refuse_table(table, psprintf("It has %d columns of type %s.", count, format_type_be(type)),
                     "It has to have one column of the type that is indexed.");
    return column;
}

static void add_centroid(Build* b, GivenRows* rows, Datum value, bool null) {
    if (null) refuse_table(rows->table, "A centroid is NULL.", "Delete such rows.");
    if (rows->count == kMostLists)
        refuse_table(rows->table, psprintf("It has more than " INT64_FORMAT " rows.", kMostLists), "Train fewer.");
    if (rows->count == rows->room) {
        rows->room *= 2;
        rows->values = static_cast<float*>(
            repalloc_huge(rows->values, sizeof(float) * static_cast<Size>(rows->room) * static_cast<Size>(b->dims)));
    }
    float* row = rows->values + rows->count * b->dims;
    MemoryContext before = MemoryContextSwitchTo(b->row_context);
    bool direction = load_vector(b->opclass, value, b->dims, row);
    MemoryContextSwitchTo(before);
    MemoryContextReset(b->row_context);
    if (IsDotMetric(b->opclass->metric))
        direction = direction && std::any_of(row, row + b->dims, [](float x) { return x != 0; });
    if (!direction) refuse_table(rows->table, "A centroid is zero, and has no direction.", "Delete such rows.");
    if (!std::all_of(row, row + b->dims, [](float x) { return std::isfinite(x); }))
        refuse_table(rows->table, "A centroid is not finite.", "Train without such rows.");
    rows->count++;
}

static void read_rows(Build* b, GivenRows* rows) {
    Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
    TupleTableSlot* slot = table_slot_create(rows->table, NULL);
    TableScanDesc scan = table_beginscan(rows->table, snapshot, 0, NULL);
    while (table_scan_getnextslot(scan, ForwardScanDirection, slot)) {
        CHECK_FOR_INTERRUPTS();
        bool null;
        const Datum value = slot_getattr(slot, rows->column, &null);
        add_centroid(b, rows, value, null);
    }
    table_endscan(scan);
    ExecDropSingleTupleTableSlot(slot);
    UnregisterSnapshot(snapshot);
}

// Of two equal ones one could get no row.
static bool HasEqualRows(const float* values, size_t count, size_t dims) {
    std::vector<uint32_t> order(count);
    std::iota(order.begin(), order.end(), 0u);
    const auto compare = [values, dims](uint32_t a, uint32_t b) {
        return std::lexicographical_compare(values + a * dims, values + (a + 1) * dims, values + b * dims,
                                            values + (b + 1) * dims);
    };
    std::sort(order.begin(), order.end(), compare);
    for (size_t i = 1; i < count; i++)
        if (!compare(order[i - 1], order[i])) return true;
    return false;
}

void read_given_centroids(Build* b, const char* table_name) {
    if (TraitsOf(b->opclass->metric).bits)
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("an index on bit takes no centroids"),
                        errhint("Leave the option away: training finds the lists.")));
    MemoryContext before = MemoryContextSwitchTo(b->context);
    GivenRows rows = {open_table(table_name), 0, NULL, 0, 1024};
    rows.column = column_of(b, rows.table);
    rows.values = static_cast<float*>(
        palloc_extended(sizeof(float) * static_cast<Size>(rows.room) * static_cast<Size>(b->dims), MCXT_ALLOC_HUGE));
    read_rows(b, &rows);
    if (rows.count == 0) refuse_table(rows.table, "It is empty.", "Fill it before the index is built.");
    if (b->options.lists > 0 && b->options.lists != rows.count)
        refuse_table(rows.table,
                     psprintf("It has " INT64_FORMAT " rows, and option lists says %d.", rows.count, b->options.lists),
                     "Leave the option lists away.");
    bool equal = false;
    core_call([&] {
        const size_t count = static_cast<size_t>(rows.count), dims = static_cast<size_t>(b->dims);
        equal = HasEqualRows(rows.values, count, dims);
        b->objects->given = Matrix(count, dims);
        std::copy_n(rows.values, count * dims, b->objects->given.data());
    });
    if (equal) refuse_table(rows.table, "Two centroids are equal.", "Keep one of them.");
    b->options.lists = static_cast<int>(rows.count);
    pfree(rows.values);
    table_close(rows.table, AccessShareLock);
    MemoryContextSwitchTo(before);
}

}  // namespace vectorq
