#!/bin/bash
# pg_upgrade from an older server to a newer one. Usage: run_upgrade.sh [OLD [NEW]]
# Each is a pg_config, or a major version, which scripts/assert_server.sh then builds from Debian's source package.
# Default: from the major version at hand to 17, both from their source packages: these are of about the same age, and a cluster of a
# newer minor release may have what an older one of the next version cannot restore (15.20 has a column option that 17.11 does not know).
# vectorq is built for each in a copy of the sources below $BUILD/versions. pgvector too, in Debian unstable's version, which knows every
# server, or from PGVECTOR_SOURCE (sources that nothing was built in); where it cannot be had, the test upgrades our own types only, and the closing line says so.
set -eu
cd "$(dirname "$0")/.."
build=$(realpath -m "${BUILD:-build}")
pg_config_of() {
    case $1 in *[!0-9]*) echo "$1" ;; *) BUILD=$build scripts/assert_server.sh "$1" ;; esac
}
old=$(pg_config_of "${1:-$("${PG_CONFIG:-pg_config}" --version | grep -oE '[0-9]+' | head -1)}")
new=$(pg_config_of "${2:-17}")
# sources_for PG_CONFIG: a copy of the sources with a server and vectorq in it; prints its directory
sources_for() {
    local copy
    copy=$build/versions/upgrade_$("$1" --version | grep -oE '[0-9][0-9.]*' | head -1)
    scripts/copy_sources.sh "$copy"
    env -u BUILD "${MAKE:-make}" -s -C "$copy" server-tree PG_CONFIG="$1" BUILD=build >"$copy.log" 2>&1 || { tail -20 "$copy.log" >&2; return 1; }
    if [ -n "${PGVECTOR_SOURCE:-}" ]; then rm -rf "$copy-pgvector" && cp -r "$PGVECTOR_SOURCE" "$copy-pgvector"; fi
    env BUILD="$copy/build" VQ_DATA="$copy/build/data" PG_CONFIG="$1" ${PGVECTOR_SOURCE:+PGVECTOR_SOURCE="$copy-pgvector"} scripts/pgvector.sh sid >"$copy-pgvector.log" 2>&1 ||
        echo "no pgvector: $(tail -1 "$copy-pgvector.log")" >&2
    echo "$copy"
}
old_copy=$(sources_for "$old")
new_copy=$(sources_for "$new")
echo "== pg_upgrade from $("$old" --version) to $("$new" --version)"
export VQ_OLD_INSTALL="$old_copy/build/pgroot$(dirname "$("$old" --bindir)")"
status=0
env -u BUILD PG_CONFIG="$new" "$new_copy/test/run_tap.sh" t/013_pg_upgrade.pl || status=$?
passed=$(grep -c '^ok [0-9]' "$new_copy/build/tap.log" || true) failed=$(grep -c '^not ok [0-9]' "$new_copy/build/tap.log" || true)
[ "$passed" != 0 ] && { [ $status = 0 ] || [ "$failed" != 0 ]; } || failed=$((failed + 1))
skipped=$(sed -n 's/^ok [0-9]* # skip /(skipped: /p' "$new_copy/build/tap.log" | head -1)
echo "$passed passed, $failed failed${skipped:+ $skipped)}"
[ "$failed" = 0 ]
