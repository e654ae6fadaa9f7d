#!/bin/bash
# Copies the sources of this tree, tracked or not, without what is built. Usage: copy_sources.sh TO
# A file that is the same there keeps its time and any other gets the present one, so that make builds again what changed, and only that.
set -eu
mkdir -p "$1"
to=$(realpath "$1")
cd "$(dirname "$0")/.."
{ git ls-files -co --exclude-standard 2>/dev/null || find . -path ./build -prune -o -type f ! -name '*.[od]' ! -name '*.so' ! -name '*.bc' -print; } |
    while read -r f; do [ -f "$f" ] && { cmp -s "$f" "$to/$f" || echo "$f"; }; done | tar cf - -T - | tar xmf - -C "$to"
