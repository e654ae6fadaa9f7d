#!/bin/bash
# Builds pgvector from its Debian source package and installs it in the private server tree, beside vectorq.
#   pgvector.sh [SUITE]       default trixie, which has 0.8; our own release has an older one
#   PGVECTOR_SOURCE=DIR pgvector.sh     from the sources in DIR: another version, for docs/pgvector.md. DIR is built in.
# The package lists go to a private folder, the system's apt configuration stays as it is; the archive's
# address is taken from there, only the suite is changed. The built tree is kept in $VQ_DATA (default build/data).
# Its own Makefile builds for this machine's processor (-march=native); Debian's patch removes that for portability,
# so it is given back here: pgvector gets all the instructions that it would get from its own sources.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
suite=${1:-trixie}
build=${BUILD:-$here/build}
case $build in /*) ;; *) build=$here/$build ;; esac
cache=$(realpath -m "${VQ_DATA:-$here/build/data}")/pgvector-$suite
pg_config=${PG_CONFIG:-pg_config}
pgroot=$build/pgroot
# The extensions vector and vectorq both own a type `vector`: they go to databases of their own. vectorq_pgvector uses vector's.
"$here/scripts/bootstrap.sh" bench >&2
tree=${PGVECTOR_SOURCE:-$cache/source/tree}
if [ -n "${PGVECTOR_SOURCE:-}" ]; then
    make -C "$tree" OPTFLAGS="${PGVECTOR_OPTFLAGS--march=native}" PG_CONFIG="$pg_config" >&2
elif [ ! -e "$cache/built" ]; then
    mkdir -p "$cache"/apt/{lists/partial,archives/partial} "$cache/source"
    archive=$(apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(COMPONENT)|$(REPO_URI)' |
        sed -n 's/^Debian|Debian|main|//p' | sort -u | head -1)
    [ -n "$archive" ] || { echo "pgvector.sh: no Debian archive among the configured package sources" >&2; exit 1; }
    keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    echo "deb-src [signed-by=$keyring] $archive $suite main" >"$cache/apt/sources.list"
    options=(-qq -o Dir::Etc::sourcelist="$cache/apt/sources.list" -o Dir::Etc::sourceparts=/dev/null
        -o Dir::State::lists="$cache/apt/lists" -o Dir::Cache="$cache/apt" -o Dir::Cache::archives="$cache/apt/archives"
        -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o APT::Sandbox::User="$(id -un)")
    apt-get "${options[@]}" update >&2
    (cd "$cache/source" && apt-get "${options[@]}" source --download-only pgvector >&2 &&
        rm -rf tree && dpkg-source -q --no-check -x pgvector_*.dsc tree >&2)
    make -C "$tree" OPTFLAGS="${PGVECTOR_OPTFLAGS--march=native}" PG_CONFIG="$pg_config" >"$cache/build.log" 2>&1 || { tail -20 "$cache/build.log" >&2; exit 1; }
    rm -f "$cache/apt/sources.list"
    touch "$cache/built"
fi
make -s -C "$tree" install OPTFLAGS="${PGVECTOR_OPTFLAGS--march=native}" DESTDIR="$pgroot" PG_CONFIG="$pg_config" >/dev/null
echo "pgvector $(sed -n "s/^default_version = '\(.*\)'/\1/p" "$tree/vector.control") installed in $pgroot" >&2
