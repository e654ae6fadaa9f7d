#!/bin/bash
# Copies the sources of this tree, tracked or not, without what is built. Usage: copy_sources.sh TO
# A file that is the same there keeps its time, so that make builds again only what changed.
set -eu
mkdir -p "$1"
to=$(realpath "$1")
cd "$(dirname "$0")/.."
{ git ls-files -co --exclude-standard 2>/dev/null || find . -path ./build -prune -o -type f -print; } |
    while read -r f; do [ -f "$f" ] && { cmp -s "$f" "$to/$f" || echo "$f"; }; done | tar cf - -T - | tar xf - -C "$to"
