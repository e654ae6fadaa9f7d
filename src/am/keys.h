// Key columns: what their operator classes mean, and the numbers that an index keeps of their values
// (core/page/key_columns.h).
//
// An operator class of a key column has support function 1, which tells the encoding, as that of a vector column tells
// the distance; and operators by these strategies. Each type has those that its kind can answer
// (sql/install/80_operator_classes.sh): numbers all of an order, hashes `=`, arrays the last two.
#pragma once
#include "core/page/key_columns.h"
#include "pg/pg_headers.h"

extern "C" {
#include "utils/typcache.h"
}

namespace vectorq {

// The first five are numbered as those of a B-tree.
enum KeyStrategy : StrategyNumber {
    kKeyLess = 1,
    kKeyLessEqual = 2,
    kKeyEqual = 3,
    kKeyGreaterEqual = 4,
    kKeyGreater = 5,
    kKeyOverlaps = 6,  // &&
    kKeyContains = 7,  // @>
};
inline constexpr StrategyNumber kNumKeyStrategies = 7;

// How a value becomes a number.
enum class KeyEncoding : uint8 {
    kBool,    // 0 and 1
    kInt2,    // itself
    kInt4,    // itself: int4, date
    kInt8,    // itself: int8, time, timestamp
    kOid,     // less 2^31: oid, enums
    kFloat4,  // FloatOrder(), DoubleOrder()
    kFloat8,
    kHash,   // by the type's default hash function and the collation of the index
    kArray,  // of each element a bit, by its hash; none of a null
};

// What support function 1 of an operator class of a key column returns a pointer to.
struct KeyClass {
    uint32 magic;  // kKeyClassMagic
    KeyEncoding encoding;
    KeyKind kind;
};
inline constexpr uint32 kKeyClassMagic = 0x56514B43;

struct KeyColumn {
    KeyEncoding encoding;
    int16 element_length;  // of arrays, as the type of the elements has it
    bool element_by_value;
    char element_align;
    Oid type;  // that the operator class is for; of enums and arrays the column's own
    Oid collation;
    TypeCacheEntry* hashed;  // hashes and arrays: the type whose hash function it is
};

struct KeyColumnInfo {
    KeyColumns keys;
    KeyColumn columns[kMaxKeyColumns];
};

// The index's key columns. Found out once: the pointer is good while the index is open. Raises an error if the index
// has columns that it may not have: a second vector, arrays of what has no hash.
const KeyColumnInfo* key_columns_of_index(Relation index);

// The operator class of a column, 1 for the first: NULL if the class is not one for key columns.
const KeyClass* key_class_of_column(Relation index, int column);

// A row as packed values, PackedKeyBytes(info->keys) of them. values, isnull: of the index's columns, the vector first.
// May allocate in the current memory context: long values are unpacked to be hashed.
void pack_keys(const KeyColumnInfo* info, const Datum* values, const bool* isnull, char* packed);

// What is kept of a single value, which is not null: of numbers and hashes the number, of arrays the signature.
int64 key_number(const KeyColumn* column, Datum value);
// Whether an array has an element that is null, too.
uint64 key_signature(const KeyColumn* column, Datum array, bool* has_null);

}  // namespace vectorq
