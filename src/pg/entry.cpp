// The one table from core errors to SQLSTATEs. See entry.h.
#include "pg/entry.h"

namespace vectorq {

static int sqlstate_of(ErrorKind kind) noexcept {
    switch (kind) {
        case ErrorKind::kInvalidArgument: return ERRCODE_INVALID_PARAMETER_VALUE;
        case ErrorKind::kOutOfRange: return ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE;
        case ErrorKind::kCorrupted: return ERRCODE_INDEX_CORRUPTED;
        case ErrorKind::kLimit: return ERRCODE_PROGRAM_LIMIT_EXCEEDED;
        case ErrorKind::kCancelled: return ERRCODE_QUERY_CANCELED;
        case ErrorKind::kInternal: return ERRCODE_INTERNAL_ERROR;
    }
    return ERRCODE_INTERNAL_ERROR;
}

static void copy_text(char* to, size_t size, const char* from) noexcept {
    strncpy(to, from, size - 1);
    to[size - 1] = '\0';
}

void describe_current_exception(CaughtError* caught) noexcept {
    caught->cancelled = false;
    caught->hint[0] = '\0';
    try {
        throw;
    } catch (const Error& e) {
        caught->sqlstate = sqlstate_of(e.kind());
        caught->cancelled = e.kind() == ErrorKind::kCancelled;
        copy_text(caught->message, sizeof(caught->message), e.what());
        copy_text(caught->hint, sizeof(caught->hint), e.hint().c_str());
    } catch (const std::bad_alloc&) {
        caught->sqlstate = ERRCODE_OUT_OF_MEMORY;
        copy_text(caught->message, sizeof(caught->message), "out of memory");
    } catch (const std::exception& e) {
        caught->sqlstate = ERRCODE_INTERNAL_ERROR;
        copy_text(caught->message, sizeof(caught->message), e.what());
    } catch (...) {
        caught->sqlstate = ERRCODE_INTERNAL_ERROR;
        copy_text(caught->message, sizeof(caught->message), "unknown C++ exception");
    }
}

void raise_caught_error(const CaughtError* caught) {
    if (caught->cancelled) CHECK_FOR_INTERRUPTS();
    ereport(ERROR, (errcode(caught->sqlstate), errmsg("%s", caught->message),
                    caught->hint[0] != '\0' ? errhint("%s", caught->hint) : 0));
    pg_unreachable();
}

}  // namespace vectorq
