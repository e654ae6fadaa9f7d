#!/bin/bash
# The tests behind each promise of test/README.md, one after another, each with a bound on its work. Usage: run_trust.sh [short|long]
# SEED (environment) is that of all random choices; printed, and chosen by the clock otherwise. The last line is the sum.
set -u
cd "$(dirname "$0")/.."
form=${1:-long}
export VQ_SEED=${SEED:-$(date +%s)}
build=${BUILD:-build}
mkdir -p "$build/trust"
if [ "$form" = short ]; then kills=8 queries=5000 trials=1000 values=20000 seconds=60 all= load=8 load_kills=2
else kills=100 queries=100000 trials=10000 values=100000 seconds=900 all=1 load=60 load_kills=20; fi
passed=0 failed=0
# part NAME PATTERN-OF-PASSED PATTERN-OF-FAILED COMMAND...
part() {
    local name=$1 good=$2 bad=$3 log=$build/trust/$1.log; shift 3
    local start=$SECONDS status=0 p f
    if [ -n "${TAP:-}" ]; then VQ_TAP_LOG=$log "$@" >/dev/null 2>&1 || status=$?; else "$@" >"$log" 2>&1 || status=$?; fi
    p=$(grep -cE "$good" "$log") f=$(grep -cE "$bad" "$log")
    [ $status = 0 ] || [ "$f" != 0 ] || f=1
    [ "$p" != 0 ] || [ "$f" != 0 ] || f=1
    passed=$((passed + p)) failed=$((failed + f))
    [ "$f" = 0 ] || { grep -E "$bad" "$log" | head; tail -5 "$log"; }
    echo "== $name: $p passed, $f failed, $((SECONDS - start)) s ($log)"
}
# whole NAME COMMAND...: a command of its own form, whose last line is the sum; it runs as without check-trust.
whole() {
    local name=$1 log=$build/trust/$1.log; shift
    local start=$SECONDS status=0 sum p f
    env -u VQ_KILLS -u VQ_FAULT_ALL -u VQ_QUERIES -u VQ_TRIALS "$@" >"$log" 2>&1 || status=$?
    sum=$(grep -E '^[0-9]+ passed, [0-9]+ failed( \(.*\))?$' "$log" | tail -1)
    p=${sum%% *} f=${sum#*, } f=${f%% *}
    [ "${p:-0}" != 0 ] && { [ $status = 0 ] || [ "$f" != 0 ]; } || f=$((${f:-0} + 1))
    passed=$((passed + ${p:-0})) failed=$((failed + f))
    [ "$f" = 0 ] || tail -20 "$log"
    echo "== $name: ${p:-0} passed, $f failed, $((SECONDS - start)) s ($log)"
}
tap() { TAP=1 part "$1" '^ok [0-9]' '^not ok [0-9]' test/run_tap.sh "t/$2"; }
echo "seed $VQ_SEED"
export VQ_KILLS=$kills VQ_FAULT_ALL=$all VQ_QUERIES=$queries VQ_TRIALS=$trials
tap crash 001_crash.pl
tap standby 002_standby.pl
tap backup 011_backup.pl
tap concurrency 003_concurrency.pl
part isolation '^(test .* ok |ok [0-9])' '^(test .*FAILED|not ok [0-9])' test/run_isolation.sh
VQ_SECONDS=$load VQ_KILLS=$load_kills tap rebalance 016_rebalance.pl
tap cancel 004_cancel.pl
tap damage 005_damage.pl
tap damage-bytes 009_damage_bytes.pl
tap faults 007_faults.pl
tap sessions 008_sessions.pl
tap limits 010_limits.pl
tap format 012_format.pl
tap upgrade 015_extension_upgrade.pl
tap dump 006_dump.pl
part regression '^(test .* ok |ok [0-9])' '^(test .*FAILED|not ok [0-9])' test/run_regress.sh
# Once more on the columns of pgvector.
skipped=
if scripts/pgvector.sh >"$build/pgvector.log" 2>&1; then
    export VQ_TYPES=pgvector
    part pgvector-regression '^(test .* ok |ok [0-9])' '^(test .*FAILED|not ok [0-9])' test/run_regress.sh
    part pgvector-own-tests '^(test .* ok |ok [0-9])' '^(test .*FAILED|not ok [0-9])' test/run_pgvector_regress.sh
    part pgvector-isolation '^(test .* ok |ok [0-9])' '^(test .*FAILED|not ok [0-9])' test/run_isolation.sh
    for name in 001_crash 002_standby 003_concurrency 006_dump 008_sessions 009_damage_bytes 015_extension_upgrade 016_rebalance \
        019_pgvector 020_docs 021_migrate; do
        VQ_SECONDS=$load VQ_KILLS=$load_kills tap "pgvector-$name" $name.pl
    done
    unset VQ_TYPES
else
    skipped=" (skipped: tests on pgvector's types: $(tail -1 "$build/pgvector.log"))"
fi
whole sqlsmith $MAKE -s fuzz-sql TIME=$seconds SEED="$VQ_SEED"
part sanitizers '^(test .* ok |ok [0-9]|\[  PASSED)|^[1-9][0-9]* passed' '^(test .*FAILED|not ok [0-9])|^\[  FAILED|[1-9][0-9]* failed$' $MAKE -s asan FUZZ=$values SEED="$VQ_SEED"
if [ "$form" != short ]; then
    whole assert $MAKE -s check-assert
    whole valgrind $MAKE -s valgrind
    part arm '^\[  PASSED' '^\[  FAILED' $MAKE -s check-arm
    whole pg_upgrade $MAKE -s check-upgrade
    whole versions $MAKE -s check-versions
fi
echo "$passed passed, $failed failed (seed $VQ_SEED)$skipped"
[ "$failed" = 0 ]
