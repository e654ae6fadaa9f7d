// The executor's part: makes the bitmap, gives it to the scan of the vector index, and returns the rows of that.
#include "bitmap/bitmap_scan.h"

#include "bitmap/row_set.h"
#include "pg/entry.h"
#include "pg/memory.h"
#include "pg/running_query.h"
#include "scan/scan_filter.h"

extern "C" {
#include "commands/explain.h"
#include "executor/nodeIndexscan.h"
#include "nodes/makefuncs.h"
#include "parser/parsetree.h"
#include "utils/ruleutils.h"
}

namespace vectorq {

namespace {
// Index and scan keys as in nodeIndexscan.c, whose functions make them.
struct BitmapScan {
    IndexReadingScan base;
    // — set when the scan begins, then constant —
    Relation index;
    ScanKey keys, order_bys;
    int num_keys, num_order_bys;
    IndexRuntimeKeyInfo* runtime_keys;
    int num_runtime_keys;
    ExprContext* runtime_context;  // NULL: no key has to be computed
    ExprState *index_recheck, *bitmap_recheck;
    TidBlocks* rows;
    // — by each rescan —
    bool rows_ready;  // `rows` is what the plan below makes with its present parameters
    bool scan_ready;  // `scan` has the present keys and rows
};
}  // namespace

static BitmapScan* bitmap_scan(CustomScanState* node) { return reinterpret_cast<BitmapScan*>(node); }
static const CustomScan* plan_of(const CustomScanState* node) {
    return reinterpret_cast<const CustomScan*>(node->ss.ps.plan);
}
static PlanState* bitmap_plan(const CustomScanState* node) {
    return static_cast<PlanState*>(linitial(node->custom_ps));
}

Node* make_bitmap_scan_state(CustomScan* plan) {
    BitmapScan* state = static_cast<BitmapScan*>(palloc0(sizeof(BitmapScan)));
    NodeSetTag(state, T_CustomScanState);
    state->base.css.flags = plan->flags;
    state->base.css.methods = &kBitmapExecMethods;
    return reinterpret_cast<Node*>(state);
}

// ---- begin and end

// Custom scans begin with a slot of values and deform each row; ours hold the row in its buffer, as index scans' do.
static void use_table_slot(CustomScanState* node, EState* estate) {
    PlanState* ps = &node->ss.ps;
    Relation table = node->ss.ss_currentRelation;
    ExecInitScanTupleSlot(estate, &node->ss, RelationGetDescr(table), table_slot_callbacks(table));
    ExecAssignScanProjectionInfoWithVarno(&node->ss, plan_of(node)->scan.scanrelid);
    ps->qual = ExecInitQual(ps->plan->qual, ps);
}

static void build_keys(BitmapScan* state, EState* estate) {
    CustomScanState* node = &state->base.css;
    PlanState* ps = &node->ss.ps;
    const CustomScan* plan = plan_of(node);
    ExecIndexBuildScanKeys(ps, state->index, part_of(plan, BitmapScanPart::kIndexQual), false, &state->keys,
                           &state->num_keys, &state->runtime_keys, &state->num_runtime_keys, NULL, NULL);
    ExecIndexBuildScanKeys(ps, state->index, part_of(plan, BitmapScanPart::kOrderBy), true, &state->order_bys,
                           &state->num_order_bys, &state->runtime_keys, &state->num_runtime_keys, NULL, NULL);
    if (state->num_runtime_keys == 0) return;
    // A context of their own: what they point to lives until the next rescan, not until the next row.
    ExprContext* of_rows = ps->ps_ExprContext;
    ExecAssignExprContext(estate, ps);
    state->runtime_context = ps->ps_ExprContext;
    ps->ps_ExprContext = of_rows;
}

static void begin_bitmap_scan(CustomScanState* node, EState* estate, int eflags) {
    BitmapScan* state = bitmap_scan(node);
    const CustomScan* plan = plan_of(node);
    PlanState* ps = &node->ss.ps;
    ps->subPlan = NIL;  // made once more, with the expressions
    use_table_slot(node, estate);
    state->index_recheck = ExecInitQual(part_of(plan, BitmapScanPart::kIndexQualOrig), ps);
    state->bitmap_recheck = ExecInitQual(part_of(plan, BitmapScanPart::kBitmapQualOrig), ps);
    node->custom_ps = list_make1(ExecInitNode(static_cast<Plan*>(linitial(plan->custom_plans)), estate, eflags));
    if ((eflags & EXEC_FLAG_EXPLAIN_ONLY) != 0) return;
    state->index = index_open(index_of(plan), exec_rt_fetch(plan->scan.scanrelid, estate)->rellockmode);
    build_keys(state, estate);
    state->rows = make_owned<TidBlocks>(estate->es_query_cxt);
}

static void end_bitmap_scan(CustomScanState* node) {
    BitmapScan* state = bitmap_scan(node);
    if (state->base.scan != NULL) index_endscan(state->base.scan);
    if (state->index != NULL) index_close(state->index, NoLock);
    ExecEndNode(bitmap_plan(node));
}

static void rescan_bitmap_scan(CustomScanState* node) {
    BitmapScan* state = bitmap_scan(node);
    PlanState* below = bitmap_plan(node);
    if (node->ss.ps.chgParam != NULL) UpdateChangedParamSet(below, node->ss.ps.chgParam);
    // The plan below starts anew by itself when it is executed with other parameters.
    if (below->chgParam != NULL) state->rows_ready = false;
    state->scan_ready = false;
    ExecScanReScan(&node->ss);
}

// ---- rows

static void make_ready(BitmapScan* state) {
    CustomScanState* node = &state->base.css;
    const EState* estate = node->ss.ps.state;
    if (!state->rows_ready) {
        fill_row_set(bitmap_plan(node), RelationGetNumberOfBlocks(node->ss.ss_currentRelation),
                     static_cast<Size>(work_mem) * 1024, state->rows);
        state->rows_ready = true;
    }
    if (state->rows->empty()) return;
    if (state->runtime_context != NULL) {
        ResetExprContext(state->runtime_context);
        ExecIndexEvalRuntimeKeys(state->runtime_context, state->runtime_keys, state->num_runtime_keys);
    }
    if (state->base.scan == NULL)
        state->base.scan = begin_index_scan(node->ss.ss_currentRelation, state->index, estate->es_snapshot,
                                            state->num_keys, state->num_order_bys);
    index_rescan(state->base.scan, state->keys, state->num_keys, state->order_bys, state->num_order_bys);
    set_scan_bitmap(state->base.scan, state->rows, share_of(plan_of(node)));
}

// Whether the row in the slot satisfies what the two parts were asked.
static bool still_matches(BitmapScan* state, TupleTableSlot* slot) {
    ExprContext* context = state->base.css.ss.ps.ps_ExprContext;
    context->ecxt_scantuple = slot;
    return ExecQualAndReset(state->bitmap_recheck, context) && ExecQualAndReset(state->index_recheck, context);
}

static TupleTableSlot* next_row(ScanState* node) {
    BitmapScan* state = reinterpret_cast<BitmapScan*>(node);
    TupleTableSlot* slot = node->ss_ScanTupleSlot;
    if (!state->scan_ready) {
        make_ready(state);
        state->scan_ready = true;
    }
    if (state->rows->empty()) return ExecClearTuple(slot);
    while (index_getnext_slot(state->base.scan, ForwardScanDirection, slot)) {
        CHECK_FOR_INTERRUPTS();
        if (!state->base.scan->xs_recheck || still_matches(state, slot)) return slot;
        InstrCountFiltered2(node, 1);
    }
    return ExecClearTuple(slot);
}

// EvalPlanQual has put another version of the row into the slot.
static bool recheck_row(ScanState* node, TupleTableSlot* slot) {
    return still_matches(reinterpret_cast<BitmapScan*>(node), slot);
}

static TupleTableSlot* exec_bitmap_scan(CustomScanState* node) { return ExecScan(&node->ss, next_row, recheck_row); }

// ---- EXPLAIN

static void explain_condition(const char* label, List* condition, CustomScanState* node, List* ancestors,
                              ExplainState* es) {
    if (condition == NIL) return;
    List* context = set_deparse_context_plan(es->deparse_cxt, node->ss.ps.plan, ancestors);
    Node* expression = reinterpret_cast<Node*>(make_ands_explicit(condition));
    ExplainPropertyText(label, deparse_expression(expression, context, es->verbose, false), es);
}

static void explain_bitmap_scan(CustomScanState* node, List* ancestors, ExplainState* es) {
    const CustomScan* plan = plan_of(node);
    ExplainPropertyText("Index Name", quote_identifier(get_rel_name(index_of(plan))), es);
    explain_condition("Index Cond", part_of(plan, BitmapScanPart::kIndexQualOrig), node, ancestors, es);
    explain_condition("Order By", part_of(plan, BitmapScanPart::kOrderByOrig), node, ancestors, es);
    explain_condition("Recheck Cond", part_of(plan, BitmapScanPart::kBitmapQualOrig), node, ancestors, es);
    const Instrumentation* run = node->ss.ps.instrument;
    if (!es->analyze || run == NULL) return;
    if (es->format == EXPLAIN_FORMAT_TEXT && run->nfiltered2 <= 0) return;
    ExplainPropertyFloat("Rows Removed by Index Recheck", NULL, run->nloops > 0 ? run->nfiltered2 / run->nloops : 0.0,
                         0, es);
}

const CustomScanMethods kBitmapScanMethods = {kBitmapScanName, make_bitmap_scan_state};
const CustomExecMethods kBitmapExecMethods = {kBitmapScanName,
                                              begin_bitmap_scan,
                                              exec_bitmap_scan,
                                              end_bitmap_scan,
                                              rescan_bitmap_scan,
                                              NULL,
                                              NULL,
                                              NULL,
                                              NULL,
                                              NULL,
                                              NULL,
                                              NULL,
                                              explain_bitmap_scan};

}  // namespace vectorq
