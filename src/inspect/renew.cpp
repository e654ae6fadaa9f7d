// vectorq_renew(index): trains an index anew on its rows, as VACUUM does by itself when they call for it. Readers and
// writers of the table go on meanwhile; vacuum waits.
#include "maintain/renew.h"

#include "inspect/open.h"
#include "pg/entry.h"

extern "C" {
#include "commands/tablecmds.h"
}

using namespace vectorq;

VQ_FUNCTION(vectorq_renew) {
    PreventCommandDuringRecovery("vectorq_renew()");
    PreventCommandIfReadOnly("vectorq_renew()");
    OpenedIndex opened = open_index(PG_GETARG_OID(0), ShareUpdateExclusiveLock, false);
    if (!owns_relation(RelationGetRelid(opened.index), GetUserId()))
        aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_INDEX, RelationGetRelationName(opened.index));
    // A cursor of this transaction would go on in lists that are thrown away.
    CheckTableNotInUse(opened.index, "vectorq_renew");
    const bool done = renew_now(opened.index, opened.heap);
    close_index(&opened, NoLock);
    PG_RETURN_BOOL(done);
}
