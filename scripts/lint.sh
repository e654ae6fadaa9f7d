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

# grep -H over a list that may be empty.
search() { local pattern=$1; shift; [ $# = 0 ] || grep -HnE "$pattern" "$@" || true; }

breach "src/core must not include PostgreSQL" < <(
    search '^ *# *include *["<](postgres\.h|access/|utils/|catalog/|fmgr\.h|miscadmin\.h)' "${core[@]}")
breach "an include names the path from src" < <(search '^ *# *include *["<]\.' "${sources[@]}")
# A folder includes itself and those before it, nothing else. src/README.md describes them in this order.
core_order='base simd page filter linear cluster transform quantize search calibrate batch factory'
glue_order='core pg types am stats store lists insert scan bitmap batch measure build maintain inspect'
# out_of_order PREFIX ORDER FILE...: includes of a later folder, or of one that is not in the order.
out_of_order() {
    local prefix=$1 order=$2
    shift 2
    [ $# = 0 ] || awk -v prefix="$prefix" -v order="$order" '
        BEGIN { n = split(order, names, " "); for (i = 1; i <= n; i++) rank[names[i]] = i }
        FNR == 1 {
            rest = substr(FILENAME, length("src/" prefix) + 1)
            folder = rest ~ /\// ? substr(rest, 1, index(rest, "/") - 1) : ""
            if (folder != "" && !(folder in rank)) { print FILENAME ":1:"; folder = "" }
        }
        folder != "" && match($0, /^[ \t]*#[ \t]*include[ \t]*["<][^">]+\//) {
            path = $0
            sub(/^[^"<]*["<]/, "", path)
            if (prefix != "" && index(path, prefix) != 1) next
            path = substr(path, length(prefix) + 1)
            to = substr(path, 1, index(path, "/") - 1)
            # Others are the server'"'"'s headers, or libraries'"'"'.
            if (to in rank && rank[to] > rank[folder]) print FILENAME ":" FNR ":"
        }' "$@"
}
mapfile -t glue < <(printf '%s\n' "${sources[@]}" | grep -v '^src/core/')
breach "src/core includes nothing of the glue" < <(
    search '^ *# *include *"[a-z_]+/' "${core[@]}" | grep -vE '"(core|hwy)/'
    search "^ *# *include *<(${glue_order//[ ]/|})/" "${core[@]}" | grep -v '<core/')
breach "a folder of src/core includes only those before it in: $core_order" < <(out_of_order core/ "$core_order" "${core[@]}")
breach "a folder of src includes only those before it in: $glue_order" < <(out_of_order '' "$glue_order" "${glue[@]}")
breach "OpenMP belongs in src/core/base/parallel.cpp only" < <(search '# *pragma +omp|<omp\.h>' "${not_parallel[@]}")
breach "PG_TRY and sigsetjmp belong in src/pg only" < <(search '^[^/"]*\<(PG_TRY|sigsetjmp)\>' "${not_pg[@]}")
breach "pages of an index in use are changed through src/pg/page_change.h" < <(search '\<GenericXLog' "${not_pg[@]}")
mapfile -t not_compat < <(printf '%s\n' "${sources[@]}" | grep -v '^src/pg/compat.h$')
breach "server versions are told apart in src/pg/compat.h only" < <(search 'PG_VERSION_NUM' "${not_compat[@]}")
breach "this differs between server versions: use what src/pg/compat.h has for it" < <(
    search '\<(rd_node|rd_locator|RelFileNode|RelFileLocator|vacuum_delay_point|TUPLESORT_NONE|tuplesort_getdatum|index_beginscan|SetSingleFuncCall|InitMaterializedSRF|MarkGUCPrefixReserved)\>' "${not_compat[@]}")
breach "TODO wants an issue: TODO(#n)" < <(
    mapfile -t all < <(tree_files src sql test scripts Makefile ':!scripts/lint.sh' | grep -v '^scripts/lint.sh$')
    search 'TODO' "${all[@]}" 2>/dev/null | grep -vE 'TODO\(#[0-9]+\)')
breach "a file above 500 lines says why in its first 20 lines (\"long because ...\")" < <(
    wc -l "${sources[@]}" | awk '$1 > 500 && $2 != "total" { print $1, $2 }' | while read -r lines file; do
        head -20 "$file" | grep -qi 'long because' || echo "$file:$lines:"
    done)
breach "the test is in no test/regress*.txt" < <(
    listed=" $(sed 's/#.*//' test/regress*.txt | tr -s ' \t\n' '   ') "
    for file in sql/*.sql; do
        name=${file#sql/} name=${name%.sql}
        case $name in vectorq--*|vectorq_pgvector--*) continue ;; esac
        case $listed in *" $name "*) ;; *) echo "$file:1:" ;; esac
    done)
mapfile -t pages < <(tree_files '*.md' | while read -r f; do [ -f "$f" ] && echo "$f"; done)
breach "the link leads nowhere" < <(test/docs/links.pl "${pages[@]}")
breach "README.md is for someone who has two minutes: 13,000 bytes at most" < <([ ! -e README.md ] || [ "$(wc -c <README.md)" -le 13000 ] || echo README.md:1:)
# Other versions of clang-format have other opinions.
if clang-format --version 2>/dev/null | grep -q 'version 14\.'; then
    breach "not as make format has it" < <(
        tree_files 'src/*.h' 'src/*.cpp' 'test/*.h' 'test/*.cpp' | xargs -r clang-format --style=file --dry-run 2>&1 |
            sed -nE 's/^([^:]+:[0-9]+):.*clang-format-violations.*/\1:/p' | sort -u)
fi
[ $found = 0 ] && echo "lint: nothing to complain about"
exit $found
