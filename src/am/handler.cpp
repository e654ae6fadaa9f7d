// The access methods' tables of callbacks, nothing else.
#include "am/am.h"
#include "am/options.h"
#include "pg/entry.h"

namespace vectorq {

static IndexAmRoutine* make_routine(amoptions_function parse_options) {
    IndexAmRoutine* am = makeNode(IndexAmRoutine);
    am->amstrategies = 0;
    am->amsupport = 1;
    am->amoptsprocnum = 0;
    am->amcanorder = false;
    am->amcanorderbyop = true;
    am->amcanbackward = false;
    am->amcanunique = false;
    am->amcanmulticol = true;
    am->amoptionalkey = true;
    am->amsearcharray = true;
    am->amsearchnulls = true;
    am->amstorage = false;
    am->amclusterable = false;
    am->ampredlocks = false;
    am->amcanparallel = false;
    am->amcaninclude = false;
    am->amusemaintenanceworkmem = false;
    // A renewal uses the processors itself, and takes locks that parallel workers may not.
    am->amparallelvacuumoptions = VACUUM_OPTION_NO_PARALLEL;
    am->amkeytype = InvalidOid;

    am->ambuild = vq_build;
    am->ambuildempty = vq_buildempty;
    am->aminsert = vq_insert;
    am->ambulkdelete = vq_bulkdelete;
    am->amvacuumcleanup = vq_vacuumcleanup;
    am->amcanreturn = NULL;
    am->amcostestimate = vq_costestimate;
    am->amoptions = parse_options;
    am->amproperty = NULL;
    am->ambuildphasename = vq_buildphasename;
    am->amvalidate = vq_validate;
    am->amadjustmembers = NULL;
    am->ambeginscan = vq_beginscan;
    am->amrescan = vq_rescan;
    am->amgettuple = vq_gettuple;
    am->amgetbitmap = vq_getbitmap;
    am->amendscan = vq_endscan;
    am->ammarkpos = NULL;
    am->amrestrpos = NULL;
    am->amestimateparallelscan = NULL;
    am->aminitparallelscan = NULL;
    am->amparallelrescan = NULL;
    return am;
}

}  // namespace vectorq

VQ_FUNCTION(vectorq_ivf_handler) { PG_RETURN_POINTER(vectorq::make_routine(vectorq::parse_ivf_options)); }
VQ_FUNCTION(vectorq_ah_handler) { PG_RETURN_POINTER(vectorq::make_routine(vectorq::parse_ah_options)); }
VQ_FUNCTION(vectorq_pq_handler) { PG_RETURN_POINTER(vectorq::make_routine(vectorq::parse_pq_options)); }
