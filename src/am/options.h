// The one table of options (WITH (...) of an index) and settings (SET vectorq.x), with their
// ranges, defaults and help. Nothing else parses or registers any.
#pragma once
#include "core/base/kinds.h"
#include "pg/pg_headers.h"

namespace vectorq {

enum class AmKind : uint8_t { kIvf = 0 };

enum class IterativeScan : int { kOff = 0, kRelaxed = 1, kStrict = 2 };

// Options of one index, as reloptions keep them.
struct IndexOptions {
    int32 vl_len_;
    int lists;          // 0 = automatic
    int quantizer;      // CodeKind, or kFlat
    int training_rows;  // 0 = automatic
    int seed;
};
inline constexpr int kQuantizerFlat = 0;  // the column's own element type

// Settings of the session; read once at the start of a scan, never by the core.
struct Settings {
    int nprobe;          // 0 = automatic
    int iterative_scan;  // IterativeScan
    int max_scan_rows;   // 0 = no limit
};
extern Settings settings;

void register_options_and_settings();                      // from _PG_init
bytea* parse_index_options(Datum reloptions, bool validate);  // amoptions of ivf
// The options in force: those of the index, else the defaults.
const IndexOptions* index_options(Relation index);

}  // namespace vectorq
