// vectorq_index_info(regclass): what an index is, as built and as it stands. vectorq_stats(): counters of
// the session's last scan.
#include <algorithm>
#include <cmath>

#include "store/calibration_store.h"
#include "store/index_cache.h"
#include "maintain/list_table.h"
#include "scan/scan_state.h"
#include "core/search/row_counter.h"
#include "core/transform/transform_spec.h"
#include "inspect/chosen.h"
#include "inspect/open.h"
#include "pg/entry.h"
#include "pg/memory.h"

namespace vectorq {

// Rows of each list, counted on the pages: the directory knows them only as of the last vacuum.
// counter: NULL unless rows have different numbers of entries.
static void count_page(const PostingGeometry* g, Page page, const AllLists* table, uint32* rows, RowCounter* counter) {
    if (page_problem(page, PageKind::kPosting, 0, 0) != NULL) return;
    for (uint32 at = 0; at < segments_end(g, page); at = segment_after(g, page, at)) {
        if (segment_problem(g, page, at) != NULL) return;
        const SegmentHeader* header = segment_header(page, at);
        if (header->list >= table->lists || !table->searched[header->list]) continue;
        rows[header->list] += header->count - header->dead;
        const ItemPointerData* tids = segment_tids(segment_at(page, at));
        for (uint32 slot = 0; counter != NULL && slot < header->count; slot++)
            if (ItemPointerIsValid(&tids[slot])) core_call([&] { counter->Add(pack_tid(&tids[slot]) >> 16); });
    }
}

// Returns the pages of records beside those as built, too.
static BlockNumber count_rows(Relation index, const MetaPage* meta, const AllLists* table, uint32* rows,
                              RowCounter* counter) {
    const PostingGeometry g = meta_geometry(meta);
    const BlockNumber blocks = RelationGetNumberOfBlocks(index);
    BlockNumber record_pages = 0;
    BufferAccessStrategy strategy = GetAccessStrategy(BAS_BULKREAD);
    for (BlockNumber block = meta->postings_start; block < blocks; block++) {
        CHECK_FOR_INTERRUPTS();
        Buffer buffer = ReadBufferExtended(index, MAIN_FORKNUM, block, RBM_NORMAL, strategy);
        LockBuffer(buffer, BUFFER_LOCK_SHARE);
        const Page page = BufferGetPage(buffer);
        count_page(&g, page, table, rows, counter);
        record_pages += !PageIsNew(page) && page_tail(page)->kind == static_cast<uint16>(PageKind::kReorder);
        UnlockReleaseBuffer(buffer);
    }
    FreeAccessStrategy(strategy);
    return record_pages;
}

}  // namespace vectorq

using namespace vectorq;

VQ_FUNCTION(vectorq_index_info) {
    TupleDesc desc;
    if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE) elog(ERROR, "return type must be a row type");
    OpenedIndex opened = open_index(PG_GETARG_OID(0), AccessShareLock, false);
    MetaPage meta;
    read_meta(opened.index, &meta);
    Calibration calibration;
    read_calibration(opened.index, &meta, &calibration);
    uint32* rows =
        static_cast<uint32*>(palloc_extended(sizeof(uint32) * meta.lists, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO));
    const AllLists table = read_list_table(opened.index, &meta);
    RowCounter* counter = CopiesVary(meta) ? make_owned<RowCounter>(CurrentMemoryContext) : NULL;
    const int64 record_pages =
        static_cast<int64>(meta.records_blocks) + count_rows(opened.index, &meta, &table, rows, counter);
    // Lists that were replaced do not count.
    uint32 lists = 0;
    for (uint32 list = 0; list < meta.lists; list++)
        if (table.searched[list]) rows[lists++] = rows[list];
    std::sort(rows, rows + lists);
    uint64 total = 0;
    double squares = 0;
    for (uint32 list = 0; list < lists; list++) {
        total += rows[list];
        squares += static_cast<double>(rows[list]) * rows[list];
    }
    const int64 pages = RelationGetNumberOfBlocks(opened.index);
    const int64 centroid_pages = static_cast<int64>(meta.centroid_run.blocks) + meta.old_run.blocks;
    const int64 other_pages = 1 + meta.quantizer.blocks + meta.transform_matrix.blocks + meta.reorder_params.blocks +
                              meta.calibration.blocks + static_cast<int64>(DirectoryPages(meta)) +
                              (meta.generation == 0 ? meta.list_uses.blocks : 0);
    const int64 list_pages = pages - centroid_pages - other_pages - record_pages;

    Datum values[33];
    bool nulls[33] = {};
    int n = 0;
    values[n++] = CStringGetTextDatum(am_name(static_cast<AmKind>(meta.access_method)));
    values[n++] = CStringGetTextDatum(metric_name(meta.metric));
    values[n++] = CStringGetTextDatum(code_name(meta.code));
    nulls[n] = meta.subvectors == 0;
    values[n++] = Int32GetDatum(meta.subvectors);
    nulls[n] = meta.bits == 0;
    values[n++] = Int32GetDatum(meta.bits);
    TransformSpec spec = {static_cast<TransformKind>(meta.transform), meta.code_dims, meta.opq_m};
    nulls[n] = !(meta.flags & kMetaTrained) || meta.access_method != static_cast<uint8>(AmKind::kAh);
    values[n++] = Float4GetDatum(meta.anisotropic_threshold);
    nulls[n] = nulls[n - 1];
    values[n++] = BoolGetDatum((meta.flags & kMetaLengths) != 0);
    values[n++] = CStringGetTextDatum(replicas_name(meta.replicas));
    nulls[n] = meta.replicas != static_cast<uint8>(Replicas::kClosure);
    values[n++] = Float4GetDatum(meta.closure_epsilon);
    const double entries_per_row = counter != NULL ? counter->EntriesPerRow() : CopiesOfRow(meta);
    values[n++] = Float8GetDatum(entries_per_row);
    char transform[32];
    core_call([&] { snprintf(transform, sizeof(transform), "%s", FormatTransform(spec).c_str()); });
    values[n++] = CStringGetTextDatum(transform);
    values[n++] = CStringGetTextDatum(reorder_name(meta.reorder));
    values[n++] = BoolGetDatum((meta.flags & kMetaTrained) != 0);
    values[n++] = Int32GetDatum(static_cast<int32>(meta.dims));
    const double table_rows = std::rint(static_cast<double>(total) / entries_per_row);
    values[n++] = Int64GetDatum(static_cast<int64>(table_rows));
    values[n++] = Int32GetDatum(static_cast<int32>(lists));
    values[n++] = Int32GetDatum(static_cast<int32>(meta.wanted_lists));
    values[n++] = Int32GetDatum(static_cast<int32>(choose_settings(&settings, &meta, &calibration, kUsualRows).nprobe));
    values[n++] = Int64GetDatum(meta.training_rows);
    values[n++] = Int32GetDatum(static_cast<int32>(meta.seed));
    values[n++] = Int64GetDatum(rows[0]);
    values[n++] = Int64GetDatum(rows[lists / 2]);
    values[n++] = Int64GetDatum(rows[lists - 1]);
    // FAISS's imbalance factor: 1 = all lists alike; the work of a query grows with it.
    values[n++] = Float8GetDatum(total == 0 ? 1.0 : squares * lists / (static_cast<double>(total) * total));
    values[n++] = Int64GetDatum(pages * BLCKSZ);
    values[n++] = Int64GetDatum(list_pages * BLCKSZ);
    values[n++] = Int64GetDatum(record_pages * BLCKSZ);
    values[n++] = Int64GetDatum(centroid_pages * BLCKSZ);
    values[n++] = Int64GetDatum(other_pages * BLCKSZ);
    if (total == 0) nulls[n] = true;
    values[n++] = Float8GetDatum(total == 0 ? 0 : static_cast<double>(pages) * BLCKSZ / table_rows);
    static const char* const sources[] = {NULL, "rows", "queries"};
    nulls[n] = nulls[n + 1] = calibration.source == kNotCalibrated;
    values[n++] =
        calibration.source == kNotCalibrated ? static_cast<Datum>(0) : CStringGetTextDatum(sources[calibration.source]);
    values[n++] = Int64GetDatum(static_cast<int64>(calibration.rows));
    values[n++] = CStringGetTextDatum(describe_chosen(opened.index, &meta, &calibration));
    if (n != desc->natts) elog(ERROR, "vectorq_index_info: %d columns declared, %d made", desc->natts, n);
    close_index(&opened, AccessShareLock);
    PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

VQ_FUNCTION(vectorq_stats) {
    TupleDesc desc;
    if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE) elog(ERROR, "return type must be a row type");
    const ScanStats* s = &last_scan_stats;
    Datum values[9];
    bool nulls[9] = {};
    int n = 0;
    nulls[n] = !OidIsValid(s->index);
    values[n++] = ObjectIdGetDatum(s->index);
    values[n++] = Int64GetDatum(static_cast<int64>(s->rounds));
    values[n++] = Int64GetDatum(static_cast<int64>(s->lists_probed));
    values[n++] = Int64GetDatum(static_cast<int64>(s->pages_read));
    values[n++] = Int64GetDatum(static_cast<int64>(s->rows_scored));
    values[n++] = Int64GetDatum(static_cast<int64>(s->rows_collected));
    values[n++] = Int64GetDatum(static_cast<int64>(s->rows_reordered));
    values[n++] = Int64GetDatum(static_cast<int64>(s->rows_returned));
    nulls[n] = s->target == 0;
    values[n++] = Float4GetDatum(s->target);
    if (n != desc->natts) elog(ERROR, "vectorq_stats: %d columns declared, %d made", desc->natts, n);
    PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
