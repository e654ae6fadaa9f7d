// See recent_buffers.h.
#include "store/recent_buffers.h"

#include <algorithm>

#include "store/index_cache.h"
#include "pg/entry.h"
#include "pg/fault.h"
#include "pg/memory.h"

namespace vectorq {

// Lists whose first segment is remembered.
static constexpr uint32 kMaxKnownLists = 64 * 1024;
// Blocks whose buffers are remembered: 4 bytes each, 8 GB of index.
static constexpr BlockNumber kMaxRecentBlocks = 1024 * 1024;

// Those that were remembered stay.
static Size make_block_room(BlockMemory* memory, BlockNumber blocks, MemoryContext context) {
    blocks = std::min(blocks, kMaxRecentBlocks);
    if (blocks <= memory->blocks) return 0;
    const BlockNumber further = blocks - memory->blocks;
    memory->buffers = enlarge(context, memory->buffers, blocks);
    memset(memory->buffers + memory->blocks, 0, sizeof(Buffer) * further);
    memory->blocks = blocks;
    return sizeof(Buffer) * further;
}

Size grow_recent(Relation index, RecentBuffers* recent, MemoryContext context) {
    if (RelationUsesLocalBuffers(index)) return 0;
    return make_block_room(&recent->index, RelationGetNumberOfBlocks(index), context);
}

Size prepare_recent(Relation index, uint32 lists, RecentBuffers* recent, MemoryContext context) {
    recent->known_slots = std::min(lists, kMaxKnownLists);
    recent->known_lists = static_cast<KnownList*>(MemoryContextAlloc(context, sizeof(KnownList) * recent->known_slots));
    for (uint32 slot = 0; slot < recent->known_slots; slot++) recent->known_lists[slot].entry.head = kInvalidBlock;
    return sizeof(KnownList) * recent->known_slots + grow_recent(index, recent, context);
}

Buffer* recent_buffer(IndexCache* cache, BlockNumber block) { return noted_buffer(&cache->recent.index, block); }

void track_heap(IndexCache* cache, Relation heap) {
    BlockMemory* memory = &cache->recent.heap;
    const bool same = memory->buffers != NULL && same_file(cache->recent.heap_file, file_locator(heap));
    if (likely(same && !cache->recent.heap_maybe_grown)) return;
    if (memory->buffers != NULL && !same) {
        cache->bytes -= sizeof(Buffer) * memory->blocks;
        pfree(memory->buffers);
        memset(memory, 0, sizeof(*memory));
    }
    VQ_FAULT("cache.track_heap");
    cache->recent.heap_file = file_locator(heap);
    cache->recent.heap_maybe_grown = false;
    cache->bytes += make_block_room(memory, std::max<BlockNumber>(RelationGetNumberOfBlocks(heap), 1), cache->context);
}

// The look-up in the buffer table was a fifth of a flat query, an eighth of an sq8 one. A remembered buffer
// is checked by the server to still hold the block. That way of pinning does not count as use of the
// page, so each sixteenth read takes the ordinary way: hot pages stay hot for the clock sweep.
Buffer pin_recent(Relation relation, BlockNumber block, Buffer* recent, uint32* turn) {
    if (recent != NULL && *recent != InvalidBuffer && ((*turn)++ & 15) != 0 &&
        ReadRecentBuffer(file_locator(relation), MAIN_FORKNUM, block, *recent)) {
        pgstat_count_buffer_read(relation);
        pgstat_count_buffer_hit(relation);
        return *recent;
    }
    const Buffer buffer = ReadBuffer(relation, block);
    if (recent != NULL) *recent = buffer;
    return buffer;
}

static Buffer read_recent(Relation index, IndexCache* cache, BlockNumber block, PageKind kind, uint32 owner,
                          uint16 part) {
    const Buffer buffer = pin_recent(index, block, recent_buffer(cache, block), &cache->recent.turn);
    LockBuffer(buffer, BUFFER_LOCK_SHARE);
    const char* problem = page_problem(BufferGetPage(buffer), kind, owner, part);
    if (unlikely(problem != NULL)) {
        UnlockReleaseBuffer(buffer);
        report_corruption(index, block, problem);
    }
    return buffer;
}

void list_head(Relation index, IndexCache* cache, uint32 list, DirectoryEntry* entry) {
    KnownList* known = &cache->recent.known_lists[list % cache->recent.known_slots];
    if (unlikely(known->entry.head == kInvalidBlock || known->list != list)) {
        read_directory(index, &cache->meta, list, &known->entry);
        known->list = list;
    }
    *entry = known->entry;
}

Buffer read_posting(Relation index, IndexCache* cache, BlockNumber block, uint32 list, uint16 part) {
    return read_recent(index, cache, block, PageKind::kPosting, part > 0 ? list : 0, part);
}

Buffer read_record_page(Relation index, IndexCache* cache, BlockNumber block, uint16 part) {
    return read_recent(index, cache, block, PageKind::kReorder, 0, part);
}

void read_recent_region(Relation index, IndexCache* cache, const Region* region, PageKind kind, uint64 offset,
                        uint64 length, void* out) {
    read_bytes_of_region(region, offset, length, out, [&](BlockNumber block) {
        return read_recent(index, cache, block, kind, cache->meta.generation, 0);
    });
}

void prefetch_page(const IndexCache* cache, BlockNumber block, uint32 from, uint32 to) {
    const Buffer* noted = noted_buffer(&cache->recent.index, block);
    if (noted == NULL || *noted == InvalidBuffer) return;
    const char* page = static_cast<const char*>(BufferGetPage(*noted));
    __builtin_prefetch(GetBufferDescriptor(*noted - 1), 1);
    __builtin_prefetch(page);
    __builtin_prefetch(page + BLCKSZ - sizeof(PageTail));
    prefetch_bytes(page + from, to - std::min(from, to));
}

}  // namespace vectorq
