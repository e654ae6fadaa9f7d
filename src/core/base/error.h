// Errors of the core. The core throws these; the PostgreSQL layer (src/pg/entry.h)
// is the only place that turns them into SQLSTATEs. Kernels never throw.
#pragma once
#if defined(POSTGRES_H) && !defined(VECTORQ_PG_HEADERS)
#error "include PostgreSQL through pg/pg_headers.h, which removes the macros that break C++"
#endif
#include <stdexcept>
#include <string>

namespace vectorq {

enum class ErrorKind {
    kInvalidArgument,  // caller's value cannot work: bad option, bad dimensions
    kOutOfRange,       // a number does not fit the representation (e.g. half precision)
    kCorrupted,        // bytes that were read cannot have been written by us
    kLimit,            // a memory or size budget is too small
    kCancelled,        // StopToken asked to stop
    kInternal,         // a broken invariant of our own
};

// `hint` says what the user can do; may be empty.
class Error : public std::runtime_error {
public:
    Error(ErrorKind kind, const std::string& message, const std::string& hint = "")
        : std::runtime_error(message), kind_(kind), hint_(hint) {}
    ErrorKind kind() const noexcept { return kind_; }
    const std::string& hint() const noexcept { return hint_; }

private:
    ErrorKind kind_;
    std::string hint_;
};

}  // namespace vectorq
