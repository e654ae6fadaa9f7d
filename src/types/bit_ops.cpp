// Distances of PostgreSQL's bit and bit varying.
#include "core/simd/bit_distance.h"

#include "pg/entry.h"

using namespace vectorq;

namespace {

struct BitPair {
    const uint8_t* a;
    const uint8_t* b;
    size_t bytes;
};

BitPair get_bit_pair(FunctionCallInfo fcinfo) {
    VarBit* a = PG_GETARG_VARBIT_P(0);
    VarBit* b = PG_GETARG_VARBIT_P(1);
    if (VARBITLEN(a) != VARBITLEN(b))
        ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
                        errmsg("different bit lengths %d and %d", VARBITLEN(a), VARBITLEN(b))));
    if (unlikely(VARBITBYTES(a) != VARBITBYTES(b)))
        ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
                        errmsg("invalid bit value: %d bits in %d and %d bytes", VARBITLEN(a),
                               static_cast<int>(VARBITBYTES(a)), static_cast<int>(VARBITBYTES(b)))));
    BitPair pair = {VARBITS(a), VARBITS(b), static_cast<size_t>(VARBITBYTES(a))};
    return pair;
}

}  // namespace

VQ_FUNCTION(vectorq_hamming_distance) {
    const BitPair p = get_bit_pair(fcinfo);
    return Float8GetDatum(static_cast<double>(HammingBits(p.a, p.b, p.bytes)));
}

VQ_FUNCTION(vectorq_jaccard_distance) {
    const BitPair p = get_bit_pair(fcinfo);
    return Float8GetDatum(JaccardDistance(OverlapBits(p.a, p.b, p.bytes)));
}
