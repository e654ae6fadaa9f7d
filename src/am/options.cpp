// See options.h.
#include "am/options.h"

#include <float.h>
#include <limits.h>

#include "core/cluster/kmeans.h"
#include "core/transform/transform_spec.h"
#include "types/element.h"
#include "pg/entry.h"

extern "C" {
#include "utils/varlena.h"
}

namespace vectorq {

Settings settings;

static constexpr const char* kNoText = "none";
static constexpr double kLeastTarget = 0.01;

namespace {

// The rows of a table that have a name as values of an option.
template <class Row, size_t n>
struct Choices {
    config_enum_entry entries[n + 3];
    constexpr Choices(const Row (&rows)[n], const char* Row::*name, const char* first = nullptr, int first_value = 0)
        : entries{} {
        size_t count = 0;
        if (first != nullptr) entries[count++] = {first, first_value, false};
        for (const Row& row : rows)
            if (row.*name != nullptr) entries[count++] = {row.*name, static_cast<int>(row.number), false};
    }
};
constexpr Choices kQuantizerChoices(kCodes, &CodeTraits::quantizer);
constexpr Choices kReorderChoices(kReorders, &ReorderTraits::name, "auto", kReorderAuto);
constexpr Choices kReplicasChoices(kReplicas, &ReplicasTraits::name);
constexpr Choices kReplicasOrAuto(kReplicas, &ReplicasTraits::name, "auto", kReplicasAuto);
const struct config_enum_entry kSwitch[] = {
    {"on", 1, false}, {"off", 0, false}, {"true", 1, false}, {"false", 0, false}, {NULL, 0, false}};
const struct config_enum_entry kIterativeScans[] = {{"off", static_cast<int>(IterativeScan::kOff), false},
                                                    {"relaxed", static_cast<int>(IterativeScan::kRelaxed), false},
                                                    {"strict", static_cast<int>(IterativeScan::kStrict), false},
                                                    // pgvector's words for them: SHOW tells ours.
                                                    {"relaxed_order", static_cast<int>(IterativeScan::kRelaxed), true},
                                                    {"strict_order", static_cast<int>(IterativeScan::kStrict), true},
                                                    {NULL, 0, false}};
const struct config_enum_entry kDistances[] = {{"adc", static_cast<int>(Distance::kAdc), false},
                                               {"sdc", static_cast<int>(Distance::kSdc), false},
                                               {NULL, 0, false}};

// ---- what an index was built with, and by what rule

bool is_trained(const MetaPage* meta) { return (meta->flags & kMetaTrained) != 0; }
const char* number_text(uint64 number) { return psprintf(UINT64_FORMAT, number); }

const char* built_lists(const MetaPage* meta) { return number_text(meta->live_lists); }
const char* rule_of_lists(const MetaPage* meta) {
    if (!is_trained(meta)) return "too few rows to train when it was built";
    if (meta->lists == 1) return "fewer than 2,000 rows when it was built";
    if (TraitsOf(static_cast<Metric>(meta->metric)).bits) return "five quarters of the root of the rows";
    return meta->access_method == static_cast<uint8>(AmKind::kAh)
               ? "rows to the power of 3/4, by 8, at most four times their root"
               : "four times the root of the rows";
}
const char* built_quantizer(const MetaPage* meta) {
    if (meta->code == static_cast<uint8>(CodeKind::kPq4)) return TraitsOf(CodeKind::kPq).quantizer;
    const ElementTraits& element = TraitsOf(static_cast<ElementType>(meta->element));
    if (meta->code == static_cast<uint8>(element.code)) return TraitsOf(CodeKind::kF32).quantizer;
    return TraitsOf(static_cast<CodeKind>(meta->code)).quantizer;
}
const char* built_subvectors(const MetaPage* meta) {
    return meta->subvectors == 0 ? NULL : number_text(meta->subvectors);
}
const char* rule_of_subvectors(const MetaPage* meta) {
    return meta->bits == 4 ? psprintf("half of the %u dimensions, since subvectors have 4 bits", meta->code_dims)
                           : psprintf("a quarter of the %u dimensions, 256 at most", meta->code_dims);
}
const char* built_bits(const MetaPage* meta) { return meta->bits == 0 ? NULL : number_text(meta->bits); }
const char* built_threshold(const MetaPage* meta) {
    return is_trained(meta) ? psprintf("%g", static_cast<double>(meta->anisotropic_threshold)) : NULL;
}
const char* built_lengths(const MetaPage* meta) {
    return !is_trained(meta) ? NULL : (meta->flags & kMetaLengths) != 0 ? "on" : "off";
}
const char* built_replicas(const MetaPage* meta) { return TraitsOf(static_cast<Replicas>(meta->replicas)).name; }
const char* rule_of_replicas(const MetaPage* meta) {
    if (meta->lists == 1) return "there is one list";
    return TraitsOf(static_cast<Metric>(meta->metric)).bits ? "bits are small" : "codes are not small";
}
const char* built_epsilon(const MetaPage* meta) {
    return EntriesVary(*meta) ? psprintf("%g", static_cast<double>(meta->closure_epsilon)) : NULL;
}
const char* built_transform(const MetaPage* meta) {
    const TransformSpec spec = {static_cast<TransformKind>(meta->transform), meta->code_dims, meta->opq_m};
    char text[32];
    core_call([&] { snprintf(text, sizeof(text), "%s", FormatTransform(spec).c_str()); });
    return pstrdup(text);
}
const char* rule_of_transform(const MetaPage* meta) {
    if (meta->transform == 0) return NULL;
    return psprintf("nine tenths of the rows' variance, in these of %u directions", meta->dims);
}
const char* built_reorder(const MetaPage* meta) { return TraitsOf(static_cast<Reorder>(meta->reorder)).name; }
const char* rule_of_reorder(const MetaPage* meta) {
    return static_cast<Reorder>(meta->reorder) == Reorder::kOff ? "codes are the rows" : "codes are not exact";
}
const char* built_training_rows(const MetaPage* meta) { return number_text(meta->training_rows); }
const char* rule_of_training_rows(const MetaPage* meta) {
    return is_trained(meta) ? "by lists and code, within maintenance_work_mem" : rule_of_lists(meta);
}
const char* built_seed(const MetaPage* meta) { return number_text(meta->seed); }

// ---- the table

#define VQ_INDEX(field) offsetof(IndexOptions, field), NULL
#define VQ_SESSION(field) 0, &settings.field

const OptionRow kOptions[] = {
    {Scope::kIndex, kIvf | kAh, OptionType::kInteger, "lists", 0, 0, 1000000, NULL, VQ_INDEX(lists),
     "Number of inverted lists; 0 chooses by the number of rows", built_lists, rule_of_lists},
    {Scope::kIndex, kIvf | kAh, OptionType::kReal, "balance", kUsualBalance, 0, 100, NULL, VQ_INDEX(balance),
     "Training splits lists with more than so many times the mean of rows; 0 = plain k-means"},
    {Scope::kIndex, kIvf, OptionType::kChoice, "quantizer", kQuantizerFlat, 0, 0, kQuantizerChoices.entries,
     VQ_INDEX(quantizer), "How rows are kept in the lists: flat (as they are), f16, sq8 or pq (product codes)",
     built_quantizer},
    {Scope::kIndex, kAllAms, OptionType::kInteger, "subvectors", 0, 0, 2048, NULL, VQ_INDEX(subvectors),
     "Subvectors that a product code cuts a vector into; 0 chooses by the dimensions", built_subvectors,
     rule_of_subvectors},
    {Scope::kIndex, kIvf | kPq, OptionType::kInteger, "bits", 8, 4, 8, NULL, VQ_INDEX(bits),
     "Bits of each subvector of a product code; 4 bits are scored in registers", built_bits},
    {Scope::kIndex, kAh, OptionType::kReal, "anisotropic_threshold", 0.2, 0, 0.99, NULL,
     VQ_INDEX(anisotropic_threshold),
     "Codes spare inner products above this share of a row's length; 0 = plain product codes", built_threshold},
    {Scope::kIndex, kAh, OptionType::kChoice, "lengths", 1, 0, 0, kSwitch, VQ_INDEX(lengths),
     "Whether a row keeps the length of its residual beside its code, 4 bytes: on or off", built_lengths},
    {Scope::kIndex, kIvf, OptionType::kChoice, "replicas", kReplicasAuto, 0, 0, kReplicasOrAuto.entries,
     VQ_INDEX(replicas),
     "Whether rows lie in further lists: none, soar (each in a second one), closure (those near a border), or auto",
     built_replicas, rule_of_replicas},
    // 4-bit codes are small enough to keep twice: at equal recall a query takes 0.65 to 0.85 of the time
    // (docs/measurements/replicas.md).
    {Scope::kIndex, kAh, OptionType::kChoice, "replicas", static_cast<int>(Replicas::kSoar), 0, 0,
     kReplicasChoices.entries, VQ_INDEX(replicas),
     "Whether rows lie in further lists: none, soar (each in a second one), closure (those near a border)",
     built_replicas},
    {Scope::kIndex, kIvf | kAh, OptionType::kReal, "closure_epsilon", 0.1, 0, 10, NULL, VQ_INDEX(closure_epsilon),
     "With replicas = closure: how much farther than the nearest a further list may be, as a share of that distance",
     built_epsilon},
    {Scope::kIndex, kAllAms, OptionType::kChoice, "maintain", 1, 0, 0, kSwitch, VQ_INDEX(maintain),
     "Whether vacuum keeps the index in shape: trains it, replaces lists, trains anew, gives room back: on or off"},
    {Scope::kIndex, kAllAms, OptionType::kChoice, "rebalance", 1, 0, 0, kSwitch, VQ_INDEX(rebalance),
     "Another name of maintain; off if either is"},
    {Scope::kIndex, kAllAms, OptionType::kText, "transform", 0, 0, 0, NULL, VQ_INDEX(transform),
     "Applied before coding: none, center, pcaN, pcawN, pcarN, pcawrN, rr, rrN, opqM, opqM_N, balanceM, corrM",
     built_transform, rule_of_transform},
    {Scope::kIndex, kIvf | kAh, OptionType::kText, "centroids", 0, 0, 0, NULL, VQ_INDEX(centroids),
     "Table, as schema.table, whose vectors become the lists' centroids when the index is built; none = training"},
    {Scope::kIndex, kAllAms, OptionType::kChoice, "reorder", kReorderAuto, 0, 0, kReorderChoices.entries,
     VQ_INDEX(reorder),
     "What puts the best rows in order: off, heap (the table), records in the index (f32, f16, sq8), or auto",
     built_reorder, rule_of_reorder},
    {Scope::kIndex, kAllAms, OptionType::kInteger, "training_rows", 0, 0, INT_MAX, NULL, VQ_INDEX(training_rows),
     "Rows to sample for training; 0 chooses by the number of lists", built_training_rows, rule_of_training_rows},
    {Scope::kIndex, kAllAms, OptionType::kInteger, "seed", 42, 0, INT_MAX, NULL, VQ_INDEX(seed),
     "Seed of sampling and training: the same rows, options and seed give the same index", built_seed},
    {Scope::kIndex, kAllAms, OptionType::kReal, "target_recall", 0, kLeastTarget, 1, NULL, VQ_INDEX(target_recall),
     "Recall that scans of this index aim at where the session did not set vectorq.target_recall; not given: the "
     "setting's",
     NULL, NULL, ShareUpdateExclusiveLock},
    {Scope::kSession, 0, OptionType::kInteger, "nprobe", 0, 0, 1000000, NULL, VQ_SESSION(nprobe),
     "Number of lists to search; 0 chooses by target_recall"},
    {Scope::kSession, 0, OptionType::kReal, "target_recall", 0.95, kLeastTarget, 1, NULL, VQ_SESSION(target_recall),
     "Share of the true nearest rows that a scan is to find, as far as the index was calibrated; 1 = all lists"},
    {Scope::kSession, 0, OptionType::kChoice, "iterative_scan", static_cast<int>(IterativeScan::kRelaxed), 0, 0,
     kIterativeScans, VQ_SESSION(iterative_scan),
     "Whether a scan goes on to further lists when more rows are asked for: off, relaxed (later rows may be nearer "
     "than earlier ones) or strict (exact order, some rows skipped)"},
    {Scope::kSession, 0, OptionType::kInteger, "max_scan_rows", 0, 0, INT_MAX, NULL, VQ_SESSION(max_scan_rows),
     "Rows looked at after which a scan goes on to no further lists; 0 = no limit"},
    {Scope::kSession, 0, OptionType::kChoice, "warn_short_scans", 0, 0, 0, kSwitch, VQ_SESSION(warn_short_scans),
     "Whether a scan warns when max_scan_rows or iterative_scan ends it though more rows are asked for"},
    {Scope::kSession, 0, OptionType::kInteger, "expected_rows", 0, 0, 1000000, NULL, VQ_SESSION(expected_rows),
     "Rows that a scan is expected to give where no LIMIT tells, as below a cursor; 0 = as many as the last one gave"},
    {Scope::kSession, 0, OptionType::kInteger, "reorder_rows", 0, 0, 1000000, NULL, VQ_SESSION(reorder_rows),
     "Entries to put in order by exact distance at a time (with replicas a row may have several); 0 chooses by "
     "target_recall and the rows asked for so far"},
    {Scope::kSession, 0, OptionType::kChoice, "distance", static_cast<int>(Distance::kAdc), 0, 0, kDistances,
     VQ_SESSION(distance),
     "Product codes: adc compares the query with codes, sdc compares the query's code with codes"},
    {Scope::kSession, 0, OptionType::kChoice, "bitmap_scan", 1, 0, 0, kSwitch, VQ_SESSION(bitmap_scan),
     "Whether the planner may give the rows that other indexes find for WHERE to the scan of a vector index: on or "
     "off"},
    {Scope::kSession, 0, OptionType::kReal, "prune_epsilon", 0, 0, 1000, NULL, VQ_SESSION(prune_epsilon),
     "Of the lists to search, leave out those whose centroid is farther than 1 + this times the distance of the "
     "nearest; 0 = none"},
    {Scope::kSession, 0, OptionType::kInteger, "batch_threads", 0, 0, 1024, NULL, VQ_SESSION(batch_threads),
     "Threads of vectorq_knn; 0 takes as many as CREATE INDEX does"},
    {Scope::kSession, 0, OptionType::kInteger, "renew_rows", 10000000, 0, INT_MAX, NULL, VQ_SESSION(renew_rows),
     "Rows that one VACUUM copies of an index that it renews, before it leaves the rest to the next one; 0 = all"},
    {Scope::kSession, 0, OptionType::kKilobytes, "cache_size", 256 * 1024, 64, MAX_KILOBYTES, NULL,
     VQ_SESSION(cache_size),
     "Memory in which a session keeps what it has read of indexes (centroids, codebooks), beside that of indexes in "
     "use"},
    {Scope::kSession, 0, OptionType::kChoice, "track_timing", 0, 0, 0, kSwitch, VQ_SESSION(track_timing),
     "Whether scans measure the time of their stages for vectorq_stat_indexes: on or off"},
    {Scope::kSession, 0, OptionType::kChoice, "explain", 0, 0, 0, kSwitch, VQ_SESSION(explain),
     "Whether EXPLAIN ANALYZE tells in a NOTICE what scans of vectorq indexes did: on or off"},
    {Scope::kSession, 0, OptionType::kInteger, "stat_indexes", kUsualStatIndexes, 10, 100000, NULL,
     VQ_SESSION(stat_indexes),
     "Indexes that vectorq_stat_indexes has counts of, in all databases; takes effect at the start of a server that "
     "preloads vectorq",
     NULL, NULL, AccessExclusiveLock, PGC_POSTMASTER},
};

relopt_kind option_kinds[kNumAms];

void validate_transform(const char* value) {
    if (value == NULL) return;
    core_call([&] { ParseTransform(value); });
}

// A name with its schema: pg_dump restores without any search_path.
void validate_centroids(const char* value) {
    if (value == NULL || strcmp(value, kNoText) == 0) return;
    if (list_length(textToQualifiedNameList(cstring_to_text(value))) == 2) return;
    ereport(ERROR,
            (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("invalid value for option centroids: \"%s\"", value),
             errhint("Name the table with its schema, as in centroids = 'public.my_centroids'.")));
}

bool is_transform(const OptionRow& row) { return row.offset == offsetof(IndexOptions, transform); }

void register_enum_option(relopt_kind kind, const OptionRow& row) {
    int count = 0;
    while (row.choices[count].name != NULL) count++;
    // Reloptions keep the pointer, so the members live as long as the backend.
    relopt_enum_elt_def* members = static_cast<relopt_enum_elt_def*>(
        MemoryContextAllocZero(TopMemoryContext, sizeof(relopt_enum_elt_def) * (count + 1)));
    StringInfoData detail;
    MemoryContext before = MemoryContextSwitchTo(TopMemoryContext);
    initStringInfo(&detail);
    appendStringInfoString(&detail, "Valid values are ");
    for (int i = 0; i < count; i++) {
        members[i].string_val = row.choices[i].name;
        members[i].symbol_val = row.choices[i].val;
        appendStringInfo(&detail, "%s\"%s\"", i == 0 ? "" : i + 1 == count ? " and " : ", ", row.choices[i].name);
    }
    appendStringInfoChar(&detail, '.');
    MemoryContextSwitchTo(before);
    add_enum_reloption(kind, row.name, row.help, members, static_cast<int>(row.def), detail.data, row.lock);
}

void register_index_option(relopt_kind kind, const OptionRow& row) {
    switch (row.type) {
        case OptionType::kInteger:
            add_int_reloption(kind, row.name, row.help, static_cast<int>(row.def), static_cast<int>(row.lo),
                              static_cast<int>(row.hi), row.lock);
            return;
        case OptionType::kReal: add_real_reloption(kind, row.name, row.help, row.def, row.lo, row.hi, row.lock); return;
        case OptionType::kText:
            add_string_reloption(kind, row.name, row.help, NULL,
                                 is_transform(row) ? validate_transform : validate_centroids, row.lock);
            return;
        case OptionType::kChoice: register_enum_option(kind, row); return;
        case OptionType::kKilobytes: return;  // settings only
    }
}

// ---- who set the target: the server tells hooks, and nobody else

GucSource set_by = PGC_S_DEFAULT;

bool note_target_source(double*, void** extra, GucSource source) {
    *extra = setting_alloc(sizeof(GucSource));
    if (*extra == NULL) return false;
    *static_cast<GucSource*>(*extra) = source;
    return true;
}
void assign_target_source(double, void* extra) {
    set_by = extra != NULL ? *static_cast<GucSource*>(extra) : PGC_S_DEFAULT;
}

void register_setting(const OptionRow& row) {
    const char* name = MemoryContextStrdup(TopMemoryContext, psprintf("vectorq.%s", row.name));
    int* number = static_cast<int*>(row.setting);
    // No setting of the postmaster can be made later; it has no effect then.
    const GucContext changed_by =
        row.changed_by == PGC_POSTMASTER && !process_shared_preload_libraries_in_progress ? PGC_SIGHUP : row.changed_by;
    if (row.type == OptionType::kInteger || row.type == OptionType::kKilobytes)
        DefineCustomIntVariable(name, row.help, NULL, number, static_cast<int>(row.def), static_cast<int>(row.lo),
                                static_cast<int>(row.hi), changed_by,
                                row.type == OptionType::kKilobytes ? GUC_UNIT_KB : 0, NULL, NULL, NULL);
    else if (row.type == OptionType::kReal)
        DefineCustomRealVariable(name, row.help, NULL, static_cast<double*>(row.setting), row.def, row.lo, row.hi,
                                 changed_by, 0, row.setting == &settings.target_recall ? note_target_source : NULL,
                                 row.setting == &settings.target_recall ? assign_target_source : NULL, NULL);
    else {
        *number = static_cast<int>(row.def);  // the one kind whose variable may not be 0 before (an assertion since 16)
        DefineCustomEnumVariable(name, row.help, NULL, number, static_cast<int>(row.def), row.choices, changed_by, 0,
                                 NULL, NULL, NULL);
    }
}

bytea* parse_options(AmKind am, Datum reloptions, bool validate) {
    relopt_parse_elt elements[lengthof(kOptions)];
    memset(elements, 0, sizeof(elements));
    int count = 0;
    for (const OptionRow& row : kOptions) {
        if (row.scope != Scope::kIndex || !(row.ams & (1 << static_cast<int>(am)))) continue;
        elements[count].optname = row.name;
        elements[count].opttype = row.type == OptionType::kInteger  ? RELOPT_TYPE_INT
                                  : row.type == OptionType::kReal   ? RELOPT_TYPE_REAL
                                  : row.type == OptionType::kChoice ? RELOPT_TYPE_ENUM
                                                                    : RELOPT_TYPE_STRING;
        elements[count].offset = static_cast<int>(row.offset);
        count++;
    }
    return static_cast<bytea*>(build_reloptions(reloptions, validate, option_kinds[static_cast<int>(am)],
                                                sizeof(IndexOptions), elements, count));
}

}  // namespace

void register_options_and_settings() {
    for (int am = 0; am < kNumAms; am++) {
        option_kinds[am] = add_reloption_kind();
        for (const OptionRow& row : kOptions)
            if (row.ams & (1 << am)) register_index_option(option_kinds[am], row);
    }
    for (const OptionRow& row : kOptions)
        if (row.scope == Scope::kSession) register_setting(row);
    reserve_settings("vectorq");
}

bytea* parse_ivf_options(Datum reloptions, bool validate) { return parse_options(AmKind::kIvf, reloptions, validate); }
bytea* parse_pq_options(Datum reloptions, bool validate) { return parse_options(AmKind::kPq, reloptions, validate); }
bytea* parse_ah_options(Datum reloptions, bool validate) { return parse_options(AmKind::kAh, reloptions, validate); }

Replicas replicas_of(const IndexOptions* options, Metric metric) {
    if (options->replicas != kReplicasAuto) return static_cast<Replicas>(options->replicas);
    return TraitsOf(metric).bits ? Replicas::kSoar : Replicas::kNone;
}

AmKind am_of_index(Relation index) {
    const amoptions_function parse = index->rd_indam->amoptions;
    return parse == parse_pq_options ? AmKind::kPq : parse == parse_ah_options ? AmKind::kAh : AmKind::kIvf;
}

// The text at an offset that reloptions keep; NULL if none was given.
static const char* text_at(const IndexOptions* given, int offset) {
    return given != NULL && offset != 0 ? reinterpret_cast<const char*>(given) + offset : NULL;
}

// One option of `options` from what was given, else its default.
static void take_option(const OptionRow& row, const IndexOptions* given, IndexOptions* options) {
    char* to = reinterpret_cast<char*>(options) + row.offset;
    const char* from = reinterpret_cast<const char*>(given) + row.offset;
    if (row.type == OptionType::kReal)
        *reinterpret_cast<double*>(to) = given != NULL ? *reinterpret_cast<const double*>(from) : row.def;
    else *reinterpret_cast<int*>(to) = given != NULL ? *reinterpret_cast<const int*>(from) : static_cast<int>(row.def);
}

IndexOptions index_options(Relation index) {
    const AmKind am = am_of_index(index);
    const IndexOptions* given = reinterpret_cast<const IndexOptions*>(index->rd_options);
    IndexOptions options;
    memset(&options, 0, sizeof(options));
    // What only other access methods accept stays 0, which means none or off; what follows from the method is set
    // below.
    for (const OptionRow& row : kOptions)
        if (row.scope == Scope::kIndex && (row.ams & (1 << static_cast<int>(am)))) take_option(row, given, &options);
    // A string option is an offset into the varlena: make it reachable from the copy.
    const char* transform = text_at(given, options.transform);
    options.transform_given = transform != NULL;
    options.transform_text = transform != NULL ? transform : kNoText;
    const char* centroids = text_at(given, options.centroids);
    if (centroids != NULL && strcmp(centroids, kNoText) != 0) options.centroids_text = centroids;
    if (am == AmKind::kPq) {
        options.quantizer = kQuantizerPq;
        options.lists = 1;
    }
    if (am == AmKind::kAh) {
        options.quantizer = kQuantizerPq;
        options.bits = 4;
    }
    return options;
}

static double target_of_index(Relation index) {
    const IndexOptions* given = reinterpret_cast<const IndexOptions*>(index->rd_options);
    return given != NULL ? given->target_recall : 0;
}

TargetSource target_source(Relation index) {
    if (set_by >= PGC_S_CLIENT) return TargetSource::kSession;
    if (target_of_index(index) > 0) return TargetSource::kIndex;
    return set_by > PGC_S_DEFAULT ? TargetSource::kServer : TargetSource::kDefault;
}

const char* name_of(TargetSource source) {
    switch (source) {
        case TargetSource::kSession: return "session";
        case TargetSource::kIndex: return "index";
        case TargetSource::kServer: return "server";
        case TargetSource::kDefault: return "default";
    }
    return "default";
}

Settings settings_for_index(Relation index) {
    Settings own = settings;
    if (target_source(index) == TargetSource::kIndex) own.target_recall = target_of_index(index);
    return own;
}

// ---- the table in words

const OptionRow* option_rows(int* count) {
    *count = lengthof(kOptions);
    return kOptions;
}

static const char* choice_name(const OptionRow* row, int value) {
    for (const config_enum_entry* choice = row->choices; choice->name != NULL; choice++)
        if (choice->val == value) return choice->name;
    return "unknown";
}

static const char* number_in_words(const OptionRow* row, double value) {
    const int number = static_cast<int>(value);
    switch (row->type) {
        case OptionType::kChoice: return choice_name(row, number);
        case OptionType::kKilobytes:
            return number % 1024 == 0 ? psprintf("%dMB", number / 1024) : psprintf("%dkB", number);
        default: return psprintf("%.*g", FLT_DIG + 4, value);
    }
}

const char* option_default(const OptionRow* row) {
    return row->type == OptionType::kText ? kNoText : number_in_words(row, row->def);
}

// Of a text the offset.
static double option_number(const OptionRow* row, const IndexOptions* options) {
    const char* field = reinterpret_cast<const char*>(options) + row->offset;
    return row->type == OptionType::kReal ? *reinterpret_cast<const double*>(field)
                                          : *reinterpret_cast<const int*>(field);
}

bool option_is_default(const OptionRow* row, Relation index) {
    const IndexOptions options = index_options(index);
    return option_number(row, &options) == row->def;  // a text's offset is 0
}

const char* option_value(const OptionRow* row, Relation index, const MetaPage* meta) {
    if (!(row->ams & (1 << meta->access_method))) return NULL;
    if (row->built != NULL) return row->built(meta);
    const IndexOptions options = index_options(index);
    if (row->type == OptionType::kText) return options.centroids_text != NULL ? options.centroids_text : kNoText;
    return number_in_words(row, option_number(row, &options));
}

}  // namespace vectorq
