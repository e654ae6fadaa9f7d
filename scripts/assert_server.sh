#!/bin/bash
# Builds a server with assertions (--enable-cassert) and valgrind's client requests from Debian's source package, below
# $BUILD/assert, once. Nothing is installed, and the machine's own package sources stay as they are. Prints its pg_config.
# Usage: assert_server.sh [MAJOR-VERSION]; default: that of PG_CONFIG. SUITE: the suite that has the source, where it is not known here.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
build=${BUILD:-$here/build}
case $build in /*) ;; *) build=$here/$build ;; esac
major=${1:-$("${PG_CONFIG:-pg_config}" --version | grep -oE '[0-9]+' | head -1)}
case $major in
    15) suite=bookworm ;;
    17) suite=trixie ;;
    18) suite=sid ;;
    *) suite=$(. /etc/os-release && echo "$VERSION_CODENAME") ;;
esac
suite=${SUITE:-$suite}
base=$build/assert/$major
# Below .../postgresql: PostgreSQL then adds no folder of its own to the paths of libraries.
prefix=$base/postgresql
if [ ! -e "$prefix/.complete" ]; then
    "$here/scripts/bootstrap.sh" assert >&2
    mkdir -p "$base/lists/partial" "$base/cache/archives/partial"
    # The security suite's sources may be missing from a mirror; the suite itself has those of its last point release.
    echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian $suite main" >"$base/sources.list"
    apt=(apt-get -qq -o "Dir::Etc::SourceList=$base/sources.list" -o Dir::Etc::SourceParts=/dev/null -o "Dir::State::Lists=$base/lists"
        -o "Dir::Cache=$base/cache" -o Acquire::Check-Valid-Until=false -o APT::Sandbox::User=root)
    "${apt[@]}" update >&2
    (cd "$base" && "${apt[@]}" source --download-only "postgresql-$major" >&2)
    rm -rf "$base/source" "$prefix"
    (cd "$base" && dpkg-source --no-check -x postgresql-"$major"_*.dsc source) >"$base/unpack.log" 2>&1
    cd "$base/source"
    # PostgreSQL's makefiles make their headers only at the top of all makes, which a `make` that called us would not be.
    unset MAKELEVEL MAKEFLAGS MFLAGS MAKEOVERRIDES
    # -O1: assertions in every function that is called make -O0 too slow for the tests' bounded loads.
    ./configure -q --prefix="$prefix" --enable-cassert --enable-debug --enable-tap-tests --without-icu \
        CFLAGS='-O1 -fno-omit-frame-pointer' CPPFLAGS=-DUSE_VALGRIND >"$base/configure.log" 2>&1 || { tail -5 "$base/configure.log" >&2; exit 1; }
    make -s -j"${JOBS:-$(nproc)}" world-bin >"$base/make.log" 2>&1 || { tail -20 "$base/make.log" >&2; exit 1; }
    make -s install-world-bin >"$base/install.log" 2>&1 || { tail -20 "$base/install.log" >&2; exit 1; }
    touch "$prefix/.complete"
fi
echo "$prefix/bin/pg_config"
