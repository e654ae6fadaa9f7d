// Named fault points, for the test build alone (make fault-module; without VECTORQ_FAULTS they are nothing).
//
// VQ_FAULT("file.step") stands before a PostgreSQL call of a write path. On demand the n-th passage raises an
// ERROR there, or ends the process as a crash would:
//
//     SET vectorq.fault = 'posting.finish:1:error';
//
// test/t/007_faults.pl walks all names and looks at the indexes afterwards.
#pragma once

namespace vectorq {

#ifdef VECTORQ_FAULTS
void fault_point(const char* name);
void register_fault_setting();
#define VQ_FAULT(name) ::vectorq::fault_point(name)
#else
inline void register_fault_setting() {}
#define VQ_FAULT(name) static_cast<void>(0)
#endif

}  // namespace vectorq
