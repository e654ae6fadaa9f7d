// See directory.h.
#include "store/directory.h"

#include "pg/page_change.h"

namespace vectorq {

static BlockNumber directory_block(const MetaPage* meta, uint32 list) {
    return DirectoryBlock(*meta, list / DirectoryEntriesPerPage(BLCKSZ));
}

DirectoryEntry* directory_entry(Page page, uint32 list) {
    return reinterpret_cast<DirectoryEntry*>(page_payload(page)) + list % DirectoryEntriesPerPage(BLCKSZ);
}

void read_directory(Relation index, const MetaPage* meta, uint32 list, DirectoryEntry* entry) {
    const BlockNumber block = directory_block(meta, list);
    Buffer buffer = read_page(index, block, PageKind::kDirectory, 0, 0, BUFFER_LOCK_SHARE);
    *entry = *directory_entry(BufferGetPage(buffer), list);
    UnlockReleaseBuffer(buffer);
    if (entry->state > static_cast<uint8>(ListState::kUnused))
        report_corruption(index, block, "directory entry of an unknown state");
    if (entry->head < meta->postings_start || (entry->head == kInvalidBlock) != (entry->hint == kInvalidBlock))
        report_corruption(index, block, "directory entry points outside the postings");
}

Buffer lock_directory(Relation index, const MetaPage* meta, uint32 list) {
    return read_page(index, directory_block(meta, list), PageKind::kDirectory, 0, 0, BUFFER_LOCK_EXCLUSIVE);
}

void update_directory(Relation index, const MetaPage* meta, uint32 list, bool (*change)(DirectoryEntry*, void*),
                      void* arg) {
    Buffer buffer = lock_directory(index, meta, list);
    DirectoryEntry entry = *directory_entry(BufferGetPage(buffer), list);
    if (!change(&entry, arg)) {
        UnlockReleaseBuffer(buffer);
        return;
    }
    PageChange page_change = begin_change(index, "directory");
    *directory_entry(change_page(&page_change, buffer), list) = entry;
    finish_change(&page_change);
}

}  // namespace vectorq
