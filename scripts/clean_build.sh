#!/bin/bash
# Removes $BUILD (default build) with all that is in it, after stopping the servers that run there, and says what goes.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
build=${BUILD:-$here/build}
case $build in /*) ;; *) build=$here/$build ;; esac
[ -d "$build" ] || exit 0
place=$(realpath "$build")
case $here/ in "$place"/*) echo "clean_build.sh: $place is no build folder: it has the sources in it" >&2; exit 1 ;; esac
case $place in / | "${HOME:-/}") echo "clean_build.sh: $place is no build folder" >&2; exit 1 ;; esac
while read -r file; do
    pid=$(head -1 "$file")
    # The process is that server if it stands in its folder.
    [ "$(readlink "/proc/$pid/cwd")" = "$(dirname "$file")" ] || continue
    echo "stopping the server in $(dirname "$file")"
    socket_folder=$(sed -n 5p "$file")
    kill -INT "$pid"
    for _ in $(seq 100); do [ -e "/proc/$pid" ] || break; sleep 0.1; done
    case $socket_folder in /tmp/vectorq-*) rm -rf "$socket_folder" ;; esac
done < <(find "$place" -maxdepth 3 -name postmaster.pid)
echo "removing $build: $(du -sh --total "$place"/* 2>/dev/null | sed -E "s|$place/||" | awk '{ printf "%s%s %s", NR == 1 ? "" : ", ", $2, $1 } END { print "" }')"
[ ! -d "$place/data" ] || echo "data had the benchmarks' data sets: VQ_DATA=/elsewhere keeps them outside"
rm -rf --one-file-system "$place"
rm -f "$build" 2>/dev/null || true
