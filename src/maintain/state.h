// The state of an index in words, for whoever looks at it.
#pragma once
#include "core/page/meta_page.h"
#include "pg/pg_headers.h"

namespace vectorq {

// Why an index was renewed, or will be. measured: as in Upkeep.
const char* renewal_reason(RenewReason reason, float measured);

// Whether it is trained, and what the next vacuum will do. rows: that it has now.
const char* index_state(Relation index, Relation heap, const MetaPage* meta, double rows);

// Whether its rows wait for a vacuum, or for the user: it is untrained though they are enough, or a vacuum broke off.
bool state_is_noteworthy(const MetaPage* meta, double rows);

}  // namespace vectorq
