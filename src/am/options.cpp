// See options.h.
#include "am/options.h"

#include <limits.h>

#include "core/cluster/kmeans.h"
#include "core/transform/transform_spec.h"
#include "pg/entry.h"

namespace vectorq {

Settings settings;

namespace {

enum class Scope { kIndex, kSession };
enum class Kind { kInt, kReal, kEnum, kText, kKilobytes };
enum AmMask {
    kIvf = 1 << static_cast<int>(AmKind::kIvf),
    kPq = 1 << static_cast<int>(AmKind::kPq),
    kAh = 1 << static_cast<int>(AmKind::kAh),
    kAll = kIvf | kPq | kAh
};

struct OptionRow {
    Scope scope;
    int ams;  // AmMask: who accepts it
    Kind kind;
    const char* name;
    double def, lo, hi;
    const struct config_enum_entry* choices;  // kEnum
    size_t offset;                            // in IndexOptions
    void* setting;                            // in settings: int or double
    const char* help;
};

const struct config_enum_entry kQuantizers[] = {{"flat", kQuantizerFlat, false},
                                                {"f16", static_cast<int>(CodeKind::kF16), false},
                                                {"sq8", static_cast<int>(CodeKind::kSq8), false},
                                                {"pq", kQuantizerPq, false},
                                                {NULL, 0, false}};
const struct config_enum_entry kReorders[] = {{"auto", kReorderAuto, false},
                                              {"off", static_cast<int>(Reorder::kOff), false},
                                              {"heap", static_cast<int>(Reorder::kHeap), false},
                                              {"f32", static_cast<int>(Reorder::kF32), false},
                                              {"f16", static_cast<int>(Reorder::kF16), false},
                                              {"sq8", static_cast<int>(Reorder::kSq8), false},
                                              {NULL, 0, false}};
const struct config_enum_entry kReplicas[] = {{"none", static_cast<int>(Replicas::kNone), false},
                                              {"soar", static_cast<int>(Replicas::kSoar), false},
                                              {"closure", static_cast<int>(Replicas::kClosure), false},
                                              {NULL, 0, false}};
const struct config_enum_entry kSwitch[] = {
    {"on", 1, false}, {"off", 0, false}, {"true", 1, false}, {"false", 0, false}, {NULL, 0, false}};
const struct config_enum_entry kIterativeScans[] = {{"off", static_cast<int>(IterativeScan::kOff), false},
                                                    {"relaxed", static_cast<int>(IterativeScan::kRelaxed), false},
                                                    {"strict", static_cast<int>(IterativeScan::kStrict), false},
                                                    {NULL, 0, false}};
const struct config_enum_entry kDistances[] = {{"adc", static_cast<int>(Distance::kAdc), false},
                                               {"sdc", static_cast<int>(Distance::kSdc), false},
                                               {NULL, 0, false}};

#define VQ_INDEX(field) offsetof(IndexOptions, field), NULL
#define VQ_SESSION(field) 0, &settings.field

const OptionRow kOptions[] = {
    {Scope::kIndex, kIvf | kAh, Kind::kInt, "lists", 0, 0, 1000000, NULL, VQ_INDEX(lists),
     "Number of inverted lists; 0 chooses by the number of rows"},
    {Scope::kIndex, kIvf | kAh, Kind::kReal, "balance", kUsualBalance, 0, 100, NULL, VQ_INDEX(balance),
     "Training splits lists with more than so many times the mean of rows; 0 = plain k-means"},
    {Scope::kIndex, kIvf, Kind::kEnum, "quantizer", kQuantizerFlat, 0, 0, kQuantizers, VQ_INDEX(quantizer),
     "How rows are kept in the lists: flat (as they are), f16, sq8 or pq (product codes)"},
    {Scope::kIndex, kAll, Kind::kInt, "subvectors", 0, 0, 2048, NULL, VQ_INDEX(subvectors),
     "Parts that a product code cuts a vector into; 0 chooses by the dimensions"},
    {Scope::kIndex, kIvf | kPq, Kind::kInt, "bits", 8, 4, 8, NULL, VQ_INDEX(bits),
     "Bits of each part of a product code; 4 bits are scored in registers"},
    {Scope::kIndex, kAh, Kind::kReal, "anisotropic_threshold", 0.2, 0, 0.99, NULL, VQ_INDEX(anisotropic_threshold),
     "Codes keep inner products above this part of a row's length exact rather than distances; 0 = plain product "
     "codes"},
    {Scope::kIndex, kAh, Kind::kEnum, "lengths", 1, 0, 0, kSwitch, VQ_INDEX(lengths),
     "Whether a code keeps how long the row's residual is beside its direction, for 4 bytes more: on or off"},
    {Scope::kIndex, kIvf, Kind::kEnum, "replicas", static_cast<int>(Replicas::kNone), 0, 0, kReplicas,
     VQ_INDEX(replicas),
     "Whether rows lie in further lists, too: none, soar (each in a second one) or closure (those near a border)"},
    // 4-bit codes are small enough to keep twice: at equal recall a query takes 0.65 to 0.85 of the time (README).
    {Scope::kIndex, kAh, Kind::kEnum, "replicas", static_cast<int>(Replicas::kSoar), 0, 0, kReplicas,
     VQ_INDEX(replicas),
     "Whether rows lie in further lists, too: none, soar (each in a second one) or closure (those near a border)"},
    {Scope::kIndex, kIvf | kAh, Kind::kReal, "closure_epsilon", 0.1, 0, 10, NULL, VQ_INDEX(closure_epsilon),
     "replicas = closure: a row goes to lists whose centroid is at most so much farther than the nearest, as a part of "
     "that distance"},
    {Scope::kIndex, kIvf | kAh, Kind::kEnum, "rebalance", 1, 0, 0, kSwitch, VQ_INDEX(rebalance),
     "Whether vacuum splits lists that have outgrown the others and dissolves those that have shrunk: on or off"},
    {Scope::kIndex, kAll, Kind::kText, "transform", 0, 0, 0, NULL, VQ_INDEX(transform),
     "What is done to vectors before they are coded: none, center, pcaN, pcawN, pcarN, pcawrN, rr, opqM, opqM_N, "
     "balanceM, corrM"},
    {Scope::kIndex, kAll, Kind::kEnum, "reorder", kReorderAuto, 0, 0, kReorders, VQ_INDEX(reorder),
     "What puts the rows that the codes chose in order: off, heap (the table), a copy in the index (f32, f16, sq8), or "
     "auto"},
    {Scope::kIndex, kAll, Kind::kInt, "training_rows", 0, 0, INT_MAX, NULL, VQ_INDEX(training_rows),
     "Rows to sample for training; 0 chooses by the number of lists"},
    {Scope::kIndex, kAll, Kind::kInt, "seed", 42, 0, INT_MAX, NULL, VQ_INDEX(seed),
     "Seed of sampling and training: the same rows, options and seed give the same index"},
    {Scope::kSession, 0, Kind::kInt, "nprobe", 0, 0, 1000000, NULL, VQ_SESSION(nprobe),
     "Number of lists to search; 0 chooses by target_recall"},
    {Scope::kSession, 0, Kind::kReal, "target_recall", 0.95, 0, 1, NULL, VQ_SESSION(target_recall),
     "Share of the true nearest rows that a scan is to find, as far as the index was calibrated; 1 = all lists"},
    {Scope::kSession, 0, Kind::kEnum, "iterative_scan", static_cast<int>(IterativeScan::kRelaxed), 0, 0,
     kIterativeScans, VQ_SESSION(iterative_scan),
     "Whether a scan goes on to further lists when more rows are asked for: off, relaxed (later rows may be nearer "
     "than earlier ones) or strict (exact order, some rows skipped)"},
    {Scope::kSession, 0, Kind::kInt, "max_scan_rows", 1000000, 0, INT_MAX, NULL, VQ_SESSION(max_scan_rows),
     "Rows after which an iterative scan stops going on to further lists; 0 = no limit"},
    {Scope::kSession, 0, Kind::kInt, "reorder_rows", 0, 0, 1000000, NULL, VQ_SESSION(reorder_rows),
     "Rows to put in order by exact distance at a time; 0 chooses by target_recall and the rows asked for so far"},
    {Scope::kSession, 0, Kind::kEnum, "distance", static_cast<int>(Distance::kAdc), 0, 0, kDistances,
     VQ_SESSION(distance),
     "Product codes: adc compares the query with codes, sdc compares the query's code with codes"},
    {Scope::kSession, 0, Kind::kReal, "prune_epsilon", 0, 0, 1000, NULL, VQ_SESSION(prune_epsilon),
     "Of the lists to search, leave out those whose centroid is farther than 1 + this times the distance of the "
     "nearest; 0 = none"},
    {Scope::kSession, 0, Kind::kKilobytes, "cache_size", 256 * 1024, 64, MAX_KILOBYTES, NULL, VQ_SESSION(cache_size),
     "Memory in which a session keeps what it has read of indexes (centroids, codebooks), beside that of indexes in "
     "use"},
};

relopt_kind option_kinds[kNumAms];

void validate_transform(const char* value) {
    if (value == NULL) return;
    core_call([&] { ParseTransform(value); });
}

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
    add_enum_reloption(kind, row.name, row.help, members, static_cast<int>(row.def), detail.data, AccessExclusiveLock);
}

void register_index_option(relopt_kind kind, const OptionRow& row) {
    switch (row.kind) {
        case Kind::kInt:
            add_int_reloption(kind, row.name, row.help, static_cast<int>(row.def), static_cast<int>(row.lo),
                              static_cast<int>(row.hi), AccessExclusiveLock);
            return;
        case Kind::kReal:
            add_real_reloption(kind, row.name, row.help, row.def, row.lo, row.hi, AccessExclusiveLock);
            return;
        case Kind::kText:
            add_string_reloption(kind, row.name, row.help, NULL, validate_transform, AccessExclusiveLock);
            return;
        case Kind::kEnum: register_enum_option(kind, row); return;
        case Kind::kKilobytes: return;  // settings only
    }
}

void register_setting(const OptionRow& row) {
    const char* name = MemoryContextStrdup(TopMemoryContext, psprintf("vectorq.%s", row.name));
    int* number = static_cast<int*>(row.setting);
    if (row.kind == Kind::kInt || row.kind == Kind::kKilobytes)
        DefineCustomIntVariable(name, row.help, NULL, number, static_cast<int>(row.def), static_cast<int>(row.lo),
                                static_cast<int>(row.hi), PGC_USERSET, row.kind == Kind::kKilobytes ? GUC_UNIT_KB : 0,
                                NULL, NULL, NULL);
    else if (row.kind == Kind::kReal)
        DefineCustomRealVariable(name, row.help, NULL, static_cast<double*>(row.setting), row.def, row.lo, row.hi,
                                 PGC_USERSET, 0, NULL, NULL, NULL);
    else {
        *number = static_cast<int>(row.def);  // the one kind whose variable may not be 0 before (an assertion since 16)
        DefineCustomEnumVariable(name, row.help, NULL, number, static_cast<int>(row.def), row.choices, PGC_USERSET, 0,
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
        elements[count].opttype = row.kind == Kind::kInt    ? RELOPT_TYPE_INT
                                  : row.kind == Kind::kReal ? RELOPT_TYPE_REAL
                                  : row.kind == Kind::kEnum ? RELOPT_TYPE_ENUM
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

AmKind am_of_index(Relation index) {
    const amoptions_function parse = index->rd_indam->amoptions;
    return parse == parse_pq_options ? AmKind::kPq : parse == parse_ah_options ? AmKind::kAh : AmKind::kIvf;
}

const char* am_name(AmKind am) { return am == AmKind::kPq ? "pq" : am == AmKind::kAh ? "ah" : "ivf"; }

// One option of `options` from what was given, else its default.
static void take_option(const OptionRow& row, const IndexOptions* given, IndexOptions* options) {
    char* to = reinterpret_cast<char*>(options) + row.offset;
    const char* from = reinterpret_cast<const char*>(given) + row.offset;
    if (row.kind == Kind::kReal)
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
    options.transform_given = given != NULL && given->transform != 0;
    options.transform_text = options.transform_given ? reinterpret_cast<const char*>(given) + given->transform : "none";
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

}  // namespace vectorq
