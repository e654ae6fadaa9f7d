// C++ errors -> PostgreSQL errors, and the definition of SQL-callable functions.
//
// AM and type code keeps only POD locals, so that an ERROR (longjmp) out of a PostgreSQL call
// has no destructor to skip. C++ code that owns memory or throws runs inside core_call():
//
//     core_call([&] { state->centroids = TrainKMeans(...); });
//
// The body must not call PostgreSQL. An exception is copied into a POD record, its handler is
// left, and only then ereport() is called.
#pragma once
#include <cstring>
#include <exception>
#include <new>

#include "core/base/error.h"
#include "pg/pg_headers.h"

namespace vectorq {

struct CaughtError {
    int sqlstate;  // 0 = nothing was caught
    bool cancelled;
    char message[512];
    char hint[256];
};

// Called inside a catch block only; rethrows to find the type. Does not call PostgreSQL.
void describe_current_exception(CaughtError* caught) noexcept;
// Raises the recorded error. A cancel goes through CHECK_FOR_INTERRUPTS first, so that the user
// sees PostgreSQL's own message for statement_timeout, pg_cancel_backend and so on.
[[noreturn]] void raise_caught_error(const CaughtError* caught);

template <class Body>
inline void core_call(Body&& body) {
    CaughtError caught;
    caught.sqlstate = 0;
    try {
        body();
    } catch (...) {
        describe_current_exception(&caught);
    }
    if (unlikely(caught.sqlstate != 0)) raise_caught_error(&caught);
}

}  // namespace vectorq

// Declares and registers one SQL-callable C function with default visibility; everything else in
// the module is hidden. Use C names with the prefix vectorq_, which no other extension has.
// The body that follows must not throw; wrap what may with core_call().
#define VQ_FUNCTION(name)                                                             \
    _Pragma("GCC visibility push(default)") extern "C" { PG_FUNCTION_INFO_V1(name); } \
    _Pragma("GCC visibility pop") extern "C" Datum name(PG_FUNCTION_ARGS)
