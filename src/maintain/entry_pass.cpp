// See entry_pass.h.
#include "maintain/entry_pass.h"

#include "core/quantize/codec.h"
#include "pg/fault.h"
#include "pg/interrupts.h"
#include "store/segments.h"

namespace vectorq {

namespace {
struct PassState {
    const EntryPass* pass;
    const PostingGeometry* geometry;
    char* page;
    char keys[kMostPackedKeyBytes];  // packed, of the entry at hand
    // With rows:
    uint8* codes;  // (capacity, code_bytes)
    float* row;    // (code_dims)
};
}  // namespace

// Copies the page if it begins segments of the index's epoch.
static bool copy_page(PassState* s, BlockNumber block) {
    Relation index = s->pass->index;
    VQ_FAULT("pass.read");
    Buffer buffer = ReadBufferExtended(index, MAIN_FORKNUM, block, RBM_NORMAL, s->pass->strategy);
    VQ_FAULT("pass.lock");
    LockBuffer(buffer, BUFFER_LOCK_SHARE);
    memcpy(s->page, BufferGetPage(buffer), BLCKSZ);
    VQ_FAULT("pass.release");
    UnlockReleaseBuffer(buffer);
    if (page_problem(s->page, PageKind::kPosting, 0, 0) != NULL) return false;
    if (!page_is_of_epoch(s->page, s->pass->cache->meta.epoch)) return false;
    const char* problem = PostingPageProblem(*s->geometry, page_payload(s->page), page_tail(s->page)->used,
                                             s->pass->cache->meta.next_list);
    if (problem != NULL) report_corruption(index, block, problem);
    return true;
}

static const float* row_of_code(const PassState* s, uint32 slot) {
    DecodeExact(s->pass->cache->codec, s->codes + static_cast<Size>(slot) * s->geometry->code_bytes, s->row);
    return s->row;
}

static void pass_segment(PassState* s, BlockNumber block, char* segment) {
    const EntryPass* pass = s->pass;
    const SegmentHeader* header = reinterpret_cast<const SegmentHeader*>(segment);
    if (header->list >= pass->lists->lists || !pass->lists->searched[header->list] || segment_is_late(header)) return;
    if (pass->with_rows) take_segment_codes(pass->index, s->geometry, block, segment, s->codes, pass->strategy);
    const SegmentLayout layout = LayoutOf(*s->geometry, header->capacity);
    for (uint32 slot = 0; slot < header->count; slot++) {
        const RowFields fields = TakeFields(*s->geometry, layout, segment, slot);
        if (!IsRow(fields.tid)) continue;
        TakeKeys(*s->geometry, layout, segment, header->capacity, slot, s->keys);
        pass->take(pass->arg, &fields, s->keys, pass->with_rows ? row_of_code(s, slot) : NULL);
    }
}

void pass_entries(const EntryPass* pass) {
    const IndexCache* cache = pass->cache;
    PassState s;
    memset(&s, 0, sizeof(s));
    s.pass = pass;
    s.geometry = &cache->geometry;
    s.page = static_cast<char*>(palloc(BLCKSZ));
    if (pass->with_rows) {
        s.codes = static_cast<uint8*>(palloc(static_cast<Size>(s.geometry->capacity) * s.geometry->code_bytes));
        s.row = static_cast<float*>(palloc(sizeof(float) * cache->meta.code_dims));
    }
    // Blocks that come later are of rows that go into both epochs.
    const BlockNumber blocks = RelationGetNumberOfBlocks(pass->index);
    for (BlockNumber block = cache->meta.postings_start; block < blocks; block++) {
        vacuum_delay();
        if (!copy_page(&s, block)) continue;
        for (uint32 at = 0; at < segments_end(s.geometry, s.page); at = segment_after(s.geometry, s.page, at))
            pass_segment(&s, block, segment_at(s.page, at));
    }
    pfree(s.page);
    if (pass->with_rows) {
        pfree(s.codes);
        pfree(s.row);
    }
}

}  // namespace vectorq
