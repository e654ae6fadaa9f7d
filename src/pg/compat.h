// What differs between PostgreSQL 14 and 18, in one place: elsewhere no version is asked for. The names are the
// newest server's, or say what is done. Part of pg_headers.h; include that.
#pragma once

#if PG_VERSION_NUM < 140000
#error "vectorq needs PostgreSQL 14 or later"
#endif

extern "C" {
#if PG_VERSION_NUM >= 150000
#include "common/pg_prng.h"
#endif
#include "commands/explain.h"
#if PG_VERSION_NUM >= 180000
#include "commands/explain_format.h"
#include "commands/explain_state.h"
#endif
#include "nodes/extensible.h"
#include "nodes/tidbitmap.h"
#include "postmaster/autovacuum.h"
#include "storage/ipc.h"
#if PG_VERSION_NUM >= 170000
#include "storage/dsm_registry.h"
#endif
}

namespace vectorq {

// ---- the files of a relation: renamed in 16

#if PG_VERSION_NUM >= 160000
using FileLocator = RelFileLocator;
inline FileLocator file_locator(Relation relation) { return relation->rd_locator; }
inline bool same_file(const FileLocator& a, const FileLocator& b) { return RelFileLocatorEquals(a, b); }
#else
using FileLocator = RelFileNode;
inline FileLocator file_locator(Relation relation) { return relation->rd_node; }
inline bool same_file(const FileLocator& a, const FileLocator& b) { return RelFileNodeEquals(a, b); }
#endif

// ---- buffers: whether a tag names a block of the relation's main fork

inline bool tag_names(const BufferTag& tag, Relation relation, BlockNumber block) {
    BufferTag other;
#if PG_VERSION_NUM >= 160000
    InitBufferTag(&other, &relation->rd_locator, MAIN_FORKNUM, block);
    return BufferTagsEqual(&tag, &other);
#else
    INIT_BUFFERTAG(other, relation->rd_node, MAIN_FORKNUM, block);
    return BUFFERTAGS_EQUAL(tag, other);
#endif
}

// ---- index scans: 18 counts them for EXPLAIN ANALYZE

#if PG_VERSION_NUM >= 180000
inline IndexScanDesc begin_index_scan(Relation heap, Relation index, Snapshot snapshot, int nkeys, int norderbys) {
    return index_beginscan(heap, index, snapshot, NULL, nkeys, norderbys);
}
#else
inline IndexScanDesc begin_index_scan(Relation heap, Relation index, Snapshot snapshot, int nkeys, int norderbys) {
    return index_beginscan(heap, index, snapshot, nkeys, norderbys);
}
#endif

inline void count_index_scan(IndexScanDesc scan) {
    pgstat_count_index_scan(scan->indexRelation);
#if PG_VERSION_NUM >= 180000
    if (scan->instrument != NULL) scan->instrument->nsearches++;
#endif
}

// Says to the planner that a path cannot be executed. Before 18 its cost alone does, from 18 on the number of
// disabled nodes is compared first, and enable_seqscan = off counts as one.
inline void disable_path(IndexPath* path) {
#if PG_VERSION_NUM >= 180000
    path->path.disabled_nodes = 2;
#else
    static_cast<void>(path);
#endif
}

// Calls `visit` for the nodes below `node` until it returns true.
inline bool walk_plan_states(PlanState* node, bool (*visit)(PlanState*, void*), void* arg) {
#if PG_VERSION_NUM >= 160000
    return planstate_tree_walker(node, visit, arg);
#else
    // Declared without parameters there.
    return planstate_tree_walker(node, reinterpret_cast<bool (*)()>(reinterpret_cast<void (*)()>(visit)), arg);
#endif
}

// Calls visit(block, offsets, count, recheck) for the pages of a bitmap; offsets is NULL of a page whose rows it did
// not keep. `visit` may ereport.
template <class Visit>
inline void visit_bitmap_pages(TIDBitmap* bitmap, const Visit& visit) {
#if PG_VERSION_NUM >= 180000
    TBMPrivateIterator* iterator = tbm_begin_private_iterate(bitmap);
    TBMIterateResult page;
    OffsetNumber offsets[TBM_MAX_TUPLES_PER_PAGE];
    while (tbm_private_iterate(iterator, &page)) {
        const int count = page.lossy ? 0 : tbm_extract_page_tuple(&page, offsets, TBM_MAX_TUPLES_PER_PAGE);
        visit(page.blockno, page.lossy ? NULL : offsets, count, page.recheck);
    }
    tbm_end_private_iterate(iterator);
#else
    TBMIterator* iterator = tbm_begin_iterate(bitmap);
    const TBMIterateResult* page;
    while ((page = tbm_iterate(iterator)) != NULL)
        visit(page->blockno, page->ntuples < 0 ? NULL : page->offsets, page->ntuples, page->recheck);
    tbm_end_iterate(iterator);
#endif
}

// EXPLAIN: from 18 on a module may add lines to any node of a plan. From _PG_init, once.
using NodeExplainer = void (*)(PlanState* node, ExplainState* explain);
#if PG_VERSION_NUM >= 180000
inline constexpr bool kExplainsNodes = true;
inline explain_per_node_hook_type explain_before;
inline NodeExplainer own_explainer;
inline void explain_in_turn(PlanState* node, List* ancestors, const char* relationship, const char* plan_name,
                            ExplainState* explain) {
    if (explain_before != NULL) explain_before(node, ancestors, relationship, plan_name, explain);
    own_explainer(node, explain);
}
inline void explain_nodes_by(NodeExplainer explainer) {
    own_explainer = explainer;
    explain_before = explain_per_node_hook;
    explain_per_node_hook = explain_in_turn;
}
#else
inline constexpr bool kExplainsNodes = false;
inline void explain_nodes_by(NodeExplainer) {}
#endif

// Flags of a custom path whose scan can project; before 15 all can.
#if PG_VERSION_NUM >= 150000
inline constexpr uint32 kCustomPathProjects = CUSTOMPATH_SUPPORT_PROJECTION;
#else
inline constexpr uint32 kCustomPathProjects = 0;
#endif

// The last parameter of an ExecutorRun hook, which 18 dropped.
#if PG_VERSION_NUM >= 180000
#define VQ_RUN_ONCE_PARAMETER
#define VQ_RUN_ONCE_ARGUMENT
#else
#define VQ_RUN_ONCE_PARAMETER , bool once
#define VQ_RUN_ONCE_ARGUMENT , once
#endif

// Bits that nothing important depends on.
inline uint32 random_bits() {
#if PG_VERSION_NUM >= 150000
    return pg_prng_uint32(&pg_global_prng_state);
#else
    return static_cast<uint32>(random());
#endif
}

// ---- shared memory

// Calls `request` when a preloaded module may ask for shared memory; from _PG_init, once.
#if PG_VERSION_NUM >= 150000
inline shmem_request_hook_type request_before;
inline void (*own_request)();
inline void request_in_turn() {
    if (request_before != NULL) request_before();
    own_request();
}
inline void on_shared_memory_request(void (*request)()) {
    own_request = request;
    request_before = shmem_request_hook;
    shmem_request_hook = request_in_turn;
}
#else
inline void on_shared_memory_request(void (*request)()) { request(); }
#endif

// Memory that all sessions share, of this name; the first one that asks makes it, by `begin`. From 17 on no module
// needs to be preloaded for it.
inline constexpr bool kSharesWithoutPreloading = PG_VERSION_NUM >= 170000;
inline void* named_shared_memory(const char* name, Size bytes, void (*begin)(void*)) {
#if PG_VERSION_NUM >= 170000
    bool found;
    return GetNamedDSMSegment(name, bytes, begin, &found);
#else
    static_cast<void>(name), static_cast<void>(bytes), static_cast<void>(begin);
    return NULL;
#endif
}

// ---- vacuum, sampling, sorting, functions that return sets, settings

inline void vacuum_delay() {
#if PG_VERSION_NUM >= 180000
    vacuum_delay_point(false);
#else
    vacuum_delay_point();
#endif
}

// In kilobytes.
inline int vacuum_memory() {
#if PG_VERSION_NUM >= 170000
    const bool automatic = AmAutoVacuumWorkerProcess();
#else
    const bool automatic = IsAutoVacuumWorkerProcess();
#endif
    return automatic && autovacuum_work_mem != -1 ? autovacuum_work_mem : maintenance_work_mem;
}

inline void init_random(ReservoirState reservoir, uint32 seed) {
#if PG_VERSION_NUM >= 150000
    sampler_random_init_state(seed, &reservoir->randstate);
#else
    sampler_random_init_state(seed, reservoir->randstate);
#endif
}

// In (0, 1).
inline double random_fraction(ReservoirState reservoir) {
#if PG_VERSION_NUM >= 150000
    return sampler_random_fract(&reservoir->randstate);
#else
    return sampler_random_fract(reservoir->randstate);
#endif
}

#if PG_VERSION_NUM >= 150000
inline constexpr int kSortOnce = TUPLESORT_NONE;
#else
inline constexpr bool kSortOnce = false;  // no random access
#endif

inline MinimalTuple form_minimal_tuple(TupleDesc desc, const Datum* values, const bool* nulls) {
#if PG_VERSION_NUM >= 180000
    return heap_form_minimal_tuple(desc, values, nulls, 0);
#else
    return heap_form_minimal_tuple(desc, const_cast<Datum*>(values), const_cast<bool*>(nulls));
#endif
}

inline bool next_sorted_datum(Tuplesortstate* sort, Datum* value, bool* isnull) {
#if PG_VERSION_NUM >= 160000
    return tuplesort_getdatum(sort, true, false, value, isnull, NULL);
#else
    return tuplesort_getdatum(sort, true, value, isnull, NULL);
#endif
}

// Prepares fcinfo->resultinfo for a function that returns all its rows at once.
inline void begin_rows(FunctionCallInfo fcinfo) {
#if PG_VERSION_NUM >= 160000
    InitMaterializedSRF(fcinfo, 0);
#elif PG_VERSION_NUM >= 150000
    SetSingleFuncCall(fcinfo, 0);
#else
    ReturnSetInfo* result = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    if (result == NULL || !IsA(result, ReturnSetInfo) || (result->allowedModes & SFRM_Materialize) == 0)
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("set-valued function called in context that cannot accept a set")));
    MemoryContext before = MemoryContextSwitchTo(result->econtext->ecxt_per_query_memory);
    TupleDesc desc;
    if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE) elog(ERROR, "return type must be a row type");
    result->returnMode = SFRM_Materialize;
    result->setResult = tuplestore_begin_heap((result->allowedModes & SFRM_Materialize_Random) != 0, false, work_mem);
    result->setDesc = desc;
    MemoryContextSwitchTo(before);
#endif
}

// Memory that a setting's hook hands to the server, which frees it. NULL if there is none.
inline void* setting_alloc(size_t bytes) {
#if PG_VERSION_NUM >= 160000
    return guc_malloc(LOG, bytes);
#else
    return malloc(bytes);
#endif
}

// No other settings of this name: a misspelt one is reported, from 15 on when it is set.
inline void reserve_settings(const char* prefix) {
#if PG_VERSION_NUM >= 150000
    MarkGUCPrefixReserved(prefix);
#else
    EmitWarningsOnPlaceholders(prefix);
#endif
}

// Whether the role may change the relation.
inline bool owns_relation(Oid relation, Oid role) {
#if PG_VERSION_NUM >= 160000
    return object_ownercheck(RelationRelationId, relation, role);
#else
    return pg_class_ownercheck(relation, role);
#endif
}

// ---- a row without system columns, palloced: since 18 with room in front of it

#if PG_VERSION_NUM >= 180000
inline MinimalTuple form_minimal_tuple(TupleDesc columns, const Datum* values, const bool* nulls) {
    return heap_form_minimal_tuple(columns, values, nulls, 0);
}
#else
inline MinimalTuple form_minimal_tuple(TupleDesc columns, Datum* values, bool* nulls) {
    return heap_form_minimal_tuple(columns, values, nulls);
}
#endif

}  // namespace vectorq
