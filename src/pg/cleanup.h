// What must happen however a piece of work ends.
#pragma once
#include "pg/pg_headers.h"

namespace vectorq {

// Calls body(arg), then cleanup(arg): also when body raises an error, and when the process ends meanwhile, in both
// cases before anything else is given back. cleanup must not raise errors.
void call_with_cleanup(void (*body)(void* arg), void (*cleanup)(void* arg), void* arg);

}  // namespace vectorq
