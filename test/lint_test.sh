#!/bin/bash
# Breaks each rule of scripts/lint.sh in a small copy of the tree, one at a time, and wants lint.sh to say so: the file, the line and the
# rule. What is allowed must pass. The last line is `N passed, N failed`.
set -u
cd "$(dirname "$0")/.."
build=$(realpath -m "${BUILD:-build}")
tree=$build/lint_test
rm -rf "$tree"
mkdir -p "$tree/scripts" "$tree/test" "$tree/sql"
cp scripts/lint.sh "$tree/scripts/"
cp Makefile .clang-format "$tree/"
cp test/regress_*.txt "$tree/test/"
cp sql/*.sql "$tree/sql/"
# Of each folder two headers, for the order of the folders, and two files beside the folders.
for folder in src src/*/ src/core/*/; do
    mkdir -p "$tree/$folder"
    find "$folder" -maxdepth 1 -name '*.h' | sort | head -2 | while read -r f; do cp "$f" "$tree/$f"; done
done
cp src/core/base/parallel.cpp "$tree/src/core/base/"
mkdir "$tree/test/docs"
cp test/docs/Docs.pm test/docs/links.pl "$tree/test/docs/"
echo '# The top' >"$tree/README.md"
# lint.sh looks at the format only with version 14 of clang-format; it takes most of the time, so that only the case about it does.
mkdir -p "$tree/bin"
printf '#!/bin/sh\necho no version\n' >"$tree/bin/clang-format"
chmod +x "$tree/bin/clang-format"
bare_path=$tree/bin:$PATH
passed=0 failed=0 no_format= path=
verdict() { # GOOD NAME
    if [ "$1" = yes ]; then passed=$((passed + 1)); echo "ok $((passed + failed)) - $2"; return; fi
    failed=$((failed + 1))
    echo "not ok $((passed + failed)) - $2"
    sed 's/^/# /' "$tree/said"
}
lint() { (cd "$tree" && PATH=${path:-$bare_path} scripts/lint.sh) >"$tree/said" 2>&1; }
# add FILE TEXT: TEXT becomes the last lines of FILE, as a change that must not stay.
add() { mkdir -p "$tree/$(dirname "$1")"; [ ! -e "$tree/$1" ] || cp "$tree/$1" "$tree/saved"; printf '%b\n' "$2" >>"$tree/$1"; }
restore() { if [ -e "$tree/saved" ]; then mv "$tree/saved" "$tree/$1"; else rm "$tree/$1"; rmdir "$tree/$(dirname "$1")" 2>/dev/null; fi; }
# wrong NAME FILE TEXT RULE [LINE]: lint.sh must find RULE broken at LINE of FILE, or else in each line of TEXT, and nothing else.
wrong() {
    local good=yes first line lines
    first=1
    [ ! -e "$tree/$2" ] || first=$(($(wc -l <"$tree/$2") + 1))
    add "$2" "$3"
    lint && good=no
    lines=${5:-$(seq "$first" "$(wc -l <"$tree/$2")")}
    for line in $lines; do grep -qF -- "$2:$line: $4" "$tree/said" || good=no; done
    [ "$(wc -l <"$tree/said")" = "$(echo "$lines" | wc -l)" ] || good=no
    verdict $good "$1"
    echo "$4" >>"$tree/broken"
    restore "$2"
}
# right NAME FILE TEXT: lint.sh must find nothing.
right() {
    local good=no
    add "$2" "$3"
    lint && good=yes
    verdict $good "$1"
    restore "$2"
}
header_of() { (cd "$tree" && find "src/$1" -maxdepth 1 -name '*.h' | sort | head -1); }

lint && good=yes || good=no
verdict $good 'the copy itself is clean'
[ $good = yes ] || { echo "$passed passed, $failed failed"; exit 1; }

core=$(header_of core/simd) glue=$(header_of store) mark=TO
mark=${mark}DO
wrong 'the core includes PostgreSQL' "$core" '#include <postgres.h>\n#include <access/genam.h>\n#include <utils/rel.h>\n#include <catalog/pg_am.h>\n#include <fmgr.h>\n#include <miscadmin.h>' \
    'src/core must not include PostgreSQL'
wrong 'the core includes the glue' "$core" '#include "pg/memory.h"\n#include <pg/memory.h>\n#include"scan/cost.h"' 'src/core includes nothing of the glue'
wrong 'the core: simd includes quantize' "$core" '#include "core/quantize/pq.h"' 'a folder of src/core includes only'
wrong 'the core: base includes simd' "$(header_of core/base)" '#include "core/simd/distance.h"' 'a folder of src/core includes only'
wrong 'a new folder of the core is in no order' src/core/later/new.h '#include "core/base/kinds.h"' 'a folder of src/core includes only' 1
right 'the core: quantize includes simd' "$(header_of core/quantize)" '#include "core/simd/distance.h"\n#include "hwy/base.h"\n#include <sys/types.h>'
wrong 'the glue: store includes scan' "$glue" '#include "scan/cost.h"' 'a folder of src includes only'
wrong 'the glue: store includes scan, spelled otherwise' "$glue" '#include"scan/cost.h"\n#  include <scan/cost.h>' 'a folder of src includes only'
wrong 'the glue: build includes maintain' "$(header_of build)" '#include "maintain/rebalance.h"' 'a folder of src includes only'
wrong 'a new folder of the glue is in no order' src/later/new.h '#include "pg/memory.h"' 'a folder of src includes only' 1
right 'the glue: scan includes store, the core and the server' "$(header_of scan)" '#include "store/storage.h"\n#include "core/base/kinds.h"\n#include "utils/rel.h"'
wrong 'an include goes up' "$glue" '#include "../scan/cost.h"' 'an include names the path from src'
wrong 'OpenMP elsewhere in the core' "$core" '#pragma omp parallel for\n#include <omp.h>' 'OpenMP belongs in src/core/base/parallel.cpp only'
right 'OpenMP where it belongs' src/core/base/parallel.cpp '#pragma omp parallel for'
wrong 'PG_TRY outside src/pg' "$glue" '    PG_TRY();\nint a = sigsetjmp(b, 0);' 'PG_TRY and sigsetjmp belong in src/pg only'
wrong 'generic WAL outside src/pg' "$glue" 'GenericXLogStart(index);' 'pages of an index in use are changed through src/pg/page_change.h'
right 'PG_TRY in src/pg' "$(header_of pg)" 'PG_TRY();'
right 'PG_TRY in a comment' "$glue" '// PG_TRY'
wrong 'a server version outside compat.h' "$glue" '#if PG_VERSION_NUM >= 160000' 'server versions are told apart in src/pg/compat.h only'
right 'a server version in compat.h' src/pg/compat.h '#if PG_VERSION_NUM >= 160000\n#endif'
words='rd_node rd_locator RelFileNode RelFileLocator vacuum_delay_point TUPLESORT_NONE tuplesort_getdatum index_beginscan SetSingleFuncCall InitMaterializedSRF MarkGUCPrefixReserved'
wrong 'names that differ between server versions' "$glue" "${words// /;\\n};" 'this differs between server versions'
for file in "$glue" test/regress_ah.txt Makefile; do
    wrong "a $mark without a number in $file" "$file" "# $mark: later" "$mark wants an issue"
done
right "a $mark with a number" "$glue" "// $mark(#18): later"
long=$((501 - $(wc -l <"$tree/$glue")))
wrong 'a file of 501 lines' "$glue" "$(printf '//\\n%.0s' $(seq $((long - 1))))//" 'a file above 500 lines says why' 501
right 'a file of 500 lines' "$glue" "$(printf '//\\n%.0s' $(seq $((long - 2))))//"
right 'a file of 501 lines that says why' src/store/long.h "// It is long because of its table.$(printf '\\n//%.0s' $(seq 500))"
wrong 'a SQL test in no list' sql/forgotten.sql 'SELECT 1;' 'the test is in no test/regress' 1
wrong 'links to no file and to no heading' README.md '[a](nothing.md)\n[b](#nothing)\n[c](src/../README.md#nothing)' 'the link leads nowhere'
right 'links to a heading, a folder, elsewhere, and none at all' README.md '[a](#the-top) [b](src) [c](https://localhost/x) `[d](nothing.md)`'
wrong 'a README of more than 13,000 bytes' README.md "$(printf 'x%.0s' $(seq 13000))" 'README.md is for someone who has two minutes' 1
if clang-format --version 2>/dev/null | grep -q 'version 14\.'; then
    path=$PATH
    wrong 'a line not as make format has it' "$glue" 'static   int  badly_set=1 ;' 'not as make format has it'
    path=
else
    no_format=yes
    echo '# no clang-format 14 here: its rule is not tested'
fi
# The files are listed by git in a checkout, otherwise by find as above.
if command -v git >/dev/null && (cd "$tree" && git init -q . && git add Makefile src sql test scripts); then
    wrong 'in a checkout: the glue' "$glue" '#include "scan/cost.h"' 'a folder of src includes only'
    wrong 'in a checkout: a file that is not added yet' src/store/new.h '#include "scan/cost.h"' 'a folder of src includes only'
fi
# Each rule has a case that broke it.
rules=$(grep -c '^ *breach "' scripts/lint.sh)
[ -z "$no_format" ] || rules=$((rules - 1))
cases=$(sort -u "$tree/broken" | wc -l)
[ "$rules" = "$cases" ] && good=yes || good=no
echo "lint.sh has $rules rules, $cases are broken here" >"$tree/said"
verdict $good "each of the $rules rules is broken by a case"
rm -rf "$tree"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
