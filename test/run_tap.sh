#!/bin/bash
# TAP tests (PostgreSQL::Test) as a user who may run a server. Usage: run_tap.sh [t/FILE.pl...]; default: all.
set -u
cd "$(dirname "$0")/.."
build=$(realpath "${BUILD:-build}")
pg_config=${PG_CONFIG:-pg_config}
pgxs=$(realpath "$(dirname "$($pg_config --pgxs)")/../..")
owner=$(id -un)
[ "$owner" != root ] || owner=${VQ_OWNER:-postgres}
# The tests' clusters and sockets need short paths and a folder of the server's user.
work=$(mktemp -d /tmp/vectorq-tap-XXXXXX)
trap 'rm -rf "$work"' EXIT
cp -r test/t "$work/t"
chown -R "$owner" "$work" 2>/dev/null || true
cd "$work" || exit 1
tests=${*:-$(echo t/*.pl)}
run() { if [ "$(id -un)" = "$owner" ]; then "$@"; else runuser -u "$owner" -- "$@"; fi; }
TZ=UTC LC_ALL=C.UTF-8 PATH="$build/pgroot$($pg_config --bindir):$PATH" PERL5LIB="$pgxs/src/test/perl" \
    PG_REGRESS="$pgxs/src/test/regress/pg_regress" top_builddir="$work" TESTDIR="$work" HOME="$work" \
    run env -u PGUSER -u PGHOST -u PGPORT -u PGDATABASE -u PGDATA prove --timer -v $tests > "$build/tap.log" 2>&1
status=$?
grep -E '^(t/|not ok|# |All tests|Result|Files)|\.\.\. *$' "$build/tap.log" | grep -vE '^# (Running|Checking|Postmaster|Data|Name|Backup|Archive|Connection|Log|Taking|Stopping|No postmaster|Initializing|Enabling|Waiting|done|issuing|Could not|pid file)|^###' || true
[ "$status" = 0 ] || cp -r "$work/tmp_check/log" "$build/tap_log" 2>/dev/null || true
exit "$status"
