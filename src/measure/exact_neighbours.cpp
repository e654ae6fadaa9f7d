// See measure/exact_neighbours.h.
#include "measure/exact_neighbours.h"

#include <algorithm>
#include <vector>

#include "am/column.h"
#include "measure/measure_recall.h"
#include "store/tid.h"
#include "core/base/parallel.h"
#include "pg/entry.h"
#include "pg/fault.h"
#include "pg/interrupts.h"
#include "pg/memory.h"

namespace vectorq {

static constexpr Size kBlockBytes = 4 * 1024 * 1024;
static constexpr Size kMostBlockRows = 8192;
// Blocks of the table between two looks at vacuum's cost limit.
static constexpr BlockNumber kGentleBlocks = 64;

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

static void add_row(Relation, ItemPointer tid, Datum* values, bool* isnull, bool, void* arg) {
    ExactPass* p = static_cast<ExactPass*>(arg);
    if (isnull[0] || p->out_of_line) return;
    if (p->in_vacuum && VARATT_IS_EXTERNAL(DatumGetPointer(values[0]))) {
        p->out_of_line = true;
        return;
    }
    MemoryContext before = MemoryContextSwitchTo(p->row_context);
    const bool kept = load_vector(p->opclass, values[0], p->dims, p->objects->block.row(p->fill));
    MemoryContextSwitchTo(before);
    MemoryContextReset(p->row_context);
    if (!kept) return;
    p->rows++;
    p->objects->tids[p->fill] = pack_tid(tid);
    if (++p->fill == p->objects->block.rows()) flush_rows(p);
}

// Vacuum's way through the table.
static void read_by_and_by(ExactPass* p, IndexInfo* info) {
    const BlockNumber blocks = RelationGetNumberOfBlocks(p->heap);
    for (BlockNumber block = 0; block < blocks && !p->out_of_line; block += kGentleBlocks) {
        VQ_FAULT("vacuum.exact");
        vacuum_delay();
        table_index_build_range_scan(p->heap, p->index, info, false, false, false, block,
                                     std::min(kGentleBlocks, blocks - block), add_row, p, NULL);
    }
}

bool find_exact_neighbours(ExactPass* p, bool in_vacuum) {
    p->in_vacuum = in_vacuum;
    IndexInfo* info = BuildIndexInfo(p->index);
    // A snapshot's rows, while others write.
    info->ii_Concurrent = true;
    if (in_vacuum) read_by_and_by(p, info);
    else table_index_build_scan(p->heap, p->index, info, true, false, add_row, p, NULL);
    flush_rows(p);
    core_call([&] {
        p->objects->finder->Finish();
        ReleaseThreads();
    });
    return !p->out_of_line;
}

const NeighbourFinder* exact_neighbours(const ExactPass* p) { return p->objects->finder; }

}  // namespace vectorq
