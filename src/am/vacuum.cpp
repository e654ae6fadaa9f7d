// ambulkdelete: takes dead rows out of the lists. Pages stay in their chain; their room is used
// again by inserts, which start at the first extent with room (the insert hint).
#include "am/am.h"
#include "am/index_cache.h"
#include "core/page/posting_codes.h"
#include "pg/entry.h"

namespace vectorq {

namespace {
struct VacuumState {
    Relation index;
    MetaPage meta;
    ExtentGeometry geometry;
    IndexBulkDeleteCallback callback;
    void* callback_state;
    IndexBulkDeleteResult* stats;
    BlockNumber* first_with_room;  // (lists), in block order
    uint32* rows;                  // (lists)
};
}  // namespace

static ItemPointerData* tids_of(Page page) {
    return reinterpret_cast<ItemPointerData*>(page_payload(page) + sizeof(PostingHeader));
}

// Moves the row in slot `from` to slot `to` of a page that holds its whole extent.
static void move_row(const ExtentGeometry* g, Page page, uint32 from, uint32 to) {
    char* payload = page_payload(page);
    tids_of(page)[to] = tids_of(page)[from];
    if (g->block_bytes > 0)
        MoveBlockCode(*g, payload, from, to);
    else
        memmove(payload + g->codes_offset + to * g->code_bytes, payload + g->codes_offset + from * g->code_bytes,
                g->code_bytes);
    if (g->scalar_bytes > 0) {
        float* scalars = reinterpret_cast<float*>(payload + g->scalars_offset);
        scalars[to] = scalars[from];
    }
}

// Removes the rows marked in `dead` from a page copy. With one page an extent the last rows move into
// the holes; with several the slots are marked, because a reader may be between two of its pages.
static void remove_rows(const ExtentGeometry* g, Page page, const bool* dead) {
    PostingHeader* header = reinterpret_cast<PostingHeader*>(page_payload(page));
    uint32 count = header->count;
    if (g->pages == 1) {
        // From the end, so that the row moved into a hole is always a live one.
        for (uint32 slot = count; slot-- > 0;)
            if (dead[slot]) {
                if (slot != --count) move_row(g, page, count, slot);
            }
        header->count = static_cast<uint16>(count);
        header->dead = 0;
        return;
    }
    for (uint32 slot = 0; slot < count; slot++)
        if (dead[slot]) ItemPointerSetInvalid(&tids_of(page)[slot]);
    while (count > 0 && !ItemPointerIsValid(&tids_of(page)[count - 1])) count--;
    uint16 marked = 0;
    for (uint32 slot = 0; slot < count; slot++) marked += !ItemPointerIsValid(&tids_of(page)[slot]);
    header->count = static_cast<uint16>(count);
    header->dead = marked;
}

// Asks which rows of a locked page are dead. Slots that are already free count as dead, too, so that
// remove_rows sees one picture; returns how many rows go.
static uint32 find_dead(const VacuumState* v, Page page, bool* dead, uint32* live) {
    const PostingHeader* header = reinterpret_cast<const PostingHeader*>(page_payload(page));
    uint32 removed = 0;
    *live = 0;
    for (uint32 slot = 0; slot < header->count; slot++) {
        ItemPointer tid = &tids_of(page)[slot];
        dead[slot] = !ItemPointerIsValid(tid);
        if (dead[slot]) continue;
        if (v->callback(tid, v->callback_state)) {
            dead[slot] = true;
            removed++;
        } else {
            (*live)++;
        }
    }
    return removed;
}

static void vacuum_page(VacuumState* v, BlockNumber block, BufferAccessStrategy strategy, bool* dead) {
    Buffer buffer = ReadBufferExtended(v->index, MAIN_FORKNUM, block, RBM_NORMAL, strategy);
    LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
    Page page = BufferGetPage(buffer);
    // New pages: an extension that a crash or an error cut short. Parts > 0 hold no tids.
    const PageTail* tail = page_tail(page);
    if (PageIsNew(page) || (tail->kind == static_cast<uint16>(PageKind::kPosting) && tail->part > 0)) {
        UnlockReleaseBuffer(buffer);
        return;
    }
    const PostingHeader* header = reinterpret_cast<const PostingHeader*>(page_payload(page));
    const char* problem = page_problem(page, PageKind::kPosting, tail->owner, 0);
    if (problem == NULL && (tail->owner >= v->meta.lists || header->count > v->geometry.capacity))
        problem = "posting page has impossible values";
    if (problem != NULL) {
        UnlockReleaseBuffer(buffer);
        report_corruption(v->index, block, problem);
    }
    const uint32 list = tail->owner;
    uint32 live = 0;
    const uint32 removed = find_dead(v, page, dead, &live);
    if (removed > 0) {
        GenericXLogState* xlog = GenericXLogStart(v->index);
        remove_rows(&v->geometry, GenericXLogRegisterBuffer(xlog, buffer, 0), dead);
        GenericXLogFinish(xlog);
    }
    UnlockReleaseBuffer(buffer);
    v->stats->tuples_removed += removed;
    v->stats->num_index_tuples += live;
    v->rows[list] += live;
    if (live < v->geometry.capacity && v->first_with_room[list] == InvalidBlockNumber)
        v->first_with_room[list] = block;
}

namespace {
struct ListUpdate {
    BlockNumber hint;
    uint32 rows;
};
}  // namespace

static bool update_entry(DirectoryEntry* entry, void* arg) {
    const ListUpdate* update = static_cast<const ListUpdate*>(arg);
    const DirectoryEntry before = *entry;
    if (update->hint != InvalidBlockNumber) entry->insert_hint = update->hint;
    entry->rows = update->rows;
    return memcmp(&before, entry, sizeof(before)) != 0;
}

static void update_lists(VacuumState* v) {
    for (uint32 list = 0; list < v->meta.lists; list++) {
        ListUpdate update = {v->first_with_room[list], v->rows[list]};
        update_directory(v->index, &v->meta, list, update_entry, &update);
        vacuum_delay_point();
    }
    uint64 rows = static_cast<uint64>(v->stats->num_index_tuples);
    update_meta(v->index, [](MetaPage* meta, void* arg) { meta->rows = *static_cast<uint64*>(arg); }, &rows);
}

IndexBulkDeleteResult* vq_bulkdelete(IndexVacuumInfo* info, IndexBulkDeleteResult* stats,
                                     IndexBulkDeleteCallback callback, void* callback_state) {
    if (stats == NULL) stats = static_cast<IndexBulkDeleteResult*>(palloc0(sizeof(IndexBulkDeleteResult)));
    VacuumState v;
    memset(&v, 0, sizeof(v));
    v.index = info->index;
    v.callback = callback;
    v.callback_state = callback_state;
    v.stats = stats;
    read_meta(v.index, &v.meta);
    v.geometry = meta_geometry(&v.meta);
    const Size lists = v.meta.lists;
    v.first_with_room = static_cast<BlockNumber*>(palloc_extended(sizeof(BlockNumber) * lists, MCXT_ALLOC_HUGE));
    v.rows = static_cast<uint32*>(palloc_extended(sizeof(uint32) * lists, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO));
    for (Size list = 0; list < lists; list++) v.first_with_room[list] = InvalidBlockNumber;
    bool* dead = static_cast<bool*>(palloc(v.geometry.capacity));
    BufferAccessStrategy strategy = GetAccessStrategy(BAS_VACUUM);
    stats->num_index_tuples = 0;  // of this pass: a vacuum may need several
    // In block order, not chain order: sequential reads. Extents added meanwhile hold new rows only.
    const BlockNumber blocks = RelationGetNumberOfBlocks(v.index);
    for (BlockNumber block = v.meta.postings_start; block < blocks; block++) {
        vacuum_delay_point();
        if (block >= v.meta.directory.start && block < v.meta.directory.start + v.meta.directory.blocks) continue;
        vacuum_page(&v, block, strategy, dead);
    }
    update_lists(&v);
    FreeAccessStrategy(strategy);
    pfree(v.first_with_room);
    pfree(v.rows);
    pfree(dead);
    return stats;
}

IndexBulkDeleteResult* vq_vacuumcleanup(IndexVacuumInfo* info, IndexBulkDeleteResult* stats) {
    // Without dead rows there is nothing to do, and no count of rows to report.
    if (info->analyze_only || stats == NULL) return stats;
    stats->num_pages = RelationGetNumberOfBlocks(info->index);
    return stats;
}

}  // namespace vectorq
