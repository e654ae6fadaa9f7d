// See explain_scan.h.
#include "scan/explain_scan.h"

#include "am/am.h"
#include "scan/scan_state.h"

namespace vectorq {

// "0.95 (index)"; NULL if lists were set by hand, or nobody has measured what the target takes.
static const char* target_in_words(const ScanState* state) {
    if (state->first_target == 0) return NULL;
    return psprintf("%g (%s)", static_cast<double>(state->first_target), name_of(state->plan.target_from));
}

// Names of the key columns that the conditions are on; NULL without any.
static const char* filter_columns(IndexScanDesc scan) {
    Bitmapset* columns = NULL;
    for (int i = 0; i < scan->numberOfKeys; i++) columns = bms_add_member(columns, scan->keyData[i].sk_attno);
    if (columns == NULL) return NULL;
    StringInfoData names;
    initStringInfo(&names);
    for (int column = -1; (column = bms_next_member(columns, column)) >= 0;)
        appendStringInfo(&names, "%s%s", names.len > 0 ? ", " : "",
                         NameStr(TupleDescAttr(RelationGetDescr(scan->indexRelation), column - 1)->attname));
    return names.data;
}

// ---- a NOTICE

static unsigned long long of(const StatCounts* counts, StatCount count) { return (*counts)[count]; }

void explain_ended_scans(IndexScanDesc scan, const ScanState* state) {
    const bool in_plan = kExplainsNodes && state->bitmap == NULL;
    const StatCounts* counts = &state->explained;
    if (likely(of(counts, StatCount::kScans) == 0) || !settings.explain || in_plan) return;
    const char* target = target_in_words(state);
    const char* columns = filter_columns(scan);
    ereport(
        NOTICE,
        (errmsg("index \"%s\": target %s, %llu lists, %llu codes, %llu entries put in order, %llu rows, %llu rounds",
                RelationGetRelationName(scan->indexRelation), target == NULL ? "not set" : target,
                of(counts, StatCount::kListsProbed), of(counts, StatCount::kCodesScored),
                of(counts, StatCount::kEntriesReordered), of(counts, StatCount::kRowsReturned),
                of(counts, StatCount::kRounds)),
         errdetail("Scans: %llu. Filter columns: %s.", of(counts, StatCount::kScans),
                   columns == NULL ? "none" : columns)));
}

// ---- lines of a plan

static void put_count(const char* label, const StatCounts* counts, StatCount count, ExplainState* explain) {
    ExplainPropertyInteger(label, NULL, static_cast<int64>((*counts)[count]), explain);
}

void explain_node(PlanState* node, ExplainState* explain) {
    if (!explain->analyze || !IsA(node, IndexScanState)) return;
    IndexScanDesc scan = reinterpret_cast<const IndexScanState*>(node)->iss_ScanDesc;
    if (scan == NULL || scan->indexRelation->rd_indam->amgettuple != vq_gettuple) return;
    const ScanState* state = static_cast<const ScanState*>(scan->opaque);
    if (!state->plan.explained) return;
    StatCounts counts = state->explained;
    if (state->started) {
        const StatCounts now = counts_of_scan(state);
        add_counts(&counts, &now);
    }
    const char* target = target_in_words(state);
    const char* columns = filter_columns(scan);
    if (target != NULL) ExplainPropertyText("Target Recall", target, explain);
    if (columns != NULL) ExplainPropertyText("Filter Columns", columns, explain);
    put_count("Lists Probed", &counts, StatCount::kListsProbed, explain);
    put_count("Codes Scored", &counts, StatCount::kCodesScored, explain);
    put_count("Entries Reordered", &counts, StatCount::kEntriesReordered, explain);
    put_count("Rounds", &counts, StatCount::kRounds, explain);
}

}  // namespace vectorq
