// See step_log.h.
#include "maintain/step_log.h"

extern "C" {
#include "executor/instrument.h"
}

namespace vectorq {

StepLog begin_step(Relation index, Relation heap, const char* what) {
    StepLog step = {index, heap, {}, pgWalUsage.wal_bytes};
    INSTR_TIME_SET_CURRENT(step.start);
    ereport(DEBUG1, (errmsg("index \"%s\": %s", RelationGetRelationName(index), what)));
    return step;
}

double step_millis(const StepLog* step) {
    instr_time now;
    INSTR_TIME_SET_CURRENT(now);
    INSTR_TIME_SUBTRACT(now, step->start);
    return INSTR_TIME_GET_MILLISEC(now);
}

static int level_of(const StepLog* step, double millis) {
    if (!IsAutoVacuumWorkerProcess()) return DEBUG1;
    const StdRdOptions* options = reinterpret_cast<const StdRdOptions*>(step->heap->rd_options);
    int least = Log_autovacuum_min_duration;
    if (options != NULL && options->autovacuum.log_min_duration >= 0) least = options->autovacuum.log_min_duration;
    return least >= 0 && millis >= least ? LOG : DEBUG1;
}

void end_step(const StepLog* step, const char* what) {
    const double millis = step_millis(step);
    const uint64 wal = pgWalUsage.wal_bytes - step->wal;
    ereport(level_of(step, millis), (errmsg("index \"%s\": %s", RelationGetRelationName(step->index), what),
                                     errdetail("It took %.0f ms and " UINT64_FORMAT " bytes of WAL.", millis, wal)));
}

}  // namespace vectorq
