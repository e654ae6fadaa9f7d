// See list_uses.h.
#include "store/list_uses.h"

#include <algorithm>

#include "pg/entry.h"

extern "C" {
#include "access/xlog.h"
}

namespace vectorq {

// A power of two.
static constexpr uint32 kCountEvery = 64;

static constexpr uint32 kUsesPerPage = PayloadBytes(BLCKSZ) / sizeof(uint32);

// Lists that have a counter: those of the build.
static uint32 counted_lists(const MetaPage* meta) {
    return static_cast<uint32>(meta->list_uses.bytes / sizeof(uint32));
}

static uint32* uses_on(Buffer buffer) { return reinterpret_cast<uint32*>(page_payload(BufferGetPage(buffer))); }

// A page of counters under a share lock; InvalidBuffer if it is damaged, which the check reports and a scan need not
// mind.
static Buffer lock_uses(Relation index, const MetaPage* meta, uint32 page) {
    Buffer buffer = ReadBuffer(index, meta->list_uses.start + page);
    LockBuffer(buffer, BUFFER_LOCK_SHARE);
    if (likely(page_problem(BufferGetPage(buffer), PageKind::kListUses, 0, 0) == NULL)) return buffer;
    UnlockReleaseBuffer(buffer);
    return InvalidBuffer;
}

static void release_uses(Buffer buffer) {
    // Two at once may lose a count.
    MarkBufferDirtyHint(buffer, true);
    UnlockReleaseBuffer(buffer);
}

void note_list_uses(Relation index, const MetaPage* meta, const ListScore* lists, uint32 count) {
    if (likely((random_bits() & (kCountEvery - 1)) != 0) || RecoveryInProgress()) return;
    for (uint32 i = 0; i < count; i++) {
        CHECK_FOR_INTERRUPTS();
        if (lists[i].list >= counted_lists(meta)) continue;
        Buffer buffer = lock_uses(index, meta, lists[i].list / kUsesPerPage);
        if (buffer == InvalidBuffer) continue;
        uint32* uses = &uses_on(buffer)[lists[i].list % kUsesPerPage];
        if (*uses < PG_UINT32_MAX) ++*uses;
        release_uses(buffer);
    }
}

void read_list_uses(Relation index, const MetaPage* meta, uint32* uses) {
    const uint32 counted = std::min(counted_lists(meta), meta->lists);
    memset(uses, 0, sizeof(uint32) * meta->lists);
    for (uint32 list = 0; list < counted; list += kUsesPerPage) {
        const uint32 count = std::min(kUsesPerPage, counted - list);
        Buffer buffer = lock_uses(index, meta, list / kUsesPerPage);
        if (buffer == InvalidBuffer) continue;
        memcpy(uses + list, uses_on(buffer), sizeof(uint32) * count);
        UnlockReleaseBuffer(buffer);
    }
}

void age_list_uses(Relation index, const MetaPage* meta) {
    for (uint32 page = 0; page < meta->list_uses.blocks; page++) {
        Buffer buffer = lock_uses(index, meta, page);
        if (buffer == InvalidBuffer) continue;
        for (uint32 i = 0; i < kUsesPerPage; i++) uses_on(buffer)[i] /= 2;
        release_uses(buffer);
    }
}

}  // namespace vectorq
