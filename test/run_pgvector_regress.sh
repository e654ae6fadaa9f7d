#!/bin/bash
# pgvector's own regression tests of its types, run on ours: the same texts, errors, order, binary form. Usage: run_pgvector_regress.sh [TEST...]
# They come with pgvector's sources (scripts/pgvector.sh), or from PGVECTOR_SOURCE. Those of its indexes are left out.
set -u
cd "$(dirname "$0")/.."
build=$(realpath -m "${BUILD:-build}")
source=$(realpath -m "${PGVECTOR_SOURCE:-${VQ_DATA:-build/data}/pgvector-trixie/source/tree}")
[ -d "$source/test/sql" ] || scripts/pgvector.sh || exit 1
out=$build/regress-of-pgvector
mkdir -p "$out/results"
VQ_AUTOVACUUM=off scripts/cluster.sh start regress || exit 1
trap 'scripts/cluster.sh stop regress' EXIT
eval "$(scripts/cluster.sh env regress)"
regress=$(realpath "$(dirname "$(pg_config --pgxs)")/../test/regress/pg_regress")
# The test of COPY writes to results/ of the folder that it runs in.
(cd "$out" && "$regress" --inputdir="$source/test" --outputdir="$out" --bindir="$(dirname "$(command -v psql)")" --host="$PGHOST" --user=postgres \
    --dbname=vectorq_regress --load-extension=vectorq ${*:-bit btree cast copy halfvec sparsevec vector_type}) 2>&1 |
    tee "$out/run.log" | grep -E '^(test|ok|not ok) |tests? (passed|failed)|^(NOTICE|ERROR)'
status=${PIPESTATUS[0]}
[ "$status" = 0 ] || head -200 "$out/regression.diffs" 2>/dev/null
exit "$status"
