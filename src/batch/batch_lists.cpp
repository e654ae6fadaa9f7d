// The lists of a round: the leader copies their segments, page by page, as many as there is room for; then threads
// score them. Meanwhile the leader fills the other half of the room, puts rows of the round before in order, and
// scores, too, when nothing is left to read. One share lock at a time.
#include <algorithm>

#include "batch/batch_state.h"
#include "core/page/posting_codes.h"
#include "scan/readahead.h"
#include "pg/entry.h"

namespace vectorq {

namespace {
// The reading of a round's lists.
struct Reading {
    Batch* batch;
    Round* round;
    Round* before;   // NULL: none
    Copies* copies;  // that are filled
};
}  // namespace

static Size segment_bytes(const PostingGeometry* g) { return static_cast<Size>(g->payload) * g->pages; }

// Waits until the copies at work are scored.
static void finish_scoring(Reading* c) {
    Batch* b = c->batch;
    BatchObjects* o = b->objects;
    while (c->before != NULL && !o->crew->Done() && order_some(b, c->before, 1)) CHECK_FOR_INTERRUPTS();
    core_call([&] { o->crew->Finish(); });
}

// Hands what is there to the threads, and takes the other copies. partial: the list at hand goes on.
static void score_copies(Reading* c, bool partial) {
    BatchObjects* o = c->batch->objects;
    finish_scoring(c);
    core_call([&] {
        Copies* full = c->copies;
        Size at = 0;
        for (ListCopy& list : full->lists) {
            list.segments = full->segments.data() + at;
            at += list.count;
        }
        c->round->objects->scorer->BeginScoring(full->lists.data(), full->lists.size(), partial, o->stop,
                                                o->crew.get());
        Copies* next = full == &o->copies[0] ? &o->copies[1] : &o->copies[0];
        next->lists.clear();
        next->segments.clear();
        next->used = next->rows = 0;
        c->copies = next;
    });
    CHECK_FOR_INTERRUPTS();
}

// A list begins.
static void begin_list(Reading* c, uint32 list) {
    Batch* b = c->batch;
    const Size dims = b->cache->meta.code_dims;
    if (c->copies->lists.size() == c->copies->centroids.size() / dims) score_copies(c, false);
    float* to = c->copies->centroids.data() + c->copies->lists.size() * dims;
    const float* centroid = cached_centroid(b->form.index, b->cache, list, to);
    if (centroid != to) memcpy(to, centroid, sizeof(float) * dims);
    core_call([&] {
        c->copies->lists.push_back({list, to, nullptr, 0});
        if (b->objects->terms) b->objects->terms->BeginList(to);
    });
}

// Room for a segment: what is there goes to the threads first, if need be.
static char* segment_room(Reading* c) {
    Batch* b = c->batch;
    Copies* full = c->copies;
    if (full->used + segment_bytes(&b->cache->geometry) <= full->pages.size()) return full->pages.data() + full->used;
    score_copies(c, true);
    // The rest of the list, with its centroid.
    const ListCopy list = full->lists.back();
    memcpy(c->copies->centroids.data(), list.centroid, sizeof(float) * b->cache->meta.code_dims);
    core_call([&] { c->copies->lists.push_back({list.list, c->copies->centroids.data(), nullptr, 0}); });
    return c->copies->pages.data();
}

static void keep_segment(Reading* c, char* bytes, uint32 count, uint32 capacity, Size used) {
    Copies* copies = c->copies;
    copies->used += (used + 63) / 64 * 64;
    core_call([&] {
        SegmentCopy copy = {bytes, count, capacity};
        if (c->batch->objects->terms) {
            float* scales = copies->row_terms.data() + 2 * copies->rows;
            c->batch->objects->terms->Fill(bytes, capacity, count, scales, scales + count);
            copy.scales = scales;
            copy.bases = scales + count;
        }
        copies->rows += count;
        copies->segments.push_back(copy);
        copies->lists.back().count++;
    });
}

// Returns the next segment of the list.
static SegmentRef copy_single(Reading* c, uint32 list, SegmentRef at) {
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
static SegmentRef copy_several(Reading* c, uint32 list, SegmentRef at) {
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

static void copy_list(Reading* c, uint32 list) {
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

static void read_lists(Batch* b, Reading* reading) {
    const BatchObjects* o = b->objects;
    ListSearch* search = &b->state->search;
    search->index_blocks = RelationGetNumberOfBlocks(b->form.index);
    search->lists = b->objects->lists_to_read.data();
    search->list_begin = 0;
    search->list_end = static_cast<uint32>(o->lists_to_read.size());
    Readahead readahead;
    readahead_begin(&readahead, b->form.index, &b->cache->cold);
    for (uint32 i = 0; i < search->list_end; i++) {
        if (readahead_wanted(&readahead)) readahead_lists(&readahead, b->form.index, search, i);
        copy_list(reading, o->lists_to_read[i].list);
    }
    readahead_end(&readahead, &b->cache->cold);
}

void score_round(Batch* b, Round* r, Round* before) {
    BatchObjects* o = b->objects;
    BatchScorer* scorer = r->objects->scorer.get();
    Reading reading = {b, r, before, &o->copies[0]};
    core_call([&] {
        const std::vector<uint32>& lists = scorer->ListsToRead(o->position.data(), o->stop);
        o->lists_to_read.clear();
        for (const uint32 list : lists) o->lists_to_read.push_back({0, list});
        for (Copies& copies : o->copies) {
            copies.lists.clear();
            copies.segments.clear();
            copies.used = copies.rows = 0;
        }
    });
    read_lists(b, &reading);
    if (!reading.copies->lists.empty()) score_copies(&reading, false);
    finish_scoring(&reading);
    b->entries_scored += scorer->entries_scored();
    core_call([&] { scorer->EndScoring(o->stop); });
}

}  // namespace vectorq
