// The directory of an index: an entry for each list (core/page/layout.h), and with key columns the summary of the
// list's values behind it (core/filter/list_summary.h).
#pragma once
#include "core/page/meta_page.h"
#include "store/pages.h"

namespace vectorq {

inline bool is_live(const DirectoryEntry* entry) { return entry->state == static_cast<uint8>(ListState::kLive); }

inline uint32 directory_entries_per_page(const MetaPage* meta) {
    return DirectoryEntriesPerPage(BLCKSZ, meta->key_columns);
}
// An entry on a page or on a copy of it, and the summary behind it, KeySummaryBytes(meta->key_columns).
inline DirectoryEntry* directory_entry(const MetaPage* meta, Page page, uint32 list) {
    return reinterpret_cast<DirectoryEntry*>(page_payload(page) + list % directory_entries_per_page(meta) *
                                                                      DirectoryStride(meta->key_columns));
}
inline char* summary_of_entry(DirectoryEntry* entry) { return reinterpret_cast<char*>(entry + 1); }

// Reads and checks the entry of a list.
void read_directory(Relation index, const MetaPage* meta, uint32 list, DirectoryEntry* entry);
// The page of a list's entry, locked: exclusively, unless told otherwise.
Buffer lock_directory(Relation index, const MetaPage* meta, uint32 list, int mode = BUFFER_LOCK_EXCLUSIVE);
// Changes one entry under exclusive lock, WAL-logged. `change` edits copies of the entry and of its summary, or returns
// false to leave both alone.
void update_directory(Relation index, const MetaPage* meta, uint32 list,
                      bool (*change)(DirectoryEntry* entry, char* summary, void* arg), void* arg);

// ---- summaries

// The list gets a row with these packed keys: afterwards its summary covers them, and a vacuum that reads the list's
// rows now knows of it (kNoRowSince). To be called before the row is in the list, so that no row of a list is ever
// without a summary that covers it; and once more when it is there, since a vacuum may have passed in between. Nothing
// may be locked. Mostly a share lock on the directory's page.
void widen_summary(Relation index, const MetaPage* meta, const KeyColumns* keys, uint32 list, const char* packed);
// Whether a summary has kNoRowSince, and sets or clears it.
bool no_row_since(const char* summary);
void mark_summary(char* summary, bool no_row_since);
// Sets it in all lists, WAL-logged page by page.
void mark_summaries(Relation index, const MetaPage* meta);

}  // namespace vectorq
