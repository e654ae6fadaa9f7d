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
# within TYPE DISTANCE: the operator that tells whether a row is within a sphere. bit without quotes would be bit(1).
within() {
    of=$(echo "$distances" | awk -v name="$2" '$1 == name { print $2 }')
    echo "
CREATE FUNCTION $1_$2_within($1, sphere_$1) RETURNS bool
    AS 'MODULE_PATHNAME', 'vectorq_$1_$2_within' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 2;
COMMENT ON FUNCTION $1_$2_within($1, sphere_$1) IS 'implementation of <$of> operator';
CREATE OPERATOR <$of> (
    LEFTARG = $1, RIGHTARG = sphere_$1, FUNCTION = $1_$2_within,
    RESTRICT = vectorq_sphere_selectivity, JOIN = contjoinsel
);
COMMENT ON OPERATOR <$of> ($1, sphere_$1) IS 'whether $of to the centre is less than the radius';"
}
# sphere TYPE
sphere() {
    echo "
CREATE TYPE sphere_$1 AS (center \"$1\", radius real);
COMMENT ON TYPE sphere_$1 IS 'what is nearer than a radius to a $1';
CREATE FUNCTION sphere($1, real) RETURNS sphere_$1 LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN ROW(\$1, \$2)::sphere_$1;
COMMENT ON FUNCTION sphere($1, real) IS 'what is nearer than the radius to the centre';"
}
# classes TYPE DISTANCE SUPPORT DEFAULT: of all access methods that have the distance
classes() {
    echo "$distances" | while read -r distance operator methods; do
        [ "$distance" = "$2" ] || continue
        for method in $methods; do
            echo "
CREATE OPERATOR CLASS $1_$2_ops
    $4FOR TYPE $1 USING $method AS
    OPERATOR 1 $operator ($1, $1) FOR ORDER BY float_ops,$([ "$1" = sparsevec ] || printf '\n    OPERATOR 2 <%s> (%s, sphere_%s),' "$operator" "$1" "$1")
    FUNCTION 1 $3(internal);"
        done
    done
}
echo '-- Spheres, and whether a row is within one.

CREATE FUNCTION vectorq_sphere_selectivity(internal, oid, internal, integer) RETURNS float8
    AS '"'MODULE_PATHNAME'"' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vectorq_sphere_selectivity(internal, oid, internal, integer) IS '"'restriction selectivity of spheres'"';'
echo "$types" | while read -r type names; do
    [ -n "$type" ] || continue
    sphere "$type"
    for name in $names; do within "$type" "$name"; done
done

echo '
-- Operator classes. Support function 1 tells the distance and the type of the column.'
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

# Columns behind the vector's, all of every access method: type, support function, operators, name of the classes if it is
# not the type's. Types of one family are compared with each other.
keys='
bool        bool   ordered -
int2        int2   ordered integer
int4        int4   ordered integer
int8        int8   ordered integer
oid         oid    ordered -
anyenum     oid    ordered - enum
float4      float4 ordered float
float8      float8 ordered float
date        int4   ordered datetime
timestamp   int8   ordered datetime
timestamptz int8   ordered datetime
time        int8   ordered -
text        hash   equal   -
bpchar      hash   equal   -
uuid        hash   equal   -
numeric     hash   equal   -
bytea       hash   equal   -
inet        hash   equal   -
anyarray    array  array   - array
'
# operators KIND LEFT RIGHT: with their strategies (src/am/keys.h)
operators() {
    case $1 in
        ordered) set -- "$2" "$3" 1 '<' 2 '<=' 3 '=' 4 '>=' 5 '>' ;;
        equal) set -- "$2" "$3" 3 '=' ;;
        array) set -- "$2" "$3" 6 '&&' 7 '@>' ;;
    esac
    left=$1 right=$2
    shift 2
    while [ $# != 0 ]; do
        printf '    OPERATOR %s %s (%s, %s)' "$1" "$2" "$left" "$right"
        shift 2
        [ $# = 0 ] || echo ,
    done
}
# of_family NAME: the types of a family
of_family() { echo "$keys" | awk -v family="$1" '$4 == family { print $1 }'; }
# key_classes METHOD
key_classes() {
    for family in $(echo "$keys" | awk '$4 != "" && $4 != "-" { print $4 }' | uniq); do
        echo "CREATE OPERATOR FAMILY ${family}_ops USING $1;"
    done
    echo "$keys" | while read -r type support kind family name; do
        [ -n "$type" ] || continue
        of=
        [ "$family" = - ] || of=" FAMILY ${family}_ops"
        echo "CREATE OPERATOR CLASS ${name:-$type}_ops DEFAULT FOR TYPE $type USING $1$of AS"
        operators "$kind" "$type" "$type"
        echo ",
    FUNCTION 1 vectorq_${support}_key_support(internal);"
        [ "$family" != - ] || continue
        for other in $(of_family "$family"); do
            [ "$other" != "$type" ] || continue
            echo "ALTER OPERATOR FAMILY ${family}_ops USING $1 ADD"
            operators "$kind" "$type" "$other"
            echo ';'
        done
    done
}
echo '
-- Operator classes of key columns. Support function 1 tells how values become numbers.'
for name in $(echo "$keys" | awk '{ print $2 }' | sort -u); do support "vectorq_${name}_key_support"; done
for method in ah ivf pq; do
    echo
    key_classes $method
done
