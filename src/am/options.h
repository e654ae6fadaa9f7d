// The one table of options (WITH (...) of an index) and settings (SET vectorq.x): ranges, defaults, help, what an index
// shows of them. Nothing else parses, registers or describes any.
#pragma once
#include "core/base/kinds.h"
#include "core/page/meta_page.h"
#include "pg/pg_headers.h"

namespace vectorq {

enum class Distance : int { kAdc = 0, kSdc = 1 };
enum class IterativeScan : int { kOff = 0, kRelaxed = 1, kStrict = 2 };

// Options of one index, as reloptions keep them.
struct IndexOptions {
    int32 vl_len_;
    int lists;          // 0 = automatic
    int quantizer;      // CodeKind, kF32 for flat; pq, ah: always product codes
    int subvectors;     // m of product codes; 0 = automatic
    int bits;           // of a product code
    int reorder;        // Reorder, or kReorderAuto
    int training_rows;  // 0 = automatic
    int seed;
    int replicas;                  // Replicas, or kReplicasAuto
    int lengths;                   // whether codes are of directions, beside lengths
    int maintain, rebalance;       // whether vacuum keeps it in shape: if neither is off
    double closure_epsilon;        // of replicas = closure
    double anisotropic_threshold;  // T of quantize/anisotropic.h; 0 = plain product codes
    double balance;                // largest list that training leaves, in means; 0 = plain k-means
    double target_recall;          // of scans in sessions that did not set one; 0 = the setting's
    int transform;                 // offset of the text, as reloptions keep strings; 0 = none
    int centroids;                 // likewise: the table that has them
    // — not a reloption: filled in by index_options() —
    const char* transform_text;  // lives as long as the relcache entry
    bool transform_given;
    const char* centroids_text;  // likewise; NULL = training makes them
};
inline constexpr int kQuantizerFlat = static_cast<int>(CodeKind::kF32);  // the column's own element type
inline constexpr int kQuantizerPq = static_cast<int>(CodeKind::kPq);
inline constexpr int kReorderAuto = -1;
inline constexpr int kReplicasAuto = -1;  // see replicas_of

// Settings of the session. A scan takes a copy when it starts (scan/scan_plan.h); the core reads none.
struct Settings {
    int nprobe;            // 0 = automatic
    int iterative_scan;    // IterativeScan
    int max_scan_rows;     // 0 = no limit
    int reorder_rows;      // 0 = automatic
    int distance;          // Distance
    int expected_rows;     // of a scan without a LIMIT that can be seen; 0 = as many as the last one gave
    int bitmap_scan;       // whether bitmaps of other indexes are offered to the planner
    double target_recall;  // 0 .. 1
    double prune_epsilon;  // 0 = off
    int cache_size;        // kilobytes
    int warn_short_scans;  // 0 or 1
    int batch_threads;     // 0 = as builds
    int track_timing;      // 0 or 1
    int explain;           // 0 or 1
    int stat_indexes;      // of the server
    int renew_rows;        // that a vacuum copies of an index that it renews; 0 = all
};
inline constexpr int kUsualStatIndexes = 1000;
extern Settings settings;
// Where the target of a scan of the index comes from, the first that says one: the session (SET, a function's SET, the
// connection's options), the index, the server (ALTER ROLE, ALTER DATABASE, its configuration), the setting's default.
enum class TargetSource : uint8_t { kDefault, kServer, kIndex, kSession };
TargetSource target_source(Relation index);
const char* name_of(TargetSource source);
// The session's settings for scans of the index: with its target, where the session set none.
Settings settings_for_index(Relation index);

// ---- the table

enum class Scope : uint8_t { kIndex, kSession };
enum class OptionType : uint8_t { kInteger, kReal, kChoice, kText, kKilobytes };

struct OptionRow {
    Scope scope;
    uint8 ams;  // AmMask: who accepts it; one name may have several rows, with other defaults
    OptionType type;
    const char* name;  // a setting's without "vectorq."
    double def, lo, hi;
    const struct config_enum_entry* choices;  // kChoice
    size_t offset;                            // in IndexOptions
    void* setting;                            // in settings: int or double
    const char* help;
    // What the index was built with, as text. NULL: what the option says is in force, since the index does not keep it.
    // Returns NULL if the option does not apply to this index.
    const char* (*built)(const MetaPage* meta);
    // By what rule a value was chosen that was left to the index (by default); NULL: the default is a value.
    const char* (*rule)(const MetaPage* meta);
    // What changing it locks. Less than all: only later scans read it.
    LOCKMODE lock = AccessExclusiveLock;
    GucContext changed_by = PGC_USERSET;  // a setting's
};
const OptionRow* option_rows(int* count);

// A row's default as text.
const char* option_default(const OptionRow* row);
// The value of an index option in words, as far as the index has this option and it applies; else NULL.
const char* option_value(const OptionRow* row, Relation index, const MetaPage* meta);
// True if the option was left at its default.
bool option_is_default(const OptionRow* row, Relation index);

void register_options_and_settings();  // from _PG_init
// amoptions of each access method.
bytea* parse_ivf_options(Datum reloptions, bool validate);
bytea* parse_pq_options(Datum reloptions, bool validate);
bytea* parse_ah_options(Datum reloptions, bool validate);
AmKind am_of_index(Relation index);
// What the option replicas says of an index on such a metric: codes of bits are small enough to keep twice.
Replicas replicas_of(const IndexOptions* options, Metric metric);
// The options in force: those of the index, else the defaults.
IndexOptions index_options(Relation index);
// Whether vacuum may do more than take dead rows out.
inline bool keeps_in_shape(Relation index) {
    const IndexOptions options = index_options(index);
    return options.maintain != 0 && options.rebalance != 0;
}

}  // namespace vectorq
