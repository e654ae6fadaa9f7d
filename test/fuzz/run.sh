#!/bin/bash
# Regression tests and type-input fuzzing under the address and undefined-behaviour sanitizers. Usage: run.sh [N [SEED]]
# Builds a sanitized module from a copy of the sources (the normal objects stay untouched), runs a
# private server with it, and feeds it N values (default 100000). The run fails if a value does, if
# a backend died, or if a sanitizer said anything. The last line is `N passed, N failed`.
set -eu
count=${1:-100000}
seed=${2:-1}
here=$(cd "$(dirname "$0")/../.." && pwd)
export BUILD=$here/build/asan
copy=$BUILD/source
export SANITIZE='-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer'

mkdir -p "$copy"
for part in Makefile vectorq.control vectorq_pgvector.control src sql scripts test; do
    (cd "$here" && find "$part" -type f ! -name '*.o' ! -name '*.d' ! -name '*.bc' -print0) |
        while IFS= read -r -d '' file; do
            # Keep the copy's time stamps where nothing changed, for make; -nt alone would miss a checkout.
            cmp -s "$here/$file" "$copy/$file" || { mkdir -p "$copy/$(dirname "$file")"; cp "$here/$file" "$copy/$file"; }
        done
done
# A source that is gone from the tree must not linger in the copy.
(cd "$copy" && find src sql -name '*.cpp' -o -name '*.sql' -o -name '*.h') | while read -r file; do
    [ -e "$here/$file" ] || rm -f "$copy/$file" "$copy/${file%.cpp}.o" "$copy/${file%.cpp}.d"
done
make -s -C "$copy" all >"$BUILD/make.log" 2>&1 || { tail -30 "$BUILD/make.log" >&2; exit 1; }
"$copy/scripts/cluster.sh" install

# The server is not sanitized, so the run-time libraries must be there before it: preloaded. Leaks
# are the memory contexts' business. Reports go to the server's log, and abort the backend.
export ASAN_OPTIONS=detect_leaks=0:abort_on_error=1:disable_coredump=1
export UBSAN_OPTIONS=print_stacktrace=1:abort_on_error=1
gcc -O1 -shared -fPIC -o "$BUILD/no_gettext.so" "$here/test/fuzz/no_gettext.c"
preload="$(readlink -f "$(gcc -print-file-name=libasan.so)") $(readlink -f "$(gcc -print-file-name=libubsan.so)") $(realpath "$BUILD/no_gettext.so")"
"$copy/scripts/cluster.sh" drop fuzz
"$copy/scripts/cluster.sh" start fuzz  # initdb needs no sanitizer
"$copy/scripts/cluster.sh" stop fuzz
LD_PRELOAD=$preload timeout 60 "$copy/scripts/cluster.sh" start fuzz
trap '"$copy/scripts/cluster.sh" stop fuzz >/dev/null' EXIT
eval "$("$copy/scripts/cluster.sh" env fuzz)"
grep -q libasan "/proc/$(head -1 "$PGDATA/postmaster.pid")/maps" || { echo "the server runs without the sanitizers" >&2; exit 1; }

# First every regression test in the sanitized server.
status=0
pgxs=$(PATH=${PATH#*:} pg_config --pgxs)
mkdir -p "$BUILD/regress"
(cd "$here" && "$(dirname "$pgxs")/../test/regress/pg_regress" --inputdir=. --outputdir="$BUILD/regress" \
    --bindir="$(dirname "$(command -v psql)")" --host="$PGHOST" --user=postgres --dbname=vectorq_regress \
    --load-extension=vectorq $(cat test/regress_*.txt)) >"$BUILD/regress.log" 2>&1 || status=1
grep -E '^(test|ok|not ok) |tests? (passed|failed)' "$BUILD/regress.log"
[ $status = 0 ] || head -100 "$BUILD/regress/regression.diffs" || true

python3 "$here/test/fuzz/type_input_fuzz" "$count" "$seed" >"$BUILD/fuzz.out" || status=$?
verdict=$(tail -1 "$BUILD/fuzz.out")
sed '$d' "$BUILD/fuzz.out"
if grep -nE 'terminated by signal|reinitializing|Sanitizer|runtime error|PANIC' "$PGDATA/server.log" >"$BUILD/fuzz.faults"; then
    head -20 "$BUILD/fuzz.faults"
    echo "server log: $PGDATA/server.log"
    status=1
fi
[ $status = 0 ] || case $verdict in *', 0 failed') verdict="$((${verdict%% *} - 1)) passed, 1 failed" ;; esac
echo "$verdict"
exit $status
