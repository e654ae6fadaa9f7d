#!/bin/bash
# The rules that a compiler does not check. Prints each breach as file:line: words; exit status 1 if there is any.
set -u
cd "$(dirname "$0")/.."
found=0
# Files of the tree that match the patterns; without git (a tarball, a copy below a build folder) all that lie there.
tree_files() {
    git ls-files --error-unmatch Makefile >/dev/null 2>&1 && { git ls-files -co --exclude-standard -- "$@"; return; }
    for pattern in "$@"; do
        case $pattern in :!*) ;; *) find . -path './build*' -prune -o -type f -path "./$pattern*" -print | sed 's|^\./||' ;; esac
    done
}
# breach WORDS: reads lines "file:line:text" and reports them under WORDS.
breach() {
    while IFS= read -r line; do
        [ -n "$line" ] || continue
        echo "$line" | sed -E "s|^([^:]*:[0-9]+:).*|\1 $1|"
        found=1
    done
}
mapfile -t sources < <(tree_files 'src/*.h' 'src/*.cpp' | while read -r f; do [ -f "$f" ] && echo "$f"; done)
mapfile -t core < <(printf '%s\n' "${sources[@]}" | grep '^src/core/')
mapfile -t not_pg < <(printf '%s\n' "${sources[@]}" | grep -v '^src/pg/')
mapfile -t not_parallel < <(printf '%s\n' "${sources[@]}" | grep -v '^src/core/base/parallel.cpp$')
mapfile -t types < <(printf '%s\n' "${sources[@]}" | grep '^src/types/')

# grep -H over a list that may be empty.
search() { local pattern=$1; shift; [ $# = 0 ] || grep -HnE "$pattern" "$@" || true; }

breach "src/core must not include PostgreSQL, pg/, am/, types/ or inspect/" < <(
    search '^ *# *include +["<](postgres\.h|pg/|am/|types/|inspect/|access/|utils/|catalog/|storage/|fmgr\.h|miscadmin\.h)' "${core[@]}")
breach "src/types must not include am/ or inspect/" < <(search '^ *# *include +"(am|inspect)/' "${types[@]}")
breach "OpenMP belongs in src/core/base/parallel.cpp only" < <(search '# *pragma +omp|<omp\.h>' "${not_parallel[@]}")
breach "PG_TRY and sigsetjmp belong in src/pg only" < <(search '^[^/"]*\<(PG_TRY|sigsetjmp)\>' "${not_pg[@]}")
mapfile -t not_compat < <(printf '%s\n' "${sources[@]}" | grep -v '^src/pg/compat.h$')
breach "server versions are told apart in src/pg/compat.h only" < <(search 'PG_VERSION_NUM' "${not_compat[@]}")
breach "this differs between server versions: use what src/pg/compat.h has for it" < <(
    search '\<(rd_node|rd_locator|RelFileNode|RelFileLocator|vacuum_delay_point|TUPLESORT_NONE|tuplesort_getdatum|index_beginscan|SetSingleFuncCall|InitMaterializedSRF|MarkGUCPrefixReserved)\>' "${not_compat[@]}")
breach "TODO wants an issue: TODO(#n)" < <(
    mapfile -t all < <(tree_files src sql test scripts Makefile ':!scripts/lint.sh' | grep -v '^scripts/lint.sh$')
    search 'TODO' "${all[@]}" 2>/dev/null | grep -vE 'TODO\(#[0-9]+\)')
breach "a file above 500 lines says why in its first 20 lines (\"long because ...\")" < <(
    for file in "${sources[@]}"; do
        lines=$(wc -l <"$file")
        if [ "$lines" -gt 500 ] && ! head -20 "$file" | grep -qi 'long because'; then echo "$file:$lines:"; fi
    done)
breach "the test is in no test/regress*.txt" < <(
    for file in sql/*.sql; do
        name=$(basename "$file" .sql)
        case $name in vectorq--*|\*) continue ;; esac
        cat test/regress*.txt 2>/dev/null | sed 's/#.*//' | tr -s ' \t' '\n' | grep -qx -- "$name" || echo "$file:1:"
    done)
# Other versions of clang-format have other opinions.
if clang-format --version 2>/dev/null | grep -q 'version 14\.'; then
    breach "not as make format has it" < <(
        tree_files 'src/*.h' 'src/*.cpp' 'test/*.h' 'test/*.cpp' | xargs -r clang-format --style=file --dry-run 2>&1 |
            sed -nE 's/^([^:]+:[0-9]+):.*clang-format-violations.*/\1:/p' | sort -u)
fi
[ $found = 0 ] && echo "lint: nothing to complain about"
exit $found
