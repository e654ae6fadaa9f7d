// Named fault points, for the test build alone (make fault-module; without VECTORQ_FAULTS they are nothing).
//
// VQ_FAULT("file.step") stands before a PostgreSQL call of a write path. On demand the n-th passage raises an
// ERROR there, or ends the process as a crash would:
//
//     SET vectorq.fault = 'row.finish:1:error';
//
// "wait" instead of "error" makes it wait as long as another session has pg_advisory_lock(20), "wait:21" for lock 21.
//
// Changes of pages and locks of blocks (page_change.h) have their points inside: begin_change(index, "row") passes
// row.start, row.register, row.finish and row.release, lock_block(index, block, "row") row.read and row.lock.
//
// test/t/007_faults.pl walks all names and looks at the indexes afterwards.
#pragma once

namespace vectorq {

#ifdef VECTORQ_FAULTS
void fault_point(const char* name);
void fault_point(const char* name, const char* step);  // "name.step"
void register_fault_setting();
#define VQ_FAULT(name) ::vectorq::fault_point(name)
#define VQ_FAULT_STEP(name, step) ::vectorq::fault_point(name, step)
#else
inline void register_fault_setting() {}
#define VQ_FAULT(name) static_cast<void>(0)
#define VQ_FAULT_STEP(name, step) static_cast<void>(0)
#endif

}  // namespace vectorq
