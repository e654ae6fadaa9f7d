// Renewal: another epoch of an index in use, with centroids, codes and page geometry trained anew on the rows that it
// has by now. maintain/README.md says why readers and writers are right meanwhile.
#pragma once
#include "core/page/meta_page.h"
#include "pg/pg_headers.h"

namespace vectorq {

struct RenewalWish {
    RenewReason reason;  // kNone: there is none
    float measured;      // what led to it: rows of an untrained index, lists wanted for each that there is
};

// Whether an index of so many rows should be renewed.
RenewalWish wants_renewal(Relation index, Relation heap, const MetaPage* meta, double rows);

// Renews it, or copies vectorq.renew_rows of its rows and leaves the rest to resume_renewal(). False, and nothing has
// changed, if its rows are too few to train. The caller holds the lock of a vacuum on the table; no epoch but the
// present one is known to anybody (one_epoch_is_known). rows: that the index has, roughly. all: in one go. On an error
// or a cancel the index is as it was, and the next vacuum goes on or clears away what was made.
bool renew_index(Relation index, Relation heap, RenewalWish wish, double rows, bool all, BufferAccessStrategy strategy);
// Goes on with a renewal that rests (is_resting).
void resume_renewal(Relation index, Relation heap, double rows, bool all, BufferAccessStrategy strategy);

// Renews it whatever its rows are, for vectorq_renew, and clears away what was before. False if the rows are too few to
// train. In vacuum.cpp.
bool renew_now(Relation index, Relation heap);

}  // namespace vectorq
