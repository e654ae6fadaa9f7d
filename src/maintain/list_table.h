// What vacuum and vectorq_check know of all lists: the directory, and which of them are searched.
#pragma once
#include "store/directory.h"
#include "store/meta.h"
#include "pg/pg_headers.h"

namespace vectorq {

struct AllLists {
    uint32 lists;             // as meta.lists
    DirectoryEntry* entries;  // (lists)
    uint8* searched;          // (lists): 1 if the compact centroids have it
};

// Reads both; from the current memory context. Raises ERRCODE_INDEX_CORRUPTED if they make no sense.
AllLists read_list_table(Relation index, const MetaPage* meta);
void free_list_table(AllLists* table);

// True if rows of segments that say they are this list's may be forgotten: nobody looks there any more, or ever did.
inline bool is_dropped(const AllLists* table, uint32 list) {
    return list >= table->lists || table->entries[list].state >= static_cast<uint8>(ListState::kDropped);
}

// True if no segment says so either.
inline bool is_unused(const AllLists* table, uint32 list) {
    return list < table->lists && table->entries[list].state == static_cast<uint8>(ListState::kUnused);
}

// Writes the state of a list, in the table too; kDropped and kUnused take its chain away.
void set_list_state(Relation index, const MetaPage* meta, AllLists* table, uint32 list, ListState state);
// Closes a list to inserts, or opens it again: each segment and the directory.
void seal_list(Relation index, const MetaPage* meta, AllLists* table, uint32 list, BufferAccessStrategy strategy);
void unseal_list(Relation index, const MetaPage* meta, AllLists* table, uint32 list, BufferAccessStrategy strategy);

// True if there are lists that were replaced, and no scan is left that may know them.
bool may_drop_lists(Relation heap, const MetaPage* meta);

// Ends what a crash or an error has cut short, and drops replaced lists that nobody knows any more; changes *meta, too.
// Vacuum only.
void settle_lists(Relation index, Relation heap, MetaPage* meta, AllLists* table, BufferAccessStrategy strategy);
// Numbers of dropped lists, when no page has segments of theirs any more.
void release_numbers(Relation index, const MetaPage* meta, AllLists* table);

}  // namespace vectorq
