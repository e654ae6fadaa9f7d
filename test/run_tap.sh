#!/bin/bash
# TAP tests (PostgreSQL::Test) as a user who may run a server. Usage: run_tap.sh [t/FILE.pl...]; default: all.
# VQ_TYPES=pgvector: the tests' CREATE EXTENSION is of vectorq_pgvector, on pgvector's types.
set -u
cd "$(dirname "$0")/.."
here=$PWD
build=$(realpath "${BUILD:-build}")
log=$(realpath -m "${VQ_TAP_LOG:-$build/tap.log}")
pg_config=${PG_CONFIG:-pg_config}
pgxs=$(realpath "$(dirname "$($pg_config --pgxs)")/../..")
owner=$(id -un)
[ "$owner" != root ] || owner=${VQ_OWNER:-postgres}
# Where the module with fault points is installed (make fault-tree).
export VQ_FAULT_INSTALL="$build/faults/pgroot$(dirname "$($pg_config --bindir)")"
[ -d "$VQ_FAULT_INSTALL" ] || unset VQ_FAULT_INSTALL
# Their names: as written, and those that begin_change() and lock_block() make of theirs (src/pg/page_change.h).
export VQ_FAULT_NAMES="$({
    grep -ohP 'VQ_FAULT\("\K[a-z_.]+(?="\);)' src/*/*.cpp
    grep -ohP 'begin_change\([^"]*"\K[a-z_.]+(?=")' src/*/*.cpp | sed 'h; s/$/.start/p; g; s/$/.register/p; g; s/$/.finish/p; g; s/$/.release/'
    grep -ohP 'lock_block\([^"]*"\K[a-z_.]+(?=")' src/*/*.cpp | sed 'h; s/$/.read/p; g; s/$/.lock/'
} | sort -u | paste -sd" ")"
# The tests' clusters and sockets need short paths and a folder of the server's user.
work=$(mktemp -d /tmp/vectorq-tap-XXXXXX)
# A disk that is soon full, where root may mount one.
if [ "$(id -un)" = root ] && mkdir "$work/small" && mount -t tmpfs -o size=3m,mode=777 tmpfs "$work/small" 2>/dev/null; then
    mkdir "$work/small/space"
    export VQ_SMALL_DISK=$work/small/space
fi
trap '[ -z "${VQ_SMALL_DISK:-}" ] || umount "$work/small"; rm -rf "$work"' EXIT
cp -r test/t "$work/t"
[ "${VQ_TYPES:-own}" = own ] || sed -i 's/CREATE EXTENSION vectorq;/CREATE EXTENSION vectorq_pgvector CASCADE;/' "$work"/t/*.pl
cp -r test/data/format "$work/format"
# The documents, the Makefile and what they name, for t/020_docs.pl.
mkdir "$work/tree" && tar -c --exclude='./build*' --exclude=./.git --exclude='*.[od]' --exclude='*.so' . | tar -x -C "$work/tree"
export VQ_TREE=$work/tree
cp -r test/data/released "$work/released"
[ -z "${VQ_MAKE_FORMAT:-}" ] || { mkdir "$work/made"; made=$(realpath "$VQ_MAKE_FORMAT"); export VQ_MAKE_FORMAT=$work/made; }
chown -R "$owner" "$work" 2>/dev/null || true
cd "$work" || exit 1
tests=${*:-$(echo t/*.pl)}
run() { if [ "$(id -un)" = "$owner" ]; then "$@"; else runuser -u "$owner" -- "$@"; fi; }
TZ=UTC LC_ALL=C.UTF-8 PATH="$build/pgroot$($pg_config --bindir):$PATH" PERL5LIB="$pgxs/src/test/perl" \
    PG_REGRESS="$pgxs/src/test/regress/pg_regress" top_builddir="$work" TESTDIR="$work" TESTDATADIR="$work/tmp_check" TESTLOGDIR="$work/tmp_check/log" HOME="$work" \
    run env -u PGUSER -u PGHOST -u PGPORT -u PGDATABASE -u PGDATA prove --timer -v $tests 2>&1 | tee "$log" | perl "$here/test/tap_progress.pl"
status=${PIPESTATUS[0]}
[ -z "${VQ_MAKE_FORMAT:-}" ] || cp -r --no-preserve=all "$work"/made/* "$made/"
[ "$status" = 0 ] || cp -r "$work/tmp_check/log" "$build/tap_log" 2>/dev/null || true
exit "$status"
