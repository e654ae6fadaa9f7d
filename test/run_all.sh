#!/bin/bash
# Every test, and the sum on the last line: `N passed, N failed`. A part that cannot run counts as a failure.
set -u
cd "$(dirname "$0")/.."
build=${BUILD:-build}
mkdir -p "$build"
passed=0 failed=0
add() { # NAME STATUS PASSED FAILED
    passed=$((passed + $3)) failed=$((failed + $4))
    [ "$2" = 0 ] || [ "$4" != 0 ] || failed=$((failed + 1))
    [ "$3" != 0 ] || [ "$4" != 0 ] || { echo "$1: no test ran"; failed=$((failed + 1)); }
    echo "== $1: $3 passed, $4 failed"
}
# quietly LOG COMMAND...: its output goes to LOG; every ten seconds a line says that it still runs
ticker=
trap '[ -z "$ticker" ] || kill "$ticker" 2>/dev/null' EXIT
quietly() {
    local log=$1 start=$SECONDS status=0
    shift
    (while sleep 10 >/dev/null 2>&1 && kill -0 $$ 2>/dev/null; do echo "   $((SECONDS - start)) s"; done) &
    ticker=$!
    "$@" >"$log" 2>&1 || status=$?
    kill "$ticker" 2>/dev/null
    wait "$ticker" 2>/dev/null
    ticker=
    return $status
}
# grep -c that prints 0 rather than failing
count() { grep -cE "$1" "$2" 2>/dev/null || true; }

echo "== lint"
scripts/lint.sh > "$build/lint.log" 2>&1; status=$?
cat "$build/lint.log"
quietly "$build/lint_test.log" test/lint_test.sh || status=1
grep -v '^ok ' "$build/lint_test.log"
good=$(count '^ok [0-9]' "$build/lint_test.log") bad=$(count '^not ok [0-9]' "$build/lint_test.log")
if grep -q '^lint: nothing' "$build/lint.log"; then good=$((good + 1)); else bad=$((bad + 1)); fi
add lint $status "$good" "$bad"

echo "== core (no server)"
$MAKE --no-print-directory compiled-core_test
quietly "$build/core.log" $MAKE -s check-core; status=$?
grep -E '^\[  FAILED|^\[  PASSED' "$build/core.log" || tail -20 "$build/core.log"
number() { grep -oP "$1" "$2" | tail -1 | grep -oE '[0-9]+' || echo 0; }
add core $status "$(number 'PASSED  \] [0-9]+' "$build/core.log")" "$(number '[0-9]+ FAILED TEST' "$build/core.log")"

echo "== benchmark's arithmetic (python)"
/usr/bin/python3 -m unittest discover -s test/bench -p '*_test.py' > "$build/python.log" 2>&1; status=$?
ran=$(number '^Ran [0-9]+' "$build/python.log")
bad=$(grep -cE '^(FAIL|ERROR):' "$build/python.log"); [ "$bad" = 0 ] || cat "$build/python.log"
add python $status $((ran - bad)) "$bad"

echo "== regression (SQL)"
test/run_regress.sh 2>&1 | tee "$build/regress.log"; status=${PIPESTATUS[0]}
# PostgreSQL 15 prints `test x ... ok`, later ones `ok 1 - x`.
add regression $status "$(count '^(test .* ok |ok [0-9])' "$build/regress.log")" "$(count '^(test .*FAILED|not ok [0-9])' "$build/regress.log")"

echo "== isolation"
test/run_isolation.sh 2>&1 | tee "$build/isolation.log"; status=${PIPESTATUS[0]}
add isolation $status "$(count '^(test .* ok |ok [0-9])' "$build/isolation.log")" "$(count '^(test .*FAILED|not ok [0-9])' "$build/isolation.log")"

echo "== TAP"
test/run_tap.sh; status=$?
add tap $status "$(count '^ok [0-9]' "$build/tap.log")" "$(count '^not ok [0-9]' "$build/tap.log")"

# Once more on the columns of pgvector, in short: what touches types, operators and scans. make check-trust runs it all.
echo "== on pgvector's types"
skipped=
if scripts/pgvector.sh > "$build/pgvector.log" 2>&1; then
    VQ_TYPES=pgvector test/run_regress.sh ah ivf_vector ivf_halfvec ivf_options ivf_scan ivf_functions ivf_cost pq postings reorder privileges > "$build/regress-pgvector.log" 2>&1; status=$?
    cat "$build/regress-pgvector.log"
    add regression-pgvector $status "$(count '^(test .* ok |ok [0-9])' "$build/regress-pgvector.log")" "$(count '^(test .*FAILED|not ok [0-9])' "$build/regress-pgvector.log")"
    VQ_TYPES=pgvector VQ_TAP_LOG=$build/tap-pgvector.log test/run_tap.sh t/002_standby.pl t/006_dump.pl t/015_extension_upgrade.pl t/019_pgvector.pl t/020_docs.pl t/021_migrate.pl; status=$?
    add tap-pgvector $status "$(count '^ok [0-9]' "$build/tap-pgvector.log")" "$(count '^not ok [0-9]' "$build/tap-pgvector.log")"
else
    skipped=" (skipped: tests on pgvector's types: $(tail -1 "$build/pgvector.log"))"
fi

echo "$passed passed, $failed failed$skipped"
[ "$failed" = 0 ]
