// vectorq_index_info(regclass): what an index is, in one line; vectorq_index_details(regclass): all there is to know of
// it, a line each. Both are tables of columns here; options come from the table of options.
#include <float.h>

#include <algorithm>
#include <cmath>

#include "am/options.h"
#include "build/build.h"
#include "store/calibration_store.h"
#include "store/index_cache.h"
#include "maintain/list_table.h"
#include "maintain/state.h"
#include "scan/scan_state.h"
#include "core/search/row_counter.h"
#include "inspect/open.h"
#include "store/tid.h"
#include "types/element.h"
#include "pg/entry.h"
#include "pg/memory.h"

namespace vectorq {

namespace {
// What the functions here tell of.
struct Report {
    OpenedIndex opened;
    MetaPage meta;
    Calibration calibration;
    // — counted —
    uint32 lists;  // that are searched
    double rows, entries_per_row;
    uint64 entries;
    uint32 least_entries, median_entries, most_entries;  // of a list
    double imbalance;
    int64 list_bytes, record_bytes, centroid_bytes, free_bytes, other_bytes;
};
}  // namespace

// ---- counting

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

// Whether the page holds nothing: inserts or a vacuum will take it.
static bool is_free(const MetaPage* meta, Page page) {
    return PageIsNew(page) || page_tail(page)->kind == static_cast<uint16>(PageKind::kFree) ||
           page_is_of_another_epoch(page, meta->epoch);
}

// Also counts the pages of records beside those as built, and free ones.
static void count_rows(Relation index, const MetaPage* meta, const AllLists* table, uint32* rows, RowCounter* counter,
                       BlockNumber* record_pages, BlockNumber* free_pages) {
    const PostingGeometry g = meta_geometry(index, meta);
    const BlockNumber blocks = RelationGetNumberOfBlocks(index);
    BufferAccessStrategy strategy = GetAccessStrategy(BAS_BULKREAD);
    for (BlockNumber block = meta->postings_start; block < blocks; block++) {
        CHECK_FOR_INTERRUPTS();
        Buffer buffer = ReadBufferExtended(index, MAIN_FORKNUM, block, RBM_NORMAL, strategy);
        LockBuffer(buffer, BUFFER_LOCK_SHARE);
        const Page page = BufferGetPage(buffer);
        if (is_free(meta, page)) (*free_pages)++;
        else if (page_tail(page)->kind == static_cast<uint16>(PageKind::kReorder)) (*record_pages)++;
        else count_page(&g, page, table, rows, counter);
        UnlockReleaseBuffer(buffer);
    }
    FreeAccessStrategy(strategy);
}

static void count_bytes(Report* r, int64 record_pages, int64 free_pages) {
    const MetaPage& meta = r->meta;
    const int64 pages = RelationGetNumberOfBlocks(r->opened.index);
    const int64 centroid_pages = static_cast<int64>(meta.centroid_run.blocks) + meta.old_run.blocks;
    const int64 other_pages = 1 + static_cast<int64>(PagesOfRegions(meta)) - centroid_pages;
    r->record_bytes = record_pages * BLCKSZ;
    r->centroid_bytes = centroid_pages * BLCKSZ;
    r->other_bytes = other_pages * BLCKSZ;
    r->free_bytes = free_pages * BLCKSZ;
    r->list_bytes = (pages - centroid_pages - other_pages - record_pages - free_pages) * BLCKSZ;
}

// entries: (lists of the meta page), in any order afterwards.
static void count_lists(Report* r, const AllLists* table, uint32* entries) {
    // Lists that were replaced do not count.
    for (uint32 list = 0; list < r->meta.lists; list++)
        if (table->searched[list]) entries[r->lists++] = entries[list];
    std::sort(entries, entries + r->lists);
    double squares = 0;
    for (uint32 list = 0; list < r->lists; list++) {
        r->entries += entries[list];
        squares += static_cast<double>(entries[list]) * entries[list];
    }
    const double total = static_cast<double>(r->entries);
    r->imbalance = r->entries == 0 ? 1.0 : squares * r->lists / (total * total);
    r->least_entries = entries[0];
    r->median_entries = entries[r->lists / 2];
    r->most_entries = entries[r->lists - 1];
}

static Report make_report(Oid index_oid) {
    Report r;
    memset(static_cast<void*>(&r), 0, sizeof(r));
    r.opened = open_index(index_oid, AccessShareLock, false);
    read_meta(r.opened.index, &r.meta);
    read_calibration(r.opened.index, &r.meta, &r.calibration);
    uint32* entries =
        static_cast<uint32*>(palloc_extended(sizeof(uint32) * r.meta.lists, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO));
    const AllLists table = read_list_table(r.opened.index, &r.meta);
    RowCounter* counter = EntriesVary(r.meta) ? make_owned<RowCounter>(CurrentMemoryContext) : NULL;
    BlockNumber record_pages = 0, free_pages = 0;
    count_rows(r.opened.index, &r.meta, &table, entries, counter, &record_pages, &free_pages);
    count_bytes(&r, static_cast<int64>(r.meta.records_blocks) + record_pages, free_pages);
    count_lists(&r, &table, entries);
    r.entries_per_row = counter != NULL ? counter->EntriesPerRow() : EntriesOfRow(r.meta);
    r.rows = std::rint(static_cast<double>(r.entries) / r.entries_per_row);
    pfree(entries);
    return r;
}

// ---- what is told

static const char* integer_text(int64 value) { return psprintf(INT64_FORMAT, value); }
static const char* real_text(double value) { return psprintf("%.*g", DBL_DIG, value); }
static bool is_calibrated(const Report* r) { return r->calibration.source != kNotCalibrated; }
static int64 total_bytes(const Report* r) {
    return r->list_bytes + r->record_bytes + r->centroid_bytes + r->free_bytes + r->other_bytes;
}

static const char* size_text(const Report* r) {
    return text_to_cstring(DatumGetTextPP(DirectFunctionCall1(pg_size_pretty, Int64GetDatum(total_bytes(r)))));
}

static const char* nprobe_text(const Report* r) {
    const Settings own = settings_for_index(r->opened.index);
    return integer_text(choose_settings(&own, &r->meta, &r->calibration, kUsualRows).nprobe);
}
static const char* rule_of_nprobe(const Report* r) {
    const EffortRule& effort = r->calibration.effort;
    if (settings.nprobe > 0) return "lists that a scan probes: vectorq.nprobe, one list at least";
    if (r->meta.lists == 1) return "lists that a scan probes: there is one";
    if (!is_calibrated(r)) return "a rule of thumb, since too few rows were there to measure recall";
    if (effort.nearest == 0 && effort.farther == 0)
        return "by target_recall, the same for every query, since distances of lists told too little";
    return psprintf("by target_recall, times distance of the nearest list ^ %.2f * of the 51st ^ %.2f", effort.nearest,
                    effort.farther);
}

static const char* operator_class_text(const Report* r) {
    return psprintf("%s_%s_ops", TraitsOf(static_cast<ElementType>(r->meta.element)).type_name,
                    TraitsOf(static_cast<Metric>(r->meta.metric)).class_name);
}

static const char* key_columns_text(const Report* r) {
    if (r->meta.key_columns == 0) return NULL;
    StringInfoData text;
    initStringInfo(&text);
    for (int column = 1; column <= r->meta.key_columns; column++)
        appendStringInfo(&text, "%s%s", column > 1 ? ", " : "",
                         NameStr(TupleDescAttr(RelationGetDescr(r->opened.index), column)->attname));
    return text.data;
}

static const char* calibrated_with_text(const Report* r) {
    return !is_calibrated(r) ? NULL : r->calibration.source == kCalibratedByRows ? "rows" : "queries";
}

static const char* state_text(const Report* r) {
    return index_state(r->opened.index, r->opened.heap, &r->meta, r->rows);
}

static const char* renewed_at_text(const Report* r) {
    return r->meta.upkeep.renewals > 0 ? timestamptz_to_str(r->meta.upkeep.renewed_at) : NULL;
}

static const char* renewed_because_text(const Report* r) {
    const Upkeep& upkeep = r->meta.upkeep;
    if (upkeep.renewals == 0) return NULL;
    return renewal_reason(static_cast<RenewReason>(upkeep.reason), upkeep.measured);
}

namespace {
struct Fact {
    const char* name;                            // a column of vectorq_index_info, if it is declared so
    const char* meaning;                         // NULL: no line of vectorq_index_details
    const char* (*value)(const Report* report);  // NULL: does not apply
};
}  // namespace

#define VQ_FACT(text) [](const Report* r) -> const char* { return text; }
static const Fact kFacts[] = {
    {"access_method", "access method", VQ_FACT(kAmNames[r->meta.access_method])},
    {"distance", "distance that it orders by", VQ_FACT(TraitsOf(static_cast<Metric>(r->meta.metric)).name)},
    {"operator", "operator that it serves", VQ_FACT(TraitsOf(static_cast<Metric>(r->meta.metric)).sql_operator)},
    {"operator_class", "its operator class", operator_class_text},
    {"type", "type of the column", VQ_FACT(TraitsOf(static_cast<ElementType>(r->meta.element)).type_name)},
    {"key_columns", "further columns, whose conditions it answers", key_columns_text},
    {"dims", "dimensions of the column", VQ_FACT(integer_text(r->meta.dims))},
    {"code", "how lists keep a vector", VQ_FACT(TraitsOf(static_cast<CodeKind>(r->meta.code)).name)},
    {"code_bytes", "bytes of an entry's code",
     VQ_FACT(integer_text(static_cast<int64>(CodeBytes(meta_codec(&r->meta)))))},
    {"trained", "whether it had rows to train from when it was built",
     VQ_FACT(r->meta.flags& kMetaTrained ? "true" : "false")},
    {"rows", "rows of the table that are in it", VQ_FACT(integer_text(static_cast<int64>(r->rows)))},
    {"entries_per_row", "lists that a row lies in, in the mean", VQ_FACT(real_text(r->entries_per_row))},
    {"lists", NULL, VQ_FACT(integer_text(r->lists))},
    {"list_entries_min", "entries of the smallest list", VQ_FACT(integer_text(r->least_entries))},
    {"list_entries_median", "entries of the list in the middle", VQ_FACT(integer_text(r->median_entries))},
    {"list_entries_max", "entries of the largest list", VQ_FACT(integer_text(r->most_entries))},
    // FAISS's imbalance factor.
    {"imbalance", "1 = all lists alike; the work of a query grows with it", VQ_FACT(real_text(r->imbalance))},
    {"state", "whether it is trained, and what a vacuum will do", state_text},
    {"renewals", "how often it was trained anew since it was built", VQ_FACT(integer_text(r->meta.upkeep.renewals))},
    {"renewed_at", "when that was last", renewed_at_text},
    {"renewed_because", "and why", renewed_because_text},
    {"renewed_in_ms", "and how many milliseconds it took",
     VQ_FACT(r->meta.upkeep.renewals > 0 ? integer_text(r->meta.upkeep.renew_millis) : NULL)},
    {"generation", "how often vacuum has replaced lists", VQ_FACT(integer_text(r->meta.generation))},
    {"size", NULL, size_text},
    {"bytes_total", "bytes of the index", VQ_FACT(integer_text(total_bytes(r)))},
    {"bytes_lists", "of them, lists", VQ_FACT(integer_text(r->list_bytes))},
    {"bytes_records", "of them, records for reordering", VQ_FACT(integer_text(r->record_bytes))},
    {"bytes_centroids", "of them, centroids", VQ_FACT(integer_text(r->centroid_bytes))},
    {"bytes_free", "of them, of no use now: inserts fill it, or a vacuum gives it back",
     VQ_FACT(integer_text(r->free_bytes))},
    {"bytes_other", "of them, the rest", VQ_FACT(integer_text(r->other_bytes))},
    {"bytes_per_row", "bytes of the index by its rows",
     VQ_FACT(r->entries == 0 ? NULL : real_text(static_cast<double>(total_bytes(r)) / r->rows))},
    {"calibrated_with", "whose neighbours measured the recall: rows of the table, or queries", calibrated_with_text},
    {"calibrated_rows", "rows that were there then",
     VQ_FACT(is_calibrated(r) ? integer_text(static_cast<int64>(r->calibration.rows)) : NULL)},
};
#undef VQ_FACT

static char* fact_of_name(const Report* r, const char* name) {
    for (const Fact& fact : kFacts)
        if (strcmp(fact.name, name) == 0) return const_cast<char*>(fact.value(r));
    elog(ERROR, "vectorq_index_info: no column is named \"%s\"", name);
}

static void put_detail(const ReturnSetInfo* result, const char* name, const char* value, const char* source,
                       const char* meaning) {
    if (value == NULL) return;
    Datum values[4] = {CStringGetTextDatum(name), CStringGetTextDatum(value),
                       source == NULL ? static_cast<Datum>(0) : CStringGetTextDatum(source),
                       CStringGetTextDatum(meaning)};
    bool nulls[4] = {false, false, source == NULL, false};
    tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

static void put_option(const ReturnSetInfo* result, const Report* r, const OptionRow* row) {
    if (row->scope != Scope::kIndex) return;
    const bool by_default = option_is_default(row, r->opened.index);
    const char* value = option_value(row, r->opened.index, &r->meta);
    const char* rule = by_default && row->rule != NULL && value != NULL ? row->rule(&r->meta) : NULL;
    put_detail(result, row->name, value,
               rule != NULL ? "chosen"
               : by_default ? "default"
                            : "option",
               rule != NULL ? rule : row->help);
}

}  // namespace vectorq

using namespace vectorq;

VQ_FUNCTION(vectorq_index_info) {
    TupleDesc desc;
    if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE) elog(ERROR, "return type must be a row type");
    Report report = make_report(PG_GETARG_OID(0));
    char** values = static_cast<char**>(palloc(sizeof(char*) * static_cast<Size>(desc->natts)));
    for (int i = 0; i < desc->natts; i++) values[i] = fact_of_name(&report, NameStr(TupleDescAttr(desc, i)->attname));
    close_index(&report.opened, AccessShareLock);
    PG_RETURN_DATUM(HeapTupleGetDatum(BuildTupleFromCStrings(TupleDescGetAttInMetadata(desc), values)));
}

VQ_FUNCTION(vectorq_index_details) {
    begin_rows(fcinfo);
    const ReturnSetInfo* result = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    Report report = make_report(PG_GETARG_OID(0));
    for (const Fact& fact : kFacts)
        if (fact.meaning != NULL) put_detail(result, fact.name, fact.value(&report), NULL, fact.meaning);
    int options;
    const OptionRow* rows = option_rows(&options);
    for (int i = 0; i < options; i++) put_option(result, &report, &rows[i]);
    put_detail(result, "nprobe", nprobe_text(&report), settings.nprobe > 0 ? "setting" : "chosen",
               rule_of_nprobe(&report));
    close_index(&report.opened, AccessShareLock);
    return static_cast<Datum>(0);
}
