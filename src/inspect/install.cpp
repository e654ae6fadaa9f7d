// What CREATE EXTENSION asks first: is something in the way of this extension that its script would fail over without
// saying what to do? The types and access methods of vectorq, of vectorq_pgvector and of pgvector have the same names.
#include "pg/entry.h"

extern "C" {
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "utils/guc.h"
#include "utils/syscache.h"
}

namespace vectorq {

static bool has_extension(const char* name) { return OidIsValid(get_extension_oid(name, true)); }

// The schema that the extension goes into, as its script sees it.
static Oid target_schema() {
    List* path = fetch_search_path(false);
    const Oid schema = path == NIL ? InvalidOid : linitial_oid(path);
    list_free(path);
    return schema;
}

static void refuse_twin(const char* twin, const char* hint) {
    if (!has_extension(twin)) return;
    ereport(ERROR, (errcode(ERRCODE_DUPLICATE_OBJECT),
                    errmsg("extension \"%s\" is in this database and makes the same access methods", twin),
                    errdetail("A database has either vectorq, with types of its own, or vectorq_pgvector, for the "
                              "types of pgvector."),
                    errhint("%s", hint)));
}

static void refuse_taken_type(const char* extension, Oid schema, const char* type) {
    const Oid taken = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum(type), ObjectIdGetDatum(schema));
    if (!OidIsValid(taken)) return;
    const Oid owner = getExtensionOfObject(TypeRelationId, taken);
    const bool pgvector = OidIsValid(owner) && owner == get_extension_oid("vector", true);
    ereport(
        ERROR,
        (errcode(ERRCODE_DUPLICATE_OBJECT),
         errmsg("type \"%s\" of %s is in schema \"%s\" already", type, pgvector ? "pgvector" : "somebody else",
                get_namespace_name(schema)),
         pgvector ? errhint("CREATE EXTENSION vectorq_pgvector makes the same indexes for pgvector's columns. To have "
                            "both kinds of types, so as to move rows: CREATE EXTENSION vectorq SCHEMA another_schema.")
                  : errhint("Name another schema: CREATE EXTENSION %s SCHEMA another_schema.", extension)));
}

// CREATE EXTENSION shows what its script says from warnings on only.
static void note_pgvector() {
    const int level = NewGUCNestLevel();
    set_config_option("client_min_messages", "notice", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
    ereport(NOTICE, (errmsg("pgvector is in this database, too: its types and those of vectorq have the same names"),
                     errhint("Write the schema before the type, or let search_path choose. Indexes of vectorq are for "
                             "its own types only; for pgvector's there is vectorq_pgvector.")));
    AtEOXact_GUC(true, level);
}

static void begin_vectorq() {
    refuse_twin(
        "vectorq_pgvector",
        "Its indexes work on pgvector's columns. DROP EXTENSION vectorq_pgvector if you want vectorq's own types.");
    const Oid schema = target_schema();
    for (const char* type : {"vector", "halfvec", "sparsevec", "sphere_vector"})
        refuse_taken_type("vectorq", schema, type);
    if (has_extension("vector")) note_pgvector();
}

// CREATE EXTENSION has seen to it that pgvector is there.
static void begin_vectorq_pgvector() {
    refuse_twin("vectorq", "DROP EXTENSION vectorq once no column has its types, or keep it and its own types.");
    // VectorChord has spheres of the same names.
    refuse_taken_type("vectorq_pgvector", target_schema(), "sphere_vector");
    if (OidIsValid(TypenameGetTypid("halfvec"))) return;
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("vectorq_pgvector needs pgvector 0.7 or later"),
                    errhint("Install it, then: ALTER EXTENSION vector UPDATE.")));
}

}  // namespace vectorq

VQ_FUNCTION(vectorq_begin_install) {
    if (!creating_extension)
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("vectorq_begin_install is for CREATE EXTENSION only")));
    const char* name = get_extension_name(CurrentExtensionObject);
    if (strcmp(name, "vectorq") == 0) vectorq::begin_vectorq();
    else vectorq::begin_vectorq_pgvector();
    PG_RETURN_VOID();
}
