// See key_conditions.h.
//
// A constant of another type than the column's need not be one of the column's numbers. So it has a place among them:
// the greatest number that is not greater, and whether it is equal to that one. Every comparison follows from the
// place.
#include <algorithm>
#include <cmath>

#include "core/filter/float_order.h"
#include "core/filter/key_set.h"
#include "core/simd/key_mask.h"
#include "am/key_conditions.h"
#include "am/keys.h"

extern "C" {
#include "catalog/pg_enum.h"
#include "utils/catcache.h"
#include "utils/date.h"
#include "utils/timestamp.h"
}

namespace vectorq {

namespace {

// Beyond what a column holds there is a number more on each side.
using Wide = __int128;

struct Place {
    Wide floor;
    bool exact;
    int64 slack;  // the place may be off by so much: the session's time zone decides
};

struct Interval {
    Wide least, greatest;
    bool lossy;
};

struct Elements {
    Datum* values;
    bool* nulls;
    int n;
};

}  // namespace

static constexpr Wide kLeast = PG_INT64_MIN, kGreatest = PG_INT64_MAX;
// No time zone is further from UTC: those of POSIX may be 167 hours and some minutes.
static constexpr int64 kMostZoneDays = 8;

static Place exactly(int64 number) { return {number, true, 0}; }

static int64 integer_of(Oid type, Datum value) {
    if (type == INT2OID) return DatumGetInt16(value);
    return type == INT4OID ? DatumGetInt32(value) : DatumGetInt64(value);
}

// Among the numbers of a float4 column.
static Place place_of_double(double value) {
    float floor = static_cast<float>(value);
    if (floor > value) floor = std::nextafterf(floor, -get_float4_infinity());
    return {FloatOrder(floor), floor == value || std::isnan(value), 0};
}

// Among those of a date column.
static Place day_of(Timestamp value, int64 slack) {
    if (TIMESTAMP_IS_NOBEGIN(value)) return exactly(DATEVAL_NOBEGIN);
    if (TIMESTAMP_IS_NOEND(value)) return exactly(DATEVAL_NOEND);
    const int64 rest = value % USECS_PER_DAY;
    return {value / USECS_PER_DAY - (rest < 0), rest == 0, slack};
}

// A constant that became a time stamp. What overflowed lies between all finite ones and an infinite one.
static Place moment_of(Timestamp value, int overflow) {
    if (overflow < 0) return {kLeast, false, 0};
    if (overflow > 0) return {kGreatest - 1, false, 0};
    return exactly(value);
}

static Place place_of_date(Oid type, Datum value) {
    if (type == TIMESTAMPOID) return day_of(DatumGetTimestamp(value), 0);
    if (type == TIMESTAMPTZOID) return day_of(DatumGetTimestamp(value), kMostZoneDays);
    return exactly(DatumGetDateADT(value));
}

static Place place_of_moment(Oid column, Oid type, Datum value) {
    int overflow = 0;
    if (type == DATEOID) {
        const Timestamp moment = column == TIMESTAMPOID
                                     ? date2timestamp_opt_overflow(DatumGetDateADT(value), &overflow)
                                     : date2timestamptz_opt_overflow(DatumGetDateADT(value), &overflow);
        return moment_of(moment, overflow);
    }
    if (column == TIMESTAMPTZOID && type == TIMESTAMPOID) {
        const Timestamp moment = timestamp2timestamptz_opt_overflow(DatumGetTimestamp(value), &overflow);
        return moment_of(moment, overflow);
    }
    const Timestamp moment = DatumGetTimestamp(value);
    Place place = exactly(moment);
    // The column's values become moments of the session's time zone, and not in their own order where clocks are set
    // back.
    if (column == TIMESTAMPOID && type == TIMESTAMPTZOID && !TIMESTAMP_NOT_FINITE(moment))
        place.slack = kMostZoneDays * USECS_PER_DAY;
    return place;
}

// Of a constant that is not null, of the type that the operator has on its right.
static Place place_of(const KeyColumn* column, Oid type, Datum value) {
    if (!OidIsValid(type)) type = column->type;
    switch (column->type) {
        case INT2OID:
        case INT4OID:
        case INT8OID: return exactly(integer_of(type, value));
        case FLOAT4OID:
            return type == FLOAT8OID ? place_of_double(DatumGetFloat8(value))
                                     : exactly(FloatOrder(DatumGetFloat4(value)));
        case FLOAT8OID: return exactly(DoubleOrder(type == FLOAT4OID ? DatumGetFloat4(value) : DatumGetFloat8(value)));
        case DATEOID: return place_of_date(type, value);
        case TIMESTAMPOID:
        case TIMESTAMPTZOID: return place_of_moment(column->type, type, value);
        default: return exactly(key_number(column, value));
    }
}

static Interval interval_of(StrategyNumber strategy, const Place& place) {
    const Wide from = place.floor - place.slack, to = place.floor + place.slack;
    const bool exact = place.exact && place.slack == 0, lossy = place.slack > 0;
    switch (strategy) {
        case kKeyLess: return {kLeast, exact ? to - 1 : to, lossy};
        case kKeyLessEqual: return {kLeast, to, lossy};
        case kKeyGreaterEqual: return {exact || lossy ? from : from + 1, kGreatest, lossy};
        case kKeyGreater: return {lossy ? from : from + 1, kGreatest, lossy};
        default: break;
    }
    if (exact || lossy) return {from, to, lossy};
    return {1, 0, false};
}

static bool is_empty(const Interval& interval) { return interval.least > interval.greatest; }

static KeyCondition condition_on(int column, KeyCondition::Kind kind) {
    KeyCondition condition;
    condition.kind = kind;
    condition.column = static_cast<uint8_t>(column);
    return condition;
}

static void set_interval(const Interval& interval, KeyCondition* out) {
    if (is_empty(interval)) return;
    out->kind = KeyCondition::kRange;
    out->least = static_cast<int64>(std::max(interval.least, kLeast));
    out->greatest = static_cast<int64>(std::min(interval.greatest, kGreatest));
    out->lossy = interval.lossy;
}

static void add_table(KeyCondition* out) {
    if (out->set_size <= kMaxFewKeys) return;
    const uint8 log2_least = KeyTableLog2Places(out->set_size);
    // Elements that collide even with four times the room are searched for.
    for (uint8 log2_places = log2_least; log2_places <= log2_least + 2; log2_places++) {
        int64* places = static_cast<int64*>(palloc_extended(sizeof(int64) << log2_places, MCXT_ALLOC_HUGE));
        if (FillKeyTable(out->set, out->set_size, log2_places, reinterpret_cast<int64_t*>(places))) {
            out->table = TableOf(out->set, reinterpret_cast<int64_t*>(places), log2_places);
            return;
        }
        pfree(places);
    }
}

// numbers: in any order, of the context of the scan. One, or all of an interval, are no set.
static void set_numbers(int64* numbers, int n, bool interval_will_do, KeyCondition* out) {
    if (n == 0) return;
    std::sort(numbers, numbers + n);
    n = static_cast<int>(std::unique(numbers, numbers + n) - numbers);
    const Wide width = static_cast<Wide>(numbers[n - 1]) - numbers[0];
    if (n == 1 || (interval_will_do && width == n - 1)) return set_interval({numbers[0], numbers[n - 1], false}, out);
    out->kind = KeyCondition::kSet;
    out->set = reinterpret_cast<const int64_t*>(numbers);
    out->set_size = static_cast<uint32>(n);
    add_table(out);
}

// The constants of a key, one or those of an array, without nulls.
static Elements constants_of(ScanKey key) {
    Elements found = {&key->sk_argument, NULL, 1};
    if ((key->sk_flags & SK_SEARCHARRAY) == 0) return found;
    ArrayType* array = DatumGetArrayTypeP(key->sk_argument);
    int16 length;
    bool by_value;
    char align;
    get_typlenbyvalalign(ARR_ELEMTYPE(array), &length, &by_value, &align);
    deconstruct_array(array, ARR_ELEMTYPE(array), length, by_value, align, &found.values, &found.nulls, &found.n);
    int kept = 0;
    for (int i = 0; i < found.n; i++)
        if (!found.nulls[i]) found.values[kept++] = found.values[i];
    found.n = kept;
    return found;
}

// Enums are in order by their labels' sort numbers, not by OIDs: all labels that satisfy the key.
static void set_labels(const KeyColumn* column, ScanKey key, const Elements& constants, KeyCondition* out) {
    CatCList* labels = SearchSysCacheList1(ENUMTYPOIDNAME, ObjectIdGetDatum(column->type));
    int64* numbers = static_cast<int64*>(palloc(sizeof(int64) * static_cast<Size>(std::max(labels->n_members, 1))));
    int n = 0;
    for (int i = 0; i < labels->n_members; i++) {
        const Datum label =
            ObjectIdGetDatum(reinterpret_cast<Form_pg_enum>(GETSTRUCT(&labels->members[i]->tuple))->oid);
        for (int c = 0; c < constants.n; c++) {
            if (!DatumGetBool(FunctionCall2Coll(&key->sk_func, key->sk_collation, label, constants.values[c])))
                continue;
            numbers[n++] = key_number(column, label);
            break;
        }
    }
    ReleaseCatCacheList(labels);
    set_numbers(numbers, n, false, out);
}

// Equal to one of several constants.
static void set_any_of(const KeyColumn* column, Oid type, const Elements& constants, KeyCondition* out) {
    int64* numbers = static_cast<int64*>(
        palloc_extended(sizeof(int64) * static_cast<Size>(std::max(constants.n, 1)), MCXT_ALLOC_HUGE));
    int n = 0;
    Interval all = {kGreatest, kLeast, false};
    for (int i = 0; i < constants.n; i++) {
        const Place place = place_of(column, type, constants.values[i]);
        const Interval interval = interval_of(kKeyEqual, place);
        if (is_empty(interval)) continue;
        all = {std::min(all.least, interval.least), std::max(all.greatest, interval.greatest),
               all.lossy || interval.lossy};
        // Beyond the column's numbers it is equal to none.
        numbers[n++] = static_cast<int64>(place.floor);
    }
    if (all.lossy) set_interval(all, out);
    else set_numbers(numbers, n, column->encoding != KeyEncoding::kHash, out);
}

// Of `x < ANY (…)` the widest bound decides.
static void set_bound(const KeyColumn* column, ScanKey key, const Elements& constants, KeyCondition* out) {
    Interval all = {kGreatest, kLeast, false};
    for (int i = 0; i < constants.n; i++) {
        const Interval one = interval_of(key->sk_strategy, place_of(column, key->sk_subtype, constants.values[i]));
        if (is_empty(one)) continue;
        all = {std::min(all.least, one.least), std::max(all.greatest, one.greatest), all.lossy || one.lossy};
    }
    set_interval(all, out);
}

static void set_array(const KeyColumn* column, ScanKey key, KeyCondition* out) {
    bool has_null;
    out->signature = key_signature(column, key->sk_argument, &has_null);
    out->lossy = true;
    if (key->sk_strategy == kKeyContains && !has_null) out->kind = KeyCondition::kContains;
    if (key->sk_strategy == kKeyOverlaps && out->signature != 0) out->kind = KeyCondition::kOverlaps;
}

static KeyCondition condition_of(const KeyColumn* column, int number, ScanKey key) {
    if ((key->sk_flags & SK_SEARCHNULL) != 0) return condition_on(number, KeyCondition::kNull);
    if ((key->sk_flags & SK_SEARCHNOTNULL) != 0) return condition_on(number, KeyCondition::kNotNull);
    KeyCondition condition = condition_on(number, KeyCondition::kNever);
    if ((key->sk_flags & SK_ISNULL) != 0) return condition;
    if (column->encoding == KeyEncoding::kArray) {
        set_array(column, key, &condition);
        return condition;
    }
    const Elements constants = constants_of(key);
    const bool equal = key->sk_strategy == kKeyEqual;
    if (equal) set_any_of(column, key->sk_subtype, constants, &condition);
    else if (type_is_enum(column->type)) set_labels(column, key, constants, &condition);
    else set_bound(column, key, constants, &condition);
    if (column->encoding == KeyEncoding::kHash) condition.lossy = true;
    return condition;
}

int key_conditions(Relation index, ScanKey keys, int nkeys, MemoryContext context, KeyCondition* out) {
    const KeyColumnInfo* info = key_columns_of_index(index);
    MemoryContext before = MemoryContextSwitchTo(context);
    int n = 0;
    for (ScanKey key = keys; key < keys + nkeys; key++) {
        const int column = key->sk_attno - 2;
        if (column >= 0) out[n++] = condition_of(&info->columns[column], column, key);
        // The vector itself: rows without one are not in the index. Spheres are for scan/scan_bound.h.
        else if ((key->sk_flags & SK_SEARCHNULL) != 0) out[n++] = condition_on(0, KeyCondition::kNever);
    }
    MemoryContextSwitchTo(before);
    return n;
}

}  // namespace vectorq
