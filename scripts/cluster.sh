#!/bin/bash
# A private throw-away PostgreSQL on a Unix socket, below $BUILD (default build).
#   cluster.sh place          make $BUILD in a place that the server's user may enter, unless it is in one
#   cluster.sh install        copy the server's own tree to $BUILD/pgroot and install vectorq there
#   cluster.sh start [NAME]   make (if needed) and start the cluster NAME (default main)
#   cluster.sh stop  [NAME]   stop it, by its own pid
#   cluster.sh env   [NAME]   print PGHOST, PGPORT, PGUSER, PATH to eval
#   cluster.sh drop  [NAME]   stop and delete it
#   cluster.sh run CMD...     run CMD as the server's user with the private tree first in PATH
# The server runs from a copy of its installation, because it looks for extensions relative to its
# own binary: so nothing outside $BUILD is written, and installing vectorq needs no root.
set -eu
umask 022
here=$(cd "$(dirname "$0")/.." && pwd)
build=${BUILD:-$here/build}
case $build in /*) ;; *) build=$here/$build ;; esac
# After `eval "$(cluster.sh env)"` the first pg_config is the private tree's own, which names paths there.
PATH=$(printf %s "$PATH" | tr : '\n' | grep -v '/pgroot/' | paste -sd:)
# PostgreSQL refuses to run as root: use another user then.
owner=$(id -un)
[ "$owner" != root ] || owner=${VQ_OWNER:-postgres}
as_owner() {
    if [ "$(id -un)" = "$owner" ]; then "$@"; else (cd / && runuser -u "$owner" -- "$@"); fi
}
# The server's user must be able to walk down to the build folder. Where it may not, as below /root, the folder moves to a
# place that it may enter, and a link is left there: no permission of another folder changes.
place_build() {
    id "$owner" >/dev/null
    mkdir -p "$build"
    as_owner test -x "$(realpath "$build")/." && return
    place=$(mktemp -d /var/tmp/vectorq-XXXXXX)
    chmod 755 "$place"
    echo "cluster.sh: the server's user $owner may not enter $build; it is a link to $place now" >&2
    find "$build" -mindepth 1 -maxdepth 1 -exec mv -t "$place" {} +
    rmdir "$build"
    ln -s "$place" "$build"
}
case ${1:-} in place | install | start) place_build ;; esac
build=$(realpath -m "$build")
root=$build/pgroot
pg_config=${PG_CONFIG:-pg_config}
bindir=$($pg_config --bindir)
name=${2:-main}
data=$build/cluster-$name
# Unix socket paths are limited to 107 bytes, so the directory cannot lie below a deep checkout.
sock=/tmp/vectorq-$(id -u)-$(echo "$data" | cksum | cut -d' ' -f1)
case ${1:-} in
    place) ;;
    install)
        mkdir -p "$root"
        if [ ! -x "$root$bindir/postgres" ] || [ "$bindir/postgres" -nt "$root$bindir/postgres" ]; then
            for dir in "$bindir" "$($pg_config --pkglibdir)" "$($pg_config --sharedir)"; do
                mkdir -p "$root$(dirname "$dir")"
                cp -a "$dir" "$root$(dirname "$dir")/"
            done
        fi
        make -s -C "$here" install DESTDIR="$root" PG_CONFIG="$pg_config" >/dev/null ;;
    start)
        mkdir -p "$build" "$sock"
        [ "$(id -un)" = "$owner" ] || chown "$owner" "$sock"
        if [ ! -s "$data/PG_VERSION" ]; then
            rm -rf "$data"; mkdir -p "$data"
            [ "$(id -un)" = "$owner" ] || chown "$owner" "$data"
            as_owner "$root$bindir/initdb" -D "$data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 -N >"$build/initdb-$name.log" 2>&1 ||
                { cat "$build/initdb-$name.log" >&2; exit 1; }
            printf '%s\n' "listen_addresses = ''" "unix_socket_directories = '$sock'" "shared_buffers = ${VQ_SHARED_BUFFERS:-512MB}" \
                "max_wal_size = 8GB" "jit = off" "fsync = ${VQ_FSYNC:-off}" "autovacuum = ${VQ_AUTOVACUUM:-on}" "${VQ_CONF:-}" |
                as_owner tee -a "$data/postgresql.conf" >/dev/null
        fi
        if ! as_owner "$root$bindir/pg_ctl" -D "$data" status >/dev/null 2>&1; then
            as_owner "$root$bindir/pg_ctl" -w -s -D "$data" -l "$data/server.log" start || { tail -20 "$data/server.log" >&2; exit 1; }
        fi ;;
    stop)
        if as_owner "$root$bindir/pg_ctl" -D "$data" status >/dev/null 2>&1; then
            as_owner "$root$bindir/pg_ctl" -w -s -D "$data" -m fast stop
        fi
        rm -rf "$sock" ;;
    drop)
        "$0" stop "$name" || true
        rm -rf "$data" ;;
    env)
        echo "export PGHOST='$sock' PGPORT=5432 PGUSER=postgres PGDATABASE=postgres PGDATA='$data' PATH='$root$bindir':\"\$PATH\"" ;;
    run)
        shift
        PATH="$root$bindir:$PATH" as_owner "$@" ;;
    *) sed -n '2,10p' "$0" | cut -c3-; exit 2 ;;
esac
