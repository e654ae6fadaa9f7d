#!/bin/bash
# pg_upgrade from an older server to the one at hand. Usage: run_upgrade.sh PG_CONFIG-OF-THE-OLDER-ONE
# vectorq is built for the older one in a copy of the sources below $BUILD/versions.
set -eu
cd "$(dirname "$0")/.."
build=$(realpath "${BUILD:-build}")
old=${1:?the older pg_config}
copy=$build/versions/upgrade_from_$("$old" --version | tr -dc '0-9.')
mkdir -p "$copy"
{ git ls-files -co --exclude-standard 2>/dev/null || find . -path ./build -prune -o -type f -print; } |
    while read -r f; do [ -f "$f" ] && echo "$f"; done | tar cf - -T - | tar xf - -C "$copy"
env -u BUILD "${MAKE:-make}" -s -C "$copy" server-tree PG_CONFIG="$old" BUILD=build
export VQ_OLD_INSTALL="$copy/build/pgroot$(dirname "$("$old" --bindir)")"
exec test/run_tap.sh t/013_pg_upgrade.pl
