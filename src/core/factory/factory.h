// FAISS factory strings ("OPQ32,IVF4096,PQ16x4fs,RFlat") as options of CREATE INDEX.
#pragma once
#include <string>
#include <string_view>

namespace vectorq {

struct FactoryOptions {
    std::string access_method;  // "ivf" or "pq"
    std::string options;        // what goes between the brackets of WITH (...)
};

// Parts, in this order, each but the code optional: transform (PCAn, PCAWn, PCARn, PCAWRn, RR[n], OPQm[_n]),
// IVFn, code (Flat, SQfp16, SQ8, PQm[xb][fs]), refinement (RFlat, Refine(Flat), RSQ8,
// Refine(SQ8), Refine(SQfp16)). Upper and lower case
// are the same. Throws Error(kInvalidArgument) with a hint for parts that do not exist here.
FactoryOptions ParseFactory(std::string_view text);

}  // namespace vectorq
