// See measure/exact_neighbours.h.
#include "measure/exact_neighbours.h"

#include <algorithm>
#include <vector>

#include "am/column.h"
#include "measure/measure_recall.h"
#include "store/tid.h"
#include "core/base/parallel.h"
#include "pg/entry.h"
#include "pg/interrupts.h"
#include "pg/memory.h"

namespace vectorq {

static constexpr Size kBlockBytes = 4 * 1024 * 1024;
static constexpr Size kMostBlockRows = 8192;

struct ExactPassObjects {
    NeighbourFinder* finder = nullptr;
    Matrix block;
    AlignedArray<uint64_t> tids;
    StopToken stop;
    ExactPassObjects() : stop(&interrupt_is_pending) {}
    ~ExactPassObjects() { delete finder; }
};

ExactPass* make_exact_pass(Relation heap, Relation index) {
    ExactPass* p = static_cast<ExactPass*>(palloc0(sizeof(ExactPass)));
    p->heap = heap;
    p->index = index;
    p->opclass = opclass_of_index(index);
    p->dims = vector_column_dims(index);
    p->row_context = AllocSetContextCreate(CurrentMemoryContext, "vectorq exact rows", ALLOCSET_DEFAULT_SIZES);
    p->objects = make_owned<ExactPassObjects>(CurrentMemoryContext);
    destroy_with_context(p->row_context, p, [](void*) { ReleaseThreads(); });
    return p;
}

void set_exact_queries(ExactPass* p, const float* queries, const uint64* own, Size count, int threads) {
    core_call([&] {
        Matrix loaded(count, p->dims);
        std::copy_n(queries, count * p->dims, loaded.data());
        std::vector<uint64_t> rows(count, NeighbourFinder::kNoRow);
        if (own != NULL) std::copy_n(own, count, rows.data());
        p->objects->finder = new NeighbourFinder(std::move(loaded), std::move(rows), p->opclass->metric, kAllNeighbours,
                                                 kDeepQueries, kDeepNeighbours, threads);
        const Size block_rows = std::clamp<Size>(kBlockBytes / (sizeof(float) * p->dims), 1, kMostBlockRows);
        p->objects->block = Matrix(block_rows, p->dims);
        p->objects->tids.Resize(block_rows);
    });
}

static void flush_rows(ExactPass* p) {
    ExactPassObjects* o = p->objects;
    core_call([&] { o->finder->Add(o->block.data(), o->tids.data(), p->fill, o->stop); });
    p->fill = 0;
    CHECK_FOR_INTERRUPTS();
}

// The row in the block's next place.
static void keep_row(ExactPass* p, ItemPointer tid) {
    p->rows++;
    p->objects->tids[p->fill] = pack_tid(tid);
    if (++p->fill == p->objects->block.rows()) flush_rows(p);
}

void add_exact_row(ExactPass* p, ItemPointer tid, const float* vector) {
    memcpy(p->objects->block.row(p->fill), vector, sizeof(float) * p->dims);
    keep_row(p, tid);
}

void end_exact_pass(ExactPass* p) {
    flush_rows(p);
    core_call([&] {
        p->objects->finder->Finish();
        ReleaseThreads();
    });
}

static void visit_row(Relation, ItemPointer tid, Datum* values, bool* isnull, bool, void* arg) {
    ExactPass* p = static_cast<ExactPass*>(arg);
    if (isnull[0]) return;
    MemoryContext before = MemoryContextSwitchTo(p->row_context);
    const bool kept = load_vector(p->opclass, values[0], p->dims, p->objects->block.row(p->fill));
    MemoryContextSwitchTo(before);
    MemoryContextReset(p->row_context);
    if (kept) keep_row(p, tid);
}

void find_exact_neighbours(ExactPass* p) {
    IndexInfo* info = BuildIndexInfo(p->index);
    info->ii_Concurrent = true;
    table_index_build_scan(p->heap, p->index, info, true, false, visit_row, p, NULL);
    end_exact_pass(p);
}

const NeighbourFinder* exact_neighbours(const ExactPass* p) { return p->objects->finder; }

}  // namespace vectorq
