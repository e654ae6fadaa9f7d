// See state.h.
#include "maintain/state.h"

#include <algorithm>

#include "am/options.h"
#include "build/build.h"
#include "maintain/epochs.h"
#include "maintain/renew.h"

namespace vectorq {

const char* renewal_reason(RenewReason reason, float measured) {
    switch (reason) {
        case RenewReason::kUntrained: return psprintf("%.0f rows had come to an untrained index", measured);
        case RenewReason::kGrown:
        case RenewReason::kShrunk:
            if (measured == 0) return "few rows were left";
            return psprintf("its rows called for %.2f times the lists", measured);
        case RenewReason::kDrifted:
            return psprintf("a query took %.2f times what it took when it was trained", measured);
        default: return "vectorq_renew was called";
    }
}

// Of the pages of before, which others may still read.
static const char* what_is_left(const MetaPage* meta) {
    if (meta->upkeep.given_up == 0 && meta->oldest_generation == meta->generation)
        return "a vacuum will give back pages of before";
    return psprintf("a vacuum will give back pages of before, once transactions older than " UINT64_FORMAT
                    " have ended",
                    meta->retire_xid);
}

// Of a renewal that rests, or that a vacuum is at.
static const char* what_is_copied(Relation index, const MetaPage* meta) {
    MetaPage next;
    if (!read_next_meta(index, &next)) return "a vacuum has just renewed it";
    return psprintf("being renewed, " UINT64_FORMAT " of " UINT64_FORMAT
                    " rows are copied; the next vacuum goes on, if none is at it",
                    std::min(next.rows, meta->rows), meta->rows);
}

static const char* what_comes(Relation index, Relation heap, const MetaPage* meta, double rows) {
    const bool trained = (meta->flags & kMetaTrained) != 0;
    if (is_resting(meta)) return what_is_copied(index, meta);
    if (meta->upkeep.renewing != 0) return "a vacuum is renewing it, or has broken off";
    if (meta->replacing != 0) return "a vacuum is replacing lists, or has broken off";
    if (meta->upkeep.garbage != 0 || meta->oldest_generation != meta->generation) return what_is_left(meta);
    if (!keeps_in_shape(index)) return trained ? NULL : "maintain is off";
    const RenewalWish wish = wants_renewal(index, heap, meta, rows);
    if (wish.reason == RenewReason::kUntrained) return "the next vacuum trains it";
    if (wish.reason != RenewReason::kNone)
        return psprintf("the next vacuum renews it: %s", renewal_reason(wish.reason, wish.measured));
    return trained ? NULL : psprintf("the first vacuum that finds %.0f rows trains it", kMinTrainingRows);
}

const char* index_state(Relation index, Relation heap, const MetaPage* meta, double rows) {
    const char* trained = meta->flags & kMetaTrained ? "trained" : "untrained, exact";
    const char* comes = what_comes(index, heap, meta, rows);
    return comes == NULL ? trained : psprintf("%s; %s", trained, comes);
}

bool state_is_noteworthy(const MetaPage* meta, double rows) {
    return meta->upkeep.renewing != 0 || meta->replacing != 0 ||
           (!(meta->flags & kMetaTrained) && rows >= kMinTrainingRows);
}

}  // namespace vectorq
