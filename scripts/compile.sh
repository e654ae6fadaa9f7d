#!/bin/bash
# Runs a make that compiles. Its commands are not shown, but how far it is, every ten seconds; errors and warnings are.
# Usage: compile.sh MAKE ARGUMENT...
set -u -o pipefail
# The first word of MAKEFLAGS is make's flags of one letter. -n shows the commands; -s would hide them from us, too.
flags=${MAKEFLAGS-}
letters=${flags%% *}
case $letters in
    -* | *=*) ;;
    *n*) exec "$@" ;;
    *) export MAKEFLAGS=${letters//s/}${flags#"$letters"} ;;
esac
all=$("$@" -n 2>/dev/null | grep -c -- ' -c ')
"$@" | {
    started=0 shown=0
    while IFS= read -r line; do
        case $line in *' -c '*) started=$((started + 1)) ;; *) continue ;; esac
        [ $((SECONDS - shown)) -ge 10 ] || continue
        shown=$SECONDS
        echo "compiling $started of $all files, $SECONDS s"
    done
    [ "$shown" = 0 ] || echo "compiled $started of $all files in $SECONDS s"
}
