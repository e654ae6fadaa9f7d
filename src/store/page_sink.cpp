// See page_sink.h.
#include "store/page_sink.h"

#include "store/free_pages.h"

namespace vectorq {

PageSink built_pages(Relation index, ForkNumber fork) {
    PageSink sink;
    memset(&sink, 0, sizeof(sink));
    sink.index = index;
    sink.fork = fork;
    sink.epoch = 1;
    sink.end = sink.written = RelationGetNumberOfBlocksInFork(index, fork);
    return sink;
}

PageSink live_pages(Relation index, uint32 epoch) {
    PageSink sink;
    memset(&sink, 0, sizeof(sink));
    sink.index = index;
    sink.fork = MAIN_FORKNUM;
    sink.live = true;
    sink.epoch = epoch;
    return sink;
}

static BlockNumber find_free_page(void* arg, uint32 pages) {
    const PageSink* sink = static_cast<const PageSink*>(arg);
    const PostingGeometry* g = sink->geometry;
    if (pages != g->pages) return InvalidBlockNumber;
    Buffer buffer = take_free_page(sink->index, g, sink->epoch);
    if (!BufferIsValid(buffer)) return InvalidBlockNumber;
    const BlockNumber block = BufferGetBlockNumber(buffer);
    UnlockReleaseBuffer(buffer);
    return block;
}

void take_free_pages(PageSink* sink, const PostingGeometry* geometry) {
    sink->geometry = geometry;
    sink->find_run = find_free_page;
    sink->arg = sink;
}

BlockNumber take_run(PageSink* sink, uint32 pages) {
    if (!sink->live) {
        const BlockNumber block = sink->end;
        sink->end += pages;
        return block;
    }
    const BlockNumber found = sink->find_run != NULL ? sink->find_run(sink->arg, pages) : InvalidBlockNumber;
    return found != InvalidBlockNumber ? found : extend_index(sink->index, pages);
}

void init_sink_page(const PageSink* sink, Page page, PageKind kind, uint32 owner, uint16 part) {
    const bool of_rows = kind == PageKind::kPosting || kind == PageKind::kReorder;
    init_page(page, kind, owner, part, of_rows ? sink->epoch : 0);
}

void put_page(PageSink* sink, BlockNumber block, Page image) {
    if (sink->live) {
        write_page(sink->index, block, image);
    } else if (block < sink->written) {
        overwrite_built_page(sink->index, sink->fork, block, image);
    } else {
        const BlockNumber appended = append_built_page(sink->index, sink->fork, image);
        if (block != appended) elog(ERROR, "unexpected block %u while building", appended);
        sink->written = block + 1;
    }
}

}  // namespace vectorq
