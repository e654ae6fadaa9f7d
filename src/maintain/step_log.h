// What vacuum does to the shape of an index, in the server's log: when a step begins at DEBUG1, and when it has ended,
// with what it took. The end is logged as autovacuum logs a vacuum of the table (log_autovacuum_min_duration).
#pragma once
#include "pg/pg_headers.h"

extern "C" {
#include "portability/instr_time.h"
}

namespace vectorq {

struct StepLog {
    Relation index, heap;
    instr_time start;
    uint64 wal;  // bytes that this backend had written
};

// what: "renewal begins: 300 rows had come …"
StepLog begin_step(Relation index, Relation heap, const char* what);
double step_millis(const StepLog* step);
// what: "renewed: …"
void end_step(const StepLog* step, const char* what);

}  // namespace vectorq
