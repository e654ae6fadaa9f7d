// What this backend keeps of indexes (index_cache.h), for whoever asks.
#pragma once
#include "pg/pg_headers.h"

namespace vectorq {

struct KeptIndex {
    Oid index;
    Size bytes;         // of its memory context
    bool in_use;        // by a scan or an insert that goes on
    bool keeps_groups;  // all compact centroids; else a query reads those of its groups
    bool keeps_exact;   // the exact centroids; else they are read where they are needed
};

// Numbers from 0 on, the one used last first. False: there is none of this number.
bool read_kept_index(int number, KeptIndex* kept);

}  // namespace vectorq
