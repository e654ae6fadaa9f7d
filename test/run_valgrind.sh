#!/bin/bash
# Regression tests in a server that runs under valgrind's memcheck. Usage: run_valgrind.sh [TEST...]; default: some short ones that scan each access
# method. The server is that of scripts/assert_server.sh, whose memory contexts tell valgrind what they gave and took back.
# Fails if a test does or valgrind reports anything. The last line is `N passed, N failed`.
set -u
cd "$(dirname "$0")/.."
build=$(realpath -m "${BUILD:-build}")
tests=${*:-vector_type ivf_halfvec ivf_scan privileges}
pg_config=$(BUILD=$build scripts/assert_server.sh) || exit 1
supp=$(dirname "$pg_config")/../../source/src/tools/valgrind.supp ours=$PWD/test/valgrind.supp
copy=$build/assert/vectorq
scripts/copy_sources.sh "$copy" || exit 1
cd "$copy" || exit 1
export BUILD=$copy/build PG_CONFIG=$pg_config VQ_SHARED_BUFFERS=32MB VQ_AUTOVACUUM=off VQ_CONF="max_parallel_workers = 2"
mkdir -p "$BUILD/valgrind"
${MAKE:-make} -s server-tree DEBUG=1 >"$BUILD/make.log" 2>&1 || { tail -20 "$BUILD/make.log"; exit 1; }
# The cluster is made and stopped as ever, then its server runs again, under valgrind.
scripts/cluster.sh drop valgrind >/dev/null 2>&1
scripts/cluster.sh start valgrind || exit 1
eval "$(scripts/cluster.sh env valgrind)"
[ "$(psql -XAtqc 'SHOW debug_assertions')" = on ] || { echo "the server has no assertions"; exit 1; }
owner=$(stat -c %U "$PGDATA")
scripts/cluster.sh stop valgrind
logs=$(mktemp -d /tmp/vectorq-valgrind-XXXXXX)
mkdir -p "$PGHOST" && chown "$owner" "$PGHOST" "$logs"
as_owner() { if [ "$(id -un)" = "$owner" ]; then "$@"; else runuser -u "$owner" -- "$@"; fi; }
trap 'scripts/cluster.sh stop valgrind >/dev/null; rm -rf "$logs"' EXIT
as_owner valgrind --quiet --trace-children=yes --leak-check=no --undef-value-errors=yes --num-callers=25 --gen-suppressions=no \
    --suppressions="$supp" --suppressions="$ours" --log-file="$logs/%p" "$(command -v postgres)" -D "$PGDATA" >"$BUILD/valgrind/server.log" 2>&1 &
for _ in $(seq 300); do psql -XAtqc 'SELECT 1' >/dev/null 2>&1 && break; sleep 1; done
"$(dirname "$($pg_config --pgxs)")/../test/regress/pg_regress" --inputdir=. --outputdir="$BUILD/valgrind" --bindir="$(dirname "$(command -v psql)")" \
    --host="$PGHOST" --user=postgres --dbname=vectorq_regress --load-extension=vectorq $tests >"$BUILD/valgrind/run.log" 2>&1
status=$?
grep -E '^(test|ok|not ok) |tests? (passed|failed)|^ERROR' "$BUILD/valgrind/run.log"
[ $status = 0 ] || head -100 "$BUILD/valgrind/regression.diffs"
scripts/cluster.sh stop valgrind >/dev/null
wait
passed=$(grep -cE '^(test .* ok |ok [0-9])' "$BUILD/valgrind/run.log")
failed=$(grep -cE '^(test .*FAILED|not ok [0-9])' "$BUILD/valgrind/run.log")
[ $status = 0 ] || [ "$failed" != 0 ] || failed=1
processes=$(ls "$logs" | wc -l)
reports=$(cat "$logs"/* | grep -cE '^==[0-9]+== [A-Z]')
cat "$logs"/* >"$BUILD/valgrind/reports.log"
echo "valgrind saw $processes processes and reported $reports times ($BUILD/valgrind/reports.log)"
[ "$reports" = 0 ] || { head -60 "$BUILD/valgrind/reports.log"; failed=$((failed + 1)); }
[ "$processes" -gt 5 ] || { echo "the server did not run under valgrind"; failed=$((failed + 1)); }
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
