// See directory.h.
#include "store/directory.h"

#include <algorithm>

#include "core/filter/list_summary.h"
#include "pg/page_change.h"

namespace vectorq {

static BlockNumber directory_block(const MetaPage* meta, uint32 list) {
    return DirectoryBlock(*meta, list / directory_entries_per_page(meta));
}

void read_directory(Relation index, const MetaPage* meta, uint32 list, DirectoryEntry* entry) {
    const BlockNumber block = directory_block(meta, list);
    Buffer buffer = lock_directory(index, meta, list, BUFFER_LOCK_SHARE);
    *entry = *directory_entry(meta, BufferGetPage(buffer), list);
    UnlockReleaseBuffer(buffer);
    if (entry->state > static_cast<uint8>(ListState::kUnused))
        report_corruption(index, block, "directory entry of an unknown state");
    if (entry->head < meta->postings_start || (entry->head == kInvalidBlock) != (entry->hint == kInvalidBlock))
        report_corruption(index, block, "directory entry points outside the postings");
}

Buffer lock_directory(Relation index, const MetaPage* meta, uint32 list, int mode) {
    return read_page(index, directory_block(meta, list), PageKind::kDirectory, 0, 0, mode);
}

void update_directory(Relation index, const MetaPage* meta, uint32 list,
                      bool (*change)(DirectoryEntry* entry, char* summary, void* arg), void* arg) {
    alignas(DirectoryEntry) char copy[DirectoryStride(kMaxKeyColumns)];
    const Size bytes = DirectoryStride(meta->key_columns);
    Buffer buffer = lock_directory(index, meta, list);
    memcpy(copy, directory_entry(meta, BufferGetPage(buffer), list), bytes);
    if (!change(reinterpret_cast<DirectoryEntry*>(copy), copy + sizeof(DirectoryEntry), arg)) {
        UnlockReleaseBuffer(buffer);
        return;
    }
    PageChange page_change = begin_change(index, "directory");
    memcpy(directory_entry(meta, change_page(&page_change, buffer), list), copy, bytes);
    finish_change(&page_change);
}

// ---- summaries

bool no_row_since(const char* summary) {
    KeySummaryHead head;
    memcpy(&head, summary, sizeof(head));
    return (head.nulls & kNoRowSince) != 0;
}

void mark_summary(char* summary, bool mark) {
    KeySummaryHead head;
    memcpy(&head, summary, sizeof(head));
    head.nulls = mark ? head.nulls | kNoRowSince : head.nulls & ~kNoRowSince;
    memcpy(summary, &head, sizeof(head));
}

namespace {
struct Widening {
    const KeyColumns* keys;
    const char* packed;
};
}  // namespace

static bool is_widened(const Widening* w, const char* summary) {
    return !no_row_since(summary) && Covers(*w->keys, summary, w->packed);
}

static bool widen(DirectoryEntry*, char* summary, void* arg) {
    const Widening* w = static_cast<Widening*>(arg);
    if (is_widened(w, summary)) return false;
    Widen(*w->keys, summary, w->packed);
    mark_summary(summary, false);
    return true;
}

void widen_summary(Relation index, const MetaPage* meta, const KeyColumns* keys, uint32 list, const char* packed) {
    Widening w = {keys, packed};
    Buffer buffer = lock_directory(index, meta, list, BUFFER_LOCK_SHARE);
    const bool done = is_widened(&w, summary_of_entry(directory_entry(meta, BufferGetPage(buffer), list)));
    UnlockReleaseBuffer(buffer);
    if (!done) update_directory(index, meta, list, widen, &w);
}

void mark_summaries(Relation index, const MetaPage* meta) {
    const uint32 per_page = directory_entries_per_page(meta);
    for (uint32 first = 0; first < meta->lists; first += per_page) {
        vacuum_delay();
        const uint32 end = std::min(first + per_page, meta->lists);
        Buffer buffer = lock_directory(index, meta, first);
        bool marked = true;
        for (uint32 list = first; list < end; list++)
            marked &= no_row_since(summary_of_entry(directory_entry(meta, BufferGetPage(buffer), list)));
        if (marked) {
            UnlockReleaseBuffer(buffer);
            continue;
        }
        PageChange change = begin_change(index, "mark");
        Page page = change_page(&change, buffer);
        for (uint32 list = first; list < end; list++)
            mark_summary(summary_of_entry(directory_entry(meta, page, list)), true);
        finish_change(&change);
    }
}

}  // namespace vectorq
