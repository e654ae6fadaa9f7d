// See options.h.
#include "am/options.h"

#include <limits.h>

namespace vectorq {

Settings settings;

namespace {

enum class Scope { kIndex, kSession };
enum class Kind { kInt, kEnum };

struct OptionRow {
    Scope scope;
    Kind kind;
    const char* name;
    int def, lo, hi;
    const struct config_enum_entry* choices;  // kEnum
    size_t offset;                            // in IndexOptions
    int* setting;                             // in settings
    const char* help;
};

const struct config_enum_entry kQuantizers[] = {{"flat", kQuantizerFlat, false},
                                                {"f16", static_cast<int>(CodeKind::kF16), false},
                                                {"sq8", static_cast<int>(CodeKind::kSq8), false},
                                                {NULL, 0, false}};
const struct config_enum_entry kIterativeScans[] = {{"off", static_cast<int>(IterativeScan::kOff), false},
                                                    {"relaxed", static_cast<int>(IterativeScan::kRelaxed), false},
                                                    {"strict", static_cast<int>(IterativeScan::kStrict), false},
                                                    {NULL, 0, false}};

#define VQ_INDEX(field) offsetof(IndexOptions, field), NULL
#define VQ_SESSION(field) 0, &settings.field

const OptionRow kOptions[] = {
    {Scope::kIndex, Kind::kInt, "lists", 0, 0, 1000000, NULL, VQ_INDEX(lists),
     "Number of inverted lists; 0 chooses by the number of rows"},
    {Scope::kIndex, Kind::kEnum, "quantizer", kQuantizerFlat, 0, 0, kQuantizers, VQ_INDEX(quantizer),
     "How rows are kept in the lists: flat (as they are), f16 or sq8"},
    {Scope::kIndex, Kind::kInt, "training_rows", 0, 0, INT_MAX, NULL, VQ_INDEX(training_rows),
     "Rows to sample for training; 0 chooses by the number of lists"},
    {Scope::kIndex, Kind::kInt, "seed", 42, 0, INT_MAX, NULL, VQ_INDEX(seed),
     "Seed of sampling and training: the same rows, options and seed give the same index"},
    {Scope::kSession, Kind::kInt, "nprobe", 0, 0, 1000000, NULL, VQ_SESSION(nprobe),
     "Number of lists to search; 0 chooses by the number of lists"},
    {Scope::kSession, Kind::kEnum, "iterative_scan", static_cast<int>(IterativeScan::kRelaxed), 0, 0, kIterativeScans,
     VQ_SESSION(iterative_scan),
     "Whether a scan goes on to further lists when more rows are asked for: off, relaxed (later rows may be nearer "
     "than earlier ones) or strict (exact order, some rows skipped)"},
    {Scope::kSession, Kind::kInt, "max_scan_rows", 1000000, 0, INT_MAX, NULL, VQ_SESSION(max_scan_rows),
     "Rows after which an iterative scan stops going on to further lists; 0 = no limit"},
};

relopt_kind ivf_options_kind;

void register_index_option(const OptionRow& row) {
    if (row.kind == Kind::kInt) {
        add_int_reloption(ivf_options_kind, row.name, row.help, row.def, row.lo, row.hi, AccessExclusiveLock);
        return;
    }
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
    add_enum_reloption(ivf_options_kind, row.name, row.help, members, row.def, detail.data, AccessExclusiveLock);
}

void register_setting(const OptionRow& row) {
    const char* name = MemoryContextStrdup(TopMemoryContext, psprintf("vectorq.%s", row.name));
    if (row.kind == Kind::kInt)
        DefineCustomIntVariable(name, row.help, NULL, row.setting, row.def, row.lo, row.hi, PGC_USERSET, 0, NULL, NULL,
                                NULL);
    else
        DefineCustomEnumVariable(name, row.help, NULL, row.setting, row.def, row.choices, PGC_USERSET, 0, NULL, NULL,
                                 NULL);
}

}  // namespace

void register_options_and_settings() {
    ivf_options_kind = add_reloption_kind();
    for (const OptionRow& row : kOptions) {
        if (row.scope == Scope::kIndex)
            register_index_option(row);
        else
            register_setting(row);
    }
    MarkGUCPrefixReserved("vectorq");
}

bytea* parse_index_options(Datum reloptions, bool validate) {
    relopt_parse_elt elements[lengthof(kOptions)];
    int count = 0;
    for (const OptionRow& row : kOptions) {
        if (row.scope != Scope::kIndex) continue;
        elements[count].optname = row.name;
        elements[count].opttype = row.kind == Kind::kInt ? RELOPT_TYPE_INT : RELOPT_TYPE_ENUM;
        elements[count].offset = static_cast<int>(row.offset);
        count++;
    }
    return static_cast<bytea*>(
        build_reloptions(reloptions, validate, ivf_options_kind, sizeof(IndexOptions), elements, count));
}

const IndexOptions* index_options(Relation index) {
    static IndexOptions defaults;
    if (index->rd_options != NULL) return reinterpret_cast<const IndexOptions*>(index->rd_options);
    for (const OptionRow& row : kOptions)
        if (row.scope == Scope::kIndex)
            *reinterpret_cast<int*>(reinterpret_cast<char*>(&defaults) + row.offset) = row.def;
    return &defaults;
}

}  // namespace vectorq
