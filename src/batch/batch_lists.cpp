// The lists of a round: the leader copies their segments, page by page, as many as there is room for; then all threads
// score them. One share lock at a time, and none while the threads work.
#include <algorithm>

#include "batch/batch_state.h"
#include "core/page/posting_codes.h"
#include "scan/readahead.h"
#include "pg/entry.h"

namespace vectorq {

namespace {
// Copies that wait to be scored.
struct Copies {
    Batch* batch;
    Size used;  // bytes of objects->pages
    Size rows;  // in these
};
}  // namespace

static Size segment_bytes(const PostingGeometry* g) { return static_cast<Size>(g->payload) * g->pages; }

// Scores what is there. partial: the list at hand goes on.
static void score_copies(Copies* c, bool partial) {
    BatchObjects* o = c->batch->objects;
    core_call([&] {
        Size at = 0;
        for (ListCopy& list : o->lists) {
            list.segments = o->segments.data() + at;
            at += list.count;
        }
        o->scorer->Score(o->lists.data(), o->lists.size(), partial, o->stop);
        o->lists.clear();
        o->segments.clear();
    });
    c->used = c->rows = 0;
    CHECK_FOR_INTERRUPTS();
}

// A list begins.
static void begin_list(Copies* c, uint32 list) {
    Batch* b = c->batch;
    BatchObjects* o = b->objects;
    const Size dims = b->cache->meta.code_dims;
    if (o->lists.size() == o->centroids.size() / dims) score_copies(c, false);
    float* to = o->centroids.data() + o->lists.size() * dims;
    const float* centroid = cached_centroid(b->form.index, b->cache, list, to);
    if (centroid != to) memcpy(to, centroid, sizeof(float) * dims);
    core_call([&] {
        o->lists.push_back({list, to, nullptr, 0});
        if (o->terms != nullptr) o->terms->BeginList(to);
    });
}

// Room for a segment: what is there is scored first, if need be.
static char* segment_room(Copies* c) {
    Batch* b = c->batch;
    BatchObjects* o = b->objects;
    if (c->used + segment_bytes(&b->cache->geometry) <= o->pages.size()) return o->pages.data() + c->used;
    const ListCopy list = o->lists.back();
    score_copies(c, true);
    // The rest of the list, with its centroid.
    const Size dims = b->cache->meta.code_dims;
    memmove(o->centroids.data(), list.centroid, sizeof(float) * dims);
    core_call([&] { o->lists.push_back({list.list, o->centroids.data(), nullptr, 0}); });
    return o->pages.data();
}

static void keep_segment(Copies* c, char* bytes, uint32 count, uint32 capacity, Size used) {
    BatchObjects* o = c->batch->objects;
    c->used += (used + 63) / 64 * 64;
    core_call([&] {
        SegmentCopy copy = {bytes, count, capacity};
        if (o->terms != nullptr) {
            float* scales = o->row_terms.data() + 2 * c->rows;
            o->terms->Fill(bytes, capacity, count, scales, scales + count);
            copy.scales = scales;
            copy.bases = scales + count;
            c->rows += count;
        }
        o->segments.push_back(copy);
        o->lists.back().count++;
    });
}

// Returns the next segment of the list.
static SegmentRef copy_single(Copies* c, uint32 list, SegmentRef at) {
    Batch* b = c->batch;
    const PostingGeometry* g = &b->cache->geometry;
    char* to = segment_room(c);
    Buffer buffer = read_list_segment(b->form.index, &b->state->search, list, at);
    const char* segment = segment_at(BufferGetPage(buffer), at.offset);
    const SegmentHeader* header = reinterpret_cast<const SegmentHeader*>(segment);
    const SegmentLayout layout = LayoutOf(*g, header->capacity);
    const uint32 count = header->count, capacity = header->capacity;
    const SegmentRef next = next_segment(header);
    const Size used = EndOfCodes(*g, layout, count);
    memcpy(to, segment, used);
    UnlockReleaseBuffer(buffer);
    b->state->search.pages_read++;
    if (count > 0) keep_segment(c, to, count, capacity, used);
    return next;
}

// Of several pages: their payloads, one behind another, are the stream. A slot that is refilled meanwhile held a row
// that was dead to every snapshot.
static SegmentRef copy_several(Copies* c, uint32 list, SegmentRef at) {
    Batch* b = c->batch;
    const PostingGeometry* g = &b->cache->geometry;
    const SegmentLayout layout = LayoutOf(*g, g->capacity);
    char* to = segment_room(c);
    SegmentRef next = kNoSegment;
    uint32 count = 0;
    Size used = 0;
    for (uint32 part = 0; part < g->pages; part++) {
        Buffer buffer = part == 0
                            ? read_list_segment(b->form.index, &b->state->search, list, at)
                            : read_posting(b->form.index, b->cache, at.block + part, list, static_cast<uint16>(part));
        const char* payload = page_payload(BufferGetPage(buffer));
        if (part == 0) {
            const SegmentHeader* header = reinterpret_cast<const SegmentHeader*>(payload);
            count = header->count;
            next = next_segment(header);
            used = EndOfCodes(*g, layout, count);
        }
        memcpy(to + static_cast<Size>(part) * g->payload, payload, g->payload);
        UnlockReleaseBuffer(buffer);
        b->state->search.pages_read++;
        if (used <= static_cast<Size>(part + 1) * g->payload) break;
    }
    if (count > 0) keep_segment(c, to, count, g->capacity, used);
    return next;
}

static void copy_list(Copies* c, uint32 list) {
    Batch* b = c->batch;
    DirectoryEntry entry;
    list_head(b->form.index, b->cache, list, &entry);
    begin_list(c, list);
    uint64 steps = 0;
    for (SegmentRef at = {entry.head, entry.head_offset}; has_segment(at);) {
        count_step(b->form.index, at, &steps);
        if ((steps & 63) == 0) CHECK_FOR_INTERRUPTS();
        at = b->cache->geometry.pages == 1 ? copy_single(c, list, at) : copy_several(c, list, at);
    }
    b->lists_read++;
}

void score_round(Batch* b) {
    BatchObjects* o = b->objects;
    ListSearch* search = &b->state->search;
    Copies copies = {b, 0, 0};
    core_call([&] {
        const std::vector<uint32>& lists = o->scorer->ListsToRead(o->position.data(), o->stop);
        o->lists_to_read.clear();
        for (const uint32 list : lists) o->lists_to_read.push_back({0, list});
    });
    search->index_blocks = RelationGetNumberOfBlocks(b->form.index);
    search->lists = o->lists_to_read.data();
    search->list_begin = 0;
    search->list_end = static_cast<uint32>(o->lists_to_read.size());
    Readahead readahead;
    readahead_begin(&readahead, b->form.index, &b->cache->cold);
    for (uint32 i = 0; i < search->list_end; i++) {
        if (readahead_wanted(&readahead)) readahead_lists(&readahead, b->form.index, search, i);
        copy_list(&copies, o->lists_to_read[i].list);
    }
    readahead_end(&readahead, &b->cache->cold);
    if (!o->lists.empty()) score_copies(&copies, false);
    b->entries_scored += o->scorer->entries_scored();
    core_call([&] { o->scorer->EndScoring(o->stop); });
}

}  // namespace vectorq
