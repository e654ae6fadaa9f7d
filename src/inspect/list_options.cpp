// vectorq_options(): the table of options and settings, a row each. The documents' tables are compared with it.
#include "am/options.h"
#include "pg/entry.h"

namespace vectorq {

static Datum names_of_ams(uint8 ams) {
    Datum names[kNumAms];
    int count = 0;
    for (int am = 0; am < kNumAms; am++)
        if (ams & (1 << am)) names[count++] = CStringGetTextDatum(kAmNames[am]);
    return PointerGetDatum(construct_array(names, count, TEXTOID, -1, false, TYPALIGN_INT));
}

static Datum names_of_choices(const OptionRow* row) {
    Datum names[16];
    int count = 0;
    for (const config_enum_entry* choice = row->choices;
         choice->name != NULL && count < static_cast<int>(lengthof(names)); choice++)
        if (!choice->hidden) names[count++] = CStringGetTextDatum(choice->name);
    return PointerGetDatum(construct_array(names, count, TEXTOID, -1, false, TYPALIGN_INT));
}

static void put_row(const ReturnSetInfo* result, const OptionRow* row) {
    static const char* const types[] = {"integer", "real", "choice", "text", "kilobytes"};
    const bool session = row->scope == Scope::kSession, choice = row->type == OptionType::kChoice;
    const bool number = row->type != OptionType::kChoice && row->type != OptionType::kText;
    Datum values[9];
    bool nulls[9] = {false, false, session, false, false, !number, !number, !choice, false};
    memset(values, 0, sizeof(values));
    values[0] = CStringGetTextDatum(session ? psprintf("vectorq.%s", row->name) : row->name);
    values[1] = CStringGetTextDatum(session ? "session" : "index");
    if (!session) values[2] = names_of_ams(row->ams);
    values[3] = CStringGetTextDatum(types[static_cast<int>(row->type)]);
    values[4] = CStringGetTextDatum(option_default(row));
    values[5] = Float8GetDatum(row->lo);
    values[6] = Float8GetDatum(row->hi);
    if (choice) values[7] = names_of_choices(row);
    values[8] = CStringGetTextDatum(row->help);
    tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

}  // namespace vectorq

using namespace vectorq;

VQ_FUNCTION(vectorq_options) {
    begin_rows(fcinfo);
    int count;
    const OptionRow* rows = option_rows(&count);
    for (int i = 0; i < count; i++) put_row(reinterpret_cast<const ReturnSetInfo*>(fcinfo->resultinfo), &rows[i]);
    return static_cast<Datum>(0);
}
