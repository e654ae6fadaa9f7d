#!/bin/bash
# Random SQL over a schema with all access methods (sqlsmith, a Debian package), for a bounded time. Usage: sqlsmith.sh [SECONDS [SEED]]
# In rounds of a minute, each in a database made anew (random DELETEs empty the tables) and with a seed of its own, as a user without
# rights beyond the schema, and over the schema's relations only: among the catalogs hardly a query would touch an index of ours.
# Fails if the server crashed, if an assertion or a sanitizer spoke, if there was an internal error of ours, or if an index is
# not sound afterwards. The last line is `N passed, N failed`.
set -u
seconds=${1:-300}
seed=${2:-$RANDOM}
cd "$(dirname "$0")/../.."
build=${BUILD:-build}
mkdir -p "$build"
scripts/cluster.sh drop sqlsmith >/dev/null 2>&1
VQ_CONF="statement_timeout = '2s'
log_min_error_statement = error
log_min_messages = warning" scripts/cluster.sh start sqlsmith || exit 1
trap 'scripts/cluster.sh stop sqlsmith >/dev/null' EXIT
eval "$(scripts/cluster.sh env sqlsmith)"
psql -XAtqc 'CREATE ROLE smith LOGIN' || exit 1
echo "seed $seed, $seconds s"
passed=0 failed=0
verdict() { # WORDS STATUS
    if [ "$2" = 0 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "not ok: $1"; fi
}
ours="pg_class c JOIN pg_am a ON a.oid = c.relam WHERE a.amname IN ('ivf', 'pq', 'ah') AND c.relkind = 'i'"
queries=0 scans=0 problems=
for ((round = 0; round * 60 < seconds; round++)); do
    psql -XAtqc 'DROP DATABASE IF EXISTS smith' -c 'CREATE DATABASE smith OWNER smith' || exit 1
    # vectorq is trusted: the owner of a database may create it.
    psql -XAtq -v ON_ERROR_STOP=1 -U smith -d smith -f test/fuzz/sqlsmith_schema.sql || exit 1
    timeout --signal=INT $((seconds - round * 60 < 60 ? seconds - round * 60 : 60)) sqlsmith --exclude-catalog --verbose --seed=$((seed + round)) \
        --target="host=$PGHOST port=$PGPORT user=smith dbname=smith" >"$build/sqlsmith.out" 2>"$build/sqlsmith.log"
    n=$(grep -oE 'queries: [0-9]+' "$build/sqlsmith.log" | tail -1 | grep -oE '[0-9]+')
    queries=$((queries + ${n:-0}))
    problems+=$(psql -XAtq -d smith -c "SET client_min_messages = warning" -c "SELECT c.oid::regclass, k.* FROM (SELECT c.oid FROM $ours OFFSET 0) c, vectorq_check(c.oid) k" 2>&1)
    n=$(psql -XAtq -d smith -c "SELECT coalesce(sum(pg_stat_get_numscans(c.oid)), 0) FROM $ours")
    scans=$((scans + ${n:-0}))
done
[ "$queries" -gt 0 ]; verdict "queries were made: $queries" $?
! grep -nE 'terminated by signal|reinitializing|PANIC|TRAP:|Sanitizer|runtime error' "$PGDATA/server.log"; verdict 'no crash' $?
# XX000 of other origin (sqlsmith finds those too) do not name us.
! grep -nE 'ERROR:.*(vectorq|is damaged at block|unknown C\+\+ exception|std::)' "$PGDATA/server.log"; verdict 'no internal error' $?
[ -z "$problems" ]; verdict "indexes are sound: $problems" $?
[ "$scans" -ge $((queries / 20)) ]; verdict "indexes were scanned: $scans times in $queries queries" $?
echo "$queries queries, $scans scans of vectorq indexes"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
