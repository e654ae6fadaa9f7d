// amvalidate. An operator class is right if it has one support function, and that says
// - of a vector column: one operator, which orders by distance on its own type, and perhaps one that searches by a
//   bound on the distance;
// - of a key column: search operators by strategies that its kind can answer, which compare its type.
#include "am/am.h"
#include "am/keys.h"
#include "am/opclass.h"
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

static bool validate_distances(CatCList* operators, Oid type, const char* name) {
    bool valid = true;
    int distances = 0;
    for (int i = 0; i < operators->n_members; i++) {
        const Form_pg_amop op = reinterpret_cast<Form_pg_amop>(GETSTRUCT(&operators->members[i]->tuple));
        const bool orders = op->amoppurpose == AMOP_ORDER;
        if (op->amopstrategy != (orders ? kDistanceStrategy : kWithinStrategy))
            valid = complain(name, "has an operator with an unknown strategy", op->amopopr);
        if (!(orders ? check_amop_signature(op->amopopr, FLOAT8OID, type, type)
                     : type_is_rowtype(op->amoprighttype) &&
                           check_amop_signature(op->amopopr, BOOLOID, type, op->amoprighttype)))
            valid = complain(name, "has an operator with a wrong signature", op->amopopr);
        distances += orders;
    }
    if (distances != 1) valid = complain(name, "needs exactly one operator that orders", InvalidOid);
    return valid;
}

static bool kind_has_strategy(KeyKind kind, int strategy) {
    if (kind == KeyKind::kSignature) return strategy == kKeyOverlaps || strategy == kKeyContains;
    if (kind == KeyKind::kHash) return strategy == kKeyEqual;
    return strategy >= kKeyLess && strategy <= kKeyGreater;
}

// The family may have operators of its other types, too.
static bool validate_conditions(CatCList* operators, Oid type, KeyKind kind, const char* name) {
    bool valid = true;
    int of_type = 0;
    for (int i = 0; i < operators->n_members; i++) {
        const Form_pg_amop op = reinterpret_cast<Form_pg_amop>(GETSTRUCT(&operators->members[i]->tuple));
        if (op->amoplefttype != type) continue;
        if (!kind_has_strategy(kind, op->amopstrategy))
            valid = complain(name, "has an operator with an unknown strategy", op->amopopr);
        if (op->amoppurpose != AMOP_SEARCH || OidIsValid(op->amopsortfamily))
            valid = complain(name, "has an operator that is not for searching", op->amopopr);
        if (!check_amop_signature(op->amopopr, BOOLOID, type, op->amoprighttype))
            valid = complain(name, "has an operator with a wrong signature", op->amopopr);
        of_type += op->amoprighttype == type;
    }
    if (of_type == 0) valid = complain(name, "needs an operator", InvalidOid);
    return valid;
}

static bool function_is_right(const FormData_pg_amproc* proc) {
    return proc->amprocnum == 1 && check_amproc_signature(proc->amproc, INTERNALOID, true, 1, 1, INTERNALOID);
}

// The one support function of the operator class; InvalidOid if it is wrong.
static Oid support_function(CatCList* functions, Oid type, const char* name) {
    Oid found = InvalidOid;
    int of_type = 0;
    for (int i = 0; i < functions->n_members; i++) {
        const Form_pg_amproc proc = reinterpret_cast<Form_pg_amproc>(GETSTRUCT(&functions->members[i]->tuple));
        if (proc->amproclefttype != type) continue;
        of_type++;
        if (function_is_right(proc)) found = proc->amproc;
        else complain(name, "has a wrong support function", InvalidOid);
    }
    if (of_type == 1) return found;
    complain(name, "needs exactly one support function", InvalidOid);
    return InvalidOid;
}

// NULL: of a vector column.
static const KeyClass* class_of_function(Oid function) {
    const void* info = DatumGetPointer(OidFunctionCall1(function, PointerGetDatum(NULL)));
    const KeyClass* key_class = static_cast<const KeyClass*>(info);
    return key_class != NULL && key_class->magic == kKeyClassMagic ? key_class : NULL;
}

// sparsevec's function, which only raises an error, is of a vector, too.
static bool is_vector_class(CatCList* operators) {
    for (int i = 0; i < operators->n_members; i++) {
        const Form_pg_amop op = reinterpret_cast<Form_pg_amop>(GETSTRUCT(&operators->members[i]->tuple));
        if (op->amoppurpose == AMOP_ORDER) return true;
    }
    return false;
}

bool vq_validate(Oid opclass_oid) {
    HeapTuple tuple = SearchSysCache1(CLAOID, ObjectIdGetDatum(opclass_oid));
    if (!HeapTupleIsValid(tuple)) elog(ERROR, "cache lookup failed for operator class %u", opclass_oid);
    const Form_pg_opclass opclass = reinterpret_cast<Form_pg_opclass>(GETSTRUCT(tuple));
    const char* name = NameStr(opclass->opcname);
    CatCList* operators = SearchSysCacheList1(AMOPSTRATEGY, ObjectIdGetDatum(opclass->opcfamily));
    CatCList* functions = SearchSysCacheList1(AMPROCNUM, ObjectIdGetDatum(opclass->opcfamily));
    const Oid support = support_function(functions, opclass->opcintype, name);
    const KeyClass* key_class = OidIsValid(support) && !is_vector_class(operators) ? class_of_function(support) : NULL;
    bool valid = key_class != NULL ? validate_conditions(operators, opclass->opcintype, key_class->kind, name)
                                   : validate_distances(operators, opclass->opcintype, name);
    valid = valid && OidIsValid(support);
    ReleaseCatCacheList(functions);
    ReleaseCatCacheList(operators);
    ReleaseSysCache(tuple);
    return valid;
}

}  // namespace vectorq
