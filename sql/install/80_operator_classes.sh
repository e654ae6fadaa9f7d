#!/bin/sh
# The operator classes of all access methods, as SQL: one line a distance, one line a type.
# Names and operators are those of kMetrics (src/core/base/kinds.h), types those of kElements (src/types/element.h);
# am/opclass.cpp has the support functions. sql/operator_classes.sql tests that all agree.
distances='
l2     <-> ivf pq ah
ip     <#> ivf pq ah
cosine <=> ivf pq ah
l1     <+> ivf
hamming <~> ivf
jaccard <%> ivf
'
types='
vector  l2 ip cosine l1
halfvec l2 ip cosine l1
bit     hamming jaccard
'
# support FUNCTION
support() {
    echo "
CREATE FUNCTION $1(internal) RETURNS internal
    AS 'MODULE_PATHNAME', '$1' LANGUAGE C IMMUTABLE PARALLEL SAFE;"
}
# classes TYPE DISTANCE SUPPORT DEFAULT: of all access methods that have the distance
classes() {
    echo "$distances" | while read -r distance operator methods; do
        [ "$distance" = "$2" ] || continue
        for method in $methods; do
            echo "
CREATE OPERATOR CLASS $1_$2_ops
    $4FOR TYPE $1 USING $method AS
    OPERATOR 1 $operator ($1, $1) FOR ORDER BY float_ops,
    FUNCTION 1 $3(internal);"
        done
    done
}
echo '-- Operator classes. Support function 1 tells the distance and the type of the column.'
echo "$types" | while read -r type names; do
    default='DEFAULT '  # the first is the type's default
    for name in $names; do
        support "vectorq_${type}_${name}_support"
        classes "$type" "$name" "vectorq_${type}_${name}_support" "$default"
        default=
    done
done

echo '
-- sparsevec has no index yet. These operator classes make CREATE INDEX say so, and say what to do instead of
-- the advice of PostgreSQL to name an operator class. The names are those of pgvector.'
support vectorq_sparsevec_support
echo "COMMENT ON FUNCTION vectorq_sparsevec_support(internal) IS 'says that sparsevec has no index yet';"
classes sparsevec l2 vectorq_sparsevec_support 'DEFAULT '
for name in ip cosine l1; do classes sparsevec "$name" vectorq_sparsevec_support ''; done
