// vectorq_from_factory(text): a FAISS factory string as access method and options.
#include <cstdio>

#include "core/factory/factory.h"
#include "pg/entry.h"

using namespace vectorq;

VQ_FUNCTION(vectorq_from_factory) {
    TupleDesc desc;
    if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE) elog(ERROR, "return type must be a row type");
    const char* factory = text_to_cstring(PG_GETARG_TEXT_PP(0));
    char access_method[16], options[256];
    core_call([&] {
        const FactoryOptions parsed = ParseFactory(factory);
        std::snprintf(access_method, sizeof(access_method), "%s", parsed.access_method.c_str());
        std::snprintf(options, sizeof(options), "%s", parsed.options.c_str());
    });
    Datum values[2] = {CStringGetTextDatum(access_method), CStringGetTextDatum(options)};
    bool nulls[2] = {false, false};
    PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
