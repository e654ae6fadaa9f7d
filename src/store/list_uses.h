// How often scans searched each list: what vectorq_prewarm goes by. One counter a list, in a region of their own.
//
// Hints, as tuple hint bits are: changed under a share lock, never logged by themselves, lost at a crash or on a
// standby without harm; no other change touches their pages. One scan in 64 is counted, so nothing is kept by a backend
// and a scan pays some nanoseconds.
#pragma once
#include "core/base/list_score.h"
#include "store/meta.h"
#include "pg/pg_headers.h"

namespace vectorq {

// A scan has searched lists[0 .. count). Writes nothing during recovery. Holds one share lock at a time.
void note_list_uses(Relation index, const MetaPage* meta, const ListScore* lists, uint32 count);

// uses: (lists). A damaged page counts as no uses.
void read_list_uses(Relation index, const MetaPage* meta, uint32* uses);

// Halves them all, so that what was used long ago fades: each vacuum that has rows to remove.
void age_list_uses(Relation index, const MetaPage* meta);

}  // namespace vectorq
