#!/bin/bash
# pg_regress against a private cluster. Usage: run_regress.sh [TEST...]; default: all in test/regress_*.txt.
# VQ_TYPES=pgvector: with vectorq_pgvector on pgvector's types instead of vectorq and its own; without the tests of our
# types (test/regress_types.txt).
# Output goes to $BUILD/regress; the cluster is stopped at the end.
set -u
cd "$(dirname "$0")/.."
build=${BUILD:-build}
pg_config=${PG_CONFIG:-pg_config}
extensions='--load-extension=vectorq' files='test/regress_*.txt' out=$build/regress
if [ "${VQ_TYPES:-own}" = pgvector ]; then
    extensions='--load-extension=vector --load-extension=vectorq_pgvector'
    files='test/regress_[!t]*.txt' out=$build/regress-pgvector
fi
tests=${*:-$(cat $files)}
mkdir -p "$out/expected"
VQ_CONF="max_parallel_workers = 4" VQ_AUTOVACUUM=off scripts/cluster.sh start regress || exit 1
trap 'scripts/cluster.sh stop regress' EXIT
eval "$(scripts/cluster.sh env regress)"
# Autovacuum would take rows, and its snapshots keep some, where a test counts what its own VACUUM leaves.
psql -qAt -c 'ALTER SYSTEM RESET ALL' -c 'ALTER SYSTEM SET autovacuum = off' -c 'SELECT pg_reload_conf()' >/dev/null
PG_ABS_BUILDDIR=$(realpath "$out")  # pg_regress of PostgreSQL 14 does not set it
export PG_ABS_BUILDDIR
regress=$(dirname "$($pg_config --pgxs)")/../test/regress/pg_regress
"$regress" --inputdir=. --outputdir="$out" --bindir="$(dirname "$(command -v psql)")" --host="$PGHOST" --user=postgres \
    --dbname=vectorq_regress $extensions $tests 2>&1 | tee "$out/run.log" | grep --line-buffered -E '^(test|ok|not ok) |tests? (passed|failed)|^(NOTICE|ERROR)'
status=${PIPESTATUS[0]}
[ "$status" = 0 ] || head -200 "$out/regression.diffs" 2>/dev/null
exit "$status"
