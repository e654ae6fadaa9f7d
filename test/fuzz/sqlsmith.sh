#!/bin/bash
# Random SQL over a schema with all access methods (sqlsmith, a Debian package), for a bounded time. Usage: sqlsmith.sh [SECONDS [SEED]]
# Of relations only the schema's own, or hardly a query would touch an index of ours. Fails if the server crashed, if an assertion or a sanitizer spoke, if there was an internal error of ours, or if an index is
# not sound afterwards. The last line is `N passed, N failed`.
set -u
seconds=${1:-300}
seed=${2:-$RANDOM}
cd "$(dirname "$0")/../.."
build=${BUILD:-build}
mkdir -p "$build"
VQ_CONF="statement_timeout = '2s'
log_min_error_statement = error
log_min_messages = warning" scripts/cluster.sh drop sqlsmith >/dev/null 2>&1
VQ_CONF="statement_timeout = '2s'" scripts/cluster.sh start sqlsmith || exit 1
trap 'scripts/cluster.sh stop sqlsmith >/dev/null' EXIT
eval "$(scripts/cluster.sh env sqlsmith)"
psql -XAtq -v ON_ERROR_STOP=1 -f test/fuzz/sqlsmith_schema.sql || exit 1
echo "seed $seed, $seconds s"
timeout --signal=INT "$seconds" sqlsmith --target="host=$PGHOST port=$PGPORT user=postgres dbname=postgres" --exclude-catalog --seed="$seed" --verbose \
    >"$build/sqlsmith.out" 2>"$build/sqlsmith.log"
queries=$(grep -oE 'queries: [0-9]+' "$build/sqlsmith.log" | tail -1 | grep -oE '[0-9]+')
passed=0 failed=0
verdict() { # WORDS STATUS
    if [ "$2" = 0 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "not ok: $1"; fi
}
[ "${queries:-0}" -gt 0 ]; verdict "queries were made: ${queries:-0}" $?
! grep -nE 'terminated by signal|reinitializing|PANIC|TRAP:|Sanitizer|runtime error' "$PGDATA/server.log"; verdict 'no crash' $?
# XX000 of other origin (sqlsmith finds those too) do not name us.
! grep -nE 'ERROR:.*(vectorq|is damaged at block|unknown C\+\+ exception|std::)' "$PGDATA/server.log"; verdict 'no internal error' $?
problems=$(psql -XAtq -c "SELECT c.oid::regclass, k.* FROM pg_class c JOIN pg_am a ON a.oid = c.relam, vectorq_check(c.oid) k WHERE a.amname IN ('ivf', 'pq', 'ah') AND c.relkind = 'i'" 2>&1)
[ -z "$problems" ]; verdict "indexes are sound: $problems" $?
scans=$(psql -XAtq -c "SELECT coalesce(sum(idx_scan), 0) FROM pg_stat_user_indexes i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am a ON a.oid = c.relam WHERE a.amname IN ('ivf', 'pq', 'ah')")
[ "$scans" -ge $((${queries:-0} / 20)) ]; verdict "indexes were scanned: $scans times in ${queries:-0} queries" $?
echo "${queries:-0} queries, $scans scans of vectorq indexes"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
