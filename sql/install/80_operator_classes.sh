#!/bin/sh
# The operator classes of all access methods, as SQL: one line a distance, one line a type.
# Names and operators are those of kMetrics (src/core/base/kinds.h), types those of kElements (src/types/element.h);
# am/opclass.cpp has the support functions. sql/operator_classes.sql tests that all agree.
distances='
l2     <-> ivf pq ah
ip     <#> ivf pq ah
cosine <=> ivf pq ah
l1     <+> ivf
'
types='
vector  l2 ip cosine l1
halfvec l2 ip cosine l1
'
echo '-- Operator classes. Support function 1 tells the distance and the type of the column.'
echo "$types" | while read -r type names; do
    default='DEFAULT '  # the first is the type's default
    for name in $names; do
        echo "
CREATE FUNCTION vectorq_${type}_${name}_support(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'vectorq_${type}_${name}_support' LANGUAGE C IMMUTABLE PARALLEL SAFE;"
        echo "$distances" | while read -r distance operator methods; do
            [ "$distance" = "$name" ] || continue
            for method in $methods; do
                echo "
CREATE OPERATOR CLASS ${type}_${name}_ops
    ${default}FOR TYPE $type USING $method AS
    OPERATOR 1 $operator ($type, $type) FOR ORDER BY float_ops,
    FUNCTION 1 vectorq_${type}_${name}_support(internal);"
            done
        done
        default=
    done
done
