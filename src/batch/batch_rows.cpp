// Candidates in order by their vectors: the leader reads each row of a pass once, from the table or from records, a
// block of rows at a time; then all threads compare it with the queries that want it. Holds one share lock at a time.
#include <algorithm>

#include "batch/batch_state.h"
#include "core/base/parallel.h"
#include "core/simd/finish_distances.h"
#include "core/simd/metric_distance.h"
#include "core/simd/row_distance.h"
#include "scan/heap_reader.h"
#include "scan/record_pages.h"
#include "pg/entry.h"

namespace vectorq {

static constexpr size_t kCompareGrain = 128;

// Of requests from `from` on, those of the next rows that there is room for; returns their end. Equal places are one
// row, whose number in the block is objects->tids' last then.
static Size take_rows(BatchObjects* o, const std::vector<RowRequest>& requests, Size from, Size room) {
    Size end = from;
    o->tids.clear();
    for (; end < requests.size(); end++) {
        if (end > from && requests[end].place == requests[end - 1].place) continue;
        if (o->tids.size() == room) break;
        o->tids.push_back(requests[end].tid);
    }
    o->row_at.assign(o->tids.size(), -1);
    o->row_version.assign(o->tids.size(), 0);
    return end;
}

// compare(request, row of the block) for requests [from, end) whose row is there.
template <class Compare>
static void compare_rows(Batch* b, const std::vector<RowRequest>& requests, Size from, Size end, int threads,
                         const Compare& compare) {
    BatchObjects* o = b->objects;
    // Where each request's row is: the ranges of threads begin anywhere.
    o->row_of.resize(end - from);
    for (Size i = from, row = 0; i < end; i++) {
        row += i > from && requests[i].place != requests[i - 1].place;
        o->row_of[i - from] = static_cast<uint32>(row);
    }
    ParallelFor(end - from, kCompareGrain, threads, o->stop, [&](size_t begin, size_t to, int) {
        for (size_t i = begin; i < to; i++)
            if (o->row_at[o->row_of[i]] >= 0) compare(requests[from + i], o->row_of[i]);
    });
}

// ---- from the table

static void copy_row(void* arg, size_t i, const VectorView* view) {
    Batch* b = static_cast<Batch*>(arg);
    BatchObjects* o = b->objects;
    const uint32 dims = b->cache->meta.dims;
    if (view->dims != static_cast<int>(dims)) return;
    vector_view_to_f32(*view, b->state->search.opclass->element, reinterpret_cast<float*>(o->rows.data()) + i * dims);
    o->row_at[i] = static_cast<int32>(i);
    o->row_version[i] = pack_tid(&b->state->reading.version);
}

// The next block of requests; sets r->from to where it ends.
static void order_from_heap(Batch* b, Round* r, int threads) {
    BatchObjects* o = b->objects;
    const std::vector<RowRequest>& requests = *r->requests;
    const Size dims = b->cache->meta.dims, room = std::max<Size>(1, o->rows.size() / (sizeof(float) * dims));
    const Metric metric = b->state->search.opclass->metric;
    const Size from = r->from;
    core_call([&] { r->from = take_rows(o, requests, from, room); });
    read_heap_vectors(b->reader, b->state, o->tids.data(), o->tids.size(), copy_row, b);
    core_call([&] {
        compare_rows(b, requests, from, r->from, threads, [&](const RowRequest& request, uint32 row) {
            const float* x = reinterpret_cast<const float*>(o->rows.data()) + row * dims;
            const float distance = ExactDistance(metric, r->objects->queries.data() + request.query * dims, x, dims);
            r->objects->order->SetDistance(request.slot, distance, o->row_version[row]);
        });
    });
}

// ---- from records

// The scalar, 8 bytes, and then the vector as the record has it. False if the record is another row's by now.
static bool copy_record(RecordPages* pages, const RecordCodec* records, const RowRequest* request, char* to) {
    const ReorderGeometry* g = &records->geometry;
    const char* record = find_record(pages, request->source, request->tid);
    if (record == NULL) return false;
    if (CodeHasScalar(records->codec)) memcpy(to, record + kRecordScalarAt, sizeof(float));
    const uint32 vector_at = RecordOffset(*g, record_slot(request->tid)) + g->vector_at;
    ForEachPiece(g->payload, vector_at, g->vector_bytes, [&](const Piece& piece) {
        const char* payload = open_record_page(pages, request->source, piece.page);
        memcpy(to + sizeof(uint64) + piece.within, payload + piece.at, piece.length);
    });
    return true;
}

static void prepare_record_tables(Batch* b, Round* r) {
    const RecordCodec* records = &b->cache->records;
    const Size dims = b->cache->meta.dims, floats = TableScratchFloats(records->codec);
    core_call([&] {
        RoundObjects* o = r->objects;
        if (o->record_scratch.size() == 0) o->record_scratch.Resize(b->round_queries * floats);
        o->record_tables.resize(b->round_queries);
        ParallelFor(r->fill, kCompareGrain, b->form.threads, b->objects->stop, [&](size_t begin, size_t end, int) {
            for (size_t q = begin; q < end; q++)
                o->record_tables[q] = PrepareListTable(records->codec, o->queries.data() + q * dims, records->centroid,
                                                       o->record_scratch.data() + q * floats, true);
        });
    });
}

// Record vectors of the requests' rows into objects->rows, `stride` bytes each.
static void copy_records(Batch* b, const std::vector<RowRequest>& requests, Size from, Size end, Size stride) {
    BatchObjects* o = b->objects;
    RecordPages pages = begin_record_pages(b->form.index, &b->state->search);
    for (Size i = from, row = 0; i < end; i++) {
        if (i > from && requests[i].place == requests[i - 1].place) continue;
        if (i > from) row++;
        if ((row & 255) == 255) {
            close_record_page(&pages);
            CHECK_FOR_INTERRUPTS();
        }
        if (!copy_record(&pages, &b->cache->records, &requests[i], o->rows.data() + row * stride)) continue;
        o->row_at[row] = static_cast<int32>(row);
        o->row_version[row] = requests[i].tid;
    }
    close_record_page(&pages);
}

static void order_from_records(Batch* b, Round* r, int threads) {
    BatchObjects* o = b->objects;
    const std::vector<RowRequest>& requests = *r->requests;
    const Codec* codec = &b->cache->records.codec;
    const Size stride = sizeof(uint64) + MAXALIGN(b->cache->records.geometry.vector_bytes);
    const Size room = std::max<Size>(1, o->rows.size() / stride), elements = CodeElements(*codec), from = r->from;
    const RowFn kernel = GetRowKernel(CodecKernel(*codec));
    core_call([&] { r->from = take_rows(o, requests, from, room); });
    copy_records(b, requests, from, r->from, stride);
    core_call([&] {
        compare_rows(b, requests, from, r->from, threads, [&](const RowRequest& request, uint32 row) {
            const char* record = o->rows.data() + row * stride;
            const ListTable& table = r->objects->record_tables[request.query];
            float scalar = 0;
            memcpy(&scalar, record, sizeof(scalar));
            float distance = kernel(table.table, record + sizeof(uint64), elements);
            FinishDistances(&distance, table.has_scalar ? &scalar : nullptr, table.bias, table.factor, 1);
            r->objects->order->SetDistance(request.slot, distance, request.tid);
        });
    });
}

void begin_ordering(Batch* b, Round* r) {
    if (b->rules.by_record) prepare_record_tables(b, r);
    core_call([&] {
        r->objects->order->SetThreads(b->form.threads);
        r->objects->order->Begin(r->objects->scorer.get(), b->objects->stop);
    });
    r->requests = NULL;
    r->ordered = false;
}

// The next pass; sets r->ordered when there is none.
static void next_pass(Batch* b, Round* r) {
    core_call([&] {
        BatchOrder* order = r->objects->order.get();
        if (r->requests != NULL) order->EndPass(b->objects->stop);
        r->requests = &order->NextPass(b->objects->stop);
    });
    r->from = 0;
    r->ordered = r->requests->empty();
}

bool order_some(Batch* b, Round* r, int threads) {
    if (r->ordered) return false;
    r->objects->order->SetThreads(threads);
    if (r->requests == NULL || r->from >= r->requests->size()) {
        next_pass(b, r);
        return !r->ordered;
    }
    if (b->rules.by_record) order_from_records(b, r, threads);
    else order_from_heap(b, r, threads);
    return true;
}

}  // namespace vectorq
