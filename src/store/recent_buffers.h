// What a backend remembers of where things are: which buffer last held a block, and where lists begin. So a scan that
// finds its pages in the buffers needs no look-up in the buffer table, and no directory.
#pragma once
#include "store/storage.h"
#include "pg/pg_headers.h"

namespace vectorq {

struct IndexCache;

// The buffer that last held each block of a file; InvalidBuffer: not known.
struct BlockMemory {
    Buffer* buffers;     // (blocks); NULL: none is remembered
    BlockNumber blocks;  // as many as there were, and at most kMaxRecentBlocks
};

// Where a list begins; only heads stay true.
struct KnownList {
    DirectoryEntry entry;  // head kInvalidBlock: none
    uint32 list;
};

struct RecentBuffers {
    BlockMemory index, heap;  // heap: NULL until rows are reordered from the table
    FileLocator heap_file;
    bool heap_maybe_grown;
    uint32 turn;             // counts reads, see pin_recent()
    KnownList* known_lists;  // (known_slots): slot list % known_slots
    uint32 known_slots;
};

// Prepares to remember: the memory is of `context`. Returns the bytes taken.
Size prepare_recent(Relation index, uint32 lists, RecentBuffers* recent, MemoryContext context);
// The index may have grown since: returns the further bytes taken.
Size grow_recent(Relation index, RecentBuffers* recent, MemoryContext context);

// Pins a block, mostly without a look-up in the buffer table. *recent: the buffer that last held it, if known; kept
// up to date. recent NULL: the ordinary way.
Buffer pin_recent(Relation relation, BlockNumber block, Buffer* recent, uint32* turn);

// Where it is noted which buffer last held a block; NULL: nowhere.
inline Buffer* noted_buffer(const BlockMemory* memory, BlockNumber block) {
    return block < memory->blocks ? &memory->buffers[block] : NULL;
}
Buffer* recent_buffer(IndexCache* cache, BlockNumber block);

// Remembers from now on which buffers held the table's blocks. A table that was rewritten is found out here.
void track_heap(IndexCache* cache, Relation heap);

// Pins and locks in share mode a page of a list, as read_page() does, mostly without a look-up in the buffer table.
Buffer read_posting(Relation index, IndexCache* cache, BlockNumber block, uint32 list, uint16 part);
// The same for a page of records.
Buffer read_record_page(Relation index, IndexCache* cache, BlockNumber block, uint16 part);
// Bytes [offset, offset + length) of a region of this generation, as read_region() does.
void read_recent_region(Relation index, IndexCache* cache, const Region* region, PageKind kind, uint64 offset,
                        uint64 length, void* out);

// Where a list begins. Once a list has a first segment, that stays the first as long as the entry knows the list.
void list_head(Relation index, IndexCache* cache, uint32 list, DirectoryEntry* entry);

// Asks for the memory of so many bytes, which may be anything by now.
inline void prefetch_bytes(const void* from, Size bytes) {
    for (Size at = 0; at < bytes; at += PG_CACHE_LINE_SIZE / 2)
        __builtin_prefetch(static_cast<const char*>(from) + at, 0, 2);
}
// Asks for the memory of bytes [from, to) of a page and of what is looked at before them. No pin protects the buffer,
// so nothing is read from it.
void prefetch_page(const IndexCache* cache, BlockNumber block, uint32 from, uint32 to);

}  // namespace vectorq
