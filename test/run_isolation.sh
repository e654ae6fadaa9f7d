#!/bin/bash
# pg_isolation_regress against a private cluster. Usage: run_isolation.sh [SPEC...]; default: all of test/isolation/specs.
# VQ_TYPES=pgvector: with vectorq_pgvector on pgvector's types.
# Output goes to $BUILD/isolation; the cluster is stopped at the end.
set -u
cd "$(dirname "$0")/.."
build=${BUILD:-build}
pg_config=${PG_CONFIG:-pg_config}
specs=${*:-$(cd test/isolation/specs && echo *.spec | sed 's/\.spec//g')}
extensions='--load-extension=vectorq' out=$build/isolation
if [ "${VQ_TYPES:-own}" = pgvector ]; then
    extensions='--load-extension=vector --load-extension=vectorq_pgvector' out=$build/isolation-pgvector
fi
mkdir -p "$out"
VQ_AUTOVACUUM=off scripts/cluster.sh start regress || exit 1
trap 'scripts/cluster.sh stop regress' EXIT
eval "$(scripts/cluster.sh env regress)"
# Who waits for whom must not depend on it.
psql -qAt -c 'ALTER SYSTEM SET autovacuum = off' -c 'SELECT pg_reload_conf()' >/dev/null
"$(dirname "$($pg_config --pgxs)")/../test/isolation/pg_isolation_regress" --inputdir=test/isolation --outputdir="$out" \
    --bindir="$(dirname "$(command -v psql)")" --host="$PGHOST" --user=postgres --dbname=vectorq_isolation $extensions $specs \
    2>&1 | tee "$out/run.log" | grep --line-buffered -E '^(test|ok|not ok) |tests? (passed|failed)|^ERROR'
status=${PIPESTATUS[0]}
[ "$status" = 0 ] || head -200 "$out/regression.diffs" 2>/dev/null
exit "$status"
