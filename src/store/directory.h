// The directory of an index: an entry for each list (core/page/layout.h).
#pragma once
#include "core/page/meta_page.h"
#include "store/pages.h"

namespace vectorq {

inline bool is_live(const DirectoryEntry* entry) { return entry->state == static_cast<uint8>(ListState::kLive); }

// Reads and checks the entry of a list.
void read_directory(Relation index, const MetaPage* meta, uint32 list, DirectoryEntry* entry);
// The page of a list's entry, exclusively locked, and the entry on it or on a copy.
Buffer lock_directory(Relation index, const MetaPage* meta, uint32 list);
DirectoryEntry* directory_entry(Page page, uint32 list);
// Changes one entry under exclusive lock, WAL-logged. `change` returns false to leave it alone.
void update_directory(Relation index, const MetaPage* meta, uint32 list, bool (*change)(DirectoryEntry*, void*),
                      void* arg);

}  // namespace vectorq
