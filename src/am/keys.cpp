// See keys.h.
#include "core/filter/float_order.h"
#include "core/filter/key_lane.h"
#include "am/keys.h"

#include "am/opclass.h"
#include "pg/entry.h"

namespace vectorq {

// What a column's operator class says of itself.
static const void* class_info(Relation index, int column) {
    FmgrInfo* support = index_getprocinfo(index, static_cast<AttrNumber>(column), 1);
    return DatumGetPointer(FunctionCall1(support, PointerGetDatum(NULL)));
}

const KeyClass* key_class_of_column(Relation index, int column) {
    const KeyClass* key_class = static_cast<const KeyClass*>(class_info(index, column));
    return key_class != NULL && key_class->magic == kKeyClassMagic ? key_class : NULL;
}

[[noreturn]] static void refuse_column(Relation index, int column) {
    const OpclassInfo* vector = static_cast<const OpclassInfo*>(class_info(index, column));
    if (vector == NULL || vector->magic != kOpclassMagic)
        ereport(ERROR, (errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
                        errmsg("operator class of column %d of index \"%s\" is not one of vectorq's", column,
                               RelationGetRelationName(index)),
                        errhint("Use an operator class that CREATE EXTENSION vectorq made.")));
    ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                    errmsg("index \"%s\" cannot have more than one vector column", RelationGetRelationName(index)),
                    errhint("Create an index for each vector column.")));
    pg_unreachable();
}

// How the elements of arrays are hashed.
static void prepare_elements(Relation index, int column, KeyColumn* info) {
    const Oid element = get_element_type(getBaseType(info->type));
    if (OidIsValid(element)) info->hashed = lookup_type_cache(element, TYPECACHE_HASH_PROC_FINFO);
    if (info->hashed == NULL || !OidIsValid(info->hashed->hash_proc_finfo.fn_oid))
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_FUNCTION),
                        errmsg("elements of column %d of index \"%s\" have no hash function", column,
                               RelationGetRelationName(index)),
                        errdetail("The column is of type %s.", format_type_be(info->type)),
                        errhint("Leave the column away, or index an array of another type.")));
    get_typlenbyvalalign(element, &info->element_length, &info->element_by_value, &info->element_align);
}

static void prepare_hash(KeyColumn* info) {
    info->hashed = lookup_type_cache(info->type, TYPECACHE_HASH_PROC_FINFO);
    if (!OidIsValid(info->hashed->hash_proc_finfo.fn_oid))
        elog(ERROR, "type %s has no hash function", format_type_be(info->type));
}

static void describe_column(Relation index, int column, KeyColumnInfo* info) {
    const KeyClass* key_class = key_class_of_column(index, column);
    if (key_class == NULL) refuse_column(index, column);
    KeyColumn* described = &info->columns[column - 2];
    described->encoding = key_class->encoding;
    described->type = index->rd_opcintype[column - 1];
    if (IsPolymorphicType(described->type))
        described->type = getBaseType(TupleDescAttr(RelationGetDescr(index), column - 1)->atttypid);
    described->collation = index->rd_indcollation[column - 1];
    if (described->encoding == KeyEncoding::kHash) prepare_hash(described);
    if (described->encoding == KeyEncoding::kArray) prepare_elements(index, column, described);
    info->keys.kinds[column - 2] = key_class->kind;
}

const KeyColumnInfo* key_columns_of_index(Relation index) {
    static const KeyColumnInfo none = {};
    const int columns = IndexRelationGetNumberOfKeyAttributes(index);
    if (likely(columns == 1)) return &none;
    // The function of the vector's operator class keeps nothing of its own there.
    FmgrInfo* support = index_getprocinfo(index, 1, 1);
    if (likely(support->fn_extra != NULL)) return static_cast<const KeyColumnInfo*>(support->fn_extra);
    KeyColumnInfo made = {};
    made.keys.count = static_cast<uint8_t>(columns - 1);
    for (int column = 2; column <= columns; column++) describe_column(index, column, &made);
    void* kept = MemoryContextAlloc(support->fn_mcxt, sizeof(made));
    memcpy(kept, &made, sizeof(made));
    support->fn_extra = kept;
    return static_cast<const KeyColumnInfo*>(kept);
}

static uint32 hash_of(const KeyColumn* column, Datum value) {
    return DatumGetUInt32(FunctionCall1Coll(&column->hashed->hash_proc_finfo, column->collation, value));
}

uint64 key_signature(const KeyColumn* column, Datum array, bool* has_null) {
    ArrayType* elements = DatumGetArrayTypeP(array);
    Datum* values;
    bool* nulls;
    int n;
    deconstruct_array(elements, ARR_ELEMTYPE(elements), column->element_length, column->element_by_value,
                      column->element_align, &values, &nulls, &n);
    uint64 signature = 0;
    *has_null = false;
    for (int i = 0; i < n; i++) {
        if (nulls[i]) *has_null = true;
        else signature |= UINT64CONST(1) << (hash_of(column, values[i]) & 63);
    }
    pfree(values);
    pfree(nulls);
    if (reinterpret_cast<Pointer>(elements) != DatumGetPointer(array)) pfree(elements);
    return signature;
}

static constexpr int64 kOidOffset = INT64CONST(1) << 31;

int64 key_number(const KeyColumn* column, Datum value) {
    bool has_null;
    switch (column->encoding) {
        case KeyEncoding::kBool: return DatumGetBool(value) ? 1 : 0;
        case KeyEncoding::kInt2: return DatumGetInt16(value);
        case KeyEncoding::kInt4: return DatumGetInt32(value);
        case KeyEncoding::kInt8: return DatumGetInt64(value);
        case KeyEncoding::kOid: return static_cast<int64>(DatumGetObjectId(value)) - kOidOffset;
        case KeyEncoding::kFloat4: return FloatOrder(DatumGetFloat4(value));
        case KeyEncoding::kFloat8: return DoubleOrder(DatumGetFloat8(value));
        case KeyEncoding::kHash: return hash_of(column, value);
        case KeyEncoding::kArray: return static_cast<int64>(key_signature(column, value, &has_null));
    }
    return 0;
}

void pack_keys(const KeyColumnInfo* info, const Datum* values, const bool* isnull, char* packed) {
    uint32 nulls = 0;
    char* at = packed + kPackedNullsBytes;
    for (uint32 c = 0; c < info->keys.count; c++) {
        const KeyKind kind = info->keys.kinds[c];
        const bool null = isnull[1 + c];
        nulls |= static_cast<uint32>(null) << c;
        StoreKey(kind, null ? 0 : key_number(&info->columns[c], values[1 + c]), at);
        at += KeyBytes(kind);
    }
    memcpy(packed, &nulls, sizeof(nulls));
}

}  // namespace vectorq

#define VQ_KEY_CLASS(name, encoding, kind)                                                              \
    VQ_FUNCTION(vectorq_##name##_key_support) {                                                         \
        static const vectorq::KeyClass info = {vectorq::kKeyClassMagic, vectorq::KeyEncoding::encoding, \
                                               vectorq::KeyKind::kind};                                 \
        PG_RETURN_POINTER(&info);                                                                       \
    }

VQ_KEY_CLASS(bool, kBool, kInt8)
VQ_KEY_CLASS(int2, kInt2, kInt16)
VQ_KEY_CLASS(int4, kInt4, kInt32)
VQ_KEY_CLASS(int8, kInt8, kInt64)
VQ_KEY_CLASS(oid, kOid, kInt32)
VQ_KEY_CLASS(float4, kFloat4, kInt32)
VQ_KEY_CLASS(float8, kFloat8, kInt64)
VQ_KEY_CLASS(hash, kHash, kHash)
VQ_KEY_CLASS(array, kArray, kSignature)
