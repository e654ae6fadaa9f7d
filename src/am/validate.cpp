// amvalidate: an operator class is right if it has one support function of ours, and operators that
// order by distance on its own type.
#include "am/am.h"
#include "pg/entry.h"

extern "C" {
#include "access/amvalidate.h"
#include "catalog/pg_amop.h"
#include "catalog/pg_amproc.h"
#include "catalog/pg_opfamily.h"
#include "utils/regproc.h"
}

namespace vectorq {

static bool complain(const char* opclass, const char* problem, Oid object) {
    ereport(INFO, (errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
                   errmsg("operator class \"%s\" of a vectorq access method %s: %s", opclass, problem,
                          OidIsValid(object) ? format_operator(object) : "-")));
    return false;
}

static bool validate_operators(CatCList* operators, Oid type, const char* name) {
    bool valid = true;
    for (int i = 0; i < operators->n_members; i++) {
        const Form_pg_amop op = reinterpret_cast<Form_pg_amop>(GETSTRUCT(&operators->members[i]->tuple));
        if (op->amopstrategy != 1) valid = complain(name, "has an operator with an unknown strategy", op->amopopr);
        if (op->amoppurpose != AMOP_ORDER)
            valid = complain(name, "has an operator that is not for ordering", op->amopopr);
        if (!check_amop_signature(op->amopopr, FLOAT8OID, type, type))
            valid = complain(name, "has an operator with a wrong signature", op->amopopr);
    }
    return valid;
}

static bool validate_functions(CatCList* functions, const char* name) {
    bool valid = functions->n_members == 1;
    if (!valid) complain(name, "needs exactly one support function", InvalidOid);
    for (int i = 0; i < functions->n_members; i++) {
        const Form_pg_amproc proc = reinterpret_cast<Form_pg_amproc>(GETSTRUCT(&functions->members[i]->tuple));
        if (proc->amprocnum != 1 || !check_amproc_signature(proc->amproc, INTERNALOID, true, 1, 1, INTERNALOID))
            valid = complain(name, "has a wrong support function", InvalidOid);
    }
    return valid;
}

bool vq_validate(Oid opclass_oid) {
    HeapTuple tuple = SearchSysCache1(CLAOID, ObjectIdGetDatum(opclass_oid));
    if (!HeapTupleIsValid(tuple)) elog(ERROR, "cache lookup failed for operator class %u", opclass_oid);
    const Form_pg_opclass opclass = reinterpret_cast<Form_pg_opclass>(GETSTRUCT(tuple));
    const char* name = NameStr(opclass->opcname);
    CatCList* operators = SearchSysCacheList1(AMOPSTRATEGY, ObjectIdGetDatum(opclass->opcfamily));
    CatCList* functions = SearchSysCacheList1(AMPROCNUM, ObjectIdGetDatum(opclass->opcfamily));
    bool valid = validate_operators(operators, opclass->opcintype, name);
    valid = validate_functions(functions, name) && valid;
    if (operators->n_members != 1) valid = complain(name, "needs exactly one operator", InvalidOid);
    ReleaseCatCacheList(functions);
    ReleaseCatCacheList(operators);
    ReleaseSysCache(tuple);
    return valid;
}

}  // namespace vectorq
