// Queries come in in any order and go out in that of their nearest lists, so that those of a round share lists and
// rows. A block of them chooses its lists on threads; then each goes into a sort, with its lists.
//
// A sorted tuple is (key bigint = position of the nearest list << 32 | sequence, query bytea): StagedQuery, its lists,
// the value as it was given.
#include <algorithm>

#include "batch/batch_state.h"
#include "core/base/parallel.h"
#include "core/transform/transform.h"
#include "core/page/params_page.h"
#include "store/list_uses.h"
#include "pg/entry.h"
#include "pg/keyed_sort.h"

namespace vectorq {

static constexpr size_t kChooseGrain = 8;

namespace {
struct StagedQuery {
    int64 number;
    uint32 lists, value_bytes;
};
}  // namespace

void begin_queries(Batch* b) {
    const Size rows = b->block_rows;
    b->block_numbers = static_cast<int64*>(palloc(sizeof(int64) * rows));
    b->block_values = static_cast<Datum*>(palloc(sizeof(Datum) * rows));
    b->block_usable = static_cast<bool*>(palloc(rows));
    core_call([&] {
        BatchObjects* o = b->objects;
        o->pickers = std::vector<ListPicker>(static_cast<Size>(b->form.threads));
        o->block.Resize(rows * b->cache->meta.dims);
        o->block_codes.Resize(rows * b->cache->meta.code_dims);
        o->chosen.Resize(rows * b->most_lists);
        o->chosen_count.assign(rows, 0);
        o->position.assign(b->cache->meta.lists, 0);
    });
    TupleDesc rows_of_sort = keyed_rows(2);
    b->slot = MakeSingleTupleTableSlot(rows_of_sort, &TTSOpsMinimalTuple);
    b->sort = begin_keyed_sort(rows_of_sort, b->memory / kSortShare);
}

// A query (dims) as centroids and codes see it.
static void to_codes(const Batch* b, const float* query, float* out) {
    const float* made = to_code_space(b->cache, query, out);
    if (made != out) memcpy(out, made, sizeof(float) * b->cache->meta.code_dims);
}

static void choose_on_threads(Batch* b) {
    const uint32 dims = b->cache->meta.dims, code_dims = b->cache->meta.code_dims;
    const ListWish wish = {b->choice.nprobe, b->most_lists,
                           b->choice.by_effort ? &b->cache->calibration.effort : nullptr, b->session.prune_epsilon};
    core_call([&] {
        BatchObjects* o = b->objects;
        ParallelFor(b->block_fill, kChooseGrain, b->form.threads, o->stop, [&](size_t begin, size_t end, int thread) {
            for (size_t i = begin; i < end; i++) {
                if (!b->block_usable[i]) continue;
                float* code = o->block_codes.data() + i * code_dims;
                to_codes(b, o->block.data() + i * dims, code);
                o->chosen_count[i] = o->pickers[static_cast<Size>(thread)].Pick(b->centroids, wish, code,
                                                                                o->chosen.data() + i * b->most_lists);
            }
        });
    });
}

// Where lists lie. Of a batch that has less than a block of queries it does not matter: finding out takes longer than
// some hundred of them.
static void set_positions(Batch* b) {
    if (b->has_positions || !b->may_thread || b->block_fill < b->block_rows) return;
    core_call([&] { SpatialOrder(b->centroids, b->cache->meta.lists, b->objects->position.data()); });
    b->has_positions = true;
}

// Where a backend does not keep the centroids.
static void choose_alone(Batch* b) {
    BatchObjects* o = b->objects;
    for (Size i = 0; i < b->block_fill; i++) {
        CHECK_FOR_INTERRUPTS();
        if (!b->block_usable[i]) continue;
        to_codes(b, o->block.data() + i * b->cache->meta.dims, b->code_row);
        uint32 count = b->choice.nprobe;
        if (b->choice.by_effort)
            count = std::min(b->most_lists, choose_lists_with_effort(b->form.index, b->cache, &b->chooser, b->code_row,
                                                                     count, &b->cache->calibration.effort));
        else choose_lists(b->form.index, b->cache, &b->chooser, b->code_row, count);
        memcpy(o->chosen.data() + i * b->most_lists, b->chooser.scores, sizeof(ListScore) * count);
        o->chosen_count[i] = count;
    }
}

static void sort_query(Batch* b, Size i) {
    const ListScore* lists = b->objects->chosen.data() + i * b->most_lists;
    const struct varlena* value = reinterpret_cast<struct varlena*>(DatumGetPointer(b->block_values[i]));
    const uint32 count = b->block_usable[i] ? b->objects->chosen_count[i] : 0;
    const StagedQuery head = {b->block_numbers[i], count, static_cast<uint32>(VARSIZE(value))};
    const Size bytes = VARHDRSZ + sizeof(head) + sizeof(ListScore) * count + head.value_bytes;
    bytea* staged = static_cast<bytea*>(palloc(bytes));
    SET_VARSIZE(staged, bytes);
    char* at = VARDATA(staged);
    memcpy(at, &head, sizeof(head));
    memcpy(at + sizeof(head), lists, sizeof(ListScore) * count);
    memcpy(at + sizeof(head) + sizeof(ListScore) * count, value, head.value_bytes);
    const int64 position = count > 0 ? b->objects->position[lists[0].list] : 0;
    ExecClearTuple(b->slot);
    Datum values[2] = {Int64GetDatum(position << 32 | static_cast<uint32>(b->added)), PointerGetDatum(staged)};
    bool nulls[2] = {false, false};
    MinimalTuple tuple = form_minimal_tuple(b->slot->tts_tupleDescriptor, values, nulls);
    ExecStoreMinimalTuple(tuple, b->slot, false);
    tuplesort_puttupleslot(b->sort, b->slot);
    ExecClearTuple(b->slot);
    note_list_uses(b->form.index, &b->cache->meta, lists, count);
    b->added++;
}

static void flush_block(Batch* b) {
    if (b->block_fill == 0) return;
    set_positions(b);
    if (b->may_thread) choose_on_threads(b);
    else choose_alone(b);
    MemoryContext before = MemoryContextSwitchTo(b->block_context);
    for (Size i = 0; i < b->block_fill; i++) sort_query(b, i);
    MemoryContextSwitchTo(before);
    MemoryContextReset(b->block_context);
    b->block_fill = 0;
    CHECK_FOR_INTERRUPTS();
}

void add_batch_query(Batch* b, int64 number, Datum query) {
    const int dims = static_cast<int>(b->cache->meta.dims);
    const Size i = b->block_fill;
    // Until the block goes into the sort.
    MemoryContext before = MemoryContextSwitchTo(b->block_context);
    b->block_values[i] = PointerGetDatum(PG_DETOAST_DATUM_COPY(query));
    b->block_numbers[i] = number;
    b->block_usable[i] =
        load_vector(b->state->search.opclass, b->block_values[i], dims, b->objects->block.data() + i * dims);
    MemoryContextSwitchTo(before);
    if (++b->block_fill == b->block_rows) flush_block(b);
}

void end_queries(Batch* b) {
    flush_block(b);
    core_call([&] {
        BatchObjects* o = b->objects;
        o->pickers.clear();
        o->block.Resize(0);
        o->block_codes.Resize(0);
        o->chosen.Resize(0);
    });
    tuplesort_performsort(b->sort);
}

static void stage_query(Batch* b, Round* r, const char* staged, ListScore* lists) {
    const uint32 dims = b->cache->meta.dims;
    StagedQuery head;
    memcpy(&head, staged, sizeof(head));
    memcpy(lists, staged + sizeof(head), sizeof(ListScore) * head.lists);
    void* value = palloc(head.value_bytes);
    memcpy(value, staged + sizeof(head) + sizeof(ListScore) * head.lists, head.value_bytes);
    RoundQuery* query = &r->query[r->fill];
    *query = {head.number, PointerGetDatum(value), head.lists};
    load_vector(b->state->search.opclass, query->value, static_cast<int>(dims),
                r->objects->queries.data() + r->fill * dims);
    core_call([&] { r->objects->scorer->AddQuery(lists, head.lists); });
    r->fill++;
}

bool next_round(Batch* b, Round* r) {
    const uint32 dims = b->cache->meta.dims;
    r->fill = 0;
    r->objects->scorer->Begin();
    MemoryContext before = MemoryContextSwitchTo(r->context);
    ListScore* lists = static_cast<ListScore*>(palloc(sizeof(ListScore) * b->most_lists));
    while (r->fill < b->round_queries && tuplesort_gettupleslot(b->sort, true, false, b->slot, NULL)) {
        bool isnull;
        const Datum staged = slot_getattr(b->slot, 2, &isnull);
        stage_query(b, r, VARDATA_ANY(DatumGetPointer(staged)), lists);
        if ((r->fill & 1023) == 0) CHECK_FOR_INTERRUPTS();
    }
    MemoryContextSwitchTo(before);
    core_call([&] {
        const auto prepare = [&](size_t begin, size_t end, int) {
            for (size_t q = begin; q < end; q++)
                to_codes(b, r->objects->queries.data() + q * dims, r->objects->scorer->code_query(q));
        };
        ParallelFor(r->fill, kChooseGrain, b->form.threads, b->objects->stop, prepare);
    });
    return r->fill > 0;
}

}  // namespace vectorq
